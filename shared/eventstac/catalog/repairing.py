"""Brings pgstac back to what the facts and rules say, where somebody or something else changed it."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import errors

from eventstac.catalog import reconcile_rows
from eventstac.catalog.applying import UNFIT
from eventstac.catalog.collection_documents import apply_collection, collection_ids
from eventstac.catalog.database import Connection
from eventstac.catalog.ours import our_collections
from eventstac.catalog.rebuilding import rebuild
from eventstac.catalog.reconcile_rows import Mismatch
from eventstac.catalog.rules_store import RulesStore, lock_rules
from eventstac.comparing import removable_surplus
from eventstac.errors import Transient
from eventstac.facts import ItemKey
from eventstac.origin import Origin
from eventstac.rules import CollectionRules

log = logging.getLogger("eventstac")

_PATIENCE = "2s"  # for a row that somebody holds: whoever applies rules waits meanwhile
_PAGE = 10_000  # Items whose names are held at a time


@dataclass(frozen=True)
class Repaired:
    """How many rows of pgstac were wrong, of how many Items that were composed, and how many surplus ones stay."""

    rows: int
    left: int
    items: int = 0


def repair(
    connection: Connection,
    rules: RulesStore,
    collection: str | None,
    app: str,
    now: datetime,
    origin: Origin | None = None,
    *,
    allow_removals: int | None = None,
) -> Repaired:
    """Bring Collections of ours back to what the rules and their Items say; compose lost and surplus Items anew, in the
    story `origin`.

    `allow_removals` is how many surplus Items may be removed in all; None: within the usual limit of each Collection.
    """
    _bring_back(connection, rules, collection)
    applied = rules.current(connection)
    counts = reconcile_rows.mismatch_counts(connection, applied, collection)
    surplus = {found: count for found, what, count in counts if what == "surplus"}
    removable = removable_surplus(surplus, _published(connection, surplus), allow_removals)
    left = sum(surplus[each] for each in surplus.keys() - removable)
    # Of each Collection no more than were counted, though somebody goes on writing into it.
    budget = {each: surplus[each] for each in removable}
    items, repaired, after = 0, 0, ("", "")
    while counts:
        page = reconcile_rows.mismatches(connection, applied, collection, budget, after, _PAGE)
        keys = _within(budget, page)
        repaired += rebuild(connection, rules, keys, app, now, origin)
        items += len(keys)
        left += len(page) - len(keys)
        if len(page) < _PAGE:
            break
        after = page[-1][:2]
    _count_anew_what_is_empty(connection)
    return Repaired(repaired, left, items)


def _bring_back(connection: Connection, rules: RulesStore, only: str | None) -> None:
    """Write the documents of Collections of ours anew where somebody else changed what is not his.

    One that is held, or that cannot be written, is told of and keeps no other from being repaired.
    """
    ours = our_collections(connection, rules.current(connection).rules)
    there = collection_ids(connection)
    for collection in (each for each in ours if each in there and only in (None, each)):
        try:
            with connection.transaction():
                lock_rules(connection)  # else those of before could be written over newer ones
                connection.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
                stated = rules.current(connection).rules.collection(collection) or CollectionRules(collection)
                apply_collection(connection, stated, stated, is_ours=True)
        except (*UNFIT, Transient, errors.LockNotAvailable) as error:
            detail = f"{type(error).__name__}: {error}"
            log.warning("collection_not_brought_back", extra={"collection": collection, "detail": detail})


def _within(budget: dict[str, int], page: Sequence[Mismatch]) -> list[ItemKey]:
    """The Items to be composed anew: of surplus ones as many as the `budget` has left, which is counted down."""
    keys = []
    for collection, item, what in page:
        if what == "surplus":
            if not budget[collection]:
                continue
            budget[collection] -= 1
        keys.append((collection, item))
    return keys


def rebuild_collection(
    connection: Connection,
    rules: RulesStore,
    collection: str,
    app: str,
    now: datetime,
    origin: Origin | None = None,
    *,
    allow_removals: int | None = None,
) -> Repaired:
    """Compose every Item of a Collection anew from its facts; then remove what is surplus, as `repair` does."""
    items, rows, after = 0, 0, ""
    while True:
        found = connection.execute(
            """
            SELECT item FROM eventstac.facts WHERE collection = %(collection)s AND item > %(after)s
            UNION SELECT item FROM eventstac.items WHERE collection = %(collection)s AND item > %(after)s
            ORDER BY 1 LIMIT %(limit)s
            """,
            {"collection": collection, "after": after, "limit": _PAGE},
        )
        keys = [(collection, item) for (item,) in found]
        rows += rebuild(connection, rules, keys, app, now, origin)
        items += len(keys)
        if len(keys) < _PAGE:
            break
        after = keys[-1][1]
    rest = repair(connection, rules, collection, app, now, origin, allow_removals=allow_removals)
    return Repaired(rows + rest.rows, rest.left, items + rest.items)


def _published(connection: Connection, collections: Collection[str]) -> dict[str, int]:
    """How many Items these Collections have that are made from files."""
    rows = connection.execute(
        "SELECT collection, count(*) FROM eventstac.items "
        "WHERE state = 'published' AND collection = ANY(%s) GROUP BY 1",
        [list(collections)],
    )
    return dict(rows.fetchall())


def _count_anew_what_is_empty(connection: Connection) -> None:
    """Have counted anew of what the count alone is left: by it they would be ours, though nothing is in them."""
    connection.execute(
        """
        UPDATE eventstac.collections c SET recount = true WHERE items > 0 AND NOT recount
            AND (SELECT i.item FROM eventstac.items i WHERE i.collection = c.collection
                ORDER BY i.collection, i.item LIMIT 1) IS NULL
            AND (SELECT p.id FROM pgstac.items p WHERE p.collection = c.collection LIMIT 1) IS NULL
        """
    )
