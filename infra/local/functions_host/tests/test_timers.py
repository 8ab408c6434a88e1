"""Timer triggers fire by their schedule and make up for what was missed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.local.functions_host.testing import running_host
from infra.local.functions_host.tests.conftest import APPS

NIGHTLY = {"NIGHTLY": "0 0 3 * * *"}


def status_file(state: Path) -> Path:
    return state / "timers" / "nightly.json"


def test_a_first_start_writes_down_when_to_fire_and_fires_what_asks_for_it(state: Path) -> None:
    with running_host(APPS / "clock", state, NIGHTLY, "--workers", "2") as host:
        host.event("worker running", count=2)
        host.message("ticks", count=2)
        host.stop()

    written = json.loads(status_file(state).read_text())
    assert written["Last"] is None
    assert datetime.fromisoformat(written["Next"]).hour == 3
    assert datetime.fromisoformat(written["Next"]) > datetime.now(UTC)
    assert len(host.message("startup")) == 1, "timers fire in one worker only"
    assert not [line for line in host.lines if line.get("message") == "nightly"]
    assert not (state / "timers" / "ticks.json").exists(), "the real one keeps no state for such fast timers"


def test_a_missed_run_is_made_up_for_once(state: Path) -> None:
    missed = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    status_file(state).parent.mkdir(parents=True)
    status_file(state).write_text(json.dumps({"Last": missed, "Next": missed, "LastUpdated": missed}))

    for _ in range(2):
        with running_host(APPS / "clock", state, NIGHTLY) as host:
            host.message("ticks")
            host.stop()
        runs = [line for line in host.lines if line.get("message") == "nightly"]
        assert [(run["past_due"], run["last"]) for run in runs] == ([(True, missed)] if _ == 0 else [])


def test_a_damaged_status_starts_afresh_and_says_so(state: Path) -> None:
    status_file(state).parent.mkdir(parents=True)
    status_file(state).write_text("{")

    with running_host(APPS / "clock", state, NIGHTLY) as host:
        assert host.event("timer status unreadable")["path"] == str(status_file(state))
        host.message("ticks")

    assert json.loads(status_file(state).read_text())["Last"] is None


def test_a_timer_runs_when_told_to(state: Path) -> None:
    with running_host(APPS / "clock", state, NIGHTLY) as host:
        assert host.ready().run_function("nightly") == 202
        assert host.message("nightly")[0]["past_due"] is False
