"""Which run goes on, which is given again and which is shown, by the rows of `eventstac.runs`."""

from dataclasses import replace

import pytest

from eventstac.catalog import pruning
from eventstac.catalog.database import Connection
from eventstac.catalog.runs import PostgresRuns, latest
from eventstac.events import ScanRequested
from eventstac.runs import Run
from tests.twins.apps import WATCHED

CONTAINER = f"{WATCHED.account_url}/source"


@pytest.fixture(autouse=True)
def none_yet(connection: Connection) -> None:
    connection.execute("DELETE FROM eventstac.runs")


def test_a_run_is_given_again_where_it_does_not_go_on(runs: PostgresRuns, connection: Connection) -> None:
    first = ScanRequested("stalled", CONTAINER, reason="reconcile")
    second = ScanRequested("stalled", CONTAINER, continuation="2", reason="reconcile")
    runs.begin(Run("of an older version", (CONTAINER,)))
    runs.begin(Run("stalled", (CONTAINER,), revision=3, next_page=first))
    runs.begin(Run("check", (CONTAINER,), check_only=True, revision=5, next_page=first))
    runs.begin(Run("part", (CONTAINER,), collection="scenes", revision=4, next_page=first))
    assert (runs.newest_revision(0), runs.newest_revision(17)) == (3, None)
    assert runs.take_stalled() is None
    connection.execute("UPDATE eventstac.runs SET state = 'done' WHERE run = 'part'")
    runs.advance("stalled", first, second)
    long_ago = "UPDATE eventstac.runs SET changed_at = now() - interval '31 minutes', resumed_at = {}"
    connection.execute(long_ago.format("NULL"))
    taken = runs.take_stalled()
    assert taken is not None
    assert (taken.id, taken.last_page, taken.next_page) == ("stalled", first, second)
    assert runs.take_stalled() is None
    connection.execute(long_ago.format("now() - interval '30 minutes'"))
    assert runs.take_stalled() is not None
    runs.note(replace(taken, state="done"))
    connection.execute(long_ago.format("NULL"))
    assert runs.take_stalled() is None


def test_a_run_that_was_stopped_beside_a_page_stays_stopped(
    runs: PostgresRuns, connection: Connection
) -> None:
    run = Run("late", (CONTAINER,))
    runs.begin(run)
    runs.note(replace(run, state="looking", removes=True))
    connection.execute("UPDATE eventstac.runs SET changed_at = now() - interval '3 days' WHERE run = 'late'")
    pruning.prune(connection)
    runs.note(replace(run, state="looking"))
    found = runs.find("late")
    assert found
    assert (found.state, found.removes, "did not go on for two days" in found.detail) == (
        "stopped",
        False,
        True,
    )


def test_a_run_that_did_not_go_on_for_two_days_bars_no_other(
    runs: PostgresRuns, connection: Connection
) -> None:
    page = ScanRequested("waits", CONTAINER, reason="reconcile")
    runs.begin(Run("waits", (CONTAINER,), next_page=page))
    long_ago = "UPDATE eventstac.runs SET resumed_at = NULL, changed_at = now() - %s * interval '1 hour'"
    for hours, barring in ((47, "waits"), (49, None)):
        connection.execute(long_ago, [hours])
        busy = runs.busy()
        assert (busy and busy.id) == barring
        stalled = runs.take_stalled()
        assert (stalled and stalled.id) == barring


@pytest.mark.parametrize("noted", ["page", "state"])
def test_a_run_that_goes_on_is_neither_given_again_nor_given_up(
    runs: PostgresRuns, connection: Connection, noted: str
) -> None:
    page = ScanRequested("slow", CONTAINER, reason="reconcile")
    run = Run("slow", (CONTAINER,), next_page=page)
    runs.begin(run)
    connection.execute("UPDATE eventstac.runs SET changed_at = now() - interval '3 days'")
    if noted == "page":
        runs.advance("slow", page, replace(page, continuation="2"))
    else:
        runs.note(replace(run, state="looking"))
    assert runs.take_stalled() is None
    assert runs.busy()


def test_a_run_that_is_begun_twice_stays_where_it_is(runs: PostgresRuns) -> None:
    """Its name is of the second in which a timer fired: one that fires twice names it alike."""
    first = ScanRequested("twice", CONTAINER, reason="reconcile")
    second = replace(first, continuation="2")
    for _ in range(2):
        runs.begin(Run("twice", (CONTAINER,), next_page=first))
        runs.advance("twice", first, second)
    runs.begin(Run("twice", (CONTAINER,), next_page=first))
    found = runs.find("twice")
    assert found
    assert found.next_page == second


def test_the_run_that_was_begun_last_and_is_no_check_is_shown(
    runs: PostgresRuns, connection: Connection
) -> None:
    for name in ("first", "second", "check"):
        runs.begin(Run(name, (CONTAINER,), check_only=name == "check"))
    shown = latest(connection)
    assert shown
    assert shown.id == "second"
