"""What goes to Application Insights: spans, figures and log events, as its ingestion gets them over HTTP."""

import ast
import gzip
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value

from eventstac.origin import Origin
from eventstac.telemetry.opening import open_telemetry
from eventstac.telemetry.spans import Span, inside

KEY = "00000000-0000-0000-0000-000000000001"


@contextmanager
def ingestion() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An ingestion endpoint that takes everything; gives its connection string, and what it got."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            items = json.loads(body) if body.startswith(b"[") else list(map(json.loads, body.splitlines()))
            got.extend(items)
            answer = {"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield f"InstrumentationKey={KEY};IngestionEndpoint={url};LiveEndpoint={url}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def told() -> list[dict[str, Any]]:
    """What arrives of one handled message, one gauge, and one log event in the message's span."""
    log = logging.getLogger("eventstac")
    level = log.level
    log.setLevel(logging.INFO)
    with ingestion() as (connection_string, got):
        telemetry = open_telemetry("loader", {"APPLICATIONINSIGHTS_CONNECTION_STRING": connection_string})
        origin = START.within("a")
        with inside(origin, {}):
            log.info("message_consumed", extra={"outcome": "handled", "attempt": 2})
        others = logging.getLogger("somebody.else")
        others.warning("a warning of a library")
        others.info("what a library only mentions")
        logging.getLogger("stac_api.requests").info("request")
        with sending():
            others.warning("the connection to Application Insights is away")
        now = time.time_ns()
        for span in request_of(now):
            telemetry.record(span)
        about: dict[str, str | float] = {"outcome": "handled", "topic": "asset-facts", "freshness_s": 1.5}
        telemetry.record(Span("asset-facts/loader", origin, "a" * 16, now - 10**9, now, "consumer", about))
        for failing_s in (300.0, 900.0):
            telemetry.measure("eventstac.message.failing", failing_s, topic="t", subscription="s")
        telemetry.measure("eventstac.queue.oldest_age", 12.0, topic="t", subscription="s")
        telemetry.close()
    log.setLevel(level)
    return got


START = Origin.new("an event")
ASKED = Origin.new("a request")


@contextmanager
def sending() -> Iterator[None]:
    """As the SDK's threads are while they send."""
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
    yield
    detach(token)


def request_of(now: int) -> list[Span]:
    """A request to the API, as `stac_api.spans` tells of it."""
    about: dict[str, str | float] = {
        "http.request.method": "GET",
        "http.route": "/search",
        "http.response.status_code": 503,
    }
    asked: dict[str, str | float] = {"db.system.name": "postgresql", "db.query.text": "SELECT $1"}
    query = ASKED.within("query")
    return [
        Span("GET /search", ASKED, "b" * 16, now - 10**9, now, "server", about, "answered with 503"),
        Span("query", query, ASKED.span, now - 10**8, now, "client", asked),
    ]


def of_kind(told: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in told if one["data"]["baseType"] == kind]


def test_a_handled_message_is_a_request_in_its_trace(told: list[dict[str, Any]]) -> None:
    _, request = of_kind(told, "RequestData")
    assert request["tags"]["ai.operation.id"] == START.trace
    assert request["tags"]["ai.operation.parentId"] == "a" * 16
    assert request["tags"]["ai.cloud.role"] == "eventstac.loader"  # the alerts' queries go by it
    assert request["data"]["baseData"]["id"] == START.within("a").span
    assert request["data"]["baseData"]["success"] is True
    assert request["data"]["baseData"]["properties"]["freshness_s"] == "1.5"


def test_a_request_to_the_api_is_a_request_and_its_query_a_dependency(told: list[dict[str, Any]]) -> None:
    request, _ = of_kind(told, "RequestData")
    assert request["tags"]["ai.operation.parentId"] == "b" * 16
    data = request["data"]["baseData"]
    assert (data["name"], data["responseCode"], data["success"]) == ("GET /search", "503", False)
    (query,) = of_kind(told, "RemoteDependencyData")
    assert query["tags"]["ai.operation.parentId"] == data["id"]
    assert (query["data"]["baseData"]["type"], query["data"]["baseData"]["data"]) == (
        "postgresql",
        "SELECT $1",
    )


def test_libraries_warnings_are_handed_on_and_nothing_that_sending_itself_causes(
    told: list[dict[str, Any]],
) -> None:
    said = {one["data"]["baseData"]["message"] for one in of_kind(told, "MessageData")}
    assert said >= {
        "message_consumed",
        "a warning of a library",
    }  # another thread of these tests may warn, too
    not_told = {"what a library only mentions", "request", "the connection to Application Insights is away"}
    assert not said & not_told


def test_a_log_event_keeps_its_keys_and_is_in_the_trace(told: list[dict[str, Any]]) -> None:
    event, _ = of_kind(told, "MessageData")
    assert event["tags"]["ai.operation.id"] == START.trace
    assert event["data"]["baseData"]["message"] == "message_consumed"
    properties = event["data"]["baseData"]["properties"]
    assert (properties["outcome"], properties["attempt"], properties["trace_id"]) == (
        "handled",
        "2",
        START.trace,
    )


def test_figures_arrive_under_their_names(told: list[dict[str, Any]]) -> None:
    found = {
        point["name"]: (point["value"], one["data"]["baseData"]["properties"])
        for one in of_kind(told, "MetricData")
        for point in one["data"]["baseData"]["metrics"]
    }
    assert found["eventstac.queue.oldest_age"][0] == 12.0
    assert found["eventstac.queue.oldest_age"][1]["topic"] == "t"
    assert found["eventstac.messages"][0] == 1
    assert found["eventstac.freshness"][0] == 1.5


def test_the_longest_of_a_minute_arrives_as_such(told: list[dict[str, Any]]) -> None:
    (point,) = (
        point
        for one in of_kind(told, "MetricData")
        for point in one["data"]["baseData"]["metrics"]
        if point["name"] == "eventstac.message.failing"
    )
    assert (point["count"], point["max"]) == (2, 900.0)  # `valueMax`, by which an alert goes


def test_nothing_is_left_behind_at_the_loggers(told: list[dict[str, Any]]) -> None:
    assert told
    assert not [h for h in logging.getLogger().handlers if type(h).__name__ == "EventHandler"]


ALONE = """
import sys
met = []
sys.addaudithook(lambda event, args: met.append(args[1]) if event == "socket.connect" else None)
from eventstac.telemetry.opening import open_telemetry
telemetry = open_telemetry("loader", {"APPLICATIONINSIGHTS_CONNECTION_STRING": sys.argv[1]})
telemetry.measure("eventstac.rejections", 1.0)
telemetry.close()
sys.stdin.read()  # until the endpoint is gone
print(met)
"""


def test_nobody_else_is_told_and_nothing_is_sent_after_the_end() -> None:
    """The exporter has threads of its own: for settings from Microsoft, and for statistics, at the very end too."""
    with ingestion() as (connection_string, got):
        port = connection_string.rpartition(":")[2].strip("/")
        process = subprocess.Popen(
            [sys.executable, "-c", ALONE, connection_string],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while not of_kind(got, "MetricData"):
            assert time.monotonic() < deadline, process.poll()
            time.sleep(0.02)  # between two looks
    out, err = process.communicate("")
    assert err == ""
    assert set(ast.literal_eval(out)) == {("127.0.0.1", int(port))}
