"""Keeps each Collection's extent, summaries and count, at the cost of what came and left.

Key: the Collection. Commits append what they change (`collection_changes`); one updater at a time folds the rows of a
Collection, in one transaction with the result, so that none is counted twice and none is missed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from psycopg.types.json import Jsonb

from eventstac.catalog import collection_parts, outbox
from eventstac.catalog.collection_documents import with_parts
from eventstac.catalog.collection_parts import Fold, Parts, read_parts, write_parts
from eventstac.catalog.database import Connection, advisory_key, write
from eventstac.catalog.ours import our_collections
from eventstac.catalog.port import Announcement
from eventstac.events import CollectionUpdated, Origin, seal
from eventstac.extents import merged_extent
from eventstac.rules import CollectionRules, Rules

# Where rules sum up something else every Item's row is read: up to this many at once, beyond it when the timer comes.
CHEAP_ITEMS = 50_000

MOST_CHANGES = 5_000  # changes of one transaction: a large backfill may leave a million


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
    changed, more = False, True
    while more:
        kept = read_parts(connection, collection)
        if kept and _is_to_recount(kept, rules) and _may_recount(kept, recompute_any_size):
            collection_parts.fill_summed(connection, collection, rules.summaries)
        more, differs = _fold_some(connection, collection, rules, app, now, origin, recompute_any_size)
        changed |= differs
    return changed


def _fold_some(
    connection: Connection,
    collection: str,
    rules: CollectionRules,
    app: str,
    now: datetime,
    origin: Origin | None,
    any_size: bool,
) -> tuple[bool, bool]:
    """Fold the oldest changes, in a transaction; returns whether there is more to do, and if the document changed."""
    names = rules.summaries
    with connection.transaction():
        key = advisory_key(blake2b, f"collection {collection}")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [key])
        changes = connection.execute(
            """
            DELETE FROM eventstac.collection_changes WHERE id = ANY (ARRAY(
                SELECT id FROM eventstac.collection_changes WHERE collection = %s ORDER BY id LIMIT %s))
            RETURNING items, shrinks, west, south, east, north, starts, ends, summed
            """,
            [collection, MOST_CHANGES],
        ).fetchall()
        kept = read_parts(connection, collection)
        # Where nothing was ever kept, every Item is among the changes.
        parts = kept or Parts(summed=names)
        shown_before = set(parts.summed)
        parts.recount = known = _is_to_recount(parts, rules)
        if not changes and not (parts.recount and kept and _may_recount(parts, any_size)):
            return False, False
        parts = _folded(connection, collection, parts, changes, rules, any_size)
        write_parts(connection, collection, parts)
        cause = f"{collection} {now.isoformat()}"
        story = replace(origin, id=cause) if origin else Origin.new(cause)
        differs = _publish(connection, collection, parts, shown_before, rules, app, now, story)
        found_out = parts.recount and not known and _may_recount(parts, any_size)
        return len(changes) == MOST_CHANGES or found_out, differs


def _folded(
    connection: Connection,
    collection: str,
    parts: Parts,
    changes: Sequence[Sequence[Any]],
    rules: CollectionRules,
    any_size: bool,
) -> Parts:
    """The parts with the changes taken in; of what shrank the new ends are looked up."""
    fold = Fold(parts)
    fold.take_in(changes)
    if not parts.recount:
        parts.recount = not collection_parts.count_values(connection, collection, fold.values)
    if parts.recount and _may_recount(parts, any_size):
        return collection_parts.recount(connection, collection, rules.summaries)
    if fold.lost:
        parts.spans = collection_parts.spans_now(connection, collection, parts.spans, fold.lost)
    return parts


def _is_to_recount(parts: Parts, rules: CollectionRules) -> bool:
    return parts.recount or set(parts.summed) != set(rules.summaries)


def _may_recount(parts: Parts, any_size: bool) -> bool:
    return any_size or parts.items <= CHEAP_ITEMS


def pending_collections(connection: Connection, rules: Rules) -> list[str]:
    """The Collections with changes that are not folded yet, or of ours whose Items are to be counted anew.

    Of one that was ours a count may be kept; what its document says now is its writer's.
    """
    changed = connection.execute("SELECT DISTINCT collection FROM eventstac.collection_changes").fetchall()
    kept = connection.execute("SELECT collection, recount, summed FROM eventstac.collections").fetchall()
    pending, ours = {row[0] for row in changed}, our_collections(connection, rules)
    for collection, recount, summed in kept:
        found = rules.collection(collection)
        if collection in ours and (recount or set(summed) != set(found.summaries if found else ())):
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
    # Until they are counted anew they stay as they are.
    found = None if parts.recount else collection_parts.summaries_now(connection, collection, parts.summed)
    content = with_parts(row[0], row[1], parts, found, shown_before, rules) if row else None
    changed = content is not None and _rewrite(connection, collection, content)
    event = CollectionUpdated(collection, extent, parts.items)
    sealed = seal(event, app=app, origin=origin, at=now)
    write(connection, [outbox.add([Announcement("items-changed", sealed)])])
    return changed


def _rewrite(connection: Connection, collection: str, content: Mapping[str, Any]) -> bool:
    """Write a Collection's document where it is another; as texts, since neither Python nor jsonb tells 1.0 from 1."""
    cursor = connection.execute(
        "UPDATE pgstac.collections SET content = %(content)s "
        "WHERE id = %(id)s AND content::text <> %(content)s::text",
        {"content": Jsonb(content), "id": collection},
    )
    return cursor.rowcount > 0
