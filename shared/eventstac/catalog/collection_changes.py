"""What a commit changes of a Collection: appended in the transaction, so that nothing waits for anything."""

from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Json

from eventstac.catalog.announcing import Change
from eventstac.catalog.database import Statement
from eventstac.catalog.item_rows import counted_columns
from eventstac.json_text import canonical_json


def record_changes(changes: Sequence[Change]) -> Statement | None:
    """What appends how Items that came, changed or left change their Collections' counts, extents and summaries."""
    rows = [row for change in changes for row in _rows(change)]
    if not rows:
        return None
    return (
        """
        INSERT INTO eventstac.collection_changes
            (collection, items, shrinks, west, south, east, north, starts, ends, summed)
        SELECT * FROM json_to_recordset(%s) AS appended (
            collection text, items integer, shrinks boolean, west double precision, south double precision,
            east double precision, north double precision, starts timestamptz, ends timestamptz, summed jsonb)
        """,
        [Json(rows)],
    )


def _rows(change: Change) -> list[dict[str, Any]]:
    """A row for what an Item was, and one for what it is: what left may have been outermost."""
    before, after = change.before, change.after
    was = counted_columns(before) if before and before.is_published else None
    now = counted_columns(after) if after and after.is_published else None
    if canonical_json(was) == canonical_json(now):  # which tells 1.0 from 1, unlike Python
        return []
    rows = [{**was, "collection": change.key[0], "items": -1, "shrinks": True}] if was else []
    return rows + ([{**now, "collection": change.key[0], "items": 1, "shrinks": False}] if now else [])
