"""The whole stack for tests: its own directory and ports, ended with the test run however that ends."""

import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from infra.local.azurite.server import ACCOUNT
from infra.local.postgres.cluster import FAST, Cluster
from infra.local.stack import processes
from infra.local.stack.endpoints import Endpoints
from infra.local.stack.layout import ROOT, Layout
from infra.local.stack.run import endpoints_of

START_TIMEOUT_S = 180.0
_STOP_TIMEOUT_S = 90.0
_POLL_S = 0.05
# Ports are chosen up to 20 s before the last process listens on its own; meanwhile another program may take one.
_PORT_TAKEN = re.compile(r"Another program listens on port|address already in use|EADDRINUSE", re.IGNORECASE)


class Stack:
    """A running stack. The names of its processes are those of `make status`: postgres, azurite, servicebus,
    eventgrid, blobs, scanner, extractor, loader, cog_updater, stac_api.
    """

    def __init__(self, layout: Layout, endpoints: Endpoints) -> None:
        self.layout = layout
        self.endpoints = endpoints

    @property
    def env(self) -> Mapping[str, str]:
        """What `.local/env` says, as a dict."""
        return self.endpoints.environment()

    @property
    def storage(self) -> str:
        """The storage connection string (through the proxy that emits events)."""
        return self.endpoints.storage

    @property
    def servicebus(self) -> str:
        """The Service Bus connection string."""
        return self.endpoints.servicebus

    @property
    def stac_api(self) -> str:
        """The root URL of the catalog."""
        return self.endpoints.stac_api

    def blob_url(self, container: str, path: str) -> str:
        """The canonical URL of a blob here (`path` percent-encoded already)."""
        return f"http://127.0.0.1:{self.endpoints.ports['blobs']}/{ACCOUNT}/{container}/{path}"

    def dsn(self, role: str = "eventstac_operator") -> str:
        """How to connect to the catalog as one of our roles (`eventstac_setup` owns it)."""
        values = self.endpoints.postgres(role)
        return "postgresql://{POSTGRES_USER}:{POSTGRES_PASS}@{POSTGRES_HOST}:{POSTGRES_PORT}/{POSTGRES_DB}".format(
            **values
        )

    def query(self, sql: str, *parameters: object, role: str = "eventstac_setup") -> list[tuple[Any, ...]]:
        """Run one query on the catalog and return its rows."""
        with psycopg.connect(self.dsn(role), autocommit=True) as connection:
            return connection.execute(sql, parameters or None).fetchall()

    def eventstac(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the `eventstac` command as the operator would after sourcing `.local/env`."""
        command = [str(Path(sys.executable).with_name("eventstac")), *arguments]
        return subprocess.run(  # noqa: S603
            command, cwd=ROOT, env={**os.environ, **self.env}, capture_output=True, text=True, check=False
        )

    def status(self, name: str) -> dict[str, Any]:
        """What the supervisor says about a process: `state`, `pid`, `port`, `restarts`."""
        status: dict[str, Any] = json.loads(self.layout.state.read_text())["services"][name]
        return status

    def kill(self, name: str) -> None:
        """SIGKILL a process and all it started; it stays away until `restart`."""
        self._hold(name, processes.kill_group)

    def stop(self, name: str) -> None:
        """SIGTERM a process, so that it drains; it stays away until `restart`."""
        number = signal.SIGINT if name == "postgres" else signal.SIGTERM
        self._hold(name, lambda pid: os.kill(pid, number))

    def _hold(self, name: str, end: Callable[[int], None]) -> None:
        """Keep a process away, and end it: each pid once, since the supervisor may be just starting it again."""
        self.layout.hold(name).touch()
        ended = set[int]()

        def is_held() -> bool:
            status = self.status(name)
            pid = status["pid"]
            if pid is not None and pid not in ended:
                ended.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    end(pid)
            return bool(status["state"] == "held")

        self._wait(f"{name} to be gone", is_held)

    def restart(self, *names: str) -> None:
        """Start processes again (killing first what runs) and wait until all are ready.

        Name together what was away together: a function app is not ready before Service Bus is.
        """
        for name in names:
            if self.status(name)["state"] != "held":
                self.kill(name)
        before = {name: self.status(name)["restarts"] for name in names}
        for name in names:
            self.layout.hold(name).unlink()
        for name in names:
            self._wait(f"{name} to be ready again", functools.partial(self._is_back, name, before[name]))

    def _is_back(self, name: str, restarts: int) -> bool:
        status = self.status(name)
        return bool(status["state"] == "ready" and status["restarts"] > restarts)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """A process is away inside the block (stopped, not killed), and ready again after it."""
        self.stop(name)
        try:
            yield
        finally:
            self.restart(name)

    @contextmanager
    def mute(self) -> Iterator[None]:
        """Storage events are dropped on purpose inside the block: what reconcile has to find."""
        self._blobs_admin("mute")
        try:
            yield
        finally:
            self._blobs_admin("unmute")

    def _blobs_admin(self, action: str) -> None:
        url = f"http://127.0.0.1:{self.endpoints.ports['blobs_admin']}/{action}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST")) as answer:
            answer.read()

    def log(self, name: str) -> str:
        """What a process has printed so far."""
        return self.layout.log(name).read_text(errors="replace")

    def _wait(self, what: str, condition: Callable[[], bool], seconds: float = 90.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"waited {seconds:.0f} s for {what}; .local state: {self.layout.state.read_text()}"
                )
            time.sleep(_POLL_S)


@contextmanager
def running_stack(directory: Path, *supervisor_module: str) -> Iterator[Stack]:
    """Start a stack under `directory`, wait until it is ready, and stop and delete its database at the end.

    It ends with this process, however this process ends. `supervisor_module`: the Python module, and its arguments,
    that runs it until its standard input ends, where that is not the laptop's own. What the apps do daily they do by
    hand only. Raises RuntimeError with what the stack said where it does not start.
    """
    layout = Layout(directory)
    layout.make()
    own = ("infra.local.stack", "--directory", str(directory), "run", "--until-eof", "--fast")
    with contextlib.ExitStack() as at_end:
        at_end.callback(Cluster(layout.data("postgres"), port=0, settings=FAST).remove)
        at_end.enter_context(_supervised(layout, supervisor_module or own))
        yield Stack(layout, endpoints_of(layout))


@contextmanager
def _supervised(layout: Layout, supervisor_module: Sequence[str]) -> Iterator[None]:
    """A stack that is ready. Until its first start nobody knows its ports: it gets others where one is taken."""
    is_new = not layout.ports.exists()
    for attempts_left in (2, 1, 0):
        with layout.log("stack").open("wb") as output:
            supervisor = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", *supervisor_module],
                cwd=ROOT,
                env=os.environ | in_half_a_day(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with contextlib.ExitStack() as at_end:
            at_end.callback(_stop, supervisor)
            try:
                _wait_until_ready(layout, supervisor)
            except RuntimeError as error:
                if not (is_new and attempts_left and _PORT_TAKEN.search(str(error))):
                    raise
                layout.ports.unlink(missing_ok=True)
                continue
            yield
            return


def in_half_a_day() -> dict[str, str]:
    """When apps do what they do daily: else a reconcile would mend, at 3:00 UTC, what a test has just broken."""
    hour = (datetime.now(UTC).hour + 12) % 24
    return dict.fromkeys(("RECONCILE_SCHEDULE", "HOUSEKEEPING_SCHEDULE"), f"0 0 {hour} * * *")


def _wait_until_ready(layout: Layout, supervisor: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        with contextlib.suppress(FileNotFoundError, ValueError):
            if json.loads(layout.state.read_text())["state"] == "ready":
                return
        if supervisor.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(
                "the stack did not start:\n" + layout.log("stack").read_text(errors="replace")[-4000:]
            )
        time.sleep(_POLL_S)


def _stop(supervisor: "subprocess.Popen[bytes]") -> None:
    if supervisor.stdin is not None:
        supervisor.stdin.close()
    try:
        supervisor.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()
