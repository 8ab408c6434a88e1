"""The parent process: starts the workers of one app, starts them again when they crash, drains them on SIGTERM."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from infra.local.functions_host import exits, logs
from infra.local.functions_host.errors import HostError

BACK_OFF_S = (0.5, 1, 2, 4, 8, 16, 30)  # before a crashed worker is started again; the last one repeats
HEALTHY_S = 60.0  # a worker that ran this long begins the back-off anew
GRACE_S = 5.0  # for a drained worker to end, before it is killed


@dataclass(frozen=True)
class App:
    """What to run: the app's folder, its environment, where its state is kept, how long a drain may take."""

    folder: Path
    environment: Mapping[str, str]
    state: Path
    workers: int
    drain_s: float


class Supervisor:
    """Keeps the workers of an app running until it is stopped or the app is refused."""

    def __init__(self, app: App, listening: socket.socket) -> None:
        self._app = app
        self._socket = listening
        self._stop = asyncio.Event()
        self._code = 0

    def stop(self) -> None:
        """Drain and end."""
        self._stop.set()

    async def run(self) -> int:
        """Run until stopped; returns the exit code."""
        await asyncio.gather(*(self._keep(number) for number in range(self._app.workers)))
        return self._code

    async def _keep(self, number: int) -> None:
        crashes = 0
        while not self._stop.is_set():
            started = time.monotonic()
            code = await self._run_once(number)
            if self._stop.is_set() or code == exits.REFUSED:
                self._ended(code)
                return
            crashes = 1 if time.monotonic() - started > HEALTHY_S else crashes + 1
            pause = BACK_OFF_S[min(crashes, len(BACK_OFF_S)) - 1]
            logs.event(
                "worker ended",
                logging.ERROR,
                worker=number,
                code=code,
                crashes=crashes,
                starting_again_in_s=pause,
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop.wait()

    def _ended(self, code: int) -> None:
        if code == exits.REFUSED:
            self._code = code
            self._stop.set()
        elif code and not self._code:
            self._code = exits.NOT_DRAINED

    async def _run_once(self, number: int) -> int:
        """Start a worker and wait for its end; negative codes are signals."""
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "infra.local.functions_host.worker", str(self._app.folder),
            "--number", str(number), "--parent", str(os.getpid()), "--socket", str(self._socket.fileno()),
            "--state", str(self._app.state), "--drain-seconds", str(self._app.drain_s),
            env=dict(self._app.environment), pass_fds=[self._socket.fileno()], stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        logs.event("worker started", worker=number, pid=worker.pid)
        ended = asyncio.create_task(worker.wait())
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not ended.done():
            with contextlib.suppress(ProcessLookupError):
                worker.send_signal(signal.SIGTERM)
            await asyncio.wait([ended], timeout=self._app.drain_s + GRACE_S)
            if not ended.done():
                logs.event(
                    "worker killed", logging.ERROR, worker=number, pid=worker.pid, reason="did not end"
                )
                worker.kill()
        return await ended


def claim(state: Path) -> TextIO:
    """Take a state folder for this host alone; timers kept by two hosts would fire twice."""
    state.mkdir(parents=True, exist_ok=True)
    lock = (state / "host.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise HostError(
            f"Another host already runs with --state {state}; stop it, or name another folder."
        ) from None
    return lock


def listen(port: int) -> socket.socket:
    """Bind the port on loopback; 0 lets the system choose. Kept by the host while workers come and go."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise HostError(
            f"Port {port} cannot be used ({error.strerror}); choose another with --port."
        ) from error
    listening.listen(128)
    listening.setblocking(False)
    return listening


async def run(app: App, listening: socket.socket) -> int:
    """Run an app until SIGTERM or SIGINT; returns the exit code."""
    supervisor = Supervisor(app, listening)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    host, port = listening.getsockname()
    logs.event("host listening", url=f"http://{host}:{port}", port=port, pid=os.getpid(), app=app.folder.name)
    return await supervisor.run()
