"""What comes over the network is tried again: a package index that does not answer once is not away."""

import time
from collections.abc import Callable

TRIES = 3
PAUSE_S = 5.0  # between them


def tried_again[R](fetch: Callable[[], R], *failures: type[Exception]) -> R:
    """What a function returns, which may raise these failures all times but the last."""
    for _ in range(TRIES - 1):
        try:
            return fetch()
        except failures:
            time.sleep(PAUSE_S)
    return fetch()
