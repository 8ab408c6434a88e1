"""Searches by large geometries: their seconds begin with a statement, and are for nobody else's doing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from stac_api import turns
from stac_api.bases import Bases
from stac_api.database import Database, Row
from stac_api.errors import TooSlow, Unavailable
from stac_api.item_search import ItemSearch
from stac_api.searches import Search
from stac_api.turns import Turns
from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api.conftest import settings_for

LINE = Search(10, geometry={"type": "LineString", "coordinates": [[float(n % 180), 1.5] for n in range(300)]})
LIMIT_S = 1.0
BUSY = "SELECT pg_sleep(20)"

pytestmark = pytest.mark.parametrize("pooled", [False, True])


@pytest.fixture(autouse=True)
def shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LONGEST_S", LIMIT_S)


def asking(database: Database, sql: str) -> Callable[[Search], Awaitable[list[Row]]]:
    async def find(_search: Search) -> list[Row]:
        return await database.rows(sql)

    return find


async def active(database: Database) -> int:
    (row,) = await database.rows(
        f"SELECT count(*) FROM pg_stat_activity WHERE query = '{BUSY}' AND state = 'active'"
    )
    return int(row[0])


async def test_a_statement_that_takes_long_has_ended_when_that_is_told(
    loaded: CatalogDatabase, pooled: bool
) -> None:
    database = Database(settings_for(loaded, connections=4, pooled=pooled))
    try:
        with pytest.raises(TooSlow, match="simplify the geometry"):
            await Turns(4, 30.0).take(LINE, asking(database, BUSY))
        assert await active(database) == 0
        limits = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
        assert [(*row,) for row in await database.rows(limits)] == [("30s", "0")]
    finally:
        await database.close()


async def test_a_shorter_time_out_of_all_statements_stands(loaded: CatalogDatabase, pooled: bool) -> None:
    database = Database(settings_for(loaded, connections=4, pooled=pooled, statement_timeout_s=0.8))
    try:
        shown = await Turns(4, 30.0).take(
            LINE, asking(database, "SELECT current_setting('statement_timeout')")
        )
        assert [row[0] for row in shown] == ["800ms"]
    finally:
        await database.close()


async def test_to_wait_for_a_connection_takes_nothing_of_the_time(
    loaded: CatalogDatabase, pooled: bool
) -> None:
    database = Database(settings_for(loaded, connections=1, pooled=pooled))
    try:
        first = asyncio.create_task(database.rows(f"SELECT pg_sleep({3 * LIMIT_S})"))
        await asyncio.sleep(0)
        found = await Turns(1, 30.0).take(LINE, asking(database, f"SELECT pg_sleep({LIMIT_S / 10})"))
        assert len(found) == 1
        await first
    finally:
        await database.close()


async def test_whom_a_lock_keeps_waiting_is_told_to_come_back(loaded: CatalogDatabase, pooled: bool) -> None:
    database = Database(settings_for(loaded, connections=1, pooled=pooled))
    count = asking(database, "SELECT count(*) FROM items")
    try:
        with psycopg.connect(loaded.settings.conninfo) as other:
            other.execute("LOCK TABLE pgstac.items IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(Unavailable, match="try again shortly"):
                await Turns(1, 30.0).take(LINE, count)
            other.rollback()
        assert len(await Turns(1, 30.0).take(LINE, count)) == 1
    finally:
        await database.close()


BY_TITLE = {"op": "=", "args": [{"property": "title"}, "nothing has this title"]}


@pytest.mark.parametrize(("condition", "locked"), [(None, "collections"), (BY_TITLE, "queryables")])
async def test_what_one_finds_for_a_plain_search_too_has_the_usual_time(
    loaded: CatalogDatabase, pooled: bool, condition: Any, locked: str
) -> None:
    settings = settings_for(loaded, connections=8, pooled=pooled)
    database = Database(settings)
    search, room = ItemSearch(database, Bases(database), settings), Turns(8, 30.0)
    plain, large = (Search(1, geometry=area, condition=condition) for area in (None, LINE.geometry))
    try:
        with psycopg.connect(loaded.settings.conninfo) as other:
            other.execute(f"LOCK TABLE pgstac.{locked} IN ACCESS EXCLUSIVE MODE")
            found = [asyncio.create_task(room.take(each, search.page)) for each in (large, plain)]
            await asyncio.sleep(2 * LIMIT_S)
            assert not found[1].done()
            other.rollback()
        assert (await found[1]).rows is not None
        await asyncio.wait(found)
    finally:
        await database.close()
