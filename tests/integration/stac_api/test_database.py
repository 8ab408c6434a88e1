"""The database as the API asks it: broken off in the middle, and cut."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from stac_api import database as database_module
from stac_api.app import _databases
from stac_api.database import Database
from stac_api.errors import TooSlow
from stac_api.failures import Refused
from stac_api.settings import Settings
from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api.conftest import settings_for

Ask = Callable[[Database], Awaitable[object]]
COUNT = "SELECT count(*) FROM items"


def walk(database: Database) -> Awaitable[object]:
    return database.rows_within(2, {"enable_bitmapscan": "off"}, COUNT)


def search(database: Database) -> Awaitable[object]:
    return database.rows(COUNT)


@asynccontextmanager
async def watcher(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        host=settings.host,
        port=settings.port,
        database=settings.database,
        user=settings.user,
        password=settings.password,
    )
    try:
        yield connection
    finally:
        await connection.close()


async def no_locks(connection: asyncpg.Connection) -> None:
    """Wait until nobody else holds a lock on the Items: within moments, a closed connection needs some."""
    async with asyncio.timeout(5):
        while await connection.fetch(
            """SELECT FROM pg_locks WHERE pid <> pg_backend_pid() AND relation = 'pgstac.items'::regclass
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
        ):
            await asyncio.sleep(0.02)


async def broken_off(asking: asyncio.Task[object], answers: int) -> None:
    """Cancel what asks when that many answers have come, before it goes on."""
    seen: list[object] = []
    while not asking.done():
        waited_for = getattr(asking, "_fut_waiter", None)
        if waited_for is not None and waited_for not in seen:
            seen.append(waited_for)
        if len(seen) == answers and waited_for is not None and waited_for.done():
            asking.cancel()
            break
        await asyncio.sleep(0)
    await asyncio.gather(asking, return_exceptions=True)


@pytest.mark.parametrize(
    ("ask", "pooled"),
    [(search, False), (walk, False), (walk, True), (search, True)],
    ids=["a search", "a walk", "pooled walk", "pooled search"],
)
async def test_whenever_a_client_hangs_up_no_transaction_stays_open(
    loaded: CatalogDatabase, ask: Ask, pooled: bool
) -> None:
    settings = settings_for(loaded, connections=1, pooled=pooled)
    chance, database = random.Random(3), Database(settings)
    async with watcher(settings) as other:
        try:
            for number in range(150):
                asking = asyncio.ensure_future(ask(database))
                if number < 18:
                    await broken_off(asking, 1 + number // 3)
                    await no_locks(other)
                    continue
                await asyncio.sleep(chance.uniform(0, 0.004))
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
            with pytest.raises(Refused):
                await database.rows("SELECT 1/0")
            assert [row[0] for row in await database.rows("SELECT 1")] == [1]
            await no_locks(other)
        finally:
            await database.close()


@pytest.mark.parametrize("pooled", [False, True])
async def test_a_transaction_that_a_dead_process_leaves_ends_soon(
    loaded: CatalogDatabase, pooled: bool
) -> None:
    database = Database(settings_for(loaded, connections=1, pooled=pooled))
    try:
        (row,) = await database.rows("SELECT current_setting('idle_in_transaction_session_timeout')")
        assert row[0] == "10s"
    finally:
        await database.close()


@pytest.mark.parametrize("pooled", [False, True])
async def test_connections_that_are_cut_together_are_replaced_unseen(
    loaded: CatalogDatabase, pooled: bool
) -> None:
    settings = settings_for(loaded, connections=8, pooled=pooled)
    database = Database(settings)
    async with watcher(settings) as other:
        try:
            for _ in range(10):
                await asyncio.gather(*(database.rows("SELECT pg_sleep(0.03)") for _ in range(8)))
                cut = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"""
                _, *found = await asyncio.gather(
                    other.fetch(cut), *(database.rows("SELECT pg_sleep(0.01)") for _ in range(4))
                )
                assert [len(rows) for rows in found] == [1] * 4
        finally:
            await database.close()


@pytest.mark.parametrize("pooled", [False, True])
async def test_an_error_that_the_driver_cannot_read_costs_no_other_query(
    loaded: CatalogDatabase, pooled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostGIS quotes the first byte of a character. asyncpg waits on, where a statement was to be prepared."""
    monkeypatch.setattr(database_module, "_CLIENT_GRACE_S", 0.0)
    database = Database(settings_for(loaded, connections=1, pooled=pooled, statement_timeout_s=1.0))
    try:
        with pytest.raises(Refused):
            await database.rows("SELECT (left('€', 1) || min(left(id, 0)))::geometry FROM items")
        assert [row[0] for row in await database.rows("SELECT 1")] == [1]
        with pytest.raises(TooSlow):
            await database.rows("SELECT '€'::geometry")
        async with asyncio.timeout(3):
            assert [row[0] for row in await database.rows("SELECT 1")] == [1]
    finally:
        await database.close()


async def test_items_by_id_have_both_their_connections_however_few_searches_go_at_once(
    loaded: CatalogDatabase,
) -> None:
    searches, lookups = _databases(settings_for(loaded, connections=8, at_once=1))
    assert lookups is not None
    try:
        first = asyncio.create_task(lookups.rows("SELECT pg_sleep(0.3)"))
        await asyncio.sleep(0.15)
        assert lookups.is_ready
        await first
    finally:
        await searches.close()
        await lookups.close()
