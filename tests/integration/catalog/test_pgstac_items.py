"""Items written past pgstac's slow ways are as pypgstac's own load would have them."""

import copy
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from pypgstac.db import PgstacDB
from pypgstac.load import Loader, Methods

from eventstac.catalog import pgstac_items, pgstac_partitions
from eventstac.catalog.collection_documents import ensure_collection
from eventstac.catalog.database import Connection, connect
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.pgstac_partitions import CollectionNotReady, UnknownPgstac, prepare_collection
from eventstac.catalog.rules_store import RulesStore
from eventstac.compose import compose
from eventstac.facts import Match, fact_of
from eventstac.rules import CollectionRules
from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import CatalogDatabase, new_database
from tests.samples import gone, present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
MERGING = MergeSettings("loader", 0.5)
STEP_S = 20 * 86_400  # from May 2024 to July 2026


def item(number: int, collection: str = "c", west: float | None = None) -> dict[str, Any]:
    match = Match(collection, f"item-{number:03}", "data")
    finding = present(match, number * STEP_S, f"e{number}", west=number * 0.7 - 30 if west is None else west)
    composition = compose([fact_of(url_of(f"{number}.tif"), finding)], None)
    assert composition.item is not None
    return composition.item


ITEMS = [item(number) for number in range(40)]


@pytest.fixture(params=["none", "month", "year"])
def rules(request: pytest.FixtureRequest) -> CollectionRules:
    return CollectionRules("c", partition_trunc=request.param)


@pytest.fixture
def ours(postgres: RunningPostgres) -> CatalogDatabase:
    return new_database(postgres)


@pytest.fixture
def connection(ours: CatalogDatabase, rules: CollectionRules) -> Iterator[Connection]:
    with ours.connect() as connection:
        prepare_collection(connection, "c", rules)
        yield connection


def write(connection: Connection, items: Sequence[dict[str, Any]]) -> int:
    """As the merging transaction does: what is missing is made outside it."""
    for _ in range(2):
        try:
            with connection.transaction():
                return pgstac_items.upsert_items(connection, items)
        except CollectionNotReady as not_ready:
            for collection, needed in not_ready.needed.items():
                prepare_collection(connection, collection, None, needed)
    pytest.fail("the Collection was not ready after it was prepared")


def search(database: CatalogDatabase, body: dict[str, Any]) -> dict[str, Any]:
    with database.connect("eventstac_stac_api") as connection:
        row = connection.execute("SELECT pgstac.search(%s)", [json.dumps(body)]).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


SEARCHES: list[dict[str, Any]] = [
    {},
    {"limit": 3},
    {"ids": ["item-007", "item-011"]},
    {"collections": ["c"], "bbox": [-20, 49, -10, 51]},
    {"datetime": "2024-08-01T20:00:00Z/2025-01-15T05:00:00Z"},
    {
        "datetime": "2025-03-01T00:00:00Z/2025-04-01T00:00:00Z",
        "sortby": [{"field": "datetime", "direction": "asc"}],
    },
    {
        "filter-lang": "cql2-json",
        "filter": {"op": "=", "args": [{"property": "proj:code"}, "EPSG:32632"]},
        "limit": 50,
    },
    {"sortby": [{"field": "id", "direction": "desc"}], "limit": 5},
    {"intersects": {"type": "Point", "coordinates": [-9.9, 50.1]}},
]


def loaded_by_pypgstac(postgres: RunningPostgres, rules: CollectionRules) -> CatalogDatabase:
    theirs = new_database(postgres)
    with theirs.connect() as other:
        ensure_collection(other, "c", rules)
    loader = Loader(PgstacDB(dsn=theirs.settings.conninfo))
    loader.load_items(iter(copy.deepcopy(ITEMS)), Methods.upsert)
    loader.db.close()
    return theirs


PARTITIONS = """
    SELECT s.partition, s.collection, s.partition_dtrange::text, m.partition_dtrange::text, m.constraint_dtrange::text,
        m.constraint_edtrange::text
    FROM pgstac.partition_stats s LEFT JOIN pgstac.partition_sys_meta m USING (partition) ORDER BY 1
"""


def test_searches_counts_and_partitions_are_those_of_pypgstac(
    ours: CatalogDatabase, connection: Connection, rules: CollectionRules, postgres: RunningPostgres
) -> None:
    theirs = loaded_by_pypgstac(postgres, rules)
    assert write(connection, ITEMS[::2]) == 20
    assert write(connection, ITEMS) == 20
    for body in SEARCHES:
        assert search(ours, body) == search(theirs, body), body
    assert ours.catalog() == theirs.catalog()
    counts = "SELECT tableoid::regclass::text, count(*) FROM pgstac.items GROUP BY 1 ORDER BY 1"
    with connect(ours.settings) as mine, connect(theirs.settings) as other:
        assert mine.execute(counts).fetchall() == other.execute(counts).fetchall()
        partitions = list(zip(mine.execute(PARTITIONS), other.execute(PARTITIONS), strict=True))
        assert len(partitions) == {"none": 1, "month": 26, "year": 3}[str(rules.partition_trunc)]
        for one, another in partitions:
            assert one[:4] == another[:4]
            # pypgstac's constraints fit the Items exactly, so that the next Item needs DDL; ours leave room.
            for wide, exact in zip(one[4:], another[4:], strict=True):
                row = mine.execute("SELECT %s::tstzrange @> %s::tstzrange", [wide, exact]).fetchone()
                assert row == (True,)


def test_a_search_for_a_time_opens_the_tables_that_it_does_after_pypgstac(
    ours: CatalogDatabase, connection: Connection, rules: CollectionRules, postgres: RunningPostgres
) -> None:
    theirs = loaded_by_pypgstac(postgres, rules)
    write(connection, ITEMS)
    start, end = (
        ("2025-01-01", "2025-12-31") if rules.partition_trunc == "year" else ("2025-03-01", "2025-03-31")
    )
    opened = []
    for database in (ours, theirs):
        with connect(database.settings) as reader:
            row = reader.execute(
                "EXPLAIN (FORMAT JSON) SELECT id FROM pgstac.items WHERE collection = 'c' "
                f"AND datetime <= '{end}' AND end_datetime >= '{start}'"
            ).fetchone()
        assert row is not None
        opened.append(set(re.findall(r"'Relation Name': '(\w+)'", str(row[0]))))
    assert opened[0] == opened[1]
    assert len(opened[0]) == 1


def test_writing_the_same_items_again_touches_no_row(ours: CatalogDatabase, connection: Connection) -> None:
    rows = "SELECT id, ctid::text, xmin::text FROM pgstac.items ORDER BY id"
    write(connection, ITEMS)
    before = connection.execute(rows).fetchall()
    assert write(connection, ITEMS) == 0
    assert connection.execute(rows).fetchall() == before


LARGE = {"float": -3.4028234663852886e38, "exact": 1e20, "small": 1e-320, "whole": 2**70, "id": 2**53 + 1}


def test_large_floats_come_back_as_floats_and_integers_as_integers(
    ours: CatalogDatabase, connection: Connection
) -> None:
    large = item(0)
    large["properties"] |= LARGE
    write(connection, [large])
    (found,) = search(ours, {})["features"]
    assert repr({name: found["properties"][name] for name in LARGE}) == repr(LARGE)


def test_a_large_float_that_was_stored_as_an_integer_is_written_once(connection: Connection) -> None:
    large = item(0)
    for exact in (int("340282346638528860000000000000000000000"), 3.4028234663852886e38):
        large["properties"]["x"] = exact
        assert [write(connection, [large]) for _ in range(2)] == [1, 0]


def test_an_item_that_moves_in_time_and_space_exists_once(
    ours: CatalogDatabase, connection: Connection
) -> None:
    moved = item(3, west=77.0)
    moved["properties"]["datetime"] = "1999-01-01T00:00:00Z"
    write(connection, [item(3), item(4)])
    write(connection, [moved, item(4)])
    found = search(ours, {"ids": ["item-003"]})["features"]
    assert [feature["properties"]["datetime"] for feature in found] == ["1999-01-01T00:00:00Z"]
    assert search(ours, {"bbox": [76, 49, 78, 51]})["features"] == found
    assert write(connection, [item(3)]) > 0
    assert connection.execute(
        "SELECT count(*), min(datetime) > '2024-01-01' FROM pgstac.items"
    ).fetchone() == (
        2,
        True,
    )


@pytest.mark.parametrize("nominal", [None, "2027-01-01T00:00:00Z"])
def test_an_item_that_lasts_for_longer_than_its_partition_is_found_at_its_ends(
    ours: CatalogDatabase, connection: Connection, nominal: str | None
) -> None:
    write(connection, ITEMS)
    long = item(0)
    long["properties"] |= {
        "datetime": nominal,
        "start_datetime": "2024-05-20T00:00:00Z",
        "end_datetime": "2031-07-04T12:00:00.25Z",
    }
    write(connection, [long])
    assert search(ours, {"datetime": "2031-07-01T00:00:00Z/.."})["features"][0]["id"] == "item-000"
    begun = search(ours, {"datetime": "../2024-05-20T12:00:00Z"})["features"]
    assert begun[0]["properties"].get("datetime") == nominal


def test_a_constraint_that_somebody_tightened_is_widened_again(
    ours: CatalogDatabase, connection: Connection
) -> None:
    """`update_collection_extents()` fits the constraints to the Items: the next one is outside them."""
    write(connection, ITEMS[:1])
    with connect(ours.settings) as owner:
        owner.execute("SET search_path = pgstac, public")
        owner.execute("SELECT pgstac.update_collection_extents()")
    earlier = item(1)
    earlier["properties"]["datetime"] = "2024-05-01T00:00:00Z"
    write(connection, [earlier])
    assert len(search(ours, {})["features"]) == 2


def test_a_rollback_leaves_nothing(ours: CatalogDatabase, connection: Connection) -> None:
    write(connection, ITEMS)
    with connection.transaction():
        pgstac_items.delete_items(connection, [("c", one["id"]) for one in ITEMS])
    with pytest.raises(ZeroDivisionError), connection.transaction():
        pgstac_items.upsert_items(connection, ITEMS)
        raise ZeroDivisionError
    assert search(ours, {})["features"] == []


def test_deleting_what_is_not_there_is_no_error(ours: CatalogDatabase, connection: Connection) -> None:
    write(connection, ITEMS[:2])
    with connection.transaction():
        pgstac_items.delete_items(connection, [("c", "item-000"), ("c", "no-such"), ("no-such", "x")])
    assert [feature["id"] for feature in search(ours, {})["features"]] == ["item-001"]


def test_a_collection_without_a_table_has_to_be_prepared_first(connection: Connection) -> None:
    with pytest.raises(CollectionNotReady), connection.transaction():
        pgstac_items.upsert_items(connection, [item(1, collection="other")])


def test_any_other_version_of_pgstac_is_refused(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgstac_partitions, "PGSTAC_VERSION", "0.9.11")
    with pytest.raises(UnknownPgstac, match=r"0\.10\.0"):
        prepare_collection(connection, "c", None)


def test_no_item_is_written_or_deleted_with_any_other_version_though_all_leaves_are_there(
    ours: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    match = Match("c", "item", "data")
    write(connection, [item(0), item(1)])
    merged = [fact_of(url_of("here.tif"), present(match, 0, "e"))]
    merge(connection, RulesStore("bronze-tier"), merged, MERGING, NOW)
    before = ours.catalog(), connection.execute("SELECT * FROM eventstac.facts").fetchall()
    monkeypatch.setattr(pgstac_partitions, "PGSTAC_VERSION", "0.9.11")
    with pytest.raises(UnknownPgstac, match=r"0\.10\.0"), connection.transaction():
        pgstac_items.upsert_items(connection, [item(0, west=50)])
    with pytest.raises(UnknownPgstac, match=r"0\.10\.0"), connection.transaction():
        pgstac_items.delete_items(connection, [("c", "item-000")])
    for finding in (present(match, 9, "f", west=50), gone(match, 9)):
        with pytest.raises(UnknownPgstac, match=r"0\.10\.0"):
            facts = [fact_of(url_of("here.tif"), finding)]
            merge(connection, RulesStore("bronze-tier"), facts, MERGING, NOW)
    after = ours.catalog(), connection.execute("SELECT * FROM eventstac.facts").fetchall()
    assert after == before


def test_an_edit_of_the_collection_does_not_change_its_items(
    ours: CatalogDatabase, connection: Connection
) -> None:
    write(connection, ITEMS[:1])
    before = search(ours, {})["features"]
    connection.execute(
        "UPDATE pgstac.collections SET content = content || %s WHERE id = 'c'",
        [json.dumps({"title": "edited"})],
    )
    write(connection, ITEMS[1:2])
    after = search(ours, {"sortby": [{"field": "id", "direction": "asc"}]})["features"]
    assert after[0] == before[0]
    assert after[1]["assets"] == ITEMS[1]["assets"]


def test_readers_never_see_half_a_batch(ours: CatalogDatabase, connection: Connection) -> None:
    write(connection, ITEMS)
    with connection.transaction():
        pgstac_items.delete_items(connection, [("c", one["id"]) for one in ITEMS])
    with psycopg.connect(ours.settings.conninfo, autocommit=True) as reader, connection.transaction():
        pgstac_items.upsert_items(connection, ITEMS)
        assert reader.execute("SELECT count(*) FROM pgstac.items").fetchone() == (0,)
