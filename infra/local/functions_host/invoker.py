"""Runs invocations: one line in the log for each, the time limit, and the count of what is under way."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from azure.functions.meta import Datum

from infra.local.functions_host import logs, runtime
from infra.local.functions_host.runtime import IndexedFunction, Outcome


@dataclass
class Tally:
    """What became of a function's invocations since the worker started."""

    running: int = 0
    succeeded: int = 0
    failed: int = 0


class Invoker:
    """Invokes functions under `timeout_s` (None: no limit).

    A Python thread cannot be stopped, so Azure's host replaces the worker whose function ran out of time;
    `on_timeout` is where that is arranged.
    """

    def __init__(self, timeout_s: float | None, on_timeout: Callable[[], None]) -> None:
        self._timeout_s = timeout_s
        self._on_timeout = on_timeout
        self.tallies: dict[str, Tally] = {}
        self._calls: set[asyncio.Task[Outcome]] = set()

    @property
    def running(self) -> dict[str, int]:
        """Functions with invocations under way, and how many."""
        return {name: tally.running for name, tally in self.tallies.items() if tally.running}

    def give_up(self) -> None:
        """Break off everything under way; each invocation fails, so that its messages are given back."""
        for call in self._calls:
            call.cancel()

    async def wait_idle(self) -> None:
        """Return when nothing runs."""
        while self._calls:
            await asyncio.wait(self._calls)

    async def invoke(
        self,
        function: IndexedFunction,
        inputs: Sequence[tuple[str, Datum]],
        metadata: dict[str, Datum],
        **details: Any,
    ) -> Outcome:
        """Run a function once. Never raises for what the function does; `details` go into the log line."""
        invocation = str(uuid.uuid4())
        return await self.watch(
            function, invocation, runtime.invoke(function, invocation, inputs, metadata), **details
        )

    async def watch(
        self, function: IndexedFunction, invocation: str, run: Coroutine[Any, Any, Outcome], **details: Any
    ) -> Outcome:
        """As `invoke`, of a run that is already made. Who cancels it and says why does so for no fault of it."""
        tally = self.tallies.setdefault(function.name, Tally())
        tally.running += 1
        started = time.monotonic()
        result, outcome = "cancelled", Outcome(False, error="broken off: the worker ends")
        told_why = False
        call = asyncio.create_task(run)
        self._calls.add(call)
        try:
            await asyncio.wait({call}, timeout=self._timeout_s)
            if not call.done():
                result = "timed out"
                outcome = Outcome(False, error=f"ran longer than functionTimeout ({self._timeout_s:g} s)")
                self._on_timeout()
            elif not call.cancelled():
                outcome = call.result()
                result = "succeeded" if outcome.ok else "failed"
        except asyncio.CancelledError as cancelled:
            if told_why := bool(cancelled.args):
                outcome = Outcome(False, error=str(cancelled.args[0]))
            raise
        finally:
            call.cancel()
            self._calls.discard(call)
            tally.running -= 1
            tally.succeeded += outcome.ok
            tally.failed += not outcome.ok and not told_why
            if outcome.error:
                details["error"] = outcome.error
            logs.event(
                "invocation",
                logging.INFO if outcome.ok or told_why else logging.ERROR,
                invocation=invocation,
                function=function.name,
                duration_ms=round((time.monotonic() - started) * 1000, 1),
                outcome=result,
                **details,
            )
        return outcome
