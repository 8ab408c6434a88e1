"""Collections that pgstac divides by month or year: several writers, readers beside them, rules that change it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from unittest.mock import Mock

import psycopg
import pytest
from psycopg import errors, sql

from eventstac.catalog import applying, pgstac_partitions
from eventstac.catalog.database import Connection, connect
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.pgstac_partitions import Needed, prepare_collection
from eventstac.catalog.rules_store import RulesStore
from eventstac.errors import Transient
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import CollectionRules, Rules, load_rules
from infra.local.postgres.testing import RunningPostgres
from tests.integration.catalog.writers import four_writers, limited_waiting
from tests.integration.conftest import CatalogDatabase, new_database
from tests.samples import at, gone, present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
MERGING = MergeSettings("loader", 0.5)
MONTH_S = 31 * 86_400


@pytest.fixture(params=["none", "month", "year"])
def trunc(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database(postgres: RunningPostgres, trunc: str) -> Iterator[CatalogDatabase]:
    database = new_database(postgres)
    with database.connect() as connection:
        prepare_collection(connection, "scenes", CollectionRules("scenes", partition_trunc=trunc))
    yield database
    postgres.drop_database(database.settings.database)


@pytest.fixture
def connection(database: CatalogDatabase) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection


def fact(item: str, asset: str = "b1", month: float = 0, etag: str = "e", seen: float | None = None) -> Fact:
    """A blob of a month; `seen` in months, that month if it is not said."""
    match = Match("scenes", item, asset, rule="scenes")
    finding = present(match, month * MONTH_S, etag)
    if seen is not None:
        finding = replace(finding, seen=at(seen * MONTH_S))
    return fact_of(url_of(f"scenes/{item}/{asset}.tif"), finding)


def load(connection: Connection, *facts: Fact) -> None:
    merge(connection, RulesStore("bronze-tier"), facts, MERGING, NOW)


def stored(connection: Connection) -> list[tuple[str, set[str]]]:
    rows = connection.execute("SELECT id, content->'assets' FROM pgstac.items ORDER BY id")
    return [(item, set(assets)) for item, assets in rows]


def test_four_writers_on_overlapping_items_across_partitions_lose_nothing_and_nobody_stalls(
    database: CatalogDatabase,
) -> None:
    """The assets of an Item are of different months, so that it moves as they come, in four orders at once."""
    items, assets = [f"i{number:02}" for number in range(16)], ("b1", "b2", "b3")
    everything = [
        fact(item, asset, month=(number * 5 + place * 7) % 19)
        for number, item in enumerate(items)
        for place, asset in enumerate(assets)
    ]

    def sees_each_once(reader: Connection) -> None:
        found = reader.execute("SELECT count(*) = count(DISTINCT id) FROM pgstac.items").fetchone()
        assert found == (True,), "one statement saw an Item twice"

    with limited_waiting(database):
        four_writers(database, everything, load, beside=sees_each_once)
    with database.connect() as connection:
        assert stored(connection) == [(item, set(assets)) for item in items]


def test_an_item_whose_datetime_moves_exists_once_and_leaves_with_its_last_asset(
    connection: Connection,
) -> None:
    load(connection, fact("one", month=0), fact("two", month=5))
    load(connection, fact("one", month=14, etag="f"))
    load(connection, fact("two", month=5, seen=6))
    assert stored(connection) == [("one", {"b1"}), ("two", {"b1"})]
    match = Match("scenes", "one", "b1", rule="scenes")
    load(connection, fact_of(url_of("scenes/one/b1.tif"), gone(match, 15 * MONTH_S)))
    assert stored(connection) == [("two", {"b1"})]


def test_a_table_is_made_without_holding_up_readers_behind_a_long_query(database: CatalogDatabase) -> None:
    with (
        limited_waiting(database),
        database.connect() as loader,
        database.connect("eventstac_stac_api") as long_query,
        database.connect("eventstac_stac_api") as reader,
        ThreadPoolExecutor(1) as pool,
    ):
        load(loader, fact("one"))
        with long_query.transaction():
            long_query.execute("SELECT count(*) FROM pgstac.items")
            writing = pool.submit(load, loader, fact("two", month=14))
            for _ in range(20):
                row = reader.execute("SELECT pgstac.search('{}')").fetchone()
                assert row is not None
                assert row[0]["features"]
        writing.result(timeout=60)
        assert [item for item, _ in stored(reader)] == ["one", "two"]


def test_rules_divide_a_collection_that_has_items_and_put_it_together_again(connection: Connection) -> None:
    months = {f"i{number}": number * 3 for number in range(8)}
    load(connection, *(fact(item, month=month) for item, month in months.items()))
    for number, unit, tables in ((100, "month", 8), (200, "year", 3), (300, "none", 1)):
        rules = rules_of(f"collections: {{scenes: {{partition_trunc: {unit}}}}}")
        applying.prepare(connection, rules)
        found = connection.execute("SELECT count(DISTINCT tableoid), count(*) FROM pgstac.items").fetchone()
        assert found == (tables, 8)
        # What comes later is written as the Collection is now.
        load(connection, fact("i0", month=0.1, etag=unit, seen=number))
        load(connection, fact("i0", month=0, etag=f"{unit} again", seen=number + 1))
    assert [item for item, _ in stored(connection)] == sorted(months)


def test_rules_that_do_not_say_it_leave_it_as_it_is(connection: Connection, trunc: str) -> None:
    applying.prepare(connection, rules_of("collections: {scenes: {title: Scenes}}"))
    row = connection.execute("SELECT partition_trunc FROM pgstac.collections WHERE id = 'scenes'").fetchone()
    assert row == (None if trunc == "none" else trunc,)


def rules_of(text: str) -> Rules:
    return load_rules(text, file="collections.yaml", default_collection="bronze-tier")


@pytest.mark.parametrize("trunc", ["month"], indirect=True)
def test_a_table_that_can_never_be_made_is_said_to_be_in_use(
    database: CatalogDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgstac_partitions, "_ATTEMPTS", 2)
    with database.connect() as loader, psycopg.connect(database.settings.conninfo) as dump:
        load(loader, fact("one"))
        dump.execute("SELECT count(*) FROM pgstac.items")
        day = datetime(2031, 1, 1, tzinfo=UTC)
        with pytest.raises(Transient, match="'scenes' cannot be changed"):
            prepare_collection(loader, "scenes", None, [Needed(day, day, day)])


@pytest.mark.parametrize("trunc", ["month"], indirect=True)
def test_facts_of_other_collections_do_not_wait_for_a_table_that_cannot_be_made(
    database: CatalogDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgstac_partitions, "_ATTEMPTS", 2)
    match = Match("whole", "two", "b1", rule="whole")
    other = fact_of(url_of("whole/two/b1.tif"), present(match, 0, "e"))
    with database.connect() as loader, psycopg.connect(database.settings.conninfo) as dump:
        prepare_collection(loader, "whole", CollectionRules("whole"))
        load(loader, fact("one"))
        dump.execute("SELECT count(*) FROM pgstac.items WHERE collection = 'scenes'")
        with pytest.raises(Transient, match="'scenes' cannot be changed"):
            load(loader, fact("new", month=9), fact("one", month=0, etag="f", seen=1), other)
        assert [item for item, _ in stored(loader)] == ["one", "two"]
        dump.rollback()
        load(loader, fact("new", month=9), other)
        assert [item for item, _ in stored(loader)] == ["new", "one", "two"]


@pytest.mark.parametrize("trunc", ["month"], indirect=True)
def test_an_item_leaves_with_the_locks_of_its_own_table(connection: Connection) -> None:
    load(connection, *(fact(f"i{month}", month=month) for month in range(12)))
    match = Match("scenes", "i5", "b1", rule="scenes")
    with connection.transaction():
        load(connection, fact_of(url_of("scenes/i5/b1.tif"), gone(match, 15 * MONTH_S)))
        opened = connection.execute(
            "SELECT count(DISTINCT c.oid) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
            "WHERE l.pid = pg_backend_pid() AND c.relkind = 'r' AND c.relname LIKE '\\_items\\_%'"
        ).fetchone()
    assert (opened, len(stored(connection))) == ((1,), 11)


@pytest.mark.parametrize("trunc", ["month"], indirect=True)
def test_an_item_that_somebody_moved_to_another_table_leaves_all_the_same(
    database: CatalogDatabase, connection: Connection
) -> None:
    load(connection, fact("one"), fact("two", month=3))
    with connect(database.settings) as owner:
        owner.execute("UPDATE pgstac.items SET datetime = datetime + interval '1 day' WHERE id = 'two'")
    match = Match("scenes", "two", "b1", rule="scenes")
    load(connection, fact_of(url_of("scenes/two/b1.tif"), gone(match, 15 * MONTH_S)))
    assert stored(connection) == [("one", {"b1"})]


@pytest.mark.parametrize("trunc", ["month"], indirect=True)
def test_a_copy_does_not_stand_for_an_item_that_somebody_moved(
    database: CatalogDatabase, connection: Connection
) -> None:
    """The copy begins when the other Item should: as many rows go as Items were asked for, and one Item is left."""
    load(connection, fact("one"), fact("two", month=3))
    with connect(database.settings) as owner:
        owner.execute(
            "INSERT INTO pgstac.items SELECT (jsonb_populate_record(one, jsonb_build_object('datetime', two.datetime, "
            "'end_datetime', two.end_datetime))).* FROM pgstac.items one, pgstac.items two "
            "WHERE one.id = 'one' AND two.id = 'two'"
        )
        owner.execute("UPDATE pgstac.items SET datetime = datetime + interval '1 day' WHERE id = 'two'")
    leaving = [
        fact_of(
            url_of(f"scenes/{item}/b1.tif"), gone(Match("scenes", item, "b1", rule="scenes"), 15 * MONTH_S)
        )
        for item in ("one", "two")
    ]
    load(connection, *leaving)
    assert stored(connection) == []


@contextmanager
def no_room(database: CatalogDatabase, collection: str = "scenes") -> Iterator[None]:
    """The server has no room for what is written into a Collection of one table."""
    with connect(database.settings) as owner:
        owner.execute(
            "CREATE FUNCTION public.no_room() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE 'out of shared memory' USING ERRCODE = 'out_of_memory'; END $$"
        )
        [leaf] = owner.execute(
            "SELECT '_items_' || key FROM pgstac.collections WHERE id = %s", [collection]
        ).fetchone() or ("",)
        table = sql.Identifier("pgstac", leaf)
        owner.execute(
            sql.SQL("CREATE TRIGGER no_room BEFORE INSERT ON {} EXECUTE FUNCTION public.no_room()").format(
                table
            )
        )
        yield
        owner.execute(sql.SQL("DROP TRIGGER no_room ON {}").format(table))


def of(collection: str, month: float = 0) -> Fact:
    match = Match(collection, collection, "b1", rule=collection)
    return fact_of(url_of(f"{collection}/b1.tif"), present(match, month * MONTH_S, "e"))


@pytest.mark.timeout(60)  # it takes a second, and would go on for ever where nothing is put off
@pytest.mark.parametrize("trunc", ["none"], indirect=True)
def test_a_collection_that_the_server_has_no_room_for_does_not_hold_up_the_others(
    database: CatalogDatabase, connection: Connection
) -> None:
    batch = [of("before"), fact("one"), of("whole")]
    with no_room(database):
        with pytest.raises(errors.OutOfMemory):
            load(connection, *batch)
        assert [item for item, _ in stored(connection)] == ["before", "whole"]
    load(connection, *batch)
    assert [item for item, _ in stored(connection)] == ["before", "one", "whole"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("trunc", ["none"], indirect=True)
def test_a_collection_that_is_waited_for_is_merged_beside_one_that_the_server_has_no_room_for(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables are let go while it has its last turn, which comes after the other's."""
    prepare_collection(connection, "waiting", CollectionRules("waiting", partition_trunc="month"))
    load(connection, of("waiting"))
    monkeypatch.setattr(pgstac_partitions, "BRIEFLY", 1)
    with no_room(database), psycopg.connect(database.settings.conninfo) as dump:
        dump.execute("SELECT count(*) FROM pgstac.items WHERE collection = 'waiting'")
        pauses = count(1)
        clock = Mock(sleep=lambda _: dump.rollback() if next(pauses) == 2 else None)
        monkeypatch.setattr(pgstac_partitions, "time", clock)
        with pytest.raises(errors.OutOfMemory):
            load(connection, fact("one"), of("waiting", month=14))
        [moved] = connection.execute("SELECT datetime FROM pgstac.items WHERE id = 'waiting'").fetchall()
    assert moved == (at(14 * MONTH_S),)
    assert [item for item, _ in stored(connection)] == ["waiting"]
