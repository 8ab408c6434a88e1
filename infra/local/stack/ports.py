"""The stack's loopback ports: chosen once, then kept, because every href in the catalog carries one."""

import json
import random
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from infra.local.stack.errors import StackError

# Below the range from which Linux and macOS take the ports of outgoing connections.
_FIRST, _LAST = 20000, 32000


def kept_or_chosen(path: Path, names: Iterable[str]) -> dict[str, int]:
    """The ports of `path`; names that it lacks get free ones, and it is written."""
    ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    missing = [name for name in names if name not in ports]
    if missing:
        ports |= dict(zip(missing, _free_run(len(missing), set(ports.values())), strict=True))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(ports, indent=2) + "\n")
    return ports


def refuse_taken(path: Path, ports: Mapping[str, int]) -> None:
    """Raise StackError where another program listens on one of the ports."""
    taken = [f"{port} ({name})" for name, port in ports.items() if is_taken(port)]
    if taken:
        raise StackError(
            f"Another program listens on port {', '.join(taken)}. Stop it, or delete {path} to choose new ports; "
            "hrefs that are in the catalog already keep the old ones."
        )


def is_taken(port: int) -> bool:
    """Whether a server could not listen on this loopback port now."""
    with socket.socket() as probe:
        # TIME_WAIT of our last run is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _free_run(count: int, known: set[int]) -> list[int]:
    """`count` free ports next to each other: easy to recognise as one stack's."""
    for _ in range(200):
        first = random.randrange(_FIRST, _LAST - count)  # noqa: S311  (not a secret)
        run = list(range(first, first + count))
        if not known.intersection(run) and not any(is_taken(port) for port in run):
            return run
    raise StackError(f"No {count} free ports in a row between {_FIRST} and {_LAST} on 127.0.0.1.")
