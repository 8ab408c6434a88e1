"""Processes of this benchmark: servers on ports of their own, and what they use."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

from tests.integration.stac_api.private_venv import ROOT


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def server(name: str, command: list[str], port: int, environment: dict[str, str], path: str) -> Iterator[int]:
    """A server process, from its first answer until the end; gives its process id.

    It has a session of its own, as each process of the database has one: Linux shares the processor out by session,
    and would give a server and what asks it one share together.
    """
    started = time.monotonic()
    with (
        (logs() / f"{name}.log").open("w+b") as log,
        subprocess.Popen(
            command, env=os.environ | environment, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            while not _answers(port, path):
                if process.poll() is not None or time.monotonic() > started + 60:
                    log.seek(0)
                    raise SystemExit(f"{command} did not start:\n{log.read().decode()[-3000:]}")
                time.sleep(0.02)
            print(f"first answer of {name} after {time.monotonic() - started:.2f} s", file=sys.stderr)
            yield process.pid
        finally:
            process.terminate()


def logs() -> Path:
    """Where the servers' logs stay after the run."""
    folder = ROOT / ".local" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _answers(port: int, path: str) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            answer.read()
    except OSError:
        return False
    return True


def cpu_s(pid: int) -> float:
    """CPU time of a process and its children, those that have ended included."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it ended meanwhile, and its parent has its time
        return 0.0
    own = sum(int(each) for each in parts[11:15]) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_s(int(child)) for child in children)


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
