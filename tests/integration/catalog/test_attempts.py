"""What a transaction lacked is made, and it is tried again as long as it gets further."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from eventstac.catalog import merge as merging
from eventstac.catalog import pgstac_items, rebuilding, repairing
from eventstac.catalog.collection_documents import ensure_collection
from eventstac.catalog.database import Connection, connect
from eventstac.catalog.locks import lock
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.pgstac_partitions import CollectionNotReady
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.catalog.rebuilding import rebuild
from eventstac.catalog.rules_store import RulesStore, apply_rules
from eventstac.errors import Transient
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import load_rules
from loader import housekeeping
from tests.integration.conftest import CatalogDatabase
from tests.samples import present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
MERGING = MergeSettings("loader", 0.5)
RULES = RulesStore("bronze-tier")
MONTH_S = 31 * 86_400

pytestmark = pytest.mark.usefixtures("empty")


def fact(item: str, collection: str = "scenes", month: int = 0, etag: str = "e") -> Fact:
    match = Match(collection, item, "b1", rule=collection)
    return fact_of(url_of(f"{collection}/{item}/b1.tif"), present(match, month * MONTH_S, etag))


def load(connection: Connection, *facts: Fact) -> None:
    merge(connection, RULES, facts, MERGING, NOW)


def items(connection: Connection) -> list[str]:
    return [item for (item,) in connection.execute("SELECT id FROM pgstac.items ORDER BY id")]


class Meanwhile:
    """Locks as ever, but something happens before the first time; counts how often locks were taken."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self.happens, self.times = happens, 0

    def __call__(self, connection: Connection, *arguments: Any) -> None:
        self.times += 1
        if self.times == 1:
            self.happens()
        lock(connection, *arguments)


def test_a_blob_that_another_session_puts_into_another_item_meanwhile_leaves_that(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Item that it leaves was not foreseen, so it is locked at a second attempt."""
    url = url_of("scenes/moving.tif")

    def moving(item: str, seconds: float, etag: str) -> Fact:
        return fact_of(url, present(Match("scenes", item, "b1"), seconds, etag))

    def other() -> None:
        with database.connect() as session:
            merge(session, RULES, [moving("left", 1, "e")], MERGING, NOW)
            assert items(session) == ["left", "one"]

    load(connection, fact("one"))
    locks = Meanwhile(other)
    monkeypatch.setattr(merging, "lock", locks)
    load(connection, moving("moved", 9, "f"))
    assert items(connection) == ["moved", "one"]
    assert locks.times == 3  # the other's is one of them


def test_rules_that_are_applied_meanwhile_are_those_that_an_item_is_composed_by(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put_in_force(degrees: int) -> None:
        text = (
            "collections: {scenes: {rules: [{name: scenes, pattern: 'scenes/{item}/{asset}.tif', "
            f"properties: {{'view:azimuth': {degrees}}}}}]}}}}"
        )
        rules = load_rules(text, file="collections.yaml", default_collection="bronze-tier")
        with connect(database.settings) as owner:
            apply_rules(owner, text, rules, extractor=1)

    put_in_force(30)
    monkeypatch.setattr(merging, "lock", Meanwhile(lambda: put_in_force(60)))
    load(connection, fact("one"))
    rows = connection.execute("SELECT content->'properties'->'view:azimuth' FROM pgstac.items").fetchall()
    assert rows == [(60,)]


class CollectionChanges:
    """Locks as ever, but somebody gives the Collection another base item before, so many times."""

    def __init__(self, database: CatalogDatabase, times: int) -> None:
        self.database, self.left = database, times

    def __call__(self, connection: Connection, *arguments: Any) -> None:
        if self.left:
            self.left -= 1
            with connect(self.database.settings) as owner:
                assets = f'{{"item_assets": {{"b1": {{"title": "{self.left} of {id(self)}"}}}}}}'
                owner.execute(
                    "UPDATE pgstac.collections SET content = content || %s::jsonb WHERE id = 'scenes'",
                    [assets],
                )
        lock(connection, *arguments)


@pytest.mark.parametrize("times", [1, 3])
def test_a_collection_that_changes_before_the_locks_is_read_again_at_the_next_attempt(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    load(connection, fact("one"))
    monkeypatch.setattr(merging, "lock", CollectionChanges(database, times))
    load(connection, fact("two"))
    assert items(connection) == ["one", "two"]


def test_a_rebuild_reads_it_again_too(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(connection, fact("one"))
    connection.execute("DELETE FROM pgstac.items")
    monkeypatch.setattr(rebuilding, "lock", CollectionChanges(database, 1))
    assert rebuild(connection, RULES, [("scenes", "one")], "loader", NOW) == 1
    assert items(connection) == ["one"]


def test_a_collection_that_never_stops_changing_is_given_up_with_the_reason(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(connection, fact("one"))
    monkeypatch.setattr(merging, "lock", CollectionChanges(database, 100))
    with pytest.raises(Transient, match="their Collections are changed all the time"):
        load(connection, fact("two"))


def test_many_new_collections_of_months_in_one_batch_are_all_made(
    database: CatalogDatabase, connection: Connection
) -> None:
    names = [f"new-{number}" for number in range(7)]
    text = "collections: {" + ", ".join(f"{name}: {{partition_trunc: month}}" for name in names) + "}"
    with connect(database.settings) as owner:
        rules = load_rules(text, file="collections.yaml", default_collection="bronze-tier")
        apply_rules(owner, text, rules, extractor=1)
    load(connection, *(fact(f"{name}-{month}", name, month) for name in names for month in range(2)))
    assert items(connection) == sorted(f"{name}-{month}" for name in names for month in range(2))


def test_a_table_that_keeps_vanishing_is_given_up(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_collection(connection, "scenes", None)

    def vanished(*_: object) -> None:
        raise CollectionNotReady({"scenes": ()})

    monkeypatch.setattr(pgstac_items.Incoming, "_put", vanished)
    with pytest.raises(Transient, match="5 attempts"):
        load(connection, fact("one"))


def test_what_cannot_be_repaired_keeps_nothing_from_being_pruned(
    database: CatalogDatabase, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(connection, fact("one"))
    connection.execute("UPDATE eventstac.outbox SET made_at = now() - interval '30 days', not_before = NULL")

    def fails(*_: object) -> None:
        raise Transient("it cannot be repaired")

    monkeypatch.setattr(repairing, "repair", fails)
    catalog = PostgresCatalog(database.as_role("eventstac_loader"), MERGING, "bronze-tier")
    try:
        with pytest.raises(Transient, match="it cannot be repaired"):
            housekeeping.run(catalog=catalog, rules=RULES, now=NOW)
    finally:
        catalog.close()
    assert connection.execute("SELECT count(*) FROM eventstac.outbox").fetchone() == (0,)
