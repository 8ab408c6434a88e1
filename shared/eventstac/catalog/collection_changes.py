"""What a commit changes of a Collection: appended in the transaction, so that nothing waits for anything."""

from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from eventstac.catalog.announcing import Change
from eventstac.catalog.database import Connection
from eventstac.catalog.item_rows import ItemRow


def record_changes(connection: Connection, changes: Sequence[Change]) -> None:
    """Append what Items that came, changed or left change of their Collections' counts, extents and summaries."""
    rows = [row for change in changes for row in _rows(change)]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(
                """
                INSERT INTO eventstac.collection_changes
                    (collection, items, shrinks, west, south, east, north, starts, ends, summed)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                """,
                rows,
            )


def _rows(change: Change) -> list[list[Any]]:
    """A row for what an Item was, and one for what it is: what left may have been outermost."""
    before, after = change.before, change.after
    was = before if before and before.is_published else None
    now = after if after and after.is_published else None
    if was and now and _counted(was) == _counted(now):
        return []
    rows = [[change.key[0], -1, True, *_counted(was)[0], Jsonb(was.summed)]] if was else []
    return rows + ([[change.key[0], 1, False, *_counted(now)[0], Jsonb(now.summed)]] if now else [])


def _counted(row: ItemRow) -> tuple[tuple[Any, ...], Any]:
    return (*(row.bbox or ()), row.start, row.end), row.summed
