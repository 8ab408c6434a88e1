"""What others take away in pgstac of what the rules state comes back; what they registered for all stays theirs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from eventstac.catalog import applying, pgstac_partitions, queryables, undone
from eventstac.catalog.collection_update import pending_collections, update_collection
from eventstac.catalog.database import Connection
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.overview import overview
from eventstac.catalog.pgstac_partitions import TablesHeld
from eventstac.catalog.rebuilding import rebuild
from eventstac.catalog.rules_store import RulesStore
from eventstac.catalog.undone import Undone
from eventstac.errors import Rejected
from eventstac.facts import Match, fact_of
from eventstac.rules import load_rules
from loader import rules_file
from tests.integration.conftest import CatalogDatabase
from tests.samples import present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
RULES = """
collections:
  flat:
    title: Flat
    summaries: [gsd]
    queryables:
      cloud: {type: number, sortable: true}
      mission: {type: string}
      passes: {type: number}
    rules:
      - {name: flat, pattern: 'flat/{item}.tif', asset: data, assets: {data: {}}}
  beside:
    title: A team's
    queryables: {height: {type: number}}
"""
OTHER_FIELDS = RULES.replace("title: Flat", "title: Level")
MORE = RULES.replace("{type: string}", "{type: string}\n      depth: {type: number}")

pytestmark = pytest.mark.usefixtures("empty")


@pytest.fixture
def store(owner: Connection, connection: Connection) -> Iterator[RulesStore]:
    """The rules are in force, and an Item of theirs is there."""
    apply(owner, RULES)
    store = RulesStore("bronze-tier")
    fact = fact_of(url_of("flat/one.tif"), present(Match("flat", "one", "data", rule="flat"), 1, "e"))
    merge(connection, store, [fact], MergeSettings("loader", 0.0), NOW)
    update(connection, store)
    yield store
    by_hand(owner, "DELETE FROM queryables WHERE collection_ids IS NOT NULL")


def apply(connection: Connection, text: str) -> None:
    rules = load_rules(text, file="rules.yaml")
    applying.prepare(connection, rules)
    applying.apply(connection, text, rules, "a test")


def update(connection: Connection, store: RulesStore) -> None:
    rules = store.current(connection).rules
    for name in pending_collections(connection, rules):
        update_collection(connection, name, rules.collection(name), "loader", NOW)


def registered(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    rows = connection.execute(
        "SELECT name, collection_ids, definition->>'title', property_wrapper, property_index_type "
        "FROM pgstac.queryables WHERE name NOT IN ('id', 'geometry', 'datetime') ORDER BY name, collection_ids"
    ).fetchall()
    return {name: [row[1:] for row in rows if row[0] == name] for name in {row[0] for row in rows}}


def documents(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT id, content, private FROM pgstac.collections ORDER BY id").fetchall()


def by_hand(owner: Connection, statement: str) -> None:
    with owner.transaction():
        owner.execute("SELECT set_config('search_path', 'pgstac, public', true)")
        owner.execute(statement)


def put_back(connection: Connection, store: RulesStore) -> list[Undone]:
    return list(undone.put_back(connection, store, "loader", NOW))


def found(connection: Connection, store: RulesStore) -> list[Undone]:
    return undone.find(connection, store.current(connection))


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("SELECT delete_queryable('cloud', '{flat}')", ("cloud",)),
        (
            'SELECT upsert_queryables(\'{"properties": {"own": {"type": "number"}}}\', \'{flat}\', NULL, true)',
            ("cloud", "mission", "passes"),
        ),
        ("UPDATE queryables SET property_index_type = NULL WHERE name = 'cloud'", ("cloud",)),
        ("UPDATE queryables SET collection_ids = '{beside}' WHERE name = 'mission'", ("mission",)),
        ("DELETE FROM queryables WHERE name = 'mission'", ("mission",)),
    ],
)
def test_queryables_that_others_take_away_are_told_of_and_come_back(
    owner: Connection, connection: Connection, store: RulesStore, statement: str, names: tuple[str, ...]
) -> None:
    before = registered(connection)
    assert found(connection, store) == []
    by_hand(owner, statement)
    assert found(connection, store) == [Undone("flat", queryables=names)]
    assert overview(connection, store.current(connection), 0).to_json()["undone"] == [
        {
            "collection": "flat",
            "is_missing": False,
            "queryables": names,
            "taken": (),
            "detail": "",
            "is_held": False,
        }
    ]
    assert put_back(connection, store) == [Undone("flat", queryables=names)]
    after = registered(connection)
    assert [row for name in before for row in before[name] if row not in after[name]] == []
    assert put_back(connection, store) == []
    by_hand(owner, "DELETE FROM queryables WHERE name = 'own'")


def test_a_collection_of_ours_that_somebody_deletes_comes_back_whole(
    owner: Connection, connection: Connection, store: RulesStore
) -> None:
    documents_before, registered_before = documents(connection), registered(connection)
    by_hand(owner, "SELECT delete_collection('flat')")
    assert found(connection, store) == [Undone("flat", is_missing=True)]
    put_back(connection, store)
    rebuild(connection, store, [("flat", "one")], "loader", NOW)
    update(connection, store)
    assert documents(connection) == documents_before
    assert registered(connection) == registered_before


def test_a_collection_that_an_upload_makes_again_is_whole_after_the_next_look(
    owner: Connection, connection: Connection, store: RulesStore
) -> None:
    documents_before, registered_before = documents(connection), registered(connection)
    by_hand(owner, "SELECT delete_collection('flat')")
    rebuild(connection, store, [("flat", "one")], "cog_updater", NOW)
    update(connection, store)
    put_back(connection, store)
    assert documents(connection) == documents_before
    assert registered(connection) == registered_before


def test_a_team_may_delete_its_own_collection(
    owner: Connection, connection: Connection, store: RulesStore
) -> None:
    by_hand(owner, "SELECT delete_collection('beside')")
    assert put_back(connection, store) == []
    assert "beside" not in [name for name, _, _ in documents(connection)]


def test_before_any_rules_nothing_is_undone(owner: Connection, connection: Connection) -> None:
    del owner  # without rules
    assert found(connection, RulesStore("a-default")) == []


def test_what_items_do_not_fit_any_more_is_told_and_keeps_nothing_else_from_coming_back(
    owner: Connection, connection: Connection, store: RulesStore
) -> None:
    by_hand(owner, "DELETE FROM queryables WHERE name IN ('passes', 'height')")
    by_hand(
        owner,
        "INSERT INTO items SELECT 'foreign', geometry, collection, datetime, end_datetime, "
        "jsonb_set(content, '{properties,passes}', '\"n/a\"') FROM items WHERE id = 'one'",
    )
    back = {each.collection: each for each in put_back(connection, store)}
    assert "the Item 'foreign'" in back["flat"].detail
    assert (back["flat"].stays, back["beside"].stays) == (True, False)
    assert [each.collection for each in found(connection, store)] == ["flat"]


class TestBesideOthers:
    """Who reads or writes all the time holds up what needs his tables, and nothing else."""

    def test_a_collection_that_cannot_be_made_keeps_no_other_from_coming_back(
        self,
        database: CatalogDatabase,
        owner: Connection,
        connection: Connection,
        store: RulesStore,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(pgstac_partitions, "BRIEFLY", 1)
        by_hand(owner, "SELECT delete_collection('flat')")
        by_hand(owner, "SELECT delete_queryable('height', '{beside}')")
        with database.connect() as reader, reader.transaction():
            reader.execute("SELECT count(*) FROM pgstac.items")
            held, back = put_back(connection, store)
        assert (held.collection, held.is_missing, held.stays, held.is_held) == ("flat", True, True, True)
        assert "in 1 attempts" in held.detail
        assert back == Undone("beside", queryables=("height",))
        put_back(connection, store)
        assert found(connection, store) == []

    def test_an_index_is_not_waited_for_while_others_wait_behind_it(
        self,
        database: CatalogDatabase,
        owner: Connection,
        connection: Connection,
        store: RulesStore,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(pgstac_partitions, "BRIEFLY", 1)
        connection.execute("SET lock_timeout = '20s'")  # else it waits for ever, where it waits
        by_hand(owner, "SELECT delete_queryable('cloud', '{flat}')")
        by_hand(owner, "SELECT maintain_partitions('items', true)")
        with database.connect() as writer, writer.transaction():
            writer.execute("UPDATE pgstac.items SET content = content WHERE id = 'one'")
            [held] = put_back(connection, store)
        assert held.is_held
        assert "in 1 attempts" in held.detail
        assert put_back(connection, store) == [Undone("flat", queryables=("cloud",))]
        assert found(connection, store) == []

    def test_an_index_that_cannot_be_dropped_now_is_left_to_the_next_look(
        self, owner: Connection, connection: Connection, store: RulesStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def finish(*_: Any) -> None:
            raise TablesHeld("flat", 60)

        monkeypatch.setattr(queryables, "finish_changes", finish)
        by_hand(owner, "SELECT delete_queryable('mission', '{flat}')")
        assert put_back(connection, store) == [Undone("flat", queryables=("mission",))]


def test_what_takes_long_is_told_one_by_one_and_gone_on_with_at_the_next_look(
    owner: Connection, connection: Connection, store: RulesStore, caplog: pytest.LogCaptureFixture
) -> None:
    look = partial(undone.put_back, connection, store, "loader", NOW, within_s=0)
    for names in (["flat"], ["beside"], []):
        if names == ["flat"]:
            by_hand(owner, "DELETE FROM queryables WHERE name IN ('mission', 'height')")
        caplog.clear()
        rules_file.restore(put_back=look)
        assert [vars(record)["collection"] for record in caplog.records] == names
    by_hand(owner, "DELETE FROM queryables WHERE name IN ('mission', 'height')")
    assert next(undone.put_back(connection, store, "loader", NOW)).collection == "flat"
    assert [each.collection for each in found(connection, store)] == ["beside"]


class TestThoseForAllCollections:
    """A queryable that a team registers for all Collections is the only one of its name in pgstac."""

    def register(self, owner: Connection, name: str) -> None:
        by_hand(owner, f"SELECT upsert_queryable('{name}', '{{\"type\": \"integer\"}}')")

    @pytest.mark.parametrize(
        ("advised", "statement"),
        [
            ("delete_queryable('depth')", "SELECT delete_queryable('depth')"),
            (
                "--collection_ids",
                'SELECT upsert_queryables(\'{"properties": {"depth": {"type": "number"}}}\', \'{beside}\')',
            ),
        ],
    )
    def test_refuse_the_same_property_in_the_rules_until_either_advice_is_followed(
        self, owner: Connection, connection: Connection, store: RulesStore, advised: str, statement: str
    ) -> None:
        self.register(owner, "depth")
        before = registered(connection)
        with pytest.raises(Rejected) as refused:
            apply(owner, MORE)
        assert refused.value.reason == "rules-invalid"
        for part in ("collection 'flat'", "'depth'", "for all Collections", advised):
            assert part in refused.value.detail
        assert ", or have it taken away" in refused.value.detail
        assert registered(connection) == before
        by_hand(owner, statement)
        apply(owner, MORE)
        assert (["flat"], "depth", "to_float", None) in registered(connection)["depth"]
        assert found(connection, store) == []

    def test_stay_and_are_told_of_where_they_took_the_place_of_ours(
        self, owner: Connection, connection: Connection, store: RulesStore
    ) -> None:
        self.register(owner, "cloud")
        taken = Undone("flat", taken=("cloud",))
        assert put_back(connection, store) == [taken]
        assert "cloud. Leave them out of the rules" in str(taken)
        apply(owner, OTHER_FIELDS)  # which has nothing to do with it
        assert registered(connection)["cloud"] == [(None, None, None, None)]
        by_hand(owner, "SELECT delete_queryable('mission', '{flat}')")
        assert put_back(connection, store) == [Undone("flat", queryables=("mission",), taken=("cloud",))]
        by_hand(owner, "SELECT delete_queryable('cloud')")
        assert put_back(connection, store) == [Undone("flat", queryables=("cloud",))]
        assert registered(connection)["cloud"] == [(["flat"], "cloud", "to_float", "BTREE")]
        apply(owner, RULES)

    def test_stay_where_the_rules_do_not_state_them_any_more(
        self, owner: Connection, connection: Connection, store: RulesStore
    ) -> None:
        del store
        self.register(owner, "cloud")
        apply(owner, RULES.replace("cloud: {type: number, sortable: true}", ""))
        assert registered(connection)["cloud"] == [(None, None, None, None)]
        by_hand(owner, "SELECT delete_queryable('cloud')")
