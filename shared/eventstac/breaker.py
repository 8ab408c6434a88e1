"""A circuit breaker: work that needs what is known to be away is put off without asking it again."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from eventstac.errors import Busy, Transient


class Breaker:
    """Opens after a Transient for a growing while, then lets one caller probe.

    `first_s` and `longest_s` bound how long it stays open.
    """

    def __init__(
        self, first_s: float = 1.0, longest_s: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._first_s, self._longest_s, self._clock = first_s, longest_s, clock
        self._lock = Lock()
        self._open_s = 0.0
        self._until = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether what it guards is known to be away, and nobody has found it back yet."""
        with self._lock:
            return bool(self._open_s)

    @contextmanager
    def guard(self) -> Iterator[bool]:
        """Go through, and learn from how it went; gives whether this is a probe (try little first).

        Raises Transient without going through while it is open. Any other failure than Transient is an answer, and so
        is Busy.
        """
        probing = self.enter()
        try:
            yield probing
        except Busy:
            self.succeeded()
            raise
        except Transient:
            self.failed()
            raise
        except BaseException:
            self.succeeded()
            raise
        self.succeeded()

    def enter(self) -> bool:
        """Ask to go through: True for a probe (try little), False for normal work.

        Raises Transient with the time left while it is open, or while somebody else probes.
        """
        with self._lock:
            if not self._open_s:
                return False
            left = self._until - self._clock()
            if left > 0 or self._probing:
                raise Transient("known to be away: not asked again yet", after_s=max(left, self._first_s))
            self._probing = True
            return True

    def succeeded(self) -> None:
        """What was away answers again."""
        with self._lock:
            self._open_s, self._probing = 0.0, False

    def failed(self) -> None:
        """It is away (still): open for longer than the last time.

        What was under way when it opened says nothing new: many calls at once would open it for long.
        """
        with self._lock:
            if self._open_s and not self._probing:
                return
            self._open_s = min(self._longest_s, max(self._first_s, self._open_s * 2))
            jitter = random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
            self._until, self._probing = self._clock() + self._open_s * jitter, False
