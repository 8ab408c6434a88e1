"""Makes a thing when it is first asked for, and once, however many threads ask."""

from collections.abc import Callable
from threading import Lock


def once[T](make: Callable[[], T]) -> Callable[[], T]:
    """Decorate a function without arguments: its first successful result is the result for all."""
    lock = Lock()
    made: list[T] = []

    def get() -> T:
        with lock:
            if not made:
                made.append(make())
            return made[0]

    return get
