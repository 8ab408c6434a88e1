"""How fast extraction is beside rio-stac on the same blobs in Azurite, in one run.

    .venv/bin/python -m bench.extract --write

Each side of a case runs in a warm process of its own, after as many reads of another blob, behind a proxy that counts
requests and bytes and adds a delay to each. They take turns, pass by pass, and medians are shown (`extracting/turns`).
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from bench.documents.section import put
from bench.extracting.cases import Case, cases, upload
from bench.extracting.proxy import proxied
from bench.extracting.tables import HEAD, Results, aims, line, workers
from bench.extracting.turns import measured
from infra.local.azurite.testing import running_azurite

PAGE = "rasters-compared.md"
DELAYS_MS = (0, 25)


def main() -> None:
    """Upload, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller large files, fewer small ones")
    parser.add_argument("--only", nargs="*", default=[], help="cases whose names hold one of these texts")
    parser.add_argument(
        "--delays", type=int, nargs="+", default=DELAYS_MS, help="added to each request, in ms"
    )
    parser.add_argument(
        "--write", action="store_true", help=f"put the tables into docs/{PAGE}: only those of a whole run"
    )
    options = parser.parse_args()
    wanted = [
        case
        for case in cases(options.quick)
        if not options.only or any(text in case.name for text in options.only)
    ]
    began, load = time.monotonic(), os.getloadavg()[0]
    lines = [HEAD]
    results: Results = {}
    with tempfile.TemporaryDirectory() as folder, running_azurite(Path(folder)) as azurite:
        upload(BlobServiceClient.from_connection_string(azurite.connection_string), wanted)
        print(HEAD)
        for delay_ms in options.delays:
            with proxied(azurite.port, delay_ms / 1000) as port:
                for case in wanted:
                    if case.first and delay_ms:
                        continue  # it is the processor's time that differs
                    found = results[case.name, delay_ms] = measured(case, port)
                    lines += [line(case, delay_ms, side, row) for side, row in found.items()]
                    print("\n".join(lines[-len(found) :]), flush=True)
    section = _section(wanted, results, lines, load, (time.monotonic() - began) / 60)
    print(section.removeprefix("\n".join(lines)))
    whole = not options.quick and not options.only and set(options.delays) == set(DELAYS_MS)
    if options.write and whole:
        put(PAGE, "speed", section)


def _section(wanted: list[Case], results: Results, lines: list[str], load: float, minutes: float) -> str:
    run = f"One run of {minutes:.0f} minutes; the load average was {load:.1f} when it began.\n"
    asked = "Against what was aimed at:\n"
    return "\n".join(
        [*lines, "", run, asked, aims(wanted, results), "8 threads beside one:\n", workers(wanted, results)]
    )


if __name__ == "__main__":
    main()
