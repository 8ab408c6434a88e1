"""A container of any size is gone through in the memory of a page."""

import json
import tracemalloc

from eventstac.bus import SCAN_REQUESTS
from eventstac.cli.rules import tally_of
from eventstac.events import Origin, ScanRequested, open_envelope, seal
from eventstac.reconciling import Reconciler
from scanner import pages
from tests.samples import ACCOUNT, START
from tests.twins.apps import WATCHED
from tests.twins.listing import NEW, RULES, GeneratedBlobs, GeneratedCatalog, url_at
from tests.twins.runs import MemoryRuns

PAGE = 100

# Nine thousand more blobs would take more than this if no more than the URL of each was kept (over 100 bytes); caches
# that fill up once, whatever else ran in the process, take less.
LEAST_OF_A_LEAK = 400_000


def scanned(count: int) -> tuple[int, int]:
    """The looks that a backfill causes, and its peak of memory in bytes. Every page is delivered twice."""
    catalog, blobs = GeneratedCatalog(), GeneratedBlobs(count)
    reconciler = Reconciler(catalog, blobs, WATCHED, MemoryRuns(catalog), PAGE, lambda: START)
    looks = 0
    request: ScanRequested | None = ScanRequested("backfill", f"{ACCOUNT}/source")
    tracemalloc.start()
    while request:
        body = json.dumps(seal(request, app="operator", origin=Origin.new("x"), at=START)).encode()
        both = [pages.handle(open_envelope(body), reconciler) for _ in range(2)]
        assert both[0] == both[1], "a page that is handled again after a crash causes the same"
        assert len(both[0]) <= PAGE + 1
        following = [one.event for one in both[0] if one.topic == SCAN_REQUESTS]
        assert len(following) <= 1, "one page is in flight at a time"
        looks += len(both[0]) - len(following)
        request = following[0] if following and isinstance(following[0], ScanRequested) else None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return looks, peak


def test_a_scan_takes_no_more_memory_for_ten_times_the_blobs() -> None:
    scanned(PAGE)  # what is made once, by the first page
    (few, small), (many, large) = scanned(1_000), scanned(10_000)
    assert (few, many) == (1_000 // NEW, 10_000 // NEW)
    assert large < small + LEAST_OF_A_LEAK


def test_the_rules_are_tried_on_any_number_of_blobs_in_the_same_memory() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        tally = tally_of(RULES, (url_at(number) for number in range(count)), 20)
        _, found = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert tally.blobs == count
        return found

    peak(100)
    assert peak(10_000) < 1.25 * peak(1_000) + 10_000
