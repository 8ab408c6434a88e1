"""The span of a request, with one for each of its queries, told when the answer is out."""

import logging
import re
import secrets
import time
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from starlette.types import Scope

from eventstac.origin import Origin, valid_traceparent
from eventstac.telemetry.spans import Span, Telemetry, Value

_log = logging.getLogger("stac_api")

# To open telemetry takes a second of processor time, which the first answers need themselves.
_OPEN_AFTER_S = 3.0
_QUERY_LENGTH = 2_000  # characters of a query's text
# pgstac translates a client's filter into SQL with its values in it; what somebody looks for is nobody's business.
_LITERAL = re.compile(r"'(?:[^']|'')*(?:'|\Z)")


@dataclass
class RequestSpan:
    """One request from its first byte on; what is asked of the database adds its spans."""

    origin: Origin
    parent: str | None
    started_ns: int = field(default_factory=time.time_ns)
    queries: list[Span] = field(default_factory=list)

    @classmethod
    def begin(cls, scope: Scope, traceparent: str | None, request_id: str) -> "RequestSpan":
        """Go on with the trace of the Functions host, whose own span lies between the client's and ours."""
        platform = getattr(scope.get("azure_functions.trace_context"), "trace_parent", None)
        above = valid_traceparent(platform) or valid_traceparent(traceparent)
        trace = above[3:35] if above else secrets.token_hex(16)
        # Kept whatever the flags say: the host's say "not sampled" even for what it keeps itself.
        here = f"00-{trace}-{secrets.token_hex(8)}-01"
        return cls(Origin(request_id, request_id, here), above[36:52] if above else None)

    def ended(self, scope: Scope, status: int) -> list[Span]:
        """All its spans."""
        route = scope.get("stac_api.route")
        attributes: dict[str, Value] = {
            "http.request.method": scope["method"],
            "http.response.status_code": status,
            "url.path": scope["path"],
            "request_id": self.origin.id,
            "queries": len(self.queries),
        }
        if route:
            attributes["http.route"] = route
        error = f"answered with {status}" if status >= 500 else None
        name = f"{scope['method']} {route}" if route else scope["method"]
        ended_ns = time.time_ns()
        mine = Span(name, self.origin, self.parent, self.started_ns, ended_ns, "server", attributes, error)
        return [mine, *self.queries]


current: ContextVar[RequestSpan | None] = ContextVar("stac_api_span", default=None)


def queried[T](sql: str, run: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
    """A query that runs inside the span of the request, if it has one."""
    request = current.get()
    return run if request is None else _spanned(request, sql, run)


async def _spanned[T](request: RequestSpan, sql: str, run: Coroutine[Any, Any, T]) -> T:
    started_ns, error = time.time_ns(), None
    try:
        return await run
    except BaseException as failure:
        error = type(failure).__name__
        raise
    finally:
        here = Origin(request.origin.id, request.origin.id, f"{request.origin.traceparent[:36]}{_id()}-01")
        about: dict[str, Value] = {"db.system.name": "postgresql", "db.query.text": _without_values(sql)}
        above = request.origin.span
        ended_ns = time.time_ns()
        request.queries.append(Span("query", here, above, started_ns, ended_ns, "client", about, error))


def _without_values(sql: str) -> str:
    return _LITERAL.sub("?", sql[:_QUERY_LENGTH])


def _id() -> str:
    return secrets.token_hex(8)


class Teller:
    """Hands spans to telemetry in a thread of its own, which opens it first: no request waits for either."""

    def __init__(self, open_telemetry: Callable[[], Telemetry], after_s: float = _OPEN_AFTER_S) -> None:
        self._open, self._after_s = open_telemetry, after_s
        self._waiting: SimpleQueue[list[Span]] = SimpleQueue()
        self._starting = Lock()
        self._thread: Thread | None = None
        self._has_failed = False

    def tell(self, spans: list[Span]) -> None:
        """Tell of a request; it costs the request next to nothing."""
        if self._has_failed:
            return
        self._waiting.put(spans)
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = Thread(target=self._run, name="spans of requests", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        time.sleep(self._after_s)
        try:
            telemetry = self._open()
        except Exception as failure:  # noqa: BLE001 - whatever it is, requests are answered without it
            self._has_failed = True  # nobody would take what waits
            _log.exception("telemetry_failed", extra={"detail": str(failure)})
            return
        while True:
            for span in self._waiting.get():
                telemetry.record(span)
