"""One life of the stack in this process: start everything, watch it, stop it on a signal."""

import fcntl
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import FrameType

from infra.local.azurite.server import AzuriteError
from infra.local.postgres.cluster import DURABLE, FAST, THROW_AWAY, TO_KEEP, Cluster
from infra.local.postgres.errors import PostgresUnavailable
from infra.local.stack import keys, leftovers, ports, prepare, processes, services
from infra.local.stack.endpoints import PORT_NAMES, Endpoints, as_shell
from infra.local.stack.errors import StackError
from infra.local.stack.layout import Layout
from infra.local.stack.supervisor import Supervisor


class Interruptions:
    """Whether somebody wants us to stop: a signal, or (`until_eof`) the end of standard input."""

    def __init__(self, until_eof: bool) -> None:
        self._until_eof = until_eof
        self._stop = False
        self.wake, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._heard)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes the watch at once when a service ends

    def __call__(self) -> bool:
        """Whether to stop now."""
        if self._until_eof and select.select([0], [], [], 0)[0] and not os.read(0, 64):
            self._stop = True
        return self._stop

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True


def endpoints_of(layout: Layout) -> Endpoints:
    """The addresses of the stack in this directory; ports and keys are made at the first call."""
    return Endpoints(
        ports.kept_or_chosen(layout.ports, PORT_NAMES),
        keys.kept_or_made(layout.keys),
        layout.data("telemetry").resolve(),
    )


def run(layout: Layout, until_eof: bool = False, fast: bool = False) -> int:
    """Run the stack until a signal. Returns the exit code; progress and failures go to standard output.

    `fast`: a database that does not survive a power cut, for tests.
    """
    layout.make()
    with _alone(layout):
        interruptions = Interruptions(until_eof)
        supervisor = Supervisor(layout, _say)
        code = 0
        try:
            _start(layout, supervisor, interruptions, fast)
            supervisor.watch(interruptions, interruptions.wake)
        except (StackError, PostgresUnavailable, AzuriteError) as error:
            print(error, flush=True)  # noqa: T201
            code = 1
        finally:
            supervisor.stop()
        return code


def _start(layout: Layout, supervisor: Supervisor, interruptions: Interruptions, fast: bool) -> None:
    started = time.monotonic()
    leftovers.clear(layout, _say)
    endpoints = endpoints_of(layout)
    ports.refuse_taken(layout.ports, endpoints.ports)
    how, elsewhere = (FAST, THROW_AWAY) if fast else (DURABLE, TO_KEEP)
    cluster = Cluster(layout.data("postgres"), endpoints.ports["postgres"], how, elsewhere)
    supervisor.bring_up(services.foundation(layout, endpoints, cluster), interruptions)
    if interruptions():
        return
    prepare.database(layout, endpoints, cluster)
    prepare.containers(endpoints)
    prepare.cross_origin(endpoints.storage)
    _say("database and containers are set up")
    layout.env.touch(mode=0o600)
    layout.env.write_text(as_shell(endpoints.environment()))
    supervisor.bring_up(services.apps(layout, endpoints), interruptions)
    if not interruptions():
        supervisor.overall = "ready"
        supervisor.tick()
        _say(f"the stack is up ({time.monotonic() - started:.0f} s): {endpoints.stac_api}")


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    with layout.lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"The stack of {layout.directory} runs already; stop it with `make down`."
            ) from None
        layout.state.unlink(missing_ok=True)  # a run that was killed may have left "ready" behind
        me = processes.identify(os.getpid())
        processes.write(layout.record("supervisor"), me)
        try:
            yield
        finally:
            layout.record("supervisor").unlink(missing_ok=True)


def _say(line: str) -> None:
    sys.stdout.write(f"{datetime.now().astimezone():%H:%M:%S}  {line}\n")
    sys.stdout.flush()
