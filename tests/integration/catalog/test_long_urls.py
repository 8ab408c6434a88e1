"""Blobs with the longest names: known once, found, gone through in order and compared as any others."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstac.catalog import fact_rows, rejections
from eventstac.catalog.database import Connection, write
from eventstac.catalog.fact_texts import FactTexts
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore
from eventstac.catalog.runs import PostgresRuns
from eventstac.events import EventRejected
from eventstac.facts import Claim, Fact, Match, fact_of
from eventstac.matching import digest_of
from eventstac.removing import Removals
from eventstac.runs import ListedBlob, Run
from tests.integration.catalog.test_reconcile import load
from tests.integration.conftest import CatalogDatabase
from tests.long_names import long_name
from tests.samples import START, present, url_of
from tests.twins.apps import WATCHED

# They differ only at the very end, beyond what fits into a row of an index; a usual one comes after them.
LONG = [url_of(f"{long_name()}/{end}.tif") for end in "abc"]
URLS = [url_of("0.tif"), *LONG]
MATCHES = [Match("scenes", f"i{number}", "b1") for number in range(len(URLS))]


def facts(etag: str, second: int) -> list[Fact]:
    at = START + timedelta(seconds=second)
    found = [replace(present(match, 1, etag), seen=at) for match in MATCHES]
    return [fact_of(url, finding) for url, finding in zip(URLS, found, strict=True)]


@pytest.fixture
def store(database: CatalogDatabase) -> RulesStore:
    database.clear()
    return load(database, facts("1", 0))


@pytest.fixture
def connection(database: CatalogDatabase, store: RulesStore) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection


def test_each_is_one_fact_whatever_is_found_of_it(connection: Connection, store: RulesStore) -> None:
    done = merge(connection, store, facts("2", 9), MergeSettings("loader", 0.0), datetime.now(UTC))
    assert done.fresh == len(URLS)
    known = fact_rows.by_urls(connection, URLS)
    assert {url: fact.finding.etag for url, fact in known.items()} == dict.fromkeys(URLS, "2")
    assert connection.execute("SELECT count(*) FROM eventstac.facts").fetchone() == (len(URLS),)


def test_a_cog_of_one_is_found_by_its_source(connection: Connection, store: RulesStore) -> None:
    claim = Claim(LONG[0], MATCHES[1], 1, START)
    cog = fact_of(LONG[2], present(MATCHES[1], 1, "c"), claim)
    merge(connection, store, [cog], MergeSettings("loader", 0.0), datetime.now(UTC))
    assert [fact.url for fact in fact_rows.disputants(connection, [cog])] == [LONG[2]]


def test_those_below_a_directory_are_gone_through_in_order(connection: Connection) -> None:
    prefix, after, found = LONG[0].removesuffix("a.tif"), "", []
    while page := fact_rows.below(connection, prefix, after, 1):
        after = page[-1].url
        found.append(after)
    assert found == LONG


def test_of_a_directory_nothing_behind_it_is_read(connection: Connection) -> None:
    for prefix in (
        url_of("$/"),
        LONG[0].removesuffix("a.tif"),
    ):  # without any, before all; of all but the last
        asked = Mock(spec=Connection)
        asked.execute.return_value = []
        fact_rows.below(asked, prefix, "", 9)
        statement, values = asked.execute.call_args.args
        with connection.transaction():
            connection.execute("SET LOCAL enable_seqscan = off")
            plan = str(connection.execute(f"EXPLAIN ANALYZE {statement}", values).fetchall())
        assert "facts_in_order" in plan
        assert "Rows Removed by Filter" not in plan


def test_those_below_are_those_that_start_with_it_whatever_the_letters(connection: Connection) -> None:
    some = st.text("/0a~\x7fé\ud7ff\ue000\uffff\U0001f600\U0010ffff", min_size=1, max_size=3)
    begin = st.sampled_from(["", "a" * 998, "a" * 1000 + "/"])
    names = st.builds(str.__add__, begin, some)

    @settings(max_examples=100, deadline=None)
    @given(st.sets(names, max_size=20), names, st.one_of(st.just(""), names))
    def check(urls: set[str], prefix: str, after: str) -> None:
        with connection.transaction(force_rollback=True):
            connection.execute("DELETE FROM eventstac.facts")
            write(connection, [fact_rows.upsert([replace(one, url=url) for url in urls], FactTexts())])
            found = [fact.url for fact in fact_rows.below(connection, prefix, after, 99)]
        assert found == sorted(url for url in urls if url.startswith(prefix) and url > after)

    one = facts("1", 0)[0]
    check()


def test_a_run_lists_and_compares_them(
    database: CatalogDatabase, connection: Connection, store: RulesStore
) -> None:
    runs, applied = PostgresRuns(database.connect), store.current(connection)
    run = Run("long", (f"{WATCHED.account_url}/source",), removes=True)
    runs.begin(run)
    for _ in range(2):
        listed = [
            ListedBlob(
                url, etag, "matched", "scenes", False, match.item, digest_of(match), applied.same_since(match)
            )
            for url, match, etag in zip(URLS, MATCHES, "1222", strict=True)
        ]
        runs.add_listed("long", run.containers[0], START, listed)
    kept = runs.find("long")
    assert kept is not None
    [scenes] = runs.compare(kept, applied).collections
    assert (scenes.current, scenes.stale) == (1, 3)
    runs.mark(kept, applied)
    assert runs.removals(kept, applied, ("", ""), 10) == Removals((), None)
    after, found = "", []
    while page := runs.gaps(kept, after, 1):
        after = page[-1].url
        found.append((after, page[-1].etag))
    assert found == [(url, "2") for url in LONG]


def test_rejections_about_them_are_found(connection: Connection) -> None:
    rejections.record(connection, "long", EventRejected("stage", "reason", "detail", LONG[0], 1, {}))
    assert [one.id for one in rejections.about(connection, LONG[0])] == ["long"]


def test_every_way_to_them_is_by_an_index(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = off")
        for where, index in (
            ("url = %s", "facts_by_url"),
            ("url = ANY(ARRAY[%s])", "facts_by_url"),
            ("source_url = %s", "facts_by_source"),
            ("left(url, 1000) >= left(%s, 1000) ORDER BY left(url, 1000), url LIMIT 9", "facts_in_order"),
        ):
            plan = connection.execute(f"EXPLAIN SELECT 1 FROM eventstac.facts WHERE {where}", [LONG[0]])
            assert index in str(plan.fetchall()), where
