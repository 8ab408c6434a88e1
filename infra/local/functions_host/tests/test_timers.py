"""Timer triggers fire by their schedule and make up for what was missed."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.functions.meta import Datum

from infra.local.functions_host import triggers
from infra.local.functions_host.host_json import HostConfig
from infra.local.functions_host.invoker import Invoker
from infra.local.functions_host.runtime import IndexedFunction, Outcome
from infra.local.functions_host.testing import running_host
from infra.local.functions_host.tests.conftest import APPS
from infra.local.functions_host.timers import Timer
from infra.local.functions_host.triggers import TimerTrigger

HOUR = (datetime.now(UTC).hour + 12) % 24  # it does not come while a test runs
DAILY = f"0 0 {HOUR} * * *"


def status_file(state: Path) -> Path:
    return state / "timers" / "nightly.json"


def test_a_first_start_writes_down_when_to_fire_and_fires_what_asks_for_it(state: Path) -> None:
    with running_host(APPS / "clock", state, {"NIGHTLY": DAILY}, "--workers", "2") as host:
        host.event("worker running", count=2)
        host.message("ticks", count=2)
        assert host.ready().run_function("nightly") == 202
        assert host.message("nightly")[0]["past_due"] is False
        host.stop()

    written = json.loads(status_file(state).read_text())
    assert written["Last"] is None
    assert datetime.fromisoformat(written["Next"]).hour == HOUR
    assert datetime.fromisoformat(written["Next"]) > datetime.now(UTC)
    assert len(host.message("startup")) == 1, "timers fire in one worker only"
    assert len(host.message("nightly")) == 1, "only by hand: its hour has not come"
    assert not (state / "timers" / "ticks.json").exists(), "the real one keeps no state for such fast timers"


class Calls(Invoker):
    """Notes what would be invoked."""

    def __init__(self) -> None:
        super().__init__(None, lambda: None)
        self.made: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def invoke(
        self,
        function: IndexedFunction,
        inputs: Sequence[tuple[str, Datum]],
        metadata: dict[str, Datum],
        **details: Any,
    ) -> Outcome:
        await self.made.put(json.loads(inputs[0][1].value))
        return Outcome(True)


def timer(calls: Calls, state: Path, schedule: str, **binding: Any) -> Timer:
    function = IndexedFunction(
        "nightly", "", ({"name": "t", "type": "timerTrigger", "schedule": schedule} | binding,)
    )
    trigger = triggers.read(function, HostConfig(), {})
    assert isinstance(trigger, TimerTrigger)
    return Timer(function, trigger, calls, state / "timers")


async def test_a_missed_run_is_made_up_for_once(state: Path) -> None:
    missed = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    status_file(state).parent.mkdir(parents=True)
    status_file(state).write_text(json.dumps({"Last": missed, "Next": missed, "LastUpdated": missed}))
    calls = Calls()

    for _ in range(2):
        running = timer(calls, state, DAILY)
        task = asyncio.create_task(running.run())
        for _ in range(5):
            await asyncio.sleep(0)
        running.stop_receiving()
        await task

    info = calls.made.get_nowait()
    assert (info["IsPastDue"], info["ScheduleStatus"]["Last"]) == (True, missed)
    assert calls.made.empty()
    written = json.loads(status_file(state).read_text())
    assert datetime.now(UTC) - datetime.fromisoformat(written["Last"]) < timedelta(minutes=1)
    assert datetime.fromisoformat(written["Next"]) > datetime.now(UTC)


async def test_a_damaged_status_starts_afresh_and_says_so(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    status_file(state).parent.mkdir(parents=True)
    for damage in ("{", "[]", '{"Last": null, "Next": "soon"}'):
        status_file(state).write_text(damage)
        calls = Calls()
        running = timer(calls, state, DAILY)
        running.stop_receiving()
        await running.run()

        assert calls.made.empty()
        assert json.loads(status_file(state).read_text())["Last"] is None
        assert caplog.messages.pop() == "timer status unreadable"


async def test_a_timer_fires_on_its_seconds_and_never_while_it_runs(state: Path) -> None:
    calls = Calls()
    running = timer(calls, state, "* * * * * *", useMonitor=True)
    task = asyncio.create_task(running.run())
    async with asyncio.timeout(10):
        statuses = [(await calls.made.get())["ScheduleStatus"]["Next"] for _ in range(2)]
    running.stop_receiving()
    await task

    first, second = map(datetime.fromisoformat, statuses)
    assert second - first >= timedelta(seconds=1)
    assert first.microsecond == second.microsecond == 0
