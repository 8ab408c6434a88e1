"""Starts services, starts them again when they crash, stops them: one loop in one thread."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.local.stack import processes
from infra.local.stack.errors import StackError
from infra.local.stack.layout import ROOT, Layout
from infra.local.stack.pdeath import end_with_parent
from infra.local.stack.service import STOP_PATIENCE_S, Service

START_TIMEOUT_S = 90.0
_BACK_OFF_S = (0.2, 1.0, 2.0, 5.0, 10.0)  # before a crashed service is started again; the last repeats
_HEALTHY_S = 60.0  # a service that ran this long begins the back-off anew
_TICK_S = 0.1
_LOG_TAIL_LINES = 20
_LOG_LIMIT_BYTES = 20_000_000


@dataclass
class _Run:
    """One service as it runs now."""

    service: Service
    process: subprocess.Popen[bytes] | None = None
    identity: processes.Identity | None = None
    state: str = "stopped"  # stopped, starting, ready, crashed, held
    was_ready: bool = False
    restarts: int = 0
    crashes: int = 0  # in a row
    since: float = 0.0  # monotonic: of the last start or crash


class Supervisor:
    """Keeps services running under one Layout; `say` gets one line for each thing that happens."""

    def __init__(self, layout: Layout, say: Callable[[str], None]) -> None:
        self._layout = layout
        self._say = say
        self._groups: list[list[_Run]] = []
        self._written = ""
        self.overall = "starting"

    @property
    def _runs(self) -> list[_Run]:
        return [run for group in self._groups for run in group]

    def bring_up(self, services: Sequence[Service], stopping: Callable[[], bool]) -> None:
        """Start services side by side and wait until each is ready.

        Raises StackError, with the end of the log, for one that ends or is not ready in time.
        """
        new = [_Run(service) for service in services]
        self._groups.append(new)
        deadline = time.monotonic() + START_TIMEOUT_S
        for run in new:
            self._launch(run)
        while not stopping() and any(run.state != "ready" for run in new):
            for run in new:
                if run.state == "crashed":
                    raise StackError(self._end_of_log(run, "ended while starting"))
                if run.state == "starting" and time.monotonic() > deadline:
                    raise StackError(self._end_of_log(run, f"was not ready within {START_TIMEOUT_S:.0f} s"))
            self.tick()
            time.sleep(_TICK_S)

    def watch(self, stopping: Callable[[], bool], wake: int) -> None:
        """Look after the services until told to stop; `wake` becomes readable on every signal."""
        while not stopping():
            self.tick()
            ready, _, _ = select.select([wake], [], [], _TICK_S)
            if ready:
                os.read(wake, 4096)

    def tick(self) -> None:
        """Look at each service once and act."""
        for run in self._runs:
            if run.process is not None:
                self._look_at(run)
                if run.process is not None and run.was_ready:  # else its log is still to say why it ended
                    self._keep_short(self._layout.log(run.service.name))
            elif self._layout.hold(run.service.name).exists():
                run.state = "held"
            elif run.state == "held" or time.monotonic() >= run.since + self._pause(run):
                run.restarts += 1
                self._launch(run)
        self._write_state()

    def stop(self) -> None:
        """Stop everything, the last group first: apps drain before what they talk to goes away."""
        self._tell_of("stopping")
        for group in reversed(self._groups):
            self._stop_together(group)
        self._tell_of("stopped")

    def _tell_of(self, end: str) -> None:
        self.overall = end
        with contextlib.suppress(
            OSError
        ):  # a full disk is a reason to stop, and none to leave everything running
            self._write_state()

    def _stop_together(self, runs: Sequence[_Run]) -> None:
        for run in runs:
            if run.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    run.process.send_signal(run.service.stop_signal)
        deadline = time.monotonic() + STOP_PATIENCE_S
        while any(run.process is not None for run in runs):
            for run in runs:
                if run.process is None:
                    continue
                if time.monotonic() > deadline:
                    self._say(f"{run.service.name} did not stop in {STOP_PATIENCE_S:.0f} s and was killed")
                    processes.kill_group(run.process.pid)
                if _has_ended(run.process):
                    self._reap(run)
                    run.state = "stopped"
            time.sleep(_TICK_S / 2)

    def _launch(self, run: _Run) -> None:
        service = run.service
        service.before()
        log = self._layout.log(service.name)
        self._keep_short(log)
        with log.open("ab") as output:
            run.process = subprocess.Popen(  # noqa: S603  (our own command lines)
                service.command,
                cwd=ROOT if service.account.uid is None else "/",
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=service.account.uid,
                group=service.account.gid,
                extra_groups=None if service.account.uid is None else [],
                preexec_fn=end_with_parent(service.stop_signal),
            )
        run.identity = processes.identify(run.process.pid)
        processes.write(self._layout.record(service.name), run.identity)
        run.state, run.since = "starting", time.monotonic()

    def _keep_short(self, log: Path) -> None:
        """Begin a long log anew, beside the one before; its process has it open and goes on writing at its new end."""
        with contextlib.suppress(OSError):  # somebody took it away
            if log.stat().st_size > _LOG_LIMIT_BYTES:
                with contextlib.suppress(OSError):  # a full disk takes no copy: all the more reason
                    shutil.copyfile(log, log.with_suffix(".log.1"))
                os.truncate(log, 0)

    def _look_at(self, run: _Run) -> None:
        assert run.process is not None  # noqa: S101  (the caller checked)
        if _has_ended(run.process):
            code = self._reap(run)
            run.crashes = 1 if time.monotonic() - run.since > _HEALTHY_S else run.crashes + 1
            run.state, run.since = "crashed", time.monotonic()
            if run.was_ready:
                held = self._layout.hold(run.service.name).exists()
                what = "it is held away" if held else "it is started again"
                self._say(f"{run.service.name} ended ({_how(code)}); {what}")
        elif run.state == "starting" and run.service.ready():
            run.state = "ready"
            took = f"{time.monotonic() - run.since:.1f} s" + (", again" if run.was_ready else "")
            self._say(f"{run.service.name:12} ready on port {run.service.port} ({took})")
            run.was_ready = True

    def _reap(self, run: _Run) -> int:
        """Collect an ended process, and whatever it left in its group while its pid is still its own."""
        assert run.process is not None  # noqa: S101  (the callers checked)
        processes.kill_group(run.process.pid)
        code = run.process.wait()
        run.process = run.identity = None
        self._layout.record(run.service.name).unlink(missing_ok=True)
        return code

    def _pause(self, run: _Run) -> float:
        return _BACK_OFF_S[min(max(run.crashes, 1), len(_BACK_OFF_S)) - 1]

    def _end_of_log(self, run: _Run, what: str) -> str:
        log = self._layout.log(run.service.name)
        lines = log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        told = [f"{run.service.name} {what}; {log} ends:", *(f"  {line}" for line in lines)]
        return "\n".join([*told, *filter(None, [run.service.advice])])

    def _write_state(self) -> None:
        services = {
            run.service.name: {
                "state": run.state,
                "pid": run.identity.pid if run.identity else None,
                "port": run.service.port,
                "restarts": run.restarts,
            }
            for run in self._runs
        }
        text = json.dumps({"state": self.overall, "services": services}, indent=2)
        if text != self._written:
            scratch = self._layout.state.with_suffix(".new")
            scratch.write_text(text)
            scratch.replace(self._layout.state)
            self._written = text


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a child has ended, leaving it as a zombie so that its pid stays its own."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
