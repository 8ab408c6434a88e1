"""Drives a timer trigger; where it left off is kept on disk, so that a missed run is made up for."""

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from azure.functions.meta import Datum

from infra.local.functions_host import logs
from infra.local.functions_host.invoker import Invoker
from infra.local.functions_host.runtime import IndexedFunction
from infra.local.functions_host.triggers import TimerTrigger


@dataclass(frozen=True)
class Status:
    """When the timer last fired, and when it should next; both UTC."""

    last: datetime | None
    next: datetime


class Monitor:
    """A timer's status in a small file that is replaced as a whole."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.json"

    def read(self) -> Status | None:
        """The status, or None where there is none (or none that can be read: then the timer starts afresh)."""
        try:
            content = json.loads(self._path.read_text("utf-8"))
            last = content["Last"]
            return Status(last and datetime.fromisoformat(last), datetime.fromisoformat(content["Next"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            logs.event("timer status unreadable", logging.WARNING, path=str(self._path), reason=str(error))
            return None

    def write(self, status: Status) -> None:
        """Replace the status."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".new")
        scratch.write_text(json.dumps(_json(status)), "utf-8")
        scratch.replace(self._path)


def _json(status: Status) -> dict[str, str | None]:
    last = None if status.last is None else status.last.isoformat()
    return {"Last": last, "Next": status.next.isoformat(), "LastUpdated": last}


class Timer:
    """The timer of one function. Runs never overlap: the next is looked up when one has ended."""

    def __init__(
        self, function: IndexedFunction, trigger: TimerTrigger, invoker: Invoker, folder: Path
    ) -> None:
        self._function = function
        self._trigger = trigger
        self._invoker = invoker
        self._monitor = Monitor(folder, function.name) if trigger.monitor else None
        self._stopping = asyncio.Event()

    def stop_receiving(self) -> None:
        """Fire no more."""
        self._stopping.set()

    async def run(self) -> None:
        """Fire by the schedule until told to stop; a run that was missed comes first, once."""
        now = datetime.now(UTC)
        status = self._monitor.read() if self._monitor else None
        if status is None:
            status = self._record(Status(None, self._trigger.schedule.after(now)))
        if status.next < now or self._trigger.run_on_startup:
            status = await self._fire(status, past_due=status.next < now)
        while await self._sleep_until(status.next):
            status = await self._fire(status, past_due=False)

    async def _sleep_until(self, moment: datetime) -> bool:
        """False when told to stop. Sleeps in steps, so that a suspended laptop wakes up on time."""
        while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:
            try:
                async with asyncio.timeout(min(left, 30)):
                    await self._stopping.wait()
            except TimeoutError:
                continue
            return False
        return not self._stopping.is_set()

    async def _fire(self, status: Status, *, past_due: bool) -> Status:
        fired = datetime.now(UTC)
        await invoke(self._function, self._trigger, self._invoker, status, past_due=past_due)
        return self._record(Status(fired, self._trigger.schedule.after(max(datetime.now(UTC), fired))))

    def _record(self, status: Status) -> Status:
        if self._monitor:
            self._monitor.write(status)
        return status


async def invoke(
    function: IndexedFunction, trigger: TimerTrigger, invoker: Invoker, status: Status, *, past_due: bool
) -> None:
    """Run the function with the timer information that the host sends."""
    info = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": _json(status), "IsPastDue": past_due}
    await invoker.invoke(
        function,
        [(trigger.argument, Datum(json.dumps(info), "json"))],
        {},
        trigger="timer",
        past_due=past_due,
    )
