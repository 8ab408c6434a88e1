"""Makes, widens and changes the leaf tables of Collections, in commits of its own: the one place with DDL on Items.

A Collection has one leaf, or one for each month or year in which an Item begins (`partition_trunc`). All of it goes
through pgstac's own functions, under an advisory lock, at the version that `pgstac_items` knows.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from psycopg import errors

from eventstac.catalog import PGSTAC_VERSION
from eventstac.catalog.collection_documents import ensure_collection
from eventstac.catalog.database import Connection
from eventstac.errors import Busy, EventstacError, Transient
from eventstac.rules import CollectionRules

UNPARTITIONED = "none"  # as the rules write it; pgstac writes NULL

# Any number: one maker of partitions at a time (two race: UndefinedTable).
_PARTITION_LOCK = 7_742_038_113_902

# DDL waits for whoever reads or writes the Collection, and everybody who comes later waits behind it. So it gives up
# soon, lets them pass, and tries again; well below deadlock_timeout (1 s), so that no deadlock is ever found with it.
_LOCK_TIMEOUT = "200ms"
_ATTEMPTS = 60
BRIEFLY = 4  # attempts, where others can be served first: a second and a half
_PAUSE_S = 0.2


class UnknownPgstac(Transient):
    """The database's pgstac is not the version whose tables this module knows: that of the other is to be installed."""


@dataclass(frozen=True)
class Needed:
    """Times that one leaf has to take: the first datetime of its Items, their first and last end."""

    start: datetime
    first_end: datetime
    last_end: datetime


class CollectionNotReady(EventstacError):
    """Collections lack leaves, have too narrow ones or were changed: prepare each, in transactions of its own, and try
    again.
    """

    def __init__(self, needed: Mapping[str, Sequence[Needed]]) -> None:
        super().__init__(", ".join(sorted(needed)))
        self.needed = {collection: tuple(needed[collection]) for collection in sorted(needed)}


class TablesHeld(Busy):
    """A Collection's tables cannot be changed: somebody reads or writes it all the time."""

    def __init__(self, collection: str, attempts: int) -> None:
        super().__init__(
            f"the tables of collection {collection!r} cannot be changed: somebody has been reading or writing it all "
            f"the time, in {attempts} attempts (a long-running query or dump?)"
        )
        self.collection = collection


def refuse_other_than_pinned(version: str | None) -> None:
    """Refuse any pgstac but the pin."""
    if version != PGSTAC_VERSION:
        raise UnknownPgstac(
            f"the database has pgstac {version or 'none'}; Items are written for {PGSTAC_VERSION} only"
        )


def check_version(connection: Connection) -> None:
    """Ask for the version, where no statement that runs anyway says it."""
    row = connection.execute("SELECT pgstac.get_version()").fetchone()
    refuse_other_than_pinned(row[0] if row else None)


def prepare_collection(
    connection: Connection,
    collection: str,
    rules: CollectionRules | None,
    needed: Sequence[Needed] = (),
    *,
    briefly: bool = False,
) -> None:
    """Make a Collection that is missing, and the leaves that are needed; each in a commit of its own.

    An unpartitioned Collection's one leaf is as wide as time; that of a month (or year) takes all of it, and ends up to
    the end of the month (year) in which the last one lies. Later writes then rarely need DDL, during which readers
    would wait. TablesHeld where somebody else holds the tables; soon, if it is to be tried `briefly`.
    """
    attempts = BRIEFLY if briefly else _ATTEMPTS
    check_version(connection)
    ensure_collection(connection, collection, rules)
    row = connection.execute(
        "SELECT partition_trunc FROM pgstac.collections WHERE id = %s", [collection]
    ).fetchone()
    unit = row[0] if row else None
    if unit is None:
        with_ddl(connection, collection, partial(_check_whole, connection, collection), attempts)
        return
    for one in needed:
        with_ddl(connection, collection, partial(_check_part, connection, collection, unit, one), attempts)


def repartition(connection: Connection, collection: str, partition_trunc: str) -> bool:
    """Divide a Collection's Items by "month" or "year", or put them into one table ("none"); whether it was otherwise.

    pgstac copies all of them in one transaction, for which everybody waits.
    """
    changed: list[int] = []

    def change() -> None:
        unit = None if partition_trunc == UNPARTITIONED else partition_trunc
        updated = connection.execute(
            "UPDATE pgstac.collections SET partition_trunc = %s "
            "WHERE id = %s AND partition_trunc IS DISTINCT FROM %s",
            [unit, collection, unit],
        )
        changed.append(updated.rowcount)

    check_version(connection)
    with_ddl(connection, collection, change)
    return changed[-1] > 0


def with_ddl(
    connection: Connection,
    collection: str,
    change: Callable[[], None],
    attempts: int | None = None,
    *,
    lock: Callable[[], None] | None = None,
) -> None:
    """Run DDL in a transaction, alone, and without making anybody wait for long.

    `lock` takes, instead of the one of partitions, the lock under which it is alone.
    """
    attempts = attempts or _ATTEMPTS
    for _ in range(attempts):
        try:
            with connection.transaction():
                if lock:
                    lock()
                else:
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_PARTITION_LOCK])
                connection.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
                change()
        except (errors.LockNotAvailable, errors.UndefinedTable):
            time.sleep(_PAUSE_S)
        else:
            return
    raise TablesHeld(collection, attempts)


def _check_whole(connection: Connection, collection: str) -> None:
    statement = """
        SELECT pgstac.check_partition(%s, tstzrange('-infinity', 'infinity', '[]'),
                                      tstzrange('-infinity', 'infinity', '[]'))
    """
    _made(connection, connection.execute(statement, [collection]).fetchone())


def _check_part(connection: Connection, collection: str, unit: str, needed: Needed) -> None:
    statement = """
        SELECT pgstac.check_partition(
            %(collection)s,
            tstzrange(lower(bounds), upper(bounds) - interval '1 microsecond', '[]'),
            tstzrange(
                least(lower(bounds), %(first_end)s),
                greatest(upper(bounds), date_trunc(%(unit)s, %(last_end)s, 'UTC') + concat('1 ', %(unit)s)::interval)
                    - interval '1 microsecond',
                '[]'))
        FROM pgstac.partition_name(%(collection)s, %(start)s) AS leaf (name, bounds)
    """
    values = {
        "collection": collection,
        "unit": unit,
        "start": needed.start,
        "first_end": needed.first_end,
        "last_end": needed.last_end,
    }
    _made(connection, connection.execute(statement, values).fetchone())


def _made(connection: Connection, row: tuple[str] | None) -> None:
    # check_partition reports a table that it could not make only as a notice.
    found = connection.execute(
        "SELECT to_regclass(format('pgstac.%%I', %s::text)) IS NOT NULL", [row[0] if row else None]
    ).fetchone()
    if not (found and found[0]):
        raise errors.LockNotAvailable("a leaf table was not made")
