"""The stack that tests start, with a supervisor that does as if."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from infra.local.stack import processes
from infra.local.stack.layout import Layout
from infra.local.stack.run import endpoints_of
from infra.local.stack.testing import Stack, running_stack

# Each start chooses ports as the stack does; the first ends with what the argument says.
UNLUCKY = """
import sys
from pathlib import Path
from infra.local.stack.layout import Layout
from infra.local.stack.run import endpoints_of
layout = Layout(Path(sys.argv[1]))
endpoints_of(layout)
begun = layout.directory / "begun"
if not begun.exists():
    begun.write_text(layout.ports.read_text())
    sys.exit(sys.argv[2])
layout.state.write_text('{"state": "ready"}')
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _unlucky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "unlucky.py").write_text(UNLUCKY)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.parametrize(
    "said",
    [
        "Another program listens on port 20001 (blobs). Stop it, or delete ports.json to choose new ports",
        "loader ended while starting; its log ends:\n  OSError: [Errno 98] Address already in use",
        "azurite ended while starting; its log ends:\n  listen EADDRINUSE: address already in use",
    ],
)
def test_a_new_stack_whose_port_is_taken_gets_other_ports(tmp_path: Path, said: str) -> None:
    with running_stack(tmp_path, "unlucky", str(tmp_path), said) as stack:
        assert stack.endpoints.ports != json.loads((tmp_path / "begun").read_text())


def test_any_other_failure_to_start_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="the disk is full"),
        running_stack(tmp_path, "unlucky", str(tmp_path), "the disk is full"),
    ):
        pass


def test_a_stack_that_ran_before_keeps_the_ports_that_its_catalog_names(tmp_path: Path) -> None:
    ports = endpoints_of(Layout(tmp_path)).ports
    with (
        pytest.raises(RuntimeError, match="Another program"),
        running_stack(tmp_path, "unlucky", str(tmp_path), "Another program listens on port 20001 (blobs)."),
    ):
        pass
    assert endpoints_of(Layout(tmp_path)).ports == ports


@pytest.mark.parametrize("how", [Stack.kill, Stack.stop])
def test_a_process_that_is_just_started_again_is_held_away_too(tmp_path: Path, how: Any) -> None:
    layout = Layout(tmp_path)
    layout.make()

    def tell(state: str, pid: int | None) -> None:
        scratch = layout.state.with_suffix(".new")
        scratch.write_text(json.dumps({"services": {"loader": {"state": state, "pid": pid}}}))
        scratch.replace(layout.state)

    tell("crashed", None)
    stack = Stack(layout, endpoints_of(layout))
    holding = threading.Thread(target=how, args=(stack, "loader"))
    holding.start()
    while not layout.hold("loader").exists():
        assert holding.is_alive()
    # The supervisor looked for the file before it was there.
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeping, start_new_session=True) as again:
        try:
            tell("starting", processes.identify(again.pid).pid)
            assert -again.wait(timeout=20) in (signal.SIGKILL, signal.SIGTERM)
        finally:
            again.kill()
    tell("held", None)
    holding.join(20)
    assert not holding.is_alive()
