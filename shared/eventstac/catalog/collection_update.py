"""Keeps each Collection's extent, summaries and count: growth by union, shrinking by exact recomputation.

Key: the Collection. Commits append what they change (`collection_changes`); one updater at a time folds the rows of a
Collection, in one transaction with the result, so that none is counted twice and none is missed.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from psycopg.types.json import Jsonb

from eventstac.catalog import collection_parts, outbox
from eventstac.catalog.collection_parts import Parts, read_parts, write_parts
from eventstac.catalog.database import Connection, advisory_key
from eventstac.catalog.outbox import Announcement
from eventstac.events import CollectionUpdated, Origin, seal
from eventstac.extents import merged_extent
from eventstac.rules import CollectionRules, Rules, collection_extensions
from eventstac.summaries import Tally

# Recomputing reads every Item's row: up to this many at once, beyond it when the timer comes.
CHEAP_ITEMS = 50_000


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
    """Fold what commits changed of a Collection into what is kept of it; returns whether its document changed."""
    rules = rules or CollectionRules(collection)
    names = rules.summaries
    kept = read_parts(connection, collection)
    if kept and (kept.shrunk or set(kept.tallies) != set(names)) and _may_recount(kept, recompute_any_size):
        collection_parts.fill_summed(connection, collection, names)
    with connection.transaction():
        key = advisory_key(blake2b, f"collection {collection}")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [key])
        changes = connection.execute(
            "DELETE FROM eventstac.collection_changes WHERE collection = %s "
            "RETURNING items, shrinks, west, south, east, north, starts, ends, summed",
            [collection],
        ).fetchall()
        kept = read_parts(connection, collection)
        # Where nothing was ever kept, every Item is among the changes.
        parts = kept or Parts(tallies={name: Tally() for name in names})
        shown_before = set(parts.tallies)
        if set(parts.tallies) != set(names):
            parts.tallies = {name: parts.tallies.get(name, Tally()) for name in names}
            parts.shrunk = True
        if not changes and not (parts.shrunk and kept and _may_recount(parts, recompute_any_size)):
            return False
        parts.fold(changes)
        if parts.shrunk and _may_recount(parts, recompute_any_size):
            parts = collection_parts.recount(connection, collection, names)
        write_parts(connection, collection, parts)
        cause = f"{collection} {now.isoformat()}"
        story = replace(origin, id=cause) if origin else Origin.new(cause)
        return _publish(connection, collection, parts, shown_before, rules, app, now, story)


def _may_recount(parts: Parts, any_size: bool) -> bool:
    return any_size or parts.items <= CHEAP_ITEMS


def pending_collections(connection: Connection, rules: Rules) -> list[str]:
    """The Collections with changes that are not folded yet, or for which what is kept is not all or too much."""
    changed = connection.execute("SELECT DISTINCT collection FROM eventstac.collection_changes").fetchall()
    kept = connection.execute("SELECT collection, shrunk, summaries FROM eventstac.collections").fetchall()
    pending = {row[0] for row in changed}
    for collection, shrunk, summaries in kept:
        found = rules.collection(collection)
        if shrunk or set(summaries) != set(found.summaries if found else ()):
            pending.add(collection)
    return sorted(pending)


def _publish(
    connection: Connection,
    collection: str,
    parts: Parts,
    shown_before: set[str],
    rules: CollectionRules,
    app: str,
    now: datetime,
    origin: Origin,
) -> bool:
    extent = merged_extent(rules.extent, parts.spans)
    # NO KEY: an Item that comes holds its Collection's key, and must not wait.
    row = connection.execute(
        "SELECT content, private FROM pgstac.collections WHERE id = %s FOR NO KEY UPDATE", [collection]
    ).fetchone()
    content = _shown(row[0], row[1] or {}, extent, parts, shown_before, rules) if row else None
    changed = row is not None and content != row[0]
    if changed:
        connection.execute(
            "UPDATE pgstac.collections SET content = %s WHERE id = %s", [Jsonb(content), collection]
        )
    event = CollectionUpdated(collection, extent, parts.items)
    sealed = seal(event, app=app, origin=origin, at=now)
    outbox.add(connection, [Announcement("items-changed", sealed)])
    return changed


def _shown(
    content: Mapping[str, Any],
    private: Mapping[str, Any],
    extent: Mapping[str, Any],
    parts: Parts,
    shown_before: set[str],
    rules: CollectionRules,
) -> dict[str, Any]:
    """The Collection with what is kept current; everything else in it is its user's."""
    said = rules.extra.get("summaries", {})
    summaries = {
        name: value
        for name, value in content.get("summaries", {}).items()
        if name in said or name not in {*shown_before, *parts.tallies}
    }
    for name, tally in parts.tallies.items():
        shown = tally.shown()
        if shown is not None and name not in said:
            summaries[name] = shown
    changed = {**content, "extent": extent, "summaries": summaries}
    if not summaries:
        del changed["summaries"]
    dropped = set(content.get("summaries", {})) - set(summaries)
    return {**changed, "stac_extensions": collection_extensions({**changed, **private}, dropped)}
