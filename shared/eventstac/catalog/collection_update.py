"""Keeps each Collection's extent and count: growth by union, shrinking by exact recomputation.

Key: the Collection. Commits append what they change (`collection_changes`); one updater at a time folds the rows of a
Collection, in one transaction with the result, so that none is counted twice and none is missed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from psycopg.types.json import Json as JsonParameter
from psycopg.types.json import Jsonb

from eventstac.catalog import outbox
from eventstac.catalog.database import Connection, advisory_key
from eventstac.catalog.outbox import Announcement
from eventstac.events import CollectionUpdated, Origin, seal
from eventstac.extents import Spans, merged_extent, spans_of
from eventstac.rules import CollectionRules

# Recomputing reads every Item's row: up to this many at once, beyond it when the timer comes.
CHEAP_ITEMS = 50_000

# The rows that commits wrote since the changes were taken are dropped in the same snapshot that counts their Items:
# folded in later, they would count twice.
_RECOMPUTE = """
    WITH counted AS (DELETE FROM eventstac.collection_changes WHERE collection = %(collection)s)
    SELECT count(*), min(south), max(north),
        min(west) FILTER (WHERE west <= east AND west < 0 AND east <= 0),
        max(east) FILTER (WHERE west <= east AND west < 0 AND east <= 0),
        min(west) FILTER (WHERE west <= east AND west >= 0), max(east) FILTER (WHERE west <= east AND west >= 0),
        min(west) FILTER (WHERE west <= east AND west < 0 AND east > 0),
        max(east) FILTER (WHERE west <= east AND west < 0 AND east > 0),
        min(west) FILTER (WHERE west > east), max(east) FILTER (WHERE west > east),
        min(starts), max(ends)
    FROM eventstac.items WHERE collection = %(collection)s AND state = 'published'
"""


@dataclass(frozen=True)
class _Stored:
    items: int
    spans: Spans
    shrunk: bool


def update_collection(
    connection: Connection,
    collection: str,
    rules: CollectionRules | None,
    app: str,
    now: datetime,
    origin: Origin | None = None,
    *,
    recompute_any_size: bool = False,
) -> bool:
    """Fold what commits changed of a Collection into its extent and count; returns whether its document changed."""
    with connection.transaction():
        key = advisory_key(blake2b, f"collection {collection}")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [key])
        changes = connection.execute(
            "DELETE FROM eventstac.collection_changes WHERE collection = %s "
            "RETURNING items, shrinks, west, south, east, north, starts, ends",
            [collection],
        ).fetchall()
        stored = _stored(connection, collection)
        if not changes and not (stored.shrunk and recompute_any_size):
            return False
        folded = _fold(stored, changes)
        if folded.shrunk and (recompute_any_size or folded.items <= CHEAP_ITEMS):
            folded = _recomputed(connection, collection)
        _store(connection, collection, folded)
        cause = f"{collection} {now.isoformat()}"
        story = replace(origin, id=cause) if origin else Origin.new(cause)
        return _publish(connection, collection, folded, rules, app, now, story)


def pending_collections(connection: Connection) -> list[str]:
    """The Collections with changes that are not folded yet, or with an extent that may be too large."""
    rows = connection.execute(
        "SELECT collection FROM eventstac.collection_changes UNION "
        "SELECT collection FROM eventstac.collections WHERE shrunk ORDER BY 1"
    )
    return [row[0] for row in rows]


def _stored(connection: Connection, collection: str) -> _Stored:
    row = connection.execute(
        "SELECT items, spans, shrunk FROM eventstac.collections WHERE collection = %s", [collection]
    ).fetchone()
    return _Stored(row[0], Spans.from_json(row[1]), row[2]) if row else _Stored(0, Spans(), False)


def _fold(stored: _Stored, changes: Sequence[Sequence[Any]]) -> _Stored:
    items, spans, shrunk = stored.items, stored.spans, stored.shrunk
    for count, shrinks, west, south, east, north, start, end in changes:
        items += count
        shrunk = shrunk or shrinks
        if west is not None:
            spans = spans.join(spans_of(west, south, east, north, start, end))
    return _Stored(items, spans, shrunk)


def _recomputed(connection: Connection, collection: str) -> _Stored:
    row = connection.execute(_RECOMPUTE, {"collection": collection}).fetchone()
    if row is None:
        raise LookupError("an aggregate gives a row")
    count, *spans = row
    return _Stored(count, Spans(*spans), shrunk=False)


def _store(connection: Connection, collection: str, stored: _Stored) -> None:
    connection.execute(
        """
        INSERT INTO eventstac.collections (collection, items, spans, shrunk) VALUES (%s, %s, %s, %s)
        ON CONFLICT (collection) DO UPDATE SET
            (items, spans, shrunk) = (excluded.items, excluded.spans, excluded.shrunk)
        """,
        [collection, stored.items, JsonParameter(stored.spans.to_json(), dumps=json.dumps), stored.shrunk],
    )


def _publish(
    connection: Connection,
    collection: str,
    stored: _Stored,
    rules: CollectionRules | None,
    app: str,
    now: datetime,
    origin: Origin,
) -> bool:
    extent = merged_extent(rules.extent if rules else None, stored.spans)
    changed = connection.execute(
        """
        UPDATE pgstac.collections SET content = jsonb_set(content, '{extent}', %s)
        WHERE id = %s AND content->'extent' IS DISTINCT FROM %s
        """,
        [Jsonb(extent), collection, Jsonb(extent)],
    ).rowcount
    event = CollectionUpdated(collection, extent, stored.items)
    sealed = seal(event, app=app, origin=origin, at=now)
    outbox.add(connection, [Announcement("items-changed", sealed)])
    return bool(changed)
