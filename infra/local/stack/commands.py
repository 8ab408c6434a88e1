"""up, down and status: what they do to a stack that runs in another process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from infra.local.stack import leftovers, processes
from infra.local.stack.errors import StackError
from infra.local.stack.layout import ROOT, Layout

_POLL_S = 0.1
_STOP_PATIENCE_S = 90.0


def up(layout: Layout) -> int:
    """Start the stack in the background and return when it is ready; its progress is shown."""
    layout.make()
    log = layout.log("stack")
    shown = begun = log.stat().st_size if log.exists() else 0
    process = None if _supervisor(layout) else _launch(layout, log)
    try:
        while True:
            gone = _supervisor(layout) is None if process is None else process.poll() is not None
            ready = not gone and _state(layout).get("state") == "ready"
            shown = _show(log, shown)
            if ready:
                break
            if gone and shown == begun:
                raise StackError(
                    f"The stack ended without a word in {log}: is its disk full? Make room, or take another place "
                    "with --directory."
                )
            if gone:
                return 1
            time.sleep(_POLL_S)
    except KeyboardInterrupt:
        print("\nit goes on starting in the background; `make down` stops it")  # noqa: T201
        return 130
    env = os.path.relpath(layout.env) if layout.env.is_relative_to(Path.cwd()) else layout.env
    print(f". {env}   tells your shell where everything is")  # noqa: T201
    return 0


def down(layout: Layout) -> int:
    """Stop the stack and whatever a killed one left. Always succeeds."""
    supervisor = _supervisor(layout)
    if supervisor is not None:
        processes.end(supervisor, signal.SIGTERM, _STOP_PATIENCE_S)
    leftovers.clear(layout, print)
    print("down" if supervisor else "nothing was running")  # noqa: T201
    return 0


def status(layout: Layout) -> int:
    """Print what runs. The exit code is 0 when everything is ready, 1 when not, 3 when nothing runs."""
    if _supervisor(layout) is None:
        print("not running")  # noqa: T201
        return 3
    state = _state(layout)
    for name, service in state.get("services", {}).items():
        restarts = f", started again {service['restarts']} times" if service["restarts"] else ""
        print(f"{name:12} {service['state']:9} port {service['port']}  pid {service['pid'] or '-'}{restarts}")  # noqa: T201
    print(state.get("state", "starting"))  # noqa: T201
    everything = state.get("state") == "ready" and all(
        service["state"] == "ready" for service in state["services"].values()
    )
    return 0 if everything else 1


def _launch(layout: Layout, log: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "infra.local.stack", "--directory", str(layout.directory), "run"]
    # Forgotten at once: a state that a killed run left must not be taken for the new one's.
    layout.state.unlink(missing_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def _supervisor(layout: Layout) -> processes.Identity | None:
    identity = processes.read(layout.record("supervisor"))
    return identity if identity is not None and identity.is_alive() else None


def _state(layout: Layout) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(layout.state.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return state


def _show(log: Path, offset: int) -> int:
    with log.open("rb") as lines:
        lines.seek(offset)
        text = lines.read()
    sys.stdout.write(text.decode(errors="replace"))
    sys.stdout.flush()
    return offset + len(text)
