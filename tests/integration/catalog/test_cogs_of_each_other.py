"""Claims that contradict each other are settled in the database as in memory, in any order and any batches."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from eventstac.catalog import item_rows
from eventstac.catalog.merge import MergeSettings, merge
from tests.integration.catalog.test_reconcile import load
from tests.integration.conftest import CatalogDatabase
from tests.unit.test_cogs_of_each_other import CIRCLES, A, B, told


@pytest.mark.parametrize("name", CIRCLES)
def test_a_circle_gives_the_same_items_in_any_order(database: CatalogDatabase, name: str) -> None:
    pipeline = told(*CIRCLES[name][0])
    wanted = {
        key: (row.state, row.reason, row.conflicts, row.urls) for key, row in pipeline.catalog.rows.items()
    }
    catalogs = set()
    for seed in range(4):
        database.clear()
        store = load(database, [])
        facts = list(pipeline.catalog.known.values())
        random.Random(seed).shuffle(facts)
        size = random.Random(seed).choice((1, 2, len(facts)))
        with database.connect() as connection:
            for first in range(0, len(facts), size):
                merge(
                    connection,
                    store,
                    facts[first : first + size],
                    MergeSettings("loader", 0.0),
                    datetime.now(UTC),
                )
            rows = item_rows.read(connection, list(wanted))
        found = {key: (row.state, row.reason, row.conflicts, row.urls) for key, row in rows.items()}
        assert found == wanted
        catalogs.add(database.catalog())
    assert len(catalogs) == 1


def test_a_refused_claim_keeps_no_fact_at_an_older_revision(database: CatalogDatabase) -> None:
    pipeline = told(*CIRCLES["two"][0])
    database.clear()
    store = load(database, [])
    newer = [
        replace(fact, finding=replace(fact.finding, revision=2)) for fact in pipeline.catalog.known.values()
    ]
    with database.connect() as connection:
        merge(connection, store, newer, MergeSettings("loader", 0.0), datetime.now(UTC))
        found = connection.execute("SELECT url, revision FROM eventstac.facts").fetchall()
    assert dict(found) == {A: 2, B: 1}
