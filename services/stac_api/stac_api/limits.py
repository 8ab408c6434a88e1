"""How long the statements of one search may take, where that is less than others may."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

# What a wait for one lock may take of it: whom another's lock holds up is told to come back, not to ask for less.
_FOR_A_LOCK = 0.8

_limit_s: ContextVar[float | None] = ContextVar("stac_api_limit_s", default=None)


@contextmanager
def seconds(limit_s: float | None) -> Iterator[None]:
    """Within it, and in tasks begun in it, each statement has so long; to wait for a connection takes none of it."""
    before = _limit_s.set(limit_s)
    try:
        yield
    finally:
        _limit_s.reset(before)


def usual() -> AbstractContextManager[None]:
    """Within it statements have the usual time: what others get, too, must not have less for who asked first."""
    return seconds(None)


def of_statements(usual_s: float) -> Mapping[str, str]:
    """The session's settings that say so, for a statement that usually may take `usual_s`; none without a limit."""
    limit_s = _limit_s.get()
    if limit_s is None:
        return {}
    own_ms = min(limit_s, usual_s) * 1000
    return {"statement_timeout": f"{own_ms:.0f}", "lock_timeout": f"{own_ms * _FOR_A_LOCK:.0f}"}
