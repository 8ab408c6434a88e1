"""Brings pgstac back to what the facts say, where somebody or something else changed it."""

from dataclasses import dataclass
from datetime import datetime

from eventstac.catalog import reconcile_rows
from eventstac.catalog.database import Connection
from eventstac.catalog.rebuilding import rebuild
from eventstac.catalog.rules_store import RulesStore
from eventstac.comparing import removal_limit
from eventstac.origin import Origin

_PAGE = 10_000  # Items whose names are held at a time


@dataclass(frozen=True)
class Repaired:
    """How many rows of pgstac were restored or removed, and how many Items without reason were left alone."""

    rows: int
    left: int


def repair(
    connection: Connection,
    rules: RulesStore,
    collection: str | None,
    app: str,
    now: datetime,
    origin: Origin | None = None,
    *,
    remove: bool | None = None,
) -> Repaired:
    """Compose lost and surplus Items anew, in the story `origin`.

    `remove` None removes surplus Items only within the usual limit.
    """
    applied = rules.current(connection)
    counts = reconcile_rows.mismatch_counts(connection, applied, collection)
    surplus = sum(count for _, what, count in counts if what == "surplus")
    if remove is None:
        remove = surplus <= removal_limit(_published(connection, collection), None)
    whats = ("lost", "surplus") if remove else ("lost",)
    repaired, after = 0, ("", "")
    while counts:
        keys = reconcile_rows.mismatches(connection, applied, collection, whats, after, _PAGE)
        repaired += rebuild(connection, rules, keys, app, now, origin)
        if len(keys) < _PAGE:
            break
        after = keys[-1]
    return Repaired(repaired, 0 if remove else surplus)


def rebuild_collection(
    connection: Connection,
    rules: RulesStore,
    collection: str,
    app: str,
    now: datetime,
    origin: Origin | None = None,
) -> tuple[int, int]:
    """Compose every Item of a Collection anew from its facts; returns how many Items, and how many rows were wrong."""
    items, repaired, after = 0, 0, ""
    while True:
        rows = connection.execute(
            """
            SELECT item FROM eventstac.facts WHERE collection = %(collection)s AND item > %(after)s
            UNION SELECT item FROM eventstac.items WHERE collection = %(collection)s AND item > %(after)s
            UNION SELECT id FROM pgstac.items WHERE collection = %(collection)s AND id > %(after)s
            ORDER BY 1 LIMIT %(limit)s
            """,
            {"collection": collection, "after": after, "limit": _PAGE},
        )
        keys = [(collection, item) for (item,) in rows]
        repaired += rebuild(connection, rules, keys, app, now, origin)
        items += len(keys)
        if len(keys) < _PAGE:
            return items, repaired
        after = keys[-1][1]


def _published(connection: Connection, collection: str | None) -> int:
    row = connection.execute(
        "SELECT count(*) FROM eventstac.items WHERE state = 'published' AND (%s::text IS NULL OR collection = %s)",
        [collection, collection],
    ).fetchone()
    return int(row[0]) if row else 0
