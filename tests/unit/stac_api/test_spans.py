"""A request tells of itself and of its queries, and waits for nobody who is told."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

from eventstac.telemetry.spans import Span
from stac_api import spans
from stac_api.spans import Teller, queried
from stac_api.surroundings import Surroundings

CLIENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
PLATFORM = "00-0123456789abcdef0123456789abcdef-fedcba9876543210-00"


@dataclass
class Listener:
    """Keeps what it is told."""

    is_on: bool = True
    spans: list[Span] = field(default_factory=list)
    told: Event = field(default_factory=Event)

    def record(self, span: Span) -> None:
        self.spans.append(span)
        self.told.set()

    def measure(self, figure: str, value: float, **attributes: str) -> None:
        raise AssertionError(figure)

    def close(self) -> None:
        """Nothing is kept back."""


async def asks_twice(scope: Any, receive: Any, send: Any) -> None:
    scope["stac_api.route"] = "/collections/{collection_id}"

    async def rows() -> str:
        return "rows"

    async def refused() -> str:
        raise ValueError("what a client sent")

    assert await queried("SELECT $1", rows()) == "rows"
    with pytest.raises(ValueError, match="what a client sent"):
        await queried("SELECT $2", refused())
    await send({"type": "http.response.start", "status": 503, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def asked(app: ASGIApp, teller: Teller | None, **scope: Any) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Message) -> None:
        pass

    asyncio.run(
        Surroundings(app, teller)(
            {"type": "http", "method": "GET", "path": "/collections/a", "headers": [], **scope}, receive, send
        )
    )


def spans_of(**scope: Any) -> list[Span]:
    listener = Listener()
    asked(asks_twice, Teller(lambda: listener, 0), **scope)
    assert listener.told.wait(20)
    return listener.spans


def test_a_request_and_its_queries_are_spans_of_one_trace() -> None:
    request, first, second = spans_of(headers=[(b"traceparent", CLIENT.encode()), (b"x-request-id", b"mine")])
    assert (request.kind, request.name) == ("server", "GET /collections/{collection_id}")
    assert (request.origin.trace, request.parent) == (CLIENT[3:35], CLIENT[36:52])
    assert request.error == "answered with 503"
    assert request.attributes["http.response.status_code"] == 503
    assert request.attributes["request_id"] == "mine"
    for query, text in ((first, "SELECT $1"), (second, "SELECT $2")):
        assert (query.kind, query.parent) == ("client", request.origin.span)
        assert query.origin.trace == request.origin.trace
        assert query.attributes["db.query.text"] == text
        assert request.started_ns <= query.started_ns <= query.ended_ns <= request.ended_ns
    assert (first.error, second.error) == (None, "ValueError"), "what a client sent is not told"
    assert len({request.origin.span, first.origin.span, second.origin.span}) == 3


def test_the_functions_host_s_span_lies_between_the_client_s_and_ours_and_is_kept_as_the_host_keeps_it() -> (
    None
):
    headers = [(b"traceparent", CLIENT.encode())]
    context = SimpleNamespace(trace_parent=PLATFORM)
    request, *_ = spans_of(headers=headers, **{"azure_functions.trace_context": context})
    assert request.parent == PLATFORM[36:52]
    assert request.origin.is_sampled


@pytest.mark.parametrize(
    "context", [None, SimpleNamespace(trace_parent=""), SimpleNamespace(trace_parent=None)]
)
def test_a_request_that_nobody_traces_begins_a_trace(context: object) -> None:
    traces = {spans_of(**{"azure_functions.trace_context": context})[0].origin.trace for _ in range(2)}
    assert len(traces) == 2
    assert spans_of()[0].parent is None


def test_without_a_listener_a_query_is_only_run() -> None:
    seen: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(spans.current.get())
        await asks_twice(scope, receive, send)

    asked(app, None)
    assert seen == [None]


def test_a_log_line_of_a_request_carries_the_ids_of_its_span(caplog: pytest.LogCaptureFixture) -> None:
    from stac_api.request_log import name_requests

    name_requests()
    with caplog.at_level(logging.INFO, "stac_api"):
        (request, *_) = spans_of()
    (line,) = [record for record in caplog.records if record.message == "request"]
    assert (vars(line)["trace_id"], vars(line)["span_id"]) == (request.origin.trace, request.origin.span)


def failing() -> Callable[[], Any]:
    def open_telemetry() -> Any:
        raise RuntimeError("no such endpoint")

    return open_telemetry


def test_telemetry_that_cannot_be_opened_is_said_once_and_keeps_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    teller = Teller(failing(), 0)
    asked(asks_twice, teller)
    assert teller._thread
    teller._thread.join(20)
    asked(asks_twice, teller)
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        "telemetry_failed"
    ]
    assert teller._waiting.qsize() <= 1


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT $1, 'a', 'it''s', x->'y' > to_float('17.25')", "SELECT $1, ?, ?, x->? > to_float(?)"),
        (f"SELECT '{'a' * 3_000}'", "SELECT ?"),
    ],
)
def test_the_text_of_a_query_is_told_without_values(sql: str, told: str) -> None:
    assert spans._without_values(sql) == told
