"""Waiting for what becomes true in another process."""

import time
from collections.abc import Callable

PATIENCE_S = 90.0  # for a machine that is busy with other things


def until[T](probe: Callable[[], T | None], what: str | Callable[[], str], seconds: float = PATIENCE_S) -> T:
    """The first truthy answer of `probe`. Fails, naming what it waited for and the last answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"waited {seconds:.0f} s for {said}; the last answer was {answer!r}")
        time.sleep(0.1)
