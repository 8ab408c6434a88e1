"""Ask Linux to end a child when its parent is gone, whatever killed the parent."""

import ctypes
import sys
from collections.abc import Callable
from signal import Signals

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def end_with_parent(with_signal: Signals) -> Callable[[], None]:
    """What to run in the child between fork and exec; nothing where the system has no such thing.

    Linux watches the parent's *thread*: start children from one that lives as long as the process.
    """

    def ask() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)

    return ask
