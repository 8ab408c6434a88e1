"""What a supervisor that was killed left behind."""

import signal
from collections.abc import Callable

from infra.local.stack import processes
from infra.local.stack.layout import Layout

_PATIENCE_S = 10.0


def clear(layout: Layout, say: Callable[[str], None]) -> None:
    """End the processes that are still recorded, and forget the records. Our own supervisor's is not touched."""
    for path in layout.state.parent.glob("*.hold"):
        path.unlink()
    for path in sorted(layout.state.parent.glob("*.json")):
        if path in (layout.state, layout.record("supervisor")):
            continue
        identity = processes.read(path)
        if identity is not None and identity.is_alive():
            say(f"ending {path.stem} (pid {identity.pid}), left over from a run that was killed")
            # SIGINT: a fast shutdown for PostgreSQL, and an ordinary end for the others.
            processes.end(identity, signal.SIGINT, _PATIENCE_S)
        path.unlink(missing_ok=True)
