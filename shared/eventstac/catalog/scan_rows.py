"""The rows of `eventstac.scans`: how far each backfill is."""

from dataclasses import dataclass
from datetime import datetime

from eventstac.catalog.database import Connection
from eventstac.events import ScanRequested


@dataclass(frozen=True)
class Scan:
    """One scan: the pages that it went through, their blobs, and the looks that they caused."""

    run: str
    container: str
    prefix: str
    pages: int
    blobs: int
    looks: int
    is_over: bool
    changed_at: datetime


def note(connection: Connection, page: ScanRequested, blobs: int, looks: int, *, is_over: bool) -> None:
    """Add a page to its scan; the one noted last, done once more, adds nothing, nor does any once the scan is over."""
    connection.execute(
        """
        INSERT INTO eventstac.scans AS noted (run, container, prefix, pages, blobs, looks, page, is_over)
        VALUES (%s, %s, %s, 1, %s, %s, %s, %s)
        ON CONFLICT (run) DO UPDATE
        SET (pages, blobs, looks, page, is_over, changed_at) = (
            noted.pages + 1, noted.blobs + excluded.blobs, noted.looks + excluded.looks,
            excluded.page, excluded.is_over, now())
        WHERE noted.page IS DISTINCT FROM excluded.page AND NOT noted.is_over
        """,
        [page.run, page.container_url, page.prefix, blobs, looks, page.continuation, is_over],
    )


def latest(connection: Connection, limit: int) -> list[Scan]:
    """The scans that went on last, the newest first."""
    rows = connection.execute(
        """
        SELECT run, container, prefix, pages, blobs, looks, is_over, changed_at
        FROM eventstac.scans ORDER BY changed_at DESC, run LIMIT %s
        """,
        [limit],
    )
    return [Scan(*row) for row in rows]
