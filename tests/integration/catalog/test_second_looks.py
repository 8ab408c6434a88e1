"""The transaction asks for a second look where what came may not be how things are by now."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from eventstac.catalog import deleted_directories
from eventstac.catalog.database import Connection
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore
from eventstac.facts import NOT_A_COG, Fact, Match, fact_of
from tests.integration.catalog.test_reconcile import load
from tests.integration.conftest import CatalogDatabase
from tests.samples import START, at, cog_fact, present, rejected, url_of

WINDOW_S = 5.0  # as the apps have it
RULES = "collections: {{scenes: {{rules: [{{name: {name}, pattern: '{{item}}/{{asset}}.tif'}}]}}}}"
BEFORE, AFTER = RULES.format(name="before"), RULES.format(name="after")
A, B = url_of("a/b1.tif"), url_of("b/b1.tif")

pytestmark = pytest.mark.usefixtures("empty")


def looks(connection: Connection, store: RulesStore, *facts: Fact) -> list[str]:
    """The blobs that are to be looked at again after these facts came."""
    connection.execute("DELETE FROM eventstac.outbox")
    merge(connection, store, facts, MergeSettings("loader", WINDOW_S), datetime(2024, 6, 1, tzinfo=UTC))
    rows = connection.execute("SELECT body FROM eventstac.outbox WHERE topic = 'blobs-matched' ORDER BY id")
    return [row[0]["data"]["url"] for row in rows]


@pytest.mark.parametrize(("revision", "again"), [(1, [A]), (2, [])])
def test_a_look_by_rules_that_changed_meanwhile(
    database: CatalogDatabase, connection: Connection, revision: int, again: list[str]
) -> None:
    store = load(database, [], (BEFORE, AFTER))
    match = Match("scenes", "a", "b1", rule="before" if revision == 1 else "after")
    assert looks(connection, store, fact_of(A, present(match, 1, "e", revision=revision))) == again


@pytest.mark.parametrize(("seconds", "again"), [(WINDOW_S, [A]), (WINDOW_S + 1, [])])
def test_a_look_as_late_as_clocks_may_differ_after_its_directory_was_deleted(
    database: CatalogDatabase, connection: Connection, seconds: float, again: list[str]
) -> None:
    store = load(database, [], (BEFORE,))
    with database.connect("eventstac_scanner") as scanner:
        deleted_directories.note(scanner, url_of("a/"), START)
    match = Match("scenes", "a", "b1", rule="before")
    assert looks(connection, store, fact_of(A, present(match, seconds, "e"))) == again


def test_the_last_deletion_counts_of_any_directory_above(
    database: CatalogDatabase, connection: Connection
) -> None:
    deletions = {"x/": 1, "x/y/": 5, "z/": 9, "x": 20}
    with database.connect("eventstac_scanner") as scanner:
        for name, seconds in deletions.items():
            deleted_directories.note(scanner, url_of(name), at(seconds))
        deleted_directories.note(scanner, url_of("x/y/"), at(3))
        deleted_directories.note(scanner, url_of("z/"), at(2))
    blobs = [url_of(name) for name in ("x/y/w/a.tif", "z/a.tif", "x/a.tif", "a.tif", "z/")]
    assert deleted_directories.deleted(connection, blobs) == {
        blobs[0]: at(5),
        blobs[1]: at(9),
        blobs[2]: at(1),
    }


def test_a_blob_that_is_no_cog_is_read_as_a_source_once_its_claim_is_refused(
    database: CatalogDatabase, connection: Connection
) -> None:
    """B was said to be A's COG first, which comes last: A, that was said to be B's, is a source after all."""
    store = load(database, [], (BEFORE,))
    no_cog = replace(rejected(Match("scenes", "b", "b1", rule="before"), 2, "e"), reason=NOT_A_COG)
    assert looks(connection, store, cog_fact(A, no_cog, B)) == []
    earlier = cog_fact(B, present(Match("scenes", "a", "b1", rule="before"), 1, "e"), A)
    assert looks(connection, store, earlier) == [A]
    assert looks(connection, store, earlier) == []
