"""Collections sum up what their rules name, right after growth and after shrinking; the rest is their user's."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from eventstac.catalog import (
    applying,
    collection_documents,
    collection_parts,
    collection_update,
    repairing,
)
from eventstac.catalog.database import Connection, connect
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore, lock_rules
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import CollectionRules, Rules, load_rules
from eventstac.summaries import MOST_VALUES
from eventstac.times import to_text
from eventstac.validation import validate_collection
from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import CatalogDatabase, new_database
from tests.samples import at, gone, present, url_of

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


def test_counts_that_fall_below_zero_are_made_anew(connection: Connection) -> None:
    load(connection, cloudy("one", 20), cloudy("two", 40))
    update(connection)
    connection.execute("DELETE FROM eventstac.summed_values")
    load(connection, removed("two"))
    update(connection)
    assert summaries(connection) == {
        "platform": ["landsat-8"],
        "eo:cloud_cover": {"minimum": 20, "maximum": 20},
    }


@pytest.fixture
def nothing_is_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection_parts, "recount", lambda *_: pytest.fail("counted anew"))


@pytest.mark.usefixtures("nothing_is_counted_anew")
def test_whichever_item_leaves_nothing_is_counted_anew(connection: Connection) -> None:
    load(connection, *(cloudy(str(cover), cover) for cover in (1, 5, 9)), cloudy("far", 4, "far-1"))
    load(connection, fact("west", 5, west=-170), fact("across", 6, west=179.75), fact("east", 7, west=100))
    update(connection)
    assert shown(connection)["extent"]["spatial"]["bbox"] == [[10, 50, -169.5, 50.5]]
    load(connection, removed("5"), removed("9"), removed("far"), removed("west"))
    update(connection)
    assert summaries(connection) == {
        "platform": ["landsat-8"],
        "eo:cloud_cover": {"minimum": 1, "maximum": 1},
    }
    assert shown(connection)["extent"]["spatial"]["bbox"] == [[10, 50, -179.75, 50.5]]
    load(connection, removed("across"), removed("1"))
    update(connection)
    content = shown(connection)
    assert content["extent"]["spatial"]["bbox"] == [[100, 50, 100.5, 50.5]]
    assert content["extent"]["temporal"]["interval"] == [["2024-05-01T12:00:07Z"] * 2]
    assert "summaries" not in content


@pytest.mark.usefixtures("nothing_is_counted_anew")
def test_texts_that_were_too_many_are_shown_again(connection: Connection) -> None:
    load(connection, *(cloudy(str(number), 1, f"p-{number}") for number in range(MOST_VALUES + 1)))
    update(connection)
    assert set(summaries(connection)) == {"eo:cloud_cover"}
    load(connection, removed("0"))
    update(connection)
    assert summaries(connection)["platform"] == sorted(f"p-{n}" for n in range(1, MOST_VALUES + 1))


STEPS = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from([-180, -170, -40, -0.25, 0, 30, 179.5, 179.75]),
        st.one_of(st.none(), st.sampled_from([1, 1.0, 2.5, -3]), st.sampled_from(["x", "y"]), st.booleans()),
        st.sampled_from(["come", "come", "leave"]),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_whatever_comes_and_leaves_they_are_those_of_the_items_that_are_there(
    database: CatalogDatabase, connection: Connection, steps: list[tuple[str, float, Any, str, bool]]
) -> None:
    database.clear()
    apply(connection, "collections: {scenes: {title: Scenes, summaries: [platform, x]}}")
    there: dict[str, tuple[float, Any, datetime]] = {}
    for number, (item, west, value, what, updates) in enumerate(steps):
        seconds = 100.0 * number
        if what == "come":
            properties = {} if value is None else {"x": value}
            load(connection, fact(item, seconds, west=west, **properties))
            there[item] = (west, value, at(seconds))
        else:
            load(connection, removed(item, seconds))
            there.pop(item, None)
        if updates:
            update(connection)
    update(connection)
    kept = connection.execute("SELECT items, recount FROM eventstac.collections").fetchone()
    if kept is None:  # nothing ever came, and nothing is written
        assert not any(what == "come" for _, _, _, what, _ in steps)
        return
    assert kept == (len(there), False)
    content = shown(connection)
    if there:
        assert content["extent"] == _extent([(west, moment) for west, _, moment in there.values()])
    assert content.get("summaries", {}).get("x") == _summary([value for _, value, _ in there.values()])


def _extent(items: list[tuple[float, datetime]]) -> Any:
    """By hand: every Item is half a degree wide; one across 180 makes the box of all go across it."""
    times = sorted(moment for _, moment in items)
    spans = [(west, west + 0.5) for west, _ in items]
    across = [span for span in spans if span[1] > 180]
    if not across:
        box = [min(west for west, _ in spans), max(east for _, east in spans)]
    elif any(west < 0 < east for west, east in spans):
        box = [-180, 180]
    else:
        box = [min(west for west, _ in spans if west >= 0), max(east - 360 for _, east in across)]
        box[1] = max([box[1], *(east for _, east in spans if east <= 0)])
        box = box if box[0] > box[1] else [-180, 180]
    return {
        "spatial": {"bbox": [[box[0], 50, box[1], 50.5]]},
        "temporal": {"interval": [[to_text(times[0]), to_text(times[-1])]]},
    }


def _summary(values: list[Any]) -> Any:
    texts = {value for value in values if isinstance(value, str)}
    truths = {value for value in values if isinstance(value, bool)}
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if texts or truths:
        return [*sorted(truths), *sorted(texts)]
    return {"minimum": min(numbers), "maximum": max(numbers)} if numbers else None


def test_the_ends_are_looked_up_in_indexes(connection: Connection) -> None:
    connection.execute(
        """
        INSERT INTO eventstac.items (collection, item, state, digest, reason, detail, missing, conflicts, outdated,
            urls, west, south, east, north, starts, ends)
        SELECT 'scenes', n::text, 'published', '', '', '', '{}', '{}', '{}', '{}',
            n % 360 - 180, n % 170 - 85, n % 360 - 179.5, n % 170 - 84, now(), now() FROM generate_series(1, 5000) n
        """
    )
    connection.execute("ANALYZE eventstac.items")
    statement = "SELECT " + ", ".join(collection_parts._ENDS.values())
    plan = connection.execute("EXPLAIN " + statement, {"collection": "scenes"}).fetchall()
    text = "\n".join(row[0] for row in plan)
    assert "Seq Scan" not in text, text
    assert "Sort" not in text, text
    assert text.count("Index") >= 12, text


def test_a_large_collection_is_counted_by_other_rules_when_the_timer_comes(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_update, "CHEAP_ITEMS", 1)
    load(connection, cloudy("one", 20), cloudy("two", 40, "landsat-9"), cloudy("three", 60))
    update(connection)
    apply(connection, RULES.replace('"eo:cloud_cover"', "gsd"))
    load(connection, removed("three"))
    update(connection)
    assert summaries(connection)["eo:cloud_cover"] == {"minimum": 20, "maximum": 60}, "as it was, until then"
    assert update(connection, timer=True)
    assert summaries(connection) == {
        "platform": ["landsat-8", "landsat-9"],
        "gsd": {"minimum": 10, "maximum": 10},
    }
    assert not update(connection, timer=True)


def test_more_changes_than_one_transaction_takes_are_folded_in_several(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection_update, "MOST_CHANGES", 2)
    load(connection, *(cloudy(str(number), number) for number in range(5)))
    load(connection, removed("0"), removed("4"))
    update(connection)
    assert summaries(connection)["eo:cloud_cover"] == {"minimum": 1, "maximum": 3}
    assert items(connection) == 3


def items(connection: Connection) -> int:
    row = connection.execute("SELECT items FROM eventstac.collections WHERE collection = 'scenes'").fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize("moment", ["count_values", "spans_now", "write_parts", "recount"])
def test_a_change_that_commits_during_an_update_is_not_missed(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Neither one that commits before something is read, counted or written, nor one that commits after."""
    module = collection_update if moment == "write_parts" else collection_parts
    original = getattr(module, moment)
    met: list[str] = []
    with database.connect() as writer:

        def with_commits(*values: Any) -> Any:
            met.append(moment)
            load(writer, cloudy("before", 80, "landsat-7"), removed("one", 10))
            result = original(*values)
            load(writer, cloudy("after", 90, "landsat-5"), removed("two", 10))
            return result

        load(writer, cloudy("one", 20), cloudy("two", 40), cloudy("three", 60))
        update(connection)
        load(writer, removed("three"))
        if moment == "recount":
            connection.execute("UPDATE eventstac.collections SET recount = true")
        with monkeypatch.context() as patched:
            patched.setattr(module, moment, with_commits)
            update(connection, timer=True)
        assert met == [moment]
        update(connection, timer=True)
    assert summaries(connection) == {
        "platform": ["landsat-5", "landsat-7"],
        "eo:cloud_cover": {"minimum": 80, "maximum": 90},
    }
    assert shown(connection)["extent"]["temporal"]["interval"] == [["2024-05-01T12:00:01Z"] * 2]
    assert items(connection) == 2


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
    connection.execute(
        """
        UPDATE pgstac.collections
        SET content = jsonb_set(jsonb_set(content, '{extent,vertical}', '[0, 100]'), '{extent,spatial,note}', '"mine"')
        WHERE id = 'scenes'
        """
    )
    load(connection, cloudy("one", 20))
    update(connection)
    content = shown(connection)
    assert (content["title"], content["sci:doi"]) == ("Mine", "10.1/x")
    assert content["extent"]["vertical"] == [0, 100]
    assert content["extent"]["spatial"] == {"bbox": [[10, 50, 10.5, 50.5]], "note": "mine"}
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


FAR = 'collections: {scenes: {summaries: ["x:far", "x:whole"]}}'


def far(item: str, value: float, extractor: int = 1) -> Fact:
    found = fact(item, **{"x:far": value, "x:whole": 2**70})
    return replace(found, finding=replace(found.finding, extractor=extractor))


def test_large_floats_are_summed_up_as_floats_and_integers_as_integers(connection: Connection) -> None:
    apply(connection, FAR)
    load(connection, far("low", -3.4028234663852886e38), far("high", 1e20))
    assert update(connection)
    assert repr(summaries(connection)["x:far"]) == "{'maximum': 1e+20, 'minimum': -3.4028234663852886e+38}"
    assert repr(summaries(connection)["x:whole"]) == f"{{'maximum': {2**70}, 'minimum': {2**70}}}"


def test_items_whose_large_floats_were_stored_as_integers_change_once(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [("low", -3.4028234663852886e38), ("high", 1e20)]
    apply(connection, FAR)
    with monkeypatch.context() as before:
        for module in ("database", "item_rows", "pgstac_items"):
            before.setattr(f"eventstac.catalog.{module}.with_plain_floats", str)
        load(connection, *(far(name, value) for name, value in items))
        update(connection)
        assert isinstance(summaries(connection)["x:far"]["maximum"], int)
    changes = []
    for extractor in (2, 3):  # read again, the same was found
        connection.execute("DELETE FROM eventstac.outbox")
        load(connection, *(far(name, value, extractor) for name, value in items))
        row = connection.execute(
            "SELECT count(*) FROM eventstac.outbox WHERE topic = 'items-changed'"
        ).fetchone()
        assert row
        changes.append((row[0], update(connection)))
        assert isinstance(summaries(connection)["x:far"]["maximum"], float)
        assert isinstance(summaries(connection)["x:far"]["minimum"], float)
    assert changes == [(2, True), (0, False)]


def test_a_float_that_equals_an_integer_is_shown_when_counted_anew_too(connection: Connection) -> None:
    summed = 'collections: {scenes: {summaries: ["x:up", "x:down", "x:far"%s]}}'
    apply(connection, summed % "")
    load(connection, fact("a", **{"x:up": 1, "x:down": 1.0, "x:far": 10**20}))
    load(connection, fact("b", **{"x:up": 1.0, "x:down": 1, "x:far": 1e20}))
    update(connection)
    folded = repr(summaries(connection))
    assert folded.count("1.0") == 4
    assert folded.count("1e+20") == 2
    apply(connection, summed % ", gsd")
    update(connection)
    counted = summaries(connection)
    assert counted.pop("gsd")
    assert repr(counted) == folded


BUILT = """
    rules:
      - name: built
        pattern: scenes/{item}/{asset}.tif
        assets: {b1: {}}
        builder: tests.unit.compose.builders:whole_degrees
"""


@pytest.mark.parametrize(("zero", "rule"), [(-0.0, ""), ([-0.0], ""), (0, BUILT)])
def test_an_item_that_changes_in_nothing_that_is_counted_changes_no_collection(
    connection: Connection, zero: Any, rule: str
) -> None:
    apply(connection, f'collections:\n  scenes:\n    summaries: ["x:zero"]{rule}')
    for extractor in (1, 2):
        read = fact("one", **{"x:zero": zero, "x:other": extractor})
        match = Match("scenes", "one", "b1", rule="built" if rule else "")
        load(connection, replace(read, finding=replace(read.finding, extractor=extractor, match=match)))
        if extractor == 1:
            update(connection)
    row = connection.execute("SELECT content->'properties'->'x:other' FROM pgstac.items").fetchone()
    assert row == (2,)
    assert connection.execute("SELECT count(*) FROM eventstac.collection_changes").fetchone() == (0,)


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


def by_hand(database: CatalogDatabase, **fields: Any) -> None:
    """What somebody stores with stac-fastapi's transactions: the document of our API, edited."""
    with connect(database.settings) as owner:
        row = owner.execute(
            "SELECT private || content FROM pgstac.collections WHERE id = 'scenes'"
        ).fetchone()
        assert row is not None
        edited = {name: value for name, value in (row[0] | fields).items() if value is not None}
        owner.execute("SELECT pgstac.update_collection(%s)", [Jsonb(edited)])


def document(connection: Connection) -> str:
    row = connection.execute("SELECT content, private FROM pgstac.collections WHERE id = 'scenes'").fetchone()
    return json.dumps(row, sort_keys=True)


def bring_back(connection: Connection, by: str) -> None:
    if by == "apply":
        apply(connection, RULES)
    elif by == "repair":
        repairing.repair(connection, RulesStore("bronze-tier"), None, "loader", NOW)
    else:
        repairing.rebuild_collection(connection, RulesStore("bronze-tier"), "scenes", "loader", NOW)


@pytest.mark.parametrize("by", ["apply", "repair", "rebuild"])
def test_a_collection_that_somebody_overwrote_is_brought_back(
    database: CatalogDatabase, connection: Connection, by: str
) -> None:
    load(connection, cloudy("one", 20), cloudy("two", 55.5, "landsat-9"))
    update(connection)
    before, rows = document(connection), database.catalog()
    world = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    by_hand(database, extent=world, summaries=None, stac_extensions=None, stac_version="1.0.0", title="Mine")
    assert document(connection) != before
    bring_back(connection, by)
    assert document(connection) == before
    assert database.catalog() == rows


@pytest.mark.parametrize("by", ["apply", "repair", "rebuild"])
def test_what_nobody_else_says_stays_when_a_collection_is_brought_back(
    database: CatalogDatabase, connection: Connection, by: str
) -> None:
    load(connection, cloudy("one", 20))
    update(connection)
    mine = {"keywords": ["k"], "description": "Mine", "summaries": {"gsd": [10]}, "note": 1}
    assets = {"b1": {"title": "Mine", "roles": ["data"]}}
    by_hand(database, **mine, item_assets=assets)
    for _ in range(2):
        bring_back(connection, by)
        content, private = json.loads(document(connection))
        assert {name: content[name] for name in mine} == mine | {"summaries": content["summaries"]}
        assert content["summaries"]["gsd"] == [10]
        assert content["summaries"]["platform"] == ["landsat-8"]
        assert "item_assets" not in content
        assert private["item_assets"] == assets


@pytest.mark.parametrize("by", ["apply", "repair"])
def test_summaries_that_are_to_be_counted_anew_stay_until_they_are(connection: Connection, by: str) -> None:
    load(connection, cloudy("one", 20))
    update(connection)
    before = document(connection)
    connection.execute("UPDATE eventstac.collections SET recount = true")
    connection.execute("DELETE FROM eventstac.summed_values")
    bring_back(connection, by)
    assert document(connection) == before


def test_no_document_is_written_while_somebody_applies_rules(
    database: CatalogDatabase, connection: Connection
) -> None:
    """It would be by the rules of before, maybe over those that come."""
    load(connection, cloudy("one", 20))
    by_hand(database, title="Mine")
    connection.execute("SET lock_timeout = '50ms'")
    with database.connect() as other, other.transaction():
        lock_rules(other)
        bring_back(connection, "repair")
        assert shown(connection)["title"] == "Mine"
    bring_back(connection, "repair")
    assert shown(connection)["title"] == "Scenes"


def test_item_assets_that_somebody_stored_are_taken_away_by_an_empty_object_alone(
    database: CatalogDatabase, connection: Connection
) -> None:
    assets = {"b1": {"title": "Mine", "roles": ["data"]}}
    for edit, left in ((assets, assets), (None, assets), ({}, {})):
        by_hand(database, item_assets=assets)
        load(connection, cloudy("one", 20))
        with connect(database.settings) as owner:
            (content,) = owner.execute("SELECT content FROM pgstac.collections").fetchone() or ({},)
            edited = content if edit is None else content | {"item_assets": edit}
            owner.execute("SELECT pgstac.update_collection(%s)", [Jsonb(edited)])
        load(connection, cloudy("two", 30))
        bring_back(connection, "repair")
        content, private = json.loads(document(connection))
        assert "item_assets" not in content
        assert private["item_assets"] == left


def test_a_collection_that_leaves_the_file_loses_what_followed_its_rules(connection: Connection) -> None:
    apply(
        connection,
        "collections: {scenes: {title: Scenes, summaries: [platform], extent: {spatial: {bbox: [[0, 0, 50, 60]]}}}}",
    )
    load(connection, cloudy("one", 20))
    update(connection)
    apply(connection, "collections: {other: {title: Other}}")
    update(connection)
    bring_back(connection, "repair")
    content = shown(connection)
    assert content["title"] == "Scenes"
    assert "summaries" not in content
    assert content["extent"]["spatial"]["bbox"] == [[10, 50, 10.5, 50.5]]


def test_items_are_stored_whole_though_somebody_stored_item_assets_in_their_collection(
    database: CatalogDatabase, connection: Connection
) -> None:
    load(connection, cloudy("one", 20))
    (first,) = rows_of_items(connection)
    by_hand(database, item_assets={"b1": {"type": "image/tiff", "title": "B1"}}, stac_version="1.0.0")
    load(connection, cloudy("two", 30))
    both = rows_of_items(connection)
    assert both[0] == first
    assert both[1].keys() == first.keys()
    assert both[1]["assets"]["b1"].keys() == first["assets"]["b1"].keys()
    assert "item_assets" not in shown(connection)
    kept = "SELECT array_agg(base_item->>'stac_version' ORDER BY id) FROM pgstac.base_items"
    assert connection.execute(kept).fetchone() == (["1.1.0", "1.0.0"],)
    before = database.catalog()
    done = repairing.rebuild_collection(connection, RulesStore("bronze-tier"), "scenes", "loader", NOW)
    assert (done.rows, database.catalog()) == (0, before)


def rows_of_items(connection: Connection) -> list[dict[str, Any]]:
    return [row[0] for row in connection.execute("SELECT content FROM pgstac.items ORDER BY id")]


def names_of_items(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT id FROM pgstac.items ORDER BY id")]


@pytest.mark.parametrize("strange", ["text", 1, [], None])
def test_nothing_that_somebody_stored_keeps_a_collection_from_being_kept_current(
    database: CatalogDatabase, connection: Connection, strange: object
) -> None:
    load(connection, cloudy("one", 20))
    with connect(database.settings) as owner:
        owner.execute(
            "UPDATE pgstac.collections SET content = content || %s WHERE id = 'scenes'",
            [Jsonb({"summaries": strange, "stac_extensions": None, "item_assets": strange})],
        )
    update(connection)
    bring_back(connection, "repair")
    assert summaries(connection)["platform"] == ["landsat-8"]


@pytest.mark.parametrize(
    ("column", "strange", "listed"),
    [
        ("content", [None, "https://a.example/y.json"], ["https://a.example/y.json"]),
        ("content", [1, "https://a.example/y.json", {"a": 1}], ["https://a.example/y.json"]),
        ("content", "https://a.example/y.json", []),
        ("content", 5, []),
        ("private", [1], []),
        ("private", "text", []),
    ],
)
def test_a_strange_list_of_extensions_or_private_part_is_put_right(
    database: CatalogDatabase, connection: Connection, column: str, strange: object, listed: list[str]
) -> None:
    load(connection, cloudy("one", 20))
    update(connection)
    usual = shown(connection)["stac_extensions"]
    change = {
        "content": "UPDATE pgstac.collections SET content = content || jsonb_build_object('stac_extensions', %s)",
        "private": "UPDATE pgstac.collections SET private = %s",
    }
    with connect(database.settings) as owner:
        owner.execute(change[column], [Jsonb(strange)])
    load(connection, cloudy("two", 30))
    update(connection)
    bring_back(connection, "repair")
    content, private = json.loads(document(connection))
    assert content["stac_extensions"] == sorted({*usual, *listed})
    assert isinstance(private["item_assets"], dict)


TWO = RULES[:-1] + ', a: {title: A, rules: [{name: r, pattern: "a/{item}.tif", item: "{item}"}]}}'


def test_a_collection_that_cannot_be_written_keeps_no_lost_item_of_another_from_coming_back(
    database: CatalogDatabase,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write = collection_documents.apply_collection

    def written(connection: Connection, rules: CollectionRules, *rest: Any, **more: Any) -> None:
        if rules.id == "a":
            raise TypeError("what nobody thought of")
        write(connection, rules, *rest, **more)

    apply(connection, TWO)
    load(connection, cloudy("one", 20))
    connection.execute("DELETE FROM pgstac.items")
    monkeypatch.setattr("eventstac.catalog.repairing.apply_collection", written)
    bring_back(connection, "repair")
    assert names_of_items(connection) == ["one"]
    (told,) = [each for each in caplog.records if each.message == "collection_not_brought_back"]
    assert vars(told)["collection"] == "a"


def test_a_collection_that_somebody_holds_is_passed_over_by_a_repair(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repairing, "_PATIENCE", "50ms")
    apply(connection, TWO)
    load(connection, cloudy("one", 20))
    connection.execute("DELETE FROM pgstac.items")
    connection.execute("SET statement_timeout = '20s'")  # one that waited would wait for ever
    with connect(database.settings) as owner, owner.transaction():
        owner.execute(
            "UPDATE pgstac.collections SET content = content || '{\"title\": \"Mine\"}' WHERE id = 'a'"
        )
        bring_back(connection, "repair")
        assert names_of_items(connection) == ["one"]
    bring_back(connection, "repair")
    title = "SELECT content->>'title' FROM pgstac.collections WHERE id = 'a'"
    assert connection.execute(title).fetchone() == ("A",)
