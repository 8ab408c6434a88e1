"""A Collection's count: right whatever commits while it is recomputed, and told to the world."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from eventstac.catalog import collection_parts, collection_update
from eventstac.catalog.collection_parts import Parts
from eventstac.catalog.database import Connection
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore
from eventstac.events import Origin
from eventstac.facts import Fact, Match, fact_of
from tests.integration.conftest import CatalogDatabase
from tests.samples import gone, present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
MERGING = MergeSettings("loader", 0.5)


def fact(item: str, seconds: float = 1, *, there: bool = True) -> Fact:
    match = Match("scenes", item, "b1")
    finding = present(match, seconds, "e") if there else gone(match, seconds)
    return fact_of(url_of(f"scenes/{item}/b1.tif"), finding)


def load(connection: Connection, *facts: Fact) -> None:
    merge(connection, RulesStore("bronze-tier"), facts, MERGING, NOW)


def test_an_item_that_commits_during_a_recomputation_is_counted_once(
    database: CatalogDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recomputation reads later than the changes were taken: what it counts must not be folded in again."""
    recount = collection_parts.recount

    with database.connect() as updater, database.connect() as writer:

        def counted_after_a_commit(connection: Connection, collection: str, names: Sequence[str]) -> Parts:
            load(writer, fact("late"))
            return recount(connection, collection, names)

        load(writer, fact("one"), fact("two"))
        collection_update.update_collection(updater, "scenes", None, "loader", NOW)
        load(writer, fact("two", 9, there=False))
        updater.execute("UPDATE eventstac.collections SET recount = true")
        with monkeypatch.context() as patched:
            patched.setattr(collection_parts, "recount", counted_after_a_commit)
            collection_update.update_collection(updater, "scenes", None, "loader", NOW)
        collection_update.update_collection(updater, "scenes", None, "loader", NOW)
        row = updater.execute(
            "SELECT items FROM eventstac.collections WHERE collection = 'scenes'"
        ).fetchone()
    assert row == (2,)


@pytest.mark.usefixtures("empty")
def test_the_world_is_told_how_many_items_a_collection_has_and_where(database: CatalogDatabase) -> None:
    told = "SELECT topic, body FROM eventstac.outbox WHERE body->>'type' = 'eventstac.collection.updated.v1'"
    origin = Origin.new("a message")
    with database.connect() as connection:
        load(connection, fact("one"), fact("two"))
        connection.execute("DELETE FROM eventstac.outbox")
        collection_update.update_collection(connection, "scenes", None, "loader", NOW, origin)
        [(topic, event)] = connection.execute(told).fetchall()
        collection_update.update_collection(connection, "scenes", None, "loader", NOW, origin)
        assert len(connection.execute(told).fetchall()) == 1, "nothing changed since"
    assert (topic, event["subject"], event["correlationid"]) == (
        "items-changed",
        "scenes",
        origin.correlation,
    )
    assert event["data"]["items"] == 2
    assert event["data"]["extent"]["spatial"] == {"bbox": [[10.0, 50.0, 10.5, 50.5]]}
