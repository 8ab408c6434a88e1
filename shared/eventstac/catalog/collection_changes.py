"""What a commit changes of a Collection: appended in the transaction, so that nothing waits for anything."""

from collections.abc import Sequence
from typing import Any

from eventstac.catalog.announcing import Change
from eventstac.catalog.database import Connection


def record_changes(connection: Connection, changes: Sequence[Change]) -> None:
    """Append what Items that came, moved or left change of their Collections' counts and extents."""
    rows = [row for change in changes if (row := _row(change))]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(
                """
                INSERT INTO eventstac.collection_changes
                    (collection, items, shrinks, west, south, east, north, starts, ends)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
                """,
                rows,
            )


def _row(change: Change) -> list[Any] | None:
    items = int(change.is_published) - int(change.was_published)
    before = _place(change.before) if change.was_published else None
    after = _place(change.after) if change.is_published else None
    if before == after:
        return None
    # An Item that left its old place may have been the outermost one there.
    shrinks = before is not None
    return [change.key[0], items, shrinks, *(after or (None,) * 6)]


def _place(row: Any) -> tuple[Any, ...]:
    return (*row.bbox, row.start, row.end)
