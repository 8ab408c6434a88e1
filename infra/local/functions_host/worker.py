"""The worker process: one function app, indexed, its triggers driven until it is told to drain."""

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from infra.local.functions_host import exits, host_json, logs, runtime, triggers
from infra.local.functions_host.admin import Admin
from infra.local.functions_host.errors import HostError
from infra.local.functions_host.forwarding import Forwarder
from infra.local.functions_host.host_json import HostConfig
from infra.local.functions_host.http import BODY_LIMIT, Dispatcher, Endpoint
from infra.local.functions_host.invoker import Invoker
from infra.local.functions_host.runtime import IndexedApp, IndexedFunction
from infra.local.functions_host.timers import Timer
from infra.local.functions_host.triggers import HttpTrigger, ServiceBusTrigger, TimerTrigger, Trigger

if TYPE_CHECKING:
    from infra.local.functions_host.service_bus import Listener

GIVE_BACK_S = 3.0  # for abandoning what was broken off
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Worker:
    """An indexed app and everything that makes its functions run."""

    def __init__(self, app: IndexedApp, config: HostConfig, state: Path, number: int) -> None:
        self._timed_out = asyncio.Event()
        self.invoker = Invoker(config.function_timeout_s, self._timed_out.set)
        key = os.environ.get("FUNCTIONS_KEY")
        bound: dict[str, tuple[IndexedFunction, Trigger]] = {
            function.name: (function, triggers.read(function, config, os.environ))
            for function in app.functions
        }
        self.listeners: dict[str, Listener] = {}
        self._timers: list[Timer] = []
        endpoints: list[Endpoint] = []
        for function, trigger in bound.values():
            match trigger:
                case ServiceBusTrigger():
                    # Half of a worker's start goes into importing the SDK: only apps that need it pay.
                    from infra.local.functions_host import service_bus

                    listener = service_bus.Listener(function, trigger, config.service_bus, self.invoker)
                    self.listeners[function.name] = listener
                case HttpTrigger():
                    endpoints.append(Endpoint(function, trigger))
                case TimerTrigger() if number == 0:  # a timer fires in one worker only
                    self._timers.append(Timer(function, trigger, self.invoker, state / "timers"))
        self._admin = Admin(bound, self.listeners, self.invoker, key, number)
        self._forwarder = Forwarder(app.http) if app.http else None
        self._dispatcher = Dispatcher(endpoints, self.invoker, key, self._forwarder)

    @property
    def _receiving(self) -> "list[Listener | Timer]":
        return [*self.listeners.values(), *self._timers]

    async def serve(self, listening: socket.socket, stop: asyncio.Event, drain_s: float) -> int:
        """Run until `stop` or a time-out; returns the exit code."""
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            auto_decompress=False,  # Azure's host leaves a body as it came
            shutdown_timeout=drain_s,
            handler_cancellation=True,
        )
        await runner.setup()
        site = web.SockSite(runner, listening)
        await site.start()
        running = [asyncio.create_task(trigger.run()) for trigger in self._receiving]
        self._admin.state = "Running"
        logs.event("worker running", pid=os.getpid(), functions=sorted(self._admin.names))
        ended = [asyncio.create_task(stop.wait()), asyncio.create_task(self._timed_out.wait()), *running]
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            if task.done():
                task.result()  # a listener ends only when told to: anything else is a fault of the host
        self._admin.state = "Stopping"
        await site.stop()
        code = await self._drain(running, 0 if self._timed_out.is_set() else drain_s)
        await runner.cleanup()
        if self._forwarder is not None:
            await self._forwarder.close()
        return exits.TIMED_OUT if self._timed_out.is_set() else code

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=BODY_LIMIT)
        application.router.add_get("/admin/host/status", self._admin.status)
        application.router.add_post("/admin/functions/{name}", self._admin.run_now)
        # never the app's, even by a catch-all; a path may have line ends in it
        application.router.add_route("*", "/admin/{path:(?s:.*)}", _not_found)
        application.router.add_route("*", "/{path:(?s:.*)}", self._dispatcher)
        return application

    async def _drain(self, running: Sequence[asyncio.Task[None]], limit_s: float) -> int:
        """Receive no more, let what runs finish within the limit, give back the rest."""
        for trigger in self._receiving:
            trigger.stop_receiving()
        logs.event("draining", running=self.invoker.running, limit_s=limit_s)
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.shield(asyncio.gather(*running, self.invoker.wait_idle()))
        except TimeoutError:
            logs.event("not drained", logging.WARNING, running=self.invoker.running)
            self.invoker.give_up()
            idle = asyncio.create_task(self.invoker.wait_idle())
            await asyncio.wait([*running, idle], timeout=GIVE_BACK_S)
            return exits.NOT_DRAINED
        logs.event("drained")
        return 0


async def _not_found(_request: web.Request) -> web.Response:
    return web.Response(status=404)


async def _run(arguments: argparse.Namespace) -> int:
    app_dir = Path(arguments.app_dir)
    config = host_json.read(app_dir)
    logs.configure(config.log_level)
    os.chdir(app_dir)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    worker = Worker(await runtime.index(app_dir), config, Path(arguments.state), arguments.number)
    listening = socket.socket(fileno=arguments.socket)
    return await worker.serve(listening, stop, arguments.drain_seconds)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies (Linux); leave if it already did."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("The host is gone.")


def main() -> None:
    """Entry point; started by the host only."""
    parser = argparse.ArgumentParser(prog="functions_host.worker")
    parser.add_argument("app_dir")
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--drain-seconds", type=float, required=True)
    arguments = parser.parse_args()
    die_with_parent(arguments.parent)
    logs.configure()
    try:
        code = asyncio.run(_run(arguments))
    except HostError as error:
        logs.event("refused", logging.ERROR, error.__cause__, reason=str(error))
        sys.stderr.write(f"{error}\n")
        code = exits.REFUSED
    except SystemExit as error:  # a function called sys.exit
        logs.event("worker exits", logging.ERROR, reason=f"the app called sys.exit({error.code!r})")
        code = exits.FAULT
    except Exception as error:  # noqa: BLE001 - said here, because nothing is printed after os._exit
        logs.event("worker failed", logging.CRITICAL, error, reason=f"{type(error).__name__}: {error}")
        code = exits.FAULT
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of the app cannot be stopped; whatever had to be finished was finished above.
    os._exit(code)


if __name__ == "__main__":
    main()
