"""Which run goes on, which is given again and which is shown, by the rows of `eventstac.runs`."""

from dataclasses import replace

import pytest

from eventstac.catalog import pruning
from eventstac.catalog.database import Connection
from eventstac.catalog.runs import PostgresRuns, latest
from eventstac.events import ScanRequested
from eventstac.reconciling import Run
from tests.twins.apps import WATCHED

CONTAINER = f"{WATCHED.account_url}/source"


@pytest.fixture(autouse=True)
def none_yet(connection: Connection) -> None:
    connection.execute("DELETE FROM eventstac.runs")


def test_a_run_is_given_again_where_it_does_not_go_on(runs: PostgresRuns, connection: Connection) -> None:
    first = ScanRequested("stalled", CONTAINER, reason="reconcile")
    second = ScanRequested("stalled", CONTAINER, continuation="2", reason="reconcile")
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
    connection.execute("UPDATE eventstac.runs SET changed_at = now() - interval '3 days' WHERE run = 'late'")
    pruning.prune(connection)
    runs.note(replace(run, state="looking"))
    found = runs.find("late")
    assert found
    assert (found.state, "did not go on for two days" in found.detail) == ("stopped", True)


def test_a_run_that_did_not_go_on_for_two_days_bars_no_other(
    runs: PostgresRuns, connection: Connection
) -> None:
    runs.begin(Run("waits", (CONTAINER,)))
    for hours, barring in ((47, "waits"), (49, None)):
        connection.execute("UPDATE eventstac.runs SET changed_at = now() - %s * interval '1 hour'", [hours])
        busy = runs.busy()
        assert (busy and busy.id) == barring


def test_the_run_that_was_begun_last_and_is_no_check_is_shown(
    runs: PostgresRuns, connection: Connection
) -> None:
    for name in ("first", "second", "check"):
        runs.begin(Run(name, (CONTAINER,), check_only=name == "check"))
    shown = latest(connection)
    assert shown
    assert shown.id == "second"
