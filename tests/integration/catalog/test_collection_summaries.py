"""Collections sum up what their rules name, right after growth and after shrinking; the rest is their user's."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from eventstac.catalog import applying, collection_parts, collection_update
from eventstac.catalog.collection_parts import Parts
from eventstac.catalog.database import Connection
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import Rules, load_rules
from eventstac.validation import validate_collection
from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import CatalogDatabase, new_database
from tests.samples import gone, present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
MERGING = MergeSettings("loader", 0.5)
RULES = 'collections: {scenes: {title: Scenes, summaries: [platform, "eo:cloud_cover"]}}'


@pytest.fixture
def database(postgres: RunningPostgres) -> CatalogDatabase:
    return new_database(postgres)


@pytest.fixture
def connection(database: CatalogDatabase) -> Iterator[Connection]:
    with database.connect() as connection:
        apply(connection, RULES)
        yield connection


def apply(connection: Connection, text: str) -> Rules:
    rules = load_rules(text, file="collections.yaml", default_collection="bronze-tier")
    applying.prepare(connection, rules)
    applying.apply(connection, text, rules, "a test")
    return rules


def fact(item: str, seconds: float = 1, *, west: float = 10, **properties: Any) -> Fact:
    finding = present(Match("scenes", item, "b1"), seconds, f"e{seconds}", west=west)
    assert finding.metadata is not None
    found = {**finding.metadata, "properties": properties}
    if west + 0.5 > 180:
        found["footprint"] = {
            "type": "MultiPolygon",
            "coordinates": [[_ring(west, 180)], [_ring(-180, west + 0.5 - 360)]],
        }
    return fact_of(url_of(f"scenes/{item}/b1.tif"), replace(finding, metadata=found))


def _ring(west: float, east: float) -> list[list[float]]:
    return [[west, 50], [east, 50], [east, 50.5], [west, 50.5], [west, 50]]


def removed(item: str, seconds: float = 9) -> Fact:
    return fact_of(url_of(f"scenes/{item}/b1.tif"), gone(Match("scenes", item, "b1"), seconds))


def cloudy(item: str, cover: float, platform: str = "landsat-8", seconds: float = 1) -> Fact:
    properties: dict[str, Any] = {"eo:cloud_cover": cover, "platform": platform}
    return fact(item, seconds, **properties)


def load(connection: Connection, *facts: Fact) -> None:
    merge(connection, RulesStore("bronze-tier"), facts, MERGING, NOW)


def update(connection: Connection, *, timer: bool = False) -> bool:
    rules = RulesStore("bronze-tier").current(connection).rules
    if timer and "scenes" not in collection_update.pending_collections(connection, rules):
        return False
    of_collection = rules.collection("scenes")
    return collection_update.update_collection(
        connection, "scenes", of_collection, "loader", NOW, recompute_any_size=timer
    )


def shown(connection: Connection) -> dict[str, Any]:
    row = connection.execute("SELECT content, private FROM pgstac.collections WHERE id = 'scenes'").fetchone()
    assert row is not None
    content: dict[str, Any] = row[0]
    assert validate_collection({**content, **row[1]}) == []
    return content


def summaries(connection: Connection) -> Any:
    return shown(connection).get("summaries")


def test_they_grow_and_shrink_with_the_items(connection: Connection) -> None:
    load(connection, cloudy("one", 20), cloudy("two", 55.5, "landsat-9"), cloudy("three", 30))
    assert update(connection)
    assert summaries(connection) == {
        "platform": ["landsat-8", "landsat-9"],
        "eo:cloud_cover": {"minimum": 20, "maximum": 55.5},
    }
    assert any("/eo/" in url for url in shown(connection)["stac_extensions"])
    load(connection, removed("two"))
    assert update(connection)
    assert summaries(connection) == {
        "platform": ["landsat-8"],
        "eo:cloud_cover": {"minimum": 20, "maximum": 30},
    }
    load(connection, removed("one"), removed("three"))
    assert update(connection)
    assert summaries(connection) is None
    assert shown(connection)["stac_extensions"] == []


def test_a_value_that_changes_leaves_and_comes(connection: Connection) -> None:
    load(connection, cloudy("one", 20), cloudy("two", 40))
    update(connection)
    load(connection, cloudy("two", 35, "landsat-9", seconds=9))
    update(connection)
    assert summaries(connection) == {
        "platform": ["landsat-8", "landsat-9"],
        "eo:cloud_cover": {"minimum": 20, "maximum": 35},
    }


def test_an_inner_item_that_leaves_has_nothing_counted_anew(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = present(Match("scenes", "wide", "b1"), 1, "e", west=9, south=40)
    late = present(Match("scenes", "late", "b1"), 300, "e", west=20, south=60)
    load(connection, *(fact_of(url_of(f"scenes/{one.match.item}/b1.tif"), one) for one in (wide, late)))
    load(connection, cloudy("one", 1, seconds=5), cloudy("two", 5, seconds=6), cloudy("three", 9, seconds=7))
    update(connection)
    monkeypatch.setattr(collection_parts, "recount", lambda *_: pytest.fail("counted anew"))
    load(connection, removed("two", 400))
    update(connection)
    assert summaries(connection) == {
        "platform": ["landsat-8"],
        "eo:cloud_cover": {"minimum": 1, "maximum": 9},
    }


def test_a_large_collection_shrinks_when_the_timer_comes(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_update, "CHEAP_ITEMS", 1)
    load(connection, cloudy("one", 20), cloudy("two", 40, "landsat-9"), cloudy("three", 60))
    update(connection)
    load(connection, removed("three"))
    update(connection)
    assert summaries(connection)["eo:cloud_cover"] == {"minimum": 20, "maximum": 60}
    assert update(connection, timer=True)
    assert summaries(connection)["eo:cloud_cover"] == {"minimum": 20, "maximum": 40}
    assert not update(connection, timer=True)


def test_a_change_that_commits_during_an_update_is_not_missed(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that commits before the Items are counted, nor one that commits after."""
    recount = collection_parts.recount
    with database.connect() as writer:

        def with_commits(connection: Connection, collection: str, names: Sequence[str]) -> Parts:
            load(writer, cloudy("before", 80, "landsat-7"))
            parts = recount(connection, collection, names)
            load(writer, cloudy("after", 90, "landsat-5"), removed("two", 10))
            return parts

        load(writer, cloudy("one", 20), cloudy("two", 40), cloudy("three", 60))
        load(writer, removed("three"))
        with monkeypatch.context() as patched:
            patched.setattr(collection_parts, "recount", with_commits)
            update(connection)
        assert summaries(connection) == {
            "platform": ["landsat-7", "landsat-8"],
            "eo:cloud_cover": {"minimum": 20, "maximum": 80},
        }
        assert update(connection, timer=True)
    assert summaries(connection) == {
        "platform": ["landsat-5", "landsat-7", "landsat-8"],
        "eo:cloud_cover": {"minimum": 20, "maximum": 90},
    }
    row = connection.execute("SELECT items FROM eventstac.collections WHERE collection = 'scenes'").fetchone()
    assert row == (3,)


def test_rules_that_name_another_property_sum_up_the_items_that_are_there(connection: Connection) -> None:
    load(connection, cloudy("one", 20), cloudy("two", 40))
    update(connection)
    apply(connection, RULES.replace('"eo:cloud_cover"', "gsd"))
    assert update(connection, timer=True)
    assert summaries(connection) == {"platform": ["landsat-8"], "gsd": {"minimum": 10, "maximum": 10}}
    assert shown(connection)["stac_extensions"] == []
    load(connection, removed("one"))
    update(connection)
    assert summaries(connection) == {"platform": ["landsat-8"], "gsd": {"minimum": 10, "maximum": 10}}
    assert not update(connection, timer=True)


def test_an_item_that_was_written_by_the_old_rules_during_the_change_is_summed_up(
    connection: Connection, database: CatalogDatabase
) -> None:
    with database.connect() as writer:
        load(connection, cloudy("one", 20))
        update(connection)
        old = RulesStore("bronze-tier").current(writer)
        apply(connection, RULES.replace('"eo:cloud_cover"', "gsd"))
        assert update(connection, timer=True)

        class OldRules(RulesStore):
            def current(self, connection: Connection) -> Any:
                return old

        merge(writer, OldRules("bronze-tier"), [cloudy("late", 1, "landsat-7")], MERGING, NOW)
    assert update(connection)
    assert summaries(connection) == {
        "platform": ["landsat-7", "landsat-8"],
        "gsd": {"minimum": 10, "maximum": 10},
    }


def test_what_a_user_wrote_into_the_collection_stays(connection: Connection) -> None:
    own = {"title": "Mine", "sci:doi": "10.1/x", "summaries": {"mission": ["m"], "platform": ["mine"]}}
    connection.execute(
        "UPDATE pgstac.collections SET content = content || %s WHERE id = 'scenes'", [json.dumps(own)]
    )
    connection.execute(
        "UPDATE pgstac.collections SET private = private || '{\"mine\": 1}' WHERE id = 'scenes'"
    )
    load(connection, cloudy("one", 20))
    update(connection)
    content = shown(connection)
    assert (content["title"], content["sci:doi"]) == ("Mine", "10.1/x")
    assert content["summaries"]["mission"] == ["m"]
    assert content["summaries"]["platform"] == ["landsat-8"], "the rules name it: it is kept current"
    row = connection.execute("SELECT private FROM pgstac.collections WHERE id = 'scenes'").fetchone()
    assert row is not None
    assert row[0]["mine"] == 1
    assert "item_assets" in row[0]


def test_a_summary_that_the_rules_give_themselves_is_taken_over(connection: Connection) -> None:
    text = RULES.replace("summaries:", "extra: {summaries: {platform: [fixed], mission: [m]}}, summaries:")
    apply(connection, text)
    load(connection, cloudy("one", 20))
    update(connection)
    apply(connection, text)
    assert summaries(connection) == {
        "platform": ["fixed"],
        "mission": ["m"],
        "eo:cloud_cover": {"minimum": 20, "maximum": 20},
    }


def test_an_extent_across_the_antimeridian_grows_and_shrinks(connection: Connection) -> None:
    load(connection, fact("one", west=179.75), fact("two", west=170), fact("three", west=-175))
    update(connection)
    assert shown(connection)["extent"]["spatial"]["bbox"] == [[170, 50, -174.5, 50.5]]
    load(connection, removed("three"))
    update(connection)
    assert shown(connection)["extent"]["spatial"]["bbox"] == [[170, 50, -179.75, 50.5]]
    load(connection, removed("one"))
    update(connection)
    assert shown(connection)["extent"]["spatial"]["bbox"] == [[170, 50, 170.5, 50.5]]
