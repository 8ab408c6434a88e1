"""Statements that go to the database together: each has its own row, its own error, and its own patience."""

import asyncio
import random
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests

from infra.local.azurite.server import free_port
from stac_api import batches
from stac_api.database import Database
from stac_api.errors import Unavailable
from stac_api.failures import Refused
from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api.conftest import Client, settings_for
from tests.integration.stac_api.test_database import no_locks, watcher

# `went` is the same for those that went together.
SQL = """SELECT $1::int AS mine, $2::text AS word, 12 / $3::int AS twelfth, statement_timestamp() AS went,
    pg_sleep($4::float8)"""


@pytest.fixture(params=[False, True], ids=["session", "pooled"])
async def database(
    loaded: CatalogDatabase, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    """One that knows of SQL that it is quick, on whatever machine."""
    monkeypatch.setattr(batches, "QUICK_S", 60.0)
    known = Database(settings_for(loaded, connections=4, at_once=2, pooled=request.param))
    await asyncio.gather(*(row_of(known, n, sleep_s=0.01) for n in range(4)))
    yield known
    await known.close()


async def row_of(database: Database, mine: int, word: str = "", by: int = 1, sleep_s: float = 0.0) -> Any:
    return await database.row_of_many(batches.MOST, SQL, mine, word, by, sleep_s)


async def test_each_has_the_row_of_its_own_values(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine more of them would take so long that the others are sent alone, which is not what is counted.
    monkeypatch.setattr(batches, "RELIEF_S", 60.0)
    words = [f'it\'s ${n} "{n}" \u00e9' for n in range(200)]
    found = await asyncio.gather(
        *(row_of(database, n, word, 1 + n % 12, 0.001) for n, word in enumerate(words))
    )
    assert [tuple(row)[:3] for row in found] == [
        (n, word, 12 // (1 + n % 12)) for n, word in enumerate(words)
    ]
    assert len({row[3] for row in found}) <= 60, "they did not go together"


async def test_each_has_its_own_error(database: Database) -> None:
    by = [0 if n % 9 == 4 else 3 for n in range(60)]
    found = await asyncio.gather(
        *(row_of(database, n, by=each) for n, each in enumerate(by)), return_exceptions=True
    )
    assert [type(each) is Refused for each in found] == [each == 0 for each in by]
    assert [each[0] for each in found if not isinstance(each, BaseException)] == [
        n for n, each in enumerate(by) if each
    ]


async def test_who_went_with_a_slow_one_does_not_wait_for_it(database: Database) -> None:
    async with asyncio.timeout(20):
        others = [asyncio.create_task(row_of(database, n, sleep_s=0.05)) for n in range(2)]
        await asyncio.sleep(0.01)
        slow = asyncio.create_task(row_of(database, 2, sleep_s=25.0))
        others += [asyncio.create_task(row_of(database, n)) for n in range(3, 9)]
        assert [row[0] for row in await asyncio.gather(*others)] == [0, 1, *range(3, 9)]
        assert not slow.done()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)


async def test_whenever_they_are_broken_off_nothing_stays_and_the_others_go_on(
    database: Database, loaded: CatalogDatabase
) -> None:
    chance = random.Random(5)
    sql = f"{SQL} FROM (SELECT count(*) FROM items) counted"

    async def one(number: int) -> bool:
        asking = asyncio.ensure_future(database.row_of_many(batches.MOST, sql, number, "", 1, 0.0))
        if number % 3:
            await asyncio.sleep(chance.uniform(0, 0.02))
            asking.cancel()
        found: Any = (await asyncio.gather(asking, return_exceptions=True))[0]
        if isinstance(found, BaseException):
            assert isinstance(found, asyncio.CancelledError)
            assert number % 3
            return False
        assert found[0] == number
        return True

    async with watcher(settings_for(loaded)) as other:
        for _ in range(10):
            assert sum(await asyncio.gather(*(one(number) for number in range(45)))) >= 15
        await no_locks(other)
    assert (await row_of(database, 7))[0] == 7


async def test_a_database_that_is_away_is_told_to_each(loaded: CatalogDatabase) -> None:
    away = Database(replace(settings_for(loaded, connections=4, at_once=2), port=free_port()))
    found = await asyncio.gather(*(row_of(away, n) for n in range(12)), return_exceptions=True)
    assert [type(each) for each in found] == [Unavailable] * 12
    await away.close()


def test_many_who_search_at_the_same_time_each_find_what_they_would_alone(api: Client) -> None:
    chance = random.Random(11)

    def question() -> dict[str, Any]:
        west, south = chance.uniform(-180, 170), chance.uniform(-90, 80)
        box = (
            west,
            south,
            min(180.0, west + chance.uniform(0, 200)),
            min(90.0, south + chance.uniform(0, 90)),
        )
        return {"bbox": ",".join(f"{n:.3f}" for n in box), "limit": chance.choice([1, 2, 10, 20])}

    questions = [question() for _ in range(300)]
    alone = [api.get("/search", **each) for each in questions]
    with ThreadPoolExecutor(16) as pool:
        found = pool.map(lambda each: requests.get(f"{api.url}/search", params=each, timeout=30), questions)
        together = [answer.json() for answer in found]
    assert together == alone
    assert len({len(page["features"]) for page in alone}) > 3
