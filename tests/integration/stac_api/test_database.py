"""The database as the API asks it: broken off in the middle, and cut."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from stac_api.database import Database
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


@pytest.mark.parametrize(
    ("ask", "pooled"), [(walk, False), (walk, True), (search, True)], ids=["a walk", "pooled walk", "pooled"]
)
async def test_whenever_a_client_hangs_up_no_transaction_stays_open(
    loaded: CatalogDatabase, ask: Ask, pooled: bool
) -> None:
    settings = settings_for(loaded, connections=1, pooled=pooled)
    chance, database = random.Random(3), Database(settings)
    async with watcher(settings) as other:
        try:
            for _ in range(150):
                asking = asyncio.ensure_future(ask(database))
                await asyncio.sleep(chance.uniform(0, 0.004))
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
            with pytest.raises(Refused):
                await database.rows("SELECT 1/0")
            assert [row[0] for row in await database.rows("SELECT 1")] == [1]
            async with asyncio.timeout(5):  # a connection that was closed ends within milliseconds
                while await other.fetch(
                    "SELECT FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = current_database()"
                ):
                    await asyncio.sleep(0.05)
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
