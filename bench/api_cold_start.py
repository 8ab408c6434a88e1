"""How long the STAC API takes from the start of its process to its first answer, beside stac-fastapi-pgstac.

    python bench/api_cold_start.py [--rounds N]

Ours as a function app, in a worker of the laptop's Functions host, which loads it with Microsoft's worker library; and
under uvicorn. Theirs under uvicorn. The first answer is to /collections, from the database. Seconds on the clock and of
the processor, medians of rounds in turn; the database runs already. On Azure, getting an instance, starting the host
and mounting the package come before it.
"""

import argparse
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from bench.api import REQUIREMENTS
from bench.reading.catalog import COLLECTIONS
from infra.local.functions_host.testing import running_host
from infra.local.postgres.testing import running_postgres
from infra.local.servicebus.testing import running_server
from tests.integration.conftest import CatalogDatabase, new_database
from tests.integration.stac_api.conftest import load
from tests.integration.stac_api.places import READER
from tests.integration.stac_api.private_venv import ROOT, private_venv

DEADLINE_S = 60.0
Times = tuple[float, float]  # on the clock, of the processor


def first_answer(url: str, started: float) -> float:
    """Ask until there is an answer; the time since the start."""
    while True:
        try:
            with urlopen(f"{url}/collections", timeout=DEADLINE_S) as answer:
                answer.read()
            return time.time() - started
        except OSError:
            if time.time() > started + DEADLINE_S:
                raise
            time.sleep(0.005)  # between two looks


def processor_s(pid: int) -> float:
    """What a process has used."""
    parts = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def in_a_host(settings: dict[str, str], folder: Path) -> Times:
    """From the start of the worker's process."""
    with running_host(ROOT / "services" / "stac_api", folder, settings) as host:
        (line,) = host.wait_for(lambda line: line.get("event") == "worker started")
        pid = int(line["pid"])
        return first_answer(f"http://127.0.0.1:{host.port}", started_at(pid)), processor_s(pid)


def started_at(pid: int) -> float:
    """When a process began, in seconds since 1970."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    booted = next(
        int(line.split()[1])
        for line in Path("/proc/stat").read_text().splitlines()
        if line.startswith("btime")
    )
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert abs(booted - (time.time() - now)) < 2
    return time.time() - now + ticks / os.sysconf("SC_CLK_TCK")


def as_a_process(command: list[str], settings: dict[str, str]) -> Times:
    """From the start of a server that listens on the port that it is told."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.time()
    with subprocess.Popen(
        [*command, "--port", str(port)], env=os.environ | settings, stderr=subprocess.DEVNULL
    ) as process:
        try:
            return first_answer(f"http://127.0.0.1:{port}", started), processor_s(process.pid)
        finally:
            process.terminate()


def catalog(database: CatalogDatabase) -> None:
    """Two empty collections."""
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    core = {"type": "Collection", "stac_version": "1.1.0", "license": "other", "extent": extent, "links": []}
    load(database.settings.conninfo, [core | {"id": name, "description": name} for name in COLLECTIONS], [])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    python = str(private_venv(*REQUIREMENTS) / "python")
    with (
        tempfile.TemporaryDirectory() as name,
        running_postgres(Path(name) / "postgres") as postgres,
        running_server(ROOT / "contracts" / "topology.json", Path(name) / "broker") as broker,
    ):
        Path(name).chmod(0o755)
        database = new_database(postgres)
        catalog(database)
        ours = database.environment(READER) | {
            "STAC_CATALOG_ID": "bench",
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "services" / "stac_api", ROOT / "shared"))),
            "ServiceBus": broker.connection_string,
        }
        writer = database.settings
        theirs = {
            "PGHOST": writer.host, "PGPORT": str(writer.port), "PGDATABASE": writer.database,
            "PGUSER": writer.user, "PGPASSWORD": writer.password, "DB_MIN_CONN_SIZE": "1",
        }  # fmt: skip
        ways: dict[str, Callable[[int], Times]] = {
            "function app": lambda number: in_a_host(ours, Path(name) / f"host-{number}"),
            "under uvicorn": lambda _: as_a_process(
                [python, "-m", "stac_api", "--log-level", "error"], ours
            ),
            "stac-fastapi-pgstac": lambda _: as_a_process(
                [python, "-m", "uvicorn", "--factory", "stac_fastapi.pgstac.app:create_app", "--log-level",
                 "critical"], theirs
            ),
        }  # fmt: skip
        times: dict[str, list[Times]] = {way: [] for way in ways}
        for number in range(options.rounds + 1):  # the first fills the machine's file cache
            for way, start in ways.items():
                measured = start(number)
                if number:
                    times[way].append(measured)
        print(f"{'first answer after':<22} {'on the clock':>13} {'of the processor':>17}   (seconds)")
        for way, measured_all in times.items():
            clock, processor = (statistics.median(column) for column in zip(*measured_all, strict=True))
            print(f"{way:<22} {clock:>13.2f} {processor:>17.2f}")


if __name__ == "__main__":
    main()
