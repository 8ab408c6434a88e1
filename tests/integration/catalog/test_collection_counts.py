"""A Collection's count stays right whatever commits while it is recomputed."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from eventstac.catalog import collection_parts, collection_update
from eventstac.catalog.collection_parts import Parts
from eventstac.catalog.database import Connection
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore
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
