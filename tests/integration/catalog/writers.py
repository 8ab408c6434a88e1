"""Several writers at once, in orders of their own, and somebody who searches beside them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from itertools import pairwise

import pytest
from psycopg import sql

from eventstac.catalog import merge
from eventstac.catalog.database import Connection, connect
from eventstac.catalog.locks import lock
from eventstac.facts import Fact
from tests.integration.conftest import CatalogDatabase

_BATCH = 5
LONGEST_WAIT_S = 1  # for a lock, by the database's clock
_LONGEST_STALL_S = 5  # for anything else, on a machine that may stand still for a second itself


@contextmanager
def limited_waiting(database: CatalogDatabase) -> Iterator[None]:
    """Who connects in the block and waits for a lock for longer gets an error: nobody stalls for a second."""
    _set_waiting(database, sql.SQL("SET lock_timeout = {}").format(sql.Literal(f"{LONGEST_WAIT_S}s")))
    try:
        yield
    finally:
        _set_waiting(database, sql.SQL("RESET lock_timeout"))


def _set_waiting(database: CatalogDatabase, change: sql.Composable) -> None:
    name = sql.Identifier(database.settings.database)
    with connect(database.settings) as owner:
        for role in ("eventstac_loader", "eventstac_stac_api"):
            owner.execute(
                sql.SQL("ALTER ROLE {} IN DATABASE {} {}").format(sql.Identifier(role), name, change)
            )


class Stopwatch:
    """How long each call of some functions took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on[**P, R](self, function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def timed(*arguments: P.args, **named: P.kwargs) -> R:
            began = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds.append(time.perf_counter() - began)

        return timed


def four_writers(
    database: CatalogDatabase,
    everything: Sequence[Fact],
    load: Callable[..., None],
    beside: Callable[[Connection], None] = lambda reader: None,
) -> None:
    """Load all facts four times over, each time in another order, while searches go on; `beside` reads, too.

    Within `limited_waiting` nobody waits a second for a lock; and what else there is to wait for makes neither a writer
    nor a search stall.
    """
    answered: list[float] = []
    done, ready = threading.Event(), threading.Barrier(5)

    def write(order: Sequence[Fact]) -> None:
        with database.connect() as connection:
            ready.wait(timeout=60)
            for first in range(0, len(order), _BATCH):
                load(connection, *order[first : first + _BATCH])

    def search() -> None:
        with database.connect("eventstac_stac_api") as reader:
            ready.wait(timeout=60)
            answered.append(time.perf_counter())
            while not done.is_set():
                row = reader.execute("SELECT pgstac.search('{\"limit\": 100}')").fetchone()
                assert row is not None
                answered.append(time.perf_counter())
                beside(reader)
                answered.append(time.perf_counter())

    half = len(everything) // 2
    orders = [
        everything,
        everything[::-1],
        [*everything[1::2], *everything[::2]],
        [*everything[half:], *everything[:half]],
    ]
    waits = Stopwatch()
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(5) as pool:
        patch.setattr(merge, "lock", waits.on(lock))
        searching = pool.submit(search)
        try:
            for writing in [pool.submit(write, order) for order in orders]:
                writing.result(timeout=120)
        finally:
            done.set()
        searching.result(timeout=30)
    assert len(answered) > 1, "no search began beside the writers"
    assert max(waits.seconds) < _LONGEST_STALL_S, "a writer stalled"
    gaps = [after - before for before, after in pairwise(answered)]
    assert max(gaps) < _LONGEST_STALL_S, "searching stalled"
