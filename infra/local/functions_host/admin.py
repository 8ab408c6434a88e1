"""The host's own endpoints: its status, and running a function now."""

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from infra.local.functions_host import timers
from infra.local.functions_host.http import has_key
from infra.local.functions_host.invoker import Invoker, Tally
from infra.local.functions_host.runtime import IndexedFunction
from infra.local.functions_host.triggers import HttpTrigger, ServiceBusTrigger, TimerTrigger, Trigger

if TYPE_CHECKING:
    from infra.local.functions_host.service_bus import Listener


class Admin:
    """Answers under /admin. `state` is Starting, Running or Stopping, as in the host's status."""

    def __init__(
        self,
        functions: Mapping[str, tuple[IndexedFunction, Trigger]],
        listeners: "Mapping[str, Listener]",
        invoker: Invoker,
        key: str | None,
        worker: int,
    ) -> None:
        self._functions = functions
        self._listeners = listeners
        self._invoker = invoker
        self._key = key
        self._worker = worker
        self._runs: set[asyncio.Task[Any]] = set()
        self.state = "Starting"

    @property
    def names(self) -> list[str]:
        """The functions of the app."""
        return sorted(self._functions)

    async def status(self, _request: web.Request) -> web.Response:
        """Whether the host is ready, and each function's trigger and tally in the worker that answers."""
        functions = []
        for name, (_, trigger) in self._functions.items():
            tally = self._invoker.tallies.get(name, Tally())
            entry: dict[str, Any] = {"name": name, "trigger": _kind(trigger), **vars(tally)}
            if listener := self._listeners.get(name):
                entry["connected"] = listener.connected
            functions.append(entry)
        ready = self.state == "Running" and all(listener.connected for listener in self._listeners.values())
        return web.json_response(
            {
                "state": self.state,
                "ready": ready,
                "worker": {"index": self._worker, "pid": os.getpid()},
                "functions": functions,
            }
        )

    async def run_now(self, request: web.Request) -> web.Response:
        """Start a function in the background: 202, as the host answers.

        Asks for JSON, so that no web page can make a browser send it, and for the key where one is set.
        """
        if self._key and not has_key(request, self._key):
            return web.Response(status=401)
        if request.content_type != "application/json":
            return _problem(
                415, 'Send JSON: Content-Type: application/json and a body such as {"input": ""}.'
            )
        found = self._functions.get(request.match_info["name"])
        if found is None:
            return _problem(
                404, f"No function {request.match_info['name']!r}; there are {sorted(self._functions)}."
            )
        function, trigger = found
        if isinstance(trigger, HttpTrigger):
            return _problem(
                400, f"{function.name} has an HTTP trigger: call /{trigger.route.template} instead."
            )
        try:
            content = await request.json()
            text = str(content.get("input", ""))
        except (ValueError, AttributeError):
            return _problem(400, 'The body must be a JSON object such as {"input": ""}.')
        task = asyncio.create_task(self._run(function, trigger, text))
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)
        return web.Response(status=202)

    async def _run(
        self, function: IndexedFunction, trigger: ServiceBusTrigger | TimerTrigger, text: str
    ) -> None:
        if isinstance(trigger, TimerTrigger):
            now = datetime.now(UTC)
            status = timers.Status(None, trigger.schedule.after(now))
            await timers.invoke(function, trigger, self._invoker, status, past_due=False)
        else:
            from infra.local.functions_host import messages, service_bus  # loaded by then; see worker

            await service_bus.invoke(function, trigger, self._invoker, [messages.from_text(text)])


def _problem(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


def _kind(trigger: Trigger) -> str:
    match trigger:
        case ServiceBusTrigger():
            return f"serviceBus {trigger.source}"
        case HttpTrigger():
            return f"http /{trigger.route.template}"
        case TimerTrigger():
            return f"timer {trigger.schedule.text}"
