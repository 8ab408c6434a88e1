"""A search beside writers sees each Item once, wherever its datetime moves it meanwhile, and none is out of reach."""

import itertools
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.pgstac_partitions import prepare_collection
from eventstac.catalog.rules_store import RulesStore
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import CollectionRules
from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import CatalogDatabase, new_database
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client
from tests.integration.stac_api.conftest import load as load_documents
from tests.integration.stac_api.places import MAIN, Place
from tests.samples import present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
MONTH_S = 31 * 86_400
ITEMS = [f"i{number:02}" for number in range(12)]
SEARCHES, MONTHS = 30, 4  # at least


def fact(item: str, month: int) -> Fact:
    return fact_of(
        url_of(f"scenes/{item}.tif"), present(Match("scenes", item, "data"), month * MONTH_S, f"e{month}")
    )


@pytest.mark.parametrize("place", MAIN, indirect=True, scope="session")
def test_a_search_shows_no_item_twice_and_misses_none_while_all_move(
    postgres: RunningPostgres, place: Place
) -> None:
    database = new_database(postgres)
    with database.connect() as connection:
        prepare_collection(connection, "scenes", CollectionRules("scenes", partition_trunc="month"))
    load(database, [fact(item, 0) for item in ITEMS])
    done, months = threading.Event(), [0, 0]

    def move(half: int) -> None:
        for month in itertools.count(1):
            for item in ITEMS[half::2]:
                if done.is_set():
                    return
                load(database, [fact(item, month)])
            months[half] = month

    with place.serve(database) as api, ThreadPoolExecutor(2) as pool:
        client = Client(api.url)
        moving = [pool.submit(move, half) for half in (0, 1)]
        try:
            for number in itertools.count():
                # Another box each time, so that no answer is one that was kept.
                found = client.ids(collections="scenes", bbox=f"-180,-90,180,{90 - number / 1e5}", limit=100)
                assert sorted(found) == ITEMS
                if number >= SEARCHES and min(months) >= MONTHS:
                    break
                for mover in moving:
                    assert not mover.done(), mover.exception()
        finally:
            done.set()
        for mover in moving:
            mover.result(timeout=60)
        client.session.close()


@pytest.mark.parametrize("place", MAIN, indirect=True, scope="session")
def test_a_page_that_has_become_empty_leads_back_to_all_that_is_left(
    postgres: RunningPostgres, place: Place
) -> None:
    database = new_database(postgres)
    box, time = [0.0, 0.0, 1.0, 1.0], "2024-01-01T00:00:00Z"
    items = [catalog.item(f"i{number}", "scenes", box, time) for number in range(8)]
    load_documents(database.settings.conninfo, catalog.COLLECTIONS[:1], items)

    def delete(*numbers: int) -> None:
        with database.connect() as connection:
            connection.execute("DELETE FROM items WHERE id = ANY(%s)", [[f"i{number}" for number in numbers]])

    with place.serve(database) as running:
        client = Client(running.url)

        def beside(page: dict[str, Any], rel: str) -> dict[str, Any]:
            (href,) = [link["href"] for link in page["links"] if link["rel"] == rel]
            found: dict[str, Any] = client.get(f"{href}&new={secrets.token_hex(4)}")
            return found

        def told(page: dict[str, Any]) -> tuple[list[str], set[str]]:
            found = {link["rel"] for link in page["links"]} & {"next", "prev"}
            return [each["id"] for each in page["features"]], found

        first = client.get("/search", sortby="id", limit="3")
        second = beside(first, "next")
        delete(6, 7)
        empty = beside(second, "next")
        assert told(empty) == ([], {"prev"})
        last = beside(empty, "prev")
        assert told(last) == (["i3", "i4", "i5"], {"next", "prev"})
        assert told(beside(last, "next")) == ([], {"prev"})
        delete(0, 1, 2)
        empty = beside(last, "prev")
        assert told(empty) == ([], {"next"})
        assert told(beside(empty, "next"))[0] == ["i3", "i4", "i5"]
        delete(3, 4, 5)
        empty = beside(empty, "next")
        assert told(empty) == ([], {"prev"})
        assert told(beside(empty, "prev")) == ([], {"next"})
        client.session.close()


def load(database: CatalogDatabase, facts: list[Fact]) -> None:
    with database.connect() as connection:
        merge(connection, RulesStore("bronze-tier"), facts, MergeSettings("loader", 0.5), NOW)
