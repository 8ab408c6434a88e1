"""Mutants of the transaction on PostgreSQL: each of its safeguards, taken away, is missed by a check of what it is for.

The simulation has mutants of its own, of what is the same whatever the database is (tests/simulation/).
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from eventstac.catalog import merge as merging
from eventstac.catalog import outbox
from eventstac.catalog.composing import Composer
from eventstac.catalog.database import Connection
from eventstac.catalog.locks import lock
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore, apply_rules
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import load_rules
from eventstac.rules.applied import AppliedRules
from tests.integration.conftest import CatalogDatabase
from tests.samples import gone, present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("empty")

Check = Callable[[CatalogDatabase], None]
Mutant = Callable[[pytest.MonkeyPatch], None]


def fact(asset: str, seconds: float = 1, etag: str = "e") -> Fact:
    match = Match("scenes", "one", asset, rule="scenes")
    return fact_of(url_of(f"scenes/one/{asset}.tif"), present(match, seconds, etag))


def load(connection: Connection, *facts: Fact) -> None:
    merge(connection, RulesStore("bronze-tier"), facts, MergeSettings("loader", 0.5), NOW)


def assets(connection: Connection) -> dict[str, Any]:
    row = connection.execute("SELECT content->'assets' FROM pgstac.items WHERE id = 'one'").fetchone()
    return row[0] if row else {}


def announced(connection: Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT topic, body->>'type' FROM eventstac.outbox ORDER BY id").fetchall()


def waits_for_a_lock(database: CatalogDatabase) -> None:
    deadline = time.monotonic() + 20
    with psycopg.connect(database.settings.conninfo, autocommit=True) as watcher:
        while time.monotonic() < deadline:
            row = watcher.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).fetchone()
            if row and row[0]:
                return
            time.sleep(0.02)
    pytest.fail("the second writer does not wait for the first")


def no_update_is_lost(database: CatalogDatabase) -> None:
    """A second session begins while the first has not committed; of an Item that has no facts yet."""
    with database.connect() as first, database.connect() as second, ThreadPoolExecutor(1) as pool:
        with first.transaction():
            load(first, fact("b1"))
            other = pool.submit(load, second, fact("b2"))
            waits_for_a_lock(database)
        other.result(timeout=30)
        assert assets(second).keys() == {"b1", "b2"}


def close_states_are_looked_at_again(database: CatalogDatabase) -> None:
    """Two states within the skew window, one after the other."""
    with database.connect() as connection:
        load(connection, fact("b1", 1, "e1"))
        connection.execute("DELETE FROM eventstac.outbox")
        load(connection, fact("b1", 1, "e2"))
        assert ("blobs-matched", "eventstac.blob.matched.v1") in announced(connection)


def changes_are_announced(database: CatalogDatabase) -> None:
    """An Item that comes, and one that goes."""
    with database.connect() as connection:
        load(connection, fact("b1"))
        assert announced(connection) == [("items-changed", "eventstac.item.changed.v1")]
        connection.execute("DELETE FROM eventstac.outbox")
        match = fact("b1").match
        load(connection, fact_of(fact("b1").url, gone(match, 100)))
        assert announced(connection) == [("items-changed", "eventstac.item.removed.v1")]


def rules_that_change_meanwhile_count(database: CatalogDatabase) -> None:
    """Rules are applied after an Item was composed, before its locks are taken."""

    def text(title: str) -> str:
        return (
            "collections:\n  scenes:\n    rules:\n      - name: scenes\n        pattern: 'scenes/{item}/{asset}.tif'\n"
            f"        assets: {{b1: {{title: {title}}}}}\n"
        )

    def put_in_force(title: str) -> None:
        with database.connect() as other:
            apply_rules(other, text(title), load_rules(text(title), file="rules.yaml"), 1)

    def lock_later(connection: Connection, *what: Any) -> None:
        put_in_force("after")
        lock(connection, *what)

    put_in_force("before")
    with database.connect() as connection, pytest.MonkeyPatch.context() as patched:
        load(connection, fact("b1", 1, "e1"))
        assert assets(connection)["b1"]["title"] == "before"
        patched.setattr(merging, "lock", lock_later)
        load(connection, fact("b1", 100, "e2"))
        assert assets(connection)["b1"]["title"] == "after"


def lock_after_read(patch: pytest.MonkeyPatch) -> None:
    join_known, wanted = merging._join_known, []

    def remember(connection: Connection, *what: Any) -> None:
        wanted.append(what)

    def read_then_lock(connection: Connection, *given: Any) -> Any:
        found = join_known(connection, *given)
        if connection.info.transaction_status == TransactionStatus.INTRANS and wanted:
            lock(connection, *wanted.pop())
        return found

    patch.setattr(merging, "lock", remember)
    patch.setattr(merging, "_join_known", read_then_lock)


def believe_the_look_before_the_lock(patch: pytest.MonkeyPatch) -> None:
    join_known, seen = merging._join_known, {}

    def first_found(connection: Connection, facts: Any, keys: Any, now: datetime, composer: Composer) -> Any:
        if composer not in seen:
            seen[composer] = join_known(connection, facts, keys, now, composer)
        return seen[composer]

    patch.setattr(merging, "_join_known", first_found)


def never_unsure(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(merging, "unsure", lambda *_: False)


def no_outbox(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "add", lambda *_: None)


def compose_once_for_all_revisions(patch: pytest.MonkeyPatch) -> None:
    composed = Composer.composed

    def of_any_revision(composer: Composer, applied: AppliedRules, key: Any, facts: Any) -> Any:
        return composed(composer, replace(applied, revision=0), key, facts)

    patch.setattr(Composer, "composed", of_any_revision)


MUTANTS: list[tuple[Mutant, Check]] = [
    (lock_after_read, no_update_is_lost),
    (believe_the_look_before_the_lock, no_update_is_lost),
    (never_unsure, close_states_are_looked_at_again),
    (no_outbox, changes_are_announced),
    (compose_once_for_all_revisions, rules_that_change_meanwhile_count),
]


@pytest.fixture(autouse=True)
def without_rules(database: CatalogDatabase) -> Iterator[None]:
    yield
    with psycopg.connect(database.settings.conninfo, autocommit=True) as owner:
        owner.execute("DELETE FROM eventstac.rules")


@pytest.mark.parametrize("check", dict.fromkeys(check for _, check in MUTANTS))
def test_the_code_as_it_is_passes(database: CatalogDatabase, check: Check) -> None:
    check(database)


@pytest.mark.parametrize(("mutant", "check"), MUTANTS)
def test_a_mutant_is_caught(
    database: CatalogDatabase, monkeypatch: pytest.MonkeyPatch, mutant: Mutant, check: Check
) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        check(database)
