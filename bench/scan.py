"""What going through a large container costs: a backfill by page messages, beside a script over the whole listing.

`python bench/scan.py [--blobs N]`: the container is made up as it is asked for (`tests.twins.listing`), so that only
our own memory and time count, and no storage's. Nine of ten blobs are in the catalog already. Each way runs in a
process of its own, with a tenth of the blobs and with all of them; the memory is what it grew by at its peak.

    scan     the scanner's handler, a page a message, every hundredth page twice, as after a crash
    rules    `eventstac rules test --container`
    script   what one would write: list the container into a list, load what is known into a dictionary, compare
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from eventstac.bus import SCAN_REQUESTS  # noqa: E402
from eventstac.cli.rules import tally_of  # noqa: E402
from eventstac.events import Origin, ScanRequested, open_envelope, seal  # noqa: E402
from eventstac.reconciling import Reconciler  # noqa: E402
from scanner import pages  # noqa: E402
from tests.samples import ACCOUNT, START  # noqa: E402
from tests.twins.apps import WATCHED  # noqa: E402
from tests.twins.listing import NEW, RULES, GeneratedBlobs, GeneratedCatalog  # noqa: E402
from tests.twins.runs import MemoryRuns  # noqa: E402

CONTAINER = f"{ACCOUNT}/source"
PAGE = 500  # SCAN_PAGE_SIZE's default
REPEATED = 100  # every hundredth page is delivered twice


def scan(count: int) -> int:
    """Looks that a backfill causes."""
    catalog, blobs = GeneratedCatalog(), GeneratedBlobs(count)
    reconciler = Reconciler(catalog, blobs, WATCHED, MemoryRuns(catalog), PAGE, lambda: START)
    request: ScanRequested | None = ScanRequested("backfill", CONTAINER)
    looks, page = 0, 0
    while request:
        origin = Origin.new(f"page {page}")
        envelope = open_envelope(json.dumps(seal(request, app="operator", origin=origin, at=START)).encode())
        for _ in range(2 if page % REPEATED == 0 else 1):
            outgoing = pages.handle(envelope, reconciler)
            # What is sent is made, as the bus would get it.
            sent = [json.dumps(seal(one.event, app="scanner", origin=origin, at=START)) for one in outgoing]
        following = [one.event for one in outgoing if one.topic == SCAN_REQUESTS]
        looks += len(sent) - len(following)
        request = following[0] if following and isinstance(following[0], ScanRequested) else None
        page += 1
    return looks


def rules(count: int) -> int:
    """Blobs that no listing of them all is needed for."""
    blobs = GeneratedBlobs(count)

    def urls():  # type: ignore[no-untyped-def]
        continuation = None
        while True:
            page = blobs.page(CONTAINER, "", continuation, 5000)
            yield from (listed.url for listed in page.blobs)
            continuation = page.continuation
            if continuation is None:
                return

    tally = tally_of(RULES, urls(), 20)
    return tally.blobs // NEW


def script(count: int) -> int:
    """The blobs that are not known, by a listing and a dictionary of everything."""
    blobs = GeneratedBlobs(count)
    listed, continuation = [], None
    while True:
        page = blobs.page(CONTAINER, "", continuation, 5000)
        listed += page.blobs
        continuation = page.continuation
        if continuation is None:
            break
    known = {str(blob.url): "0x1" for number, blob in enumerate(listed) if number % NEW}
    return len([blob for blob in listed if known.get(blob.url) != blob.etag])


WAYS = {"scan": scan, "rules": rules, "script": script}


def measure(way: str, count: int) -> dict[str, float]:
    """Growth of the peak in MB, and seconds, in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--blobs", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blobs", type=int, default=1_000_000)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        before, began = peak_mb(), time.perf_counter()
        found = WAYS[asked.way](asked.blobs)
        took_s = time.perf_counter() - began
        assert found == asked.blobs // NEW, found
        print(json.dumps({"mb": peak_mb() - before, "s": took_s}))
        return
    small = asked.blobs // 10
    print(f"{'':8} {small:>9} blobs {asked.blobs:>12} blobs      a blob")
    figures = {way: (measure(way, small), measure(way, asked.blobs)) for way in WAYS}
    for way, (few, all_) in figures.items():
        print(f"{way:8} {few['mb']:9.1f} MB {all_['mb']:12.1f} MB {all_['s'] / asked.blobs * 1e6:8.1f} µs")
    ratio = figures["script"][1]["mb"] / max(figures["scan"][1]["mb"], 0.1)
    print(f"the script takes {ratio:.0f} times the memory of the scan")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
