"""Items written past pgstac's slow ways are as pypgstac's own load would have them."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from pypgstac.db import PgstacDB
from pypgstac.load import Loader, Methods

from eventstac.catalog import pgstac_items
from eventstac.catalog.database import Connection, connect
from eventstac.catalog.pgstac_items import CollectionNotReady, PartitionedCollection, UnknownPgstac
from eventstac.compose import compose
from eventstac.facts import Match, fact_of
from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import CatalogDatabase, new_database
from tests.samples import present, url_of


def item(number: int, collection: str = "c", west: float | None = None) -> dict[str, Any]:
    match = Match(collection, f"item-{number:03}", "data")
    finding = present(match, number * 3600, f"e{number}", west=number * 0.7 - 30 if west is None else west)
    composition = compose([fact_of(url_of(f"{number}.tif"), finding)], None)
    assert composition.item is not None
    return composition.item


ITEMS = [item(number) for number in range(40)]


@pytest.fixture
def ours(postgres: RunningPostgres) -> CatalogDatabase:
    return new_database(postgres)


@pytest.fixture
def connection(ours: CatalogDatabase) -> Iterator[Connection]:
    with ours.connect() as connection:
        pgstac_items.prepare_collection(connection, "c", None)
        yield connection


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
    {"datetime": "2024-05-01T20:00:00Z/2024-05-02T05:00:00Z"},
    {
        "filter-lang": "cql2-json",
        "filter": {"op": "=", "args": [{"property": "proj:code"}, "EPSG:32632"]},
        "limit": 50,
    },
    {"sortby": [{"field": "id", "direction": "desc"}], "limit": 5},
    {"intersects": {"type": "Point", "coordinates": [-9.9, 50.1]}},
]


def test_searches_counts_and_partitions_are_those_of_pypgstac(
    ours: CatalogDatabase, connection: Connection, postgres: RunningPostgres
) -> None:
    theirs = new_database(postgres)
    with theirs.connect() as other:
        pgstac_items.prepare_collection(other, "c", None)
    loader = Loader(PgstacDB(dsn=theirs.settings.conninfo))
    loader.load_items(iter(copy.deepcopy(ITEMS)), Methods.upsert)
    loader.db.close()

    with connection.transaction():
        pgstac_items.upsert_items(connection, ITEMS[::2])
    with connection.transaction():
        pgstac_items.upsert_items(connection, ITEMS)

    for body in SEARCHES:
        assert search(ours, body) == search(theirs, body), body
    assert ours.catalog() == theirs.catalog()
    partitions = "SELECT partition, collection, partition_dtrange::text FROM pgstac.partition_stats"
    with connect(ours.settings) as mine, connect(theirs.settings) as other:
        assert mine.execute(partitions).fetchall() == other.execute(partitions).fetchall()


def test_writing_the_same_items_again_touches_no_row(ours: CatalogDatabase, connection: Connection) -> None:
    rows = "SELECT id, ctid::text, xmin::text FROM pgstac.items ORDER BY id"
    with connection.transaction():
        pgstac_items.upsert_items(connection, ITEMS)
    before = connection.execute(rows).fetchall()
    with connection.transaction():
        pgstac_items.upsert_items(connection, ITEMS)
    assert connection.execute(rows).fetchall() == before


def test_an_item_that_moves_in_time_and_space_exists_once(
    ours: CatalogDatabase, connection: Connection
) -> None:
    moved = item(3, west=77.0)
    moved["properties"]["datetime"] = "1999-01-01T00:00:00Z"
    for version in (item(3), moved):
        with connection.transaction():
            pgstac_items.upsert_items(connection, [version])
    found = search(ours, {"ids": ["item-003"]})["features"]
    assert [feature["properties"]["datetime"] for feature in found] == ["1999-01-01T00:00:00Z"]
    assert search(ours, {"bbox": [76, 49, 78, 51]})["features"] == found


def test_a_rollback_leaves_nothing(ours: CatalogDatabase, connection: Connection) -> None:
    with pytest.raises(ZeroDivisionError), connection.transaction():
        pgstac_items.upsert_items(connection, ITEMS)
        raise ZeroDivisionError
    assert search(ours, {})["features"] == []


def test_deleting_what_is_not_there_is_no_error(ours: CatalogDatabase, connection: Connection) -> None:
    with connection.transaction():
        pgstac_items.upsert_items(connection, ITEMS[:2])
        pgstac_items.delete_items(connection, [("c", "item-000"), ("c", "no-such"), ("no-such", "x")])
    assert [feature["id"] for feature in search(ours, {})["features"]] == ["item-001"]


def test_a_collection_without_a_table_has_to_be_prepared_first(connection: Connection) -> None:
    with pytest.raises(CollectionNotReady), connection.transaction():
        pgstac_items.upsert_items(connection, [item(1, collection="other")])


def test_a_collection_that_is_partitioned_by_date_is_refused_with_what_to_do(
    ours: CatalogDatabase, connection: Connection
) -> None:
    with connect(ours.settings) as owner:
        owner.execute(
            "INSERT INTO pgstac.collections (content, partition_trunc) VALUES (%s, 'month')",
            [json.dumps({"id": "monthly", "type": "Collection", "stac_version": "1.1.0"})],
        )
    with pytest.raises(PartitionedCollection, match="month"):
        pgstac_items.prepare_collection(connection, "monthly", None)


def test_any_other_version_of_pgstac_is_refused(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgstac_items, "PGSTAC_VERSION", "0.9.11")
    with pytest.raises(UnknownPgstac, match=r"0\.10\.0"):
        pgstac_items.prepare_collection(connection, "c", None)


def test_an_edit_of_the_collection_does_not_change_its_items(
    ours: CatalogDatabase, connection: Connection
) -> None:
    with connection.transaction():
        pgstac_items.upsert_items(connection, ITEMS[:1])
    before = search(ours, {})["features"]
    connection.execute(
        "UPDATE pgstac.collections SET content = content || %s WHERE id = 'c'",
        [json.dumps({"title": "edited"})],
    )
    with connection.transaction():
        pgstac_items.upsert_items(connection, ITEMS[1:2])
    after = search(ours, {"sortby": [{"field": "id", "direction": "asc"}]})["features"]
    assert after[0] == before[0]
    assert after[1]["assets"] == ITEMS[1]["assets"]


def test_readers_never_see_half_a_batch(ours: CatalogDatabase, connection: Connection) -> None:
    with psycopg.connect(ours.settings.conninfo, autocommit=True) as reader, connection.transaction():
        pgstac_items.upsert_items(connection, ITEMS)
        assert reader.execute("SELECT count(*) FROM pgstac.items").fetchone() == (0,)
