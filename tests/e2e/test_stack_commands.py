"""up, down and status of a whole stack, as `make` calls them."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.postgres.cluster import Cluster
from infra.local.stack import processes
from infra.local.stack.layout import ROOT, Layout
from tests.e2e.conditions import until

pytestmark = pytest.mark.stack


def stack(layout: Layout, action: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "infra.local.stack", "--directory", str(layout.directory), action]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def running(layout: Layout) -> list[processes.Identity]:
    """Every process of the stack, the supervisor too."""
    records = [processes.read(path) for path in layout.state.parent.glob("*.json") if path != layout.state]
    return [identity for identity in records if identity is not None]


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(tmp_path)
    yield layout
    stack(layout, "down")
    Cluster(layout.data("postgres"), port=0).remove()


def test_a_stack_comes_up_goes_down_and_comes_up_with_its_ports_and_state(layout: Layout) -> None:
    up = stack(layout, "up")
    assert up.returncode == 0, up.stdout + up.stderr
    assert stack(layout, "status").returncode == 0
    environment = layout.env.read_text()
    processes_of_first = running(layout)
    assert len(processes_of_first) == 11  # ten and their supervisor

    assert stack(layout, "down").returncode == 0
    assert not any(identity.is_alive() for identity in processes_of_first)
    assert stack(layout, "status").returncode == 3

    assert stack(layout, "up").returncode == 0
    assert layout.env.read_text() == environment
    port = json.loads(layout.ports.read_text())["stac_api"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/collections") as answer:
        assert "bronze-tier" in answer.read().decode()

    # A supervisor that is killed takes its processes with it; where the system has no way to do that, `down` does.
    second = running(layout)
    supervisor = processes.read(layout.record("supervisor"))
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    until(lambda: not supervisor.is_alive(), "the supervisor to be gone")
    if sys.platform == "linux":
        until(lambda: not any(identity.is_alive() for identity in second), "its processes to end with it")
    assert stack(layout, "down").returncode == 0
    assert not any(identity.is_alive() for identity in second)


def test_a_taken_port_is_said_and_nothing_is_left_running(layout: Layout) -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import socket, time; s = socket.create_server(('127.0.0.1', 0));"
            "print(s.getsockname()[1], flush=True); time.sleep(600)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        layout.make()
        layout.ports.write_text(json.dumps({"blobs": port}))
        up = stack(layout, "up")
        other.kill()
    assert up.returncode == 1
    assert f"{port} (blobs)" in up.stdout
    assert running(layout) == []


def test_down_succeeds_where_nothing_ever_ran(layout: Layout) -> None:
    assert stack(layout, "down").returncode == 0
