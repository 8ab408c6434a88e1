"""A span: one piece of work in the trace of a story, and who is told of it."""

import logging
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from eventstac.origin import Origin

Value = str | int | float | bool


@dataclass(frozen=True)
class Span:
    """What was done, in which trace (`origin` names trace and span), below which span, and from when to when.

    `kind` is "consumer" for a message that was handled, "server" for a request, "client" for a query. `error` says why
    where it went wrong. Times are nanoseconds since 1970.
    """

    name: str
    origin: Origin
    parent: str | None
    started_ns: int
    ended_ns: int
    kind: Literal["consumer", "producer", "internal", "server", "client"] = "internal"
    attributes: Mapping[str, Value] = field(default_factory=dict)
    error: str | None = None
    links: tuple[Origin, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_ns - self.started_ns) / 1e9

    def renamed(self) -> "Span":
        """The same with an id of its own: a failed try, whose message comes again and is handled under its name."""
        return replace(self, origin=self.origin.within(self.origin.span, secrets.token_hex(8)))


class Telemetry(Protocol):
    """Where spans and figures go. Nothing of it raises: work never fails because nobody could be told of it."""

    @property
    def is_on(self) -> bool:
        """Whether anybody listens: what costs something to find out is asked for only then."""

    def record(self, span: Span) -> None:
        """A piece of work is done."""

    def measure(self, figure: str, value: float, **attributes: str) -> None:
        """A figure of `eventstac.telemetry.figures`."""

    def close(self) -> None:
        """Hand on what is kept back: at the end of a command."""


class Silence:
    """Nobody listens."""

    is_on = False

    def record(self, span: Span) -> None:
        """Nothing."""

    def measure(self, figure: str, value: float, **attributes: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


OFF = Silence()

_SCOPE: ContextVar[tuple[Origin, dict[str, Value]] | None] = ContextVar("eventstac_scope", default=None)


@contextmanager
def inside(origin: Origin, notes: dict[str, Value]) -> Iterator[None]:
    """While in here, log records carry the ids of this span, and `note` adds to its attributes."""
    token = _SCOPE.set((origin, notes))
    try:
        yield
    finally:
        _SCOPE.reset(token)


@contextmanager
def story(telemetry: Telemetry, name: str, cause: str) -> Iterator[Origin]:
    """Work that no message caused, a timer's or a command's: what it causes goes on with its trace, below its span."""
    origin, started_ns, error = Origin.new(cause), time.time_ns(), None
    notes: dict[str, Value] = {}
    try:
        with inside(origin, notes):
            yield origin
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"
        raise
    finally:
        if telemetry.is_on:
            telemetry.record(
                Span(name, origin, None, started_ns, time.time_ns(), attributes=notes, error=error)
            )


def note(**values: Value) -> None:
    """Add to the attributes of the span of the message that is being handled; outside of one, nothing."""
    scope = _SCOPE.get()
    if scope:
        scope[1].update(values)


def _add_ids(record: logging.LogRecord) -> bool:
    scope = _SCOPE.get()
    if scope:
        record.trace_id, record.span_id = scope[0].trace, scope[0].span
    return True


logging.getLogger("eventstac").addFilter(_add_ids)
