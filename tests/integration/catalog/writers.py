"""Several writers at once, in orders of their own, and somebody who searches beside them."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from psycopg import sql

from eventstac.catalog.database import Connection, connect
from eventstac.facts import Fact
from tests.integration.conftest import CatalogDatabase

_BATCH = 5
LONGEST_WAIT = "1s"


def limit_waiting(database: CatalogDatabase) -> None:
    """Who waits for a lock for longer gets an error from now on: so neither search nor writer stalls for a second."""
    with connect(database.settings) as owner:
        for role in ("eventstac_loader", "eventstac_stac_api"):
            owner.execute(
                sql.SQL("ALTER ROLE {} IN DATABASE {} SET lock_timeout = {}").format(
                    sql.Identifier(role),
                    sql.Identifier(database.settings.database),
                    sql.Literal(LONGEST_WAIT),
                )
            )


def four_writers(
    database: CatalogDatabase,
    everything: Sequence[Fact],
    load: Callable[..., None],
    beside: Callable[[Connection], None] = lambda reader: None,
) -> None:
    """Load all facts four times over, each time in another order, while searches go on; `beside` reads, too."""
    searches: list[int] = []
    done = threading.Event()

    def write(order: Sequence[Fact]) -> None:
        with database.connect() as connection:
            for first in range(0, len(order), _BATCH):
                load(connection, *order[first : first + _BATCH])

    def search() -> None:
        with database.connect("eventstac_stac_api") as reader:
            while not done.is_set():
                row = reader.execute("SELECT pgstac.search('{\"limit\": 100}')").fetchone()
                assert row is not None
                searches.append(len(row[0]["features"]))
                beside(reader)

    half = len(everything) // 2
    orders = [
        everything,
        everything[::-1],
        [*everything[1::2], *everything[::2]],
        [*everything[half:], *everything[:half]],
    ]
    with ThreadPoolExecutor(5) as pool:
        searching = pool.submit(search)
        try:
            for writing in [pool.submit(write, order) for order in orders]:
                writing.result(timeout=120)
        finally:
            done.set()
        searching.result(timeout=30)
    assert searches, "no search went through beside the writers"
