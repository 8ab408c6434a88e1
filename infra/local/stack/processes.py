"""Processes that outlive whoever started them: which one is meant, although pids are used again."""

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_POLL_S = 0.05


@dataclass(frozen=True)
class Identity:
    """One process for certain: its pid, and when it started as the system tells it."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return self.started != "" and start_of(self.pid) == self.started


def identify(pid: int) -> Identity:
    """The process that has this pid now."""
    return Identity(pid, start_of(pid))


def start_of(pid: int) -> str:
    """When the process with this pid started, in the system's own spelling; empty where there is none."""
    try:
        # The name in parentheses may hold anything; then come the state, and as the 20th field the start time.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _start_by_ps(pid) if not Path("/proc/self/stat").exists() else ""
    return "" if fields[0] in ("Z", "X") else fields[19]


def _start_by_ps(pid: int) -> str:
    command = ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    state, _, started = said.partition(" ")
    return "" if state.startswith("Z") else started.strip()


def write(path: Path, identity: Identity) -> None:
    """Record which process is meant."""
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(asdict(identity)))
    scratch.replace(path)


def read(path: Path) -> Identity | None:
    """The recorded process, None where there is no (whole) record."""
    try:
        return Identity(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def end(identity: Identity, first: signal.Signals, patience_s: float) -> None:
    """End a process and its group: with `first` to the process, then SIGKILL to what is left of the group."""
    if not identity.is_alive():
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(identity.pid, first)
    deadline = time.monotonic() + patience_s
    while identity.is_alive() and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    while identity.is_alive():
        kill_group(identity.pid)
        time.sleep(_POLL_S)


def kill_group(leader: int) -> None:
    """SIGKILL a process group whose leader is known to be there, if only as a zombie."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
