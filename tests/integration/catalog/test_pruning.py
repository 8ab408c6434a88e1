"""What nothing needs any more is forgotten, and nothing else."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString

import pytest

from eventstac.catalog import pruning
from eventstac.catalog.database import Connection
from eventstac.catalog.pruning import Pruned
from tests.integration.conftest import CatalogDatabase


@pytest.fixture
def connection(database: CatalogDatabase) -> Iterator[Connection]:
    database.clear()
    with database.connect() as connection:
        yield connection


def fact(connection: Connection, url: str, state: str, days: float, source_url: str | None = None) -> None:
    connection.execute(
        """
        INSERT INTO eventstac.facts
            (url, collection, item, asset, kind, state, seen, etag, revision, source_url, document, changed_at)
        VALUES (%s, 'c', 'i', 'a', %s, %s, now(), '', 1, %s, '{}', now() - %s * interval '1 day')
        """,
        [url, "cog" if source_url else "source", state, source_url, days],
    )


def urls(connection: Connection) -> list[str]:
    return [url for (url,) in connection.execute("SELECT url FROM eventstac.facts ORDER BY url")]


def test_only_facts_that_are_gone_for_long_are_forgotten(connection: Connection) -> None:
    fact(connection, "present", "present", 100)
    fact(connection, "rejected", "rejected", 100)
    fact(connection, "gone lately", "gone", 29)
    fact(connection, "gone long ago", "gone", 31)
    assert pruning.prune(connection).facts == 1
    assert urls(connection) == ["gone lately", "present", "rejected"]


def test_what_is_a_cog_by_somebody_s_word_stays_while_its_source_is_there(connection: Connection) -> None:
    fact(connection, "s1", "present", 100)
    fact(connection, "s2", "gone", 100)
    fact(connection, "cog of s1", "gone", 100, "s1")
    fact(connection, "cog of s2", "gone", 100, "s2")
    assert pruning.prune(connection).facts == 2
    assert urls(connection) == ["cog of s1", "s1"]


@pytest.mark.parametrize("change", ["state = 'present'", "changed_at = now()"])
def test_a_blob_that_comes_back_while_facts_are_forgotten_stays(
    database: CatalogDatabase, connection: Connection, change: LiteralString
) -> None:
    fact(connection, "back again", "gone", 31)
    with database.connect() as pruner, ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            connection.execute(f"UPDATE eventstac.facts SET {change}")
            pruned = pool.submit(pruning.prune, pruner)
            _wait_until_blocked(connection)
        assert pruned.result(timeout=30).facts == 0
    assert urls(connection) == ["back again"]


def _wait_until_blocked(connection: Connection) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        row = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
        if row and row[0]:
            return
        time.sleep(0.02)
    pytest.fail("forgetting does not wait for the writer")


def test_many_are_forgotten_in_several_statements(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        fact(connection, str(number), "gone", 100)
    monkeypatch.setattr(pruning, "BATCH", 3)
    assert pruning.prune(connection).facts == 7


def test_open_rejections_stay_for_ever_and_settled_ones_for_a_month(connection: Connection) -> None:
    for identity, state, days in (
        ("a", "open", 400),
        ("b", "replayed", 31),
        ("c", "discarded", 31),
        ("d", "discarded", 29),
    ):
        connection.execute(
            """
            INSERT INTO eventstac.rejected
                (id, stage, reason, detail, attempts, event, state, rejected_at, resolved_at)
            VALUES (%s, 's', 'r', '', 1, '{}', %s, now() - interval '400 days', now() - %s * interval '1 day')
            """,
            [identity, state, days],
        )
    assert pruning.prune(connection).rejections == 2
    kept = connection.execute("SELECT id FROM eventstac.rejected ORDER BY id").fetchall()
    assert kept == [("a",), ("d",)]


def test_deletions_of_directories_are_kept_as_long_as_gone_facts(connection: Connection) -> None:
    connection.execute("INSERT INTO eventstac.deleted_directories VALUES ('a/', now() - interval '29 days')")
    connection.execute("INSERT INTO eventstac.deleted_directories VALUES ('b/', now() - interval '31 days')")
    assert pruning.prune(connection).deletions == 1
    kept = connection.execute("SELECT prefix FROM eventstac.deleted_directories").fetchall()
    assert kept == [("a/",)]


def test_announcements_are_kept_as_long_as_the_bus_would(connection: Connection) -> None:
    connection.execute(
        """
        INSERT INTO eventstac.outbox (topic, body, not_before, made_at) VALUES
            ('old', '{}', NULL, now() - interval '15 days'),
            ('new', '{}', NULL, now() - interval '13 days'),
            ('due later', '{}', now(), now() - interval '15 days')
        """
    )
    assert pruning.prune(connection) == Pruned(0, 0, 1, 0, 0)
    assert connection.execute("SELECT count(*) FROM eventstac.outbox").fetchone() == (2,)


def a_run(connection: Connection, name: str, state: str, days: float) -> None:
    connection.execute(
        "INSERT INTO eventstac.runs (run, check_only, containers, state, changed_at) "
        "VALUES (%s, false, '{}', %s, now() - %s * interval '1 day')",
        [name, state, days],
    )
    connection.execute(
        "INSERT INTO eventstac.listed (run, url, etag, outcome, archived) VALUES (%s, 'u', 'e', 'ignored', false)",
        [name],
    )
    connection.execute(
        "INSERT INTO eventstac.listings (run, container, first, last) VALUES (%s, 'c', now(), now())", [name]
    )
    connection.execute("INSERT INTO eventstac.gaps (run, url, status) VALUES (%s, 'u', 'stale')", [name])


def test_runs_that_ended_long_ago_are_forgotten_and_listings_sooner(connection: Connection) -> None:
    for name, state, days in (
        ("old", "done", 91),
        ("older", "looking", 91),
        ("newer", "done", 89),
        ("new", "done", 2),
    ):
        a_run(connection, name, state, days)
    assert pruning.prune(connection).runs == 2
    assert connection.execute("SELECT run FROM eventstac.runs ORDER BY 1").fetchall() == [
        ("new",),
        ("newer",),
    ]
    for table in ("listed", "listings", "gaps"):
        assert connection.execute(f"SELECT run FROM eventstac.{table}").fetchall() == []


def test_scans_are_kept_as_long_as_runs(connection: Connection) -> None:
    connection.execute(
        """
        INSERT INTO eventstac.scans (run, container, prefix, pages, blobs, looks, is_over, changed_at) VALUES
            ('old', 'c', '', 1, 1, 1, true, now() - interval '91 days'),
            ('new', 'c', '', 1, 1, 1, true, now() - interval '89 days')
        """
    )
    pruning.prune(connection)
    assert connection.execute("SELECT run FROM eventstac.scans").fetchall() == [("new",)]


@pytest.mark.parametrize("state", ["listing", "looking"])
def test_a_run_keeps_its_listing_as_long_as_it_may_go_on(connection: Connection, state: str) -> None:
    connection.execute("DELETE FROM eventstac.runs")
    a_run(connection, "waits", state, 1.9)
    a_run(connection, "abandoned", state, 2.1)
    pruning.prune(connection)
    assert connection.execute("SELECT run FROM eventstac.listed").fetchall() == [("waits",)]
    told = connection.execute("SELECT run, state, detail FROM eventstac.runs ORDER BY run DESC").fetchall()
    assert [run[:2] for run in told] == [("waits", state), ("abandoned", "stopped")]
    assert "Run `eventstac reconcile`" in told[1][2]


def test_gone_facts_that_statistics_do_not_know_of_are_looked_up_once(connection: Connection) -> None:
    connection.execute(
        """
        INSERT INTO eventstac.facts
            (url, collection, item, asset, kind, state, seen, etag, revision, document, changed_at)
        SELECT 'u' || n, 'c', n, 'a', 'source', 'present', now(), '', 1, '{}', now() FROM generate_series(1, 2000) n
        """
    )
    connection.execute("ANALYZE eventstac.facts")
    connection.execute(
        "UPDATE eventstac.facts SET state = 'gone', changed_at = now() - interval '31 days' WHERE item::int <= 150"
    )
    values = [pruning.GONE_FACTS, pruning.BATCH, pruning.GONE_FACTS]
    [[[plan]]] = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {pruning._FACTS}", values).fetchall()
    loops = [node["Actual Loops"] for node in _nodes(plan["Plan"]) if node["Node Type"] == "Limit"]
    assert (loops, urls(connection)[:1]) == ([1], ["u1000"])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
