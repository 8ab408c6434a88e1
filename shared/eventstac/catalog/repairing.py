"""Brings pgstac back to what the facts say, where somebody or something else changed it."""

from dataclasses import dataclass
from datetime import datetime

from eventstac.catalog import reconcile_rows
from eventstac.catalog.database import Connection
from eventstac.catalog.merge import rebuild
from eventstac.catalog.rules_store import RulesStore
from eventstac.comparing import removal_limit


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
    *,
    remove: bool | None = None,
) -> Repaired:
    """Compose lost and surplus Items anew. `remove` None removes surplus Items only within the usual limit."""
    found = reconcile_rows.mismatches(connection, rules.current(connection), collection)
    lost = [(of, item) for of, item, what in found if what == "lost"]
    surplus = [(of, item) for of, item, what in found if what == "surplus"]
    if remove is None:
        remove = len(surplus) <= removal_limit(_published(connection, collection), None)
    keys = sorted({*lost, *(surplus if remove else ())})
    rows = rebuild(connection, rules, keys, app, now) if keys else 0
    return Repaired(rows, 0 if remove else len(surplus))


def rebuild_collection(
    connection: Connection, rules: RulesStore, collection: str, app: str, now: datetime
) -> tuple[int, int]:
    """Compose every Item of a Collection anew from its facts; returns how many Items, and how many rows were wrong."""
    rows = connection.execute(
        """
        SELECT item FROM eventstac.facts WHERE collection = %(collection)s
        UNION SELECT item FROM eventstac.items WHERE collection = %(collection)s
        UNION SELECT id FROM pgstac.items WHERE collection = %(collection)s
        ORDER BY 1
        """,
        {"collection": collection},
    )
    keys = [(collection, item) for (item,) in rows]
    return len(keys), rebuild(connection, rules, keys, app, now)


def _published(connection: Connection, collection: str | None) -> int:
    row = connection.execute(
        "SELECT count(*) FROM eventstac.items WHERE state = 'published' AND (%s::text IS NULL OR collection = %s)",
        [collection, collection],
    ).fetchone()
    return int(row[0]) if row else 0
