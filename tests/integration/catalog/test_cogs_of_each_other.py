"""Claims that contradict each other are settled in the database as in memory, in any order and any batches."""

import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventstac.catalog import fact_rows, item_rows
from eventstac.catalog.database import Connection
from eventstac.catalog.item_rows import ItemRow
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.facts import ItemKey
from tests.integration.catalog.test_mutants import waits_for_a_lock
from tests.integration.catalog.test_reconcile import load
from tests.integration.conftest import CatalogDatabase
from tests.unit.test_cogs_of_each_other import CIRCLES, A, B, C, told


def told_of(rows: Mapping[ItemKey, ItemRow]) -> dict[ItemKey, Any]:
    return {key: (row.state, row.reason, row.conflicts, row.urls) for key, row in rows.items()}


@pytest.mark.parametrize("name", CIRCLES)
def test_a_circle_gives_the_same_items_in_any_order(database: CatalogDatabase, name: str) -> None:
    pipeline = told(*CIRCLES[name][0])
    wanted = told_of(pipeline.catalog.rows)
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
        assert told_of(rows) == wanted
        catalogs.add(database.catalog())
    assert len(catalogs) == 1


def test_of_two_writers_the_second_sees_what_the_first_says_of_its_blob(database: CatalogDatabase) -> None:
    """They have neither a blob nor an Item in common: a COG's source is locked, too."""
    pipeline = told(*CIRCLES["two"][0])
    store, known = load(database, []), pipeline.catalog.known

    def write(connection: Connection, url: str) -> None:
        alone = replace(known[url], is_refused=False, chained_to="")
        merge(connection, store, [alone], MergeSettings("loader", 0.0), datetime.now(UTC))

    database.clear()
    with database.connect() as first, database.connect() as second, ThreadPoolExecutor(1) as pool:
        with first.transaction():
            write(first, B)
            other = pool.submit(write, second, A)
            waits_for_a_lock(database)
        other.result(timeout=30)
        assert told_of(item_rows.read(second, list(pipeline.catalog.rows))) == told_of(pipeline.catalog.rows)


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


def test_a_claim_that_is_kept_as_said_in_the_future_gives_way(database: CatalogDatabase) -> None:
    pipeline = told((A, B))
    store, fact = load(database, []), pipeline.catalog.known[B]
    assert fact.claim
    now, settings = fact.claim.said, MergeSettings("cog_updater", 0.0)
    ahead = replace(fact, claim=replace(fact.claim, source_url=C, said=now + timedelta(hours=1)))
    with database.connect() as connection:
        merge(connection, store, [ahead], settings, now + timedelta(hours=2))  # as it was kept once
        for late in (fact, ahead):  # the right one, and a look at the wrong one that was under way
            merge(connection, store, [late], settings, now)
        kept = fact_rows.by_urls(connection, [B])[B].claim
    assert kept
    assert (kept.source_url, kept.said) == (A, now)


def test_a_catalog_whose_clock_is_behind_makes_no_claim_older(database: CatalogDatabase) -> None:
    pipeline = told((A, B))
    store, fact = load(database, []), pipeline.catalog.known[B]
    assert fact.claim
    said, settings = fact.claim.said, MergeSettings("cog_updater", 0.0)
    former = replace(fact, claim=replace(fact.claim, source_url=C, said=said - timedelta(hours=1)))
    with database.connect() as connection:
        for one in (former, fact, replace(fact, claim=None), former):
            merge(connection, store, [one], settings, said - timedelta(minutes=2))
        kept = fact_rows.by_urls(connection, [B])[B].claim
    assert kept == fact.claim
