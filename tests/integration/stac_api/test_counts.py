"""`numberMatched`: exact while counting is cheap, the planner's estimate beyond, never null."""

import asyncio
from typing import Any

import psycopg
import pytest

from infra.local.postgres.testing import RunningPostgres
from stac_api import counts
from stac_api.bases import Bases
from stac_api.database import Database
from stac_api.item_search import ItemSearch
from stac_api.searches import from_body
from tests.integration.conftest import CatalogDatabase, new_database
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import load, settings_for

WORLD = {"bbox": [-180, -90, 180, 90], "limit": 1}
FILTER = {"filter-lang": "cql2-json", "filter": {"op": "<>", "args": [{"property": "id"}, "nobody"]}}


def matched(
    database: CatalogDatabase, body: dict[str, Any], items: int = 0, **limits: int
) -> tuple[int | None, list[str]]:
    """The number, and the statements that it took beside the page's."""
    settings = settings_for(database, **limits)

    async def run() -> tuple[int | None, list[str]]:
        db = Database(settings)
        asked: list[str] = []
        rows = db.rows

        async def recording(sql: str, *args: object) -> Any:
            asked.append(sql)
            return await rows(sql, *args)

        db.rows = recording  # type: ignore[method-assign]  # to see what is run
        try:
            bases = Bases(db)
            await bases.edited()
            bases.items = items or bases.items  # as the statistics of a large catalog would have it
            page = await ItemSearch(db, bases, settings).page(from_body(body, settings))
        finally:
            await db.close()
        return page.matched, [
            sql.split(" ")[0] for sql in asked if "EXPLAIN" in sql or "count(*) AS n" in sql
        ]

    return asyncio.run(run())


def test_a_small_number_is_exact(loaded: CatalogDatabase) -> None:
    every = len(catalog.ITEMS)
    assert matched(loaded, WORLD) == (every, ["EXPLAIN", "SELECT"])
    assert matched(loaded, {"limit": 1}) == (every, ["SELECT"])
    assert matched(loaded, WORLD | FILTER) == (every, ["SELECT"])


def test_what_fits_on_the_page_needs_no_count(loaded: CatalogDatabase) -> None:
    assert matched(loaded, {"limit": 1000}, area_count_limit=0, count_limit=1) == (len(catalog.ITEMS), [])


def test_of_much_in_an_area_the_planner_tells_and_nothing_is_counted(loaded: CatalogDatabase) -> None:
    number, asked = matched(loaded, WORLD, area_count_limit=10)
    assert asked == ["EXPLAIN"]
    assert number is not None
    assert 10 < number < 10 * len(catalog.ITEMS)


def test_a_filter_is_counted_since_the_planner_may_know_nothing_of_it(loaded: CatalogDatabase) -> None:
    assert matched(loaded, WORLD | FILTER, area_count_limit=0) == (len(catalog.ITEMS), ["SELECT"])


def test_a_filter_of_a_large_catalog_is_counted_unless_that_is_dear(loaded: CatalogDatabase) -> None:
    every = len(catalog.ITEMS)
    number, asked = matched(loaded, WORLD | FILTER, items=1_000_000)
    assert (number, asked[-1]) == (every, "SELECT")
    number, asked = matched(loaded, WORLD | FILTER, items=1_000_000, count_cost_limit=1)
    assert set(asked) == {"EXPLAIN"}
    assert number is not None
    assert 0 < number < 10 * every


def test_beyond_the_limit_the_planner_tells_but_never_less_than_was_counted(loaded: CatalogDatabase) -> None:
    number, asked = matched(loaded, {"limit": 1} | FILTER, count_limit=5)
    assert asked == ["SELECT", "EXPLAIN"]
    assert number is not None
    assert number > 5


def test_a_query_given_little_time_ends_in_it_and_its_settings_with_it(loaded: CatalogDatabase) -> None:
    settings = settings_for(loaded, connections=1)
    show = "SELECT current_setting('enable_bitmapscan'), current_setting('statement_timeout')"

    async def run() -> tuple[Any, Any, Any]:
        db = Database(settings)
        try:
            slow = await db.rows_within(0.05, {}, "SELECT pg_sleep(60)")
            within = await db.rows_within(0.5, {"enable_bitmapscan": "off"}, show)
            assert within is not None
            after = await db.rows(show)
            return slow, (within[0][0], within[0][1]), (after[0][0], after[0][1])
        finally:
            await db.close()

    assert asyncio.run(run()) == (None, ("off", "500ms"), ("on", "30s"))


def test_a_filter_of_a_large_catalog_whose_plan_is_asked_for_gives_the_same(loaded: CatalogDatabase) -> None:
    settings = settings_for(loaded, walk_from_pages=0)
    body = {"limit": 7} | FILTER

    async def run(items: int) -> tuple[list[str], int | None]:
        db = Database(settings)
        bases = Bases(db)
        try:
            await bases.edited()
            bases.items = items  # as the statistics of a large catalog would have it
            page = await ItemSearch(db, bases, settings).page(from_body(body, settings))
        finally:
            await db.close()
        return [row[0] for row in page.rows], page.matched

    assert asyncio.run(run(0)) == asyncio.run(run(1_000_000))


def test_a_count_stands_as_long_as_no_item_changes(
    postgres: RunningPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "_WORTH", 0.0)  # for nothing but that
    database = new_database(postgres)
    load(database.settings.conninfo, catalog.COLLECTIONS, catalog.ITEMS)
    settings = settings_for(database, count_ttl_s=0.0)
    search = from_body({"limit": 1} | FILTER, settings)
    every = len(catalog.ITEMS)

    def write(sql: str) -> None:
        with psycopg.connect(database.settings.conninfo, options="-c search_path=pgstac,public") as writer:
            writer.execute(sql)
            writer.commit()
            writer.execute("SELECT pg_stat_force_next_flush()")  # a session that ends tells its statistics

    async def run() -> None:
        db = Database(settings)
        counted = 0
        rows = db.rows

        async def recording(sql: str, *args: object) -> Any:
            nonlocal counted
            counted += "count(*) AS n" in sql
            return await rows(sql, *args)

        db.rows = recording  # type: ignore[method-assign]  # to see what is run
        items = ItemSearch(db, Bases(db), settings)

        async def until(number: int) -> None:
            async with asyncio.timeout(30):
                while (await items.page(search)).matched != number:
                    await asyncio.sleep(0.05)  # until the writer's statistics are told

        async def uncounted() -> None:
            before = -1
            async with asyncio.timeout(30):  # until the loader's statistics are told
                while before != counted:
                    before = counted
                    await until(every)

        try:
            await uncounted()
            await asyncio.to_thread(write, "DELETE FROM items WHERE id = (SELECT min(id) FROM items)")
            await until(every - 1)
            await asyncio.to_thread(
                write, "UPDATE items SET id = 'nobody' WHERE id = (SELECT min(id) FROM items)"
            )
            await until(every - 2)
        finally:
            await db.close()

    asyncio.run(run())


def test_a_count_waits_for_nobody_who_changes_another_collections_table(loaded: CatalogDatabase) -> None:
    settings = settings_for(loaded, statement_timeout_s=10.0)
    search = from_body({"limit": 1, "collections": ["edges"]} | FILTER, settings)
    with psycopg.connect(loaded.settings.conninfo) as other:
        (leaf,) = other.execute(
            "SELECT (SELECT partition FROM pgstac.partitions WHERE collection = 'scenes')"
        ).fetchone() or ("",)
        other.execute(f'LOCK TABLE pgstac."{leaf}" IN ACCESS EXCLUSIVE MODE')

        async def run() -> int | None:
            db = Database(settings)
            try:
                return (await ItemSearch(db, Bases(db), settings).page(search)).matched
            finally:
                await db.close()

        assert asyncio.run(run()) == 4
        other.rollback()
