"""Items composed anew from the facts alone, whatever the catalog has of them.

Key: the Item. Stale rule: none, the facts are what is true. Side effects, in order: pgstac and outbox in one commit;
nothing else. What is right already stays as it is, to the byte.
"""

import time
from collections.abc import Sequence
from datetime import datetime

from eventstac.catalog import fact_rows, outbox
from eventstac.catalog.announcing import announcements_of
from eventstac.catalog.attempts import ATTEMPTS, Attempts
from eventstac.catalog.composing import Composer, notes_of, recompose
from eventstac.catalog.database import Connection, write
from eventstac.catalog.locks import lock
from eventstac.catalog.pace import Pace
from eventstac.catalog.pgstac_items import REFUSED
from eventstac.catalog.pgstac_partitions import CollectionNotReady
from eventstac.catalog.rules_store import RulesStore
from eventstac.errors import Transient
from eventstac.facts import ItemKey
from eventstac.origin import Origin

FIRST, MOST = 25, 100  # Items that one transaction composes anew


def rebuild(
    connection: Connection,
    rules: RulesStore,
    keys: Sequence[ItemKey],
    app: str,
    now: datetime,
    origin: Origin | None = None,
) -> int:
    """Compose Items anew from the facts alone, whatever the catalog has; returns how many of its rows were wrong.

    What is announced of it goes on with the story `origin`.
    """
    pace = Pace(FIRST, MOST)
    repaired, waiting = 0, sorted(keys)
    while waiting:
        chunk, waiting = pace.take(waiting, lambda key: key)
        repaired += _rebuild_chunk(connection, rules, chunk, app, now, origin, pace)
    return repaired


def _rebuild_chunk(
    connection: Connection,
    rules: RulesStore,
    chunk: Sequence[ItemKey],
    app: str,
    now: datetime,
    origin: Origin | None,
    pace: Pace,
) -> int:
    composer = Composer()
    stored = fact_rows.by_items(connection, chunk)
    composer.foresee(connection, rules.current(connection), stored, repairing=True)
    attempts = Attempts()
    while attempts.left:
        try:
            with connection.transaction():
                composer.incoming.bring(connection)
                lock(connection, [], chunk)
                began = time.perf_counter()
                applied = rules.current(connection)
                stored = fact_rows.by_items(connection, chunk)
                changes, rows, _ = recompose(connection, applied, stored, composer, repairing=True)
                origins = {key: origin for key in chunk} if origin else {}
                told = announcements_of(changes, [], app, now, origins, repairing=True)
                write(connection, [*notes_of(changes), outbox.add(told)])
        except CollectionNotReady as not_ready:
            attempts.prepare(connection, rules, not_ready)
        except REFUSED as error:
            composer.be_careful(error)
        else:
            pace.note(len(chunk), time.perf_counter() - began)
            return rows
    raise Transient(
        f"the Items {chunk} could not be rebuilt in {ATTEMPTS} attempts: their Collections are changed all the time"
    )
