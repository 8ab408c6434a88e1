"""The rows of `eventstac.items`: what composing each Item gave, and what of it has changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from psycopg.types.json import Json

from eventstac.catalog.database import Connection, Statement
from eventstac.compose import Composition
from eventstac.facts import ItemKey
from eventstac.json_text import canonical_json, with_plain_floats
from eventstac.summaries import summed_of
from eventstac.times import from_text

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class ItemRow:
    """What is stored of one Item: its state, the digest of its content, its place in space and time.

    `summed` has the properties that its Collection sums up.
    """

    key: ItemKey
    state: str
    digest: str
    reason: str = ""
    detail: str = ""
    missing: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    bbox: Box | None = None
    start: datetime | None = None
    end: datetime | None = None
    summed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_published(self) -> bool:
        """Whether the Item is in the catalog."""
        return self.state == "published"

    def is_published_as(self, other: "ItemRow | None") -> bool:
        """Whether the Item is in the catalog, in the same document as by the other row."""
        return self.is_published and other is not None and other.is_published and self.digest == other.digest


def row_of(key: ItemKey, composition: Composition, summaries: Sequence[str] = ()) -> ItemRow | None:
    """The row for a composition, None for an Item that there is not; `summaries` are the names to sum up."""
    if composition.state == "empty":
        return None
    bbox, start, end = place_of(composition.item) if composition.item else (None, None, None)
    return ItemRow(
        key=key,
        state=composition.state,
        digest=_digest(composition.item) if composition.item else "",
        reason=composition.reason,
        detail=composition.detail,
        missing=composition.missing,
        conflicts=composition.conflicts,
        outdated=composition.outdated,
        urls=composition.urls,
        bbox=bbox,
        start=start,
        end=end,
        summed=summed_of(composition.item["properties"], summaries) if composition.item else {},
    )


def _digest(item: Mapping[str, Any]) -> str:
    """That of the text that pgstac is given: a document that is written otherwise is another."""
    return sha256(with_plain_floats(canonical_json(item)).encode()).hexdigest()


def place_of(item: Mapping[str, Any]) -> tuple[Box, datetime, datetime]:
    """An Item's bbox, start and end; the bbox as it comes back from the table, though a builder gave integers."""
    west, south, east, north = map(float, item["bbox"])
    properties = item["properties"]
    start = properties.get("start_datetime") or properties["datetime"]
    end = properties.get("end_datetime") or properties["datetime"]
    return (west, south, east, north), from_text(start), from_text(end)


_COLUMNS = """collection, item, state, digest, reason, detail, missing, conflicts, outdated, urls,
    west, south, east, north, starts, ends, summed"""


def read(connection: Connection, keys: Iterable[ItemKey]) -> dict[ItemKey, ItemRow]:
    """The rows of some Items."""
    keys = list(keys)
    rows = connection.execute(
        f"""
        SELECT {_COLUMNS} FROM unnest(%s::text[], %s::text[]) AS touched (collection, item)
        JOIN eventstac.items USING (collection, item)
        """,
        [[collection for collection, _ in keys], [item for _, item in keys]],
    )
    return {row.key: row for row in map(_row, rows)}


def upsert(rows: Sequence[ItemRow]) -> Statement | None:
    """What writes rows, in key order; an Item that stays incomplete keeps the time since when it is."""
    if not rows:
        return None
    return (
        f"""
        INSERT INTO eventstac.items ({_COLUMNS}, incomplete_since)
        SELECT {_COLUMNS}, CASE WHEN state = 'incomplete' THEN now() END FROM json_to_recordset(%s) AS written (
            collection text, item text, state text, digest text, reason text, detail text, missing text[],
            conflicts text[], outdated text[], urls text[], west double precision, south double precision,
            east double precision, north double precision, starts timestamptz, ends timestamptz, summed jsonb)
        ORDER BY collection, item
        ON CONFLICT (collection, item) DO UPDATE SET
            (state, digest, reason, detail, missing, conflicts, outdated, urls,
             west, south, east, north, starts, ends, summed, changed_at, incomplete_since) =
            (excluded.state, excluded.digest, excluded.reason, excluded.detail, excluded.missing,
             excluded.conflicts, excluded.outdated, excluded.urls, excluded.west, excluded.south,
             excluded.east, excluded.north, excluded.starts, excluded.ends, excluded.summed, now(),
             CASE WHEN excluded.state = 'incomplete'
                 THEN coalesce(items.incomplete_since, excluded.incomplete_since) END)
        """,
        [Json([_document(row) for row in rows])],
    )


def delete(keys: Sequence[ItemKey]) -> Statement | None:
    """What deletes the rows of Items that have nothing left."""
    if not keys:
        return None
    return (
        """
        DELETE FROM eventstac.items i USING unnest(%s::text[], %s::text[]) AS gone (collection, item)
        WHERE (i.collection, i.item) = (gone.collection, gone.item)
        """,
        [[collection for collection, _ in keys], [item for _, item in keys]],
    )


def _row(columns: Sequence[Any]) -> ItemRow:
    collection, item, state, digest, reason, detail, missing, conflicts, outdated, urls, *place = columns
    west, south, east, north, start, end, summed = place
    return ItemRow(
        (collection, item),
        state,
        digest,
        reason,
        detail,
        tuple(missing),
        tuple(conflicts),
        tuple(outdated),
        tuple(urls),
        (west, south, east, north) if west is not None else None,
        start,
        end,
        summed,
    )


def _document(row: ItemRow) -> dict[str, Any]:
    collection, item = row.key
    return {
        "collection": collection,
        "item": item,
        "state": row.state,
        "digest": row.digest,
        "reason": row.reason,
        "detail": row.detail,
        "missing": row.missing,
        "conflicts": row.conflicts,
        "outdated": row.outdated,
        "urls": row.urls,
        **counted_columns(row),
    }


def counted_columns(row: ItemRow) -> dict[str, Any]:
    """What its Collection takes in of an Item, as JSON by column: its place in space and time, its summed values."""
    return {
        **dict(zip(("west", "south", "east", "north"), row.bbox or (None,) * 4, strict=True)),
        "starts": row.start.isoformat() if row.start else None,
        "ends": row.end.isoformat() if row.end else None,
        "summed": row.summed,
    }
