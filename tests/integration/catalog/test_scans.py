"""How far a scan is stands in the database, and `eventstac status` tells it."""

from eventstac.catalog import scan_rows
from eventstac.catalog.merge import MergeSettings
from eventstac.catalog.overview import overview
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.catalog.rules_store import RulesStore
from eventstac.catalog.scan_rows import Scan
from eventstac.events import ScanRequested
from scanner import scan
from tests.integration.catalog.test_reconcile import load
from tests.integration.conftest import CatalogDatabase
from tests.samples import ACCOUNT
from tests.twins.apps import WATCHED, Pipeline, scene


def test_how_far_a_scan_is_is_told_and_a_page_that_comes_twice_counts_once(database: CatalogDatabase) -> None:
    database.clear()
    pipeline = Pipeline()
    pipeline.run(*[pipeline.put(scene(f"s{number}", "b1"), b"raster 10") for number in range(3)])
    load(database, list(pipeline.catalog.known.values()))
    for number in range(3, 5):
        pipeline.blobs.put(scene(f"s{number}", "b1"), b"raster 10")
    scanner, settings = database.as_role("eventstac_scanner"), MergeSettings("scanner", 0)
    catalog = PostgresCatalog(scanner, settings, "bronze-tier")
    request: ScanRequested | None = ScanRequested("scan-1", f"{ACCOUNT}/source", "scenes/")
    told: list[tuple[int, int, int, bool]] = []
    with database.connect() as connection:
        connection.execute("DELETE FROM eventstac.scans")
        while request:
            for _ in range(2):
                caused = scan.handle(
                    request,
                    catalog=catalog,
                    blobs=pipeline.blobs,
                    watched=WATCHED,
                    page_size=2,
                    clock=pipeline.now,
                )
            [one] = scan_rows.latest(connection, 9)
            told.append((one.pages, one.blobs, one.looks, one.is_over))
            request = next((sent.event for sent in caused if isinstance(sent.event, ScanRequested)), None)
        assert told == [(1, 2, 0, False), (2, 4, 1, False), (3, 5, 2, True)]
        first = ScanRequested("scan-1", f"{ACCOUNT}/source", "scenes/")
        catalog.note_scan(first, 2, 0, is_over=False)  # it was not acknowledged in time, and comes once more
        [one] = scan_rows.latest(connection, 9)
        assert (one.pages, one.is_over) == (3, True)
        applied = RulesStore("bronze-tier").current(connection)
        [shown] = overview(connection, applied, 0).scans
        assert isinstance(shown, Scan)
        assert (shown.run, shown.container, shown.prefix) == ("scan-1", f"{ACCOUNT}/source", "scenes/")
    catalog.close()
