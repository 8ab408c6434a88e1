"""Makes a thing when it is first asked for, or ahead of that, and once, however many threads ask."""

import logging
from collections.abc import Callable
from threading import Lock, Thread

log = logging.getLogger("eventstac")


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


def ahead(get: Callable[[], object]) -> Thread:
    """Begin to make a thing before anybody asks, beside the rest of the start, so that the first to ask waits less.

    Where that fails it is logged, and the first to ask tries again.
    """

    def try_to(begin: Callable[[], object]) -> None:
        try:
            begin()
        except Exception as error:  # whatever it is, an app that starts must not end by it
            log.warning("opening_failed", extra={"detail": repr(error)}, exc_info=True)

    thread = Thread(target=try_to, args=(get,), name="ahead", daemon=True)
    try_to(thread.start)  # which fails where there is no room for a thread
    return thread
