"""The log of the API: each line of a request names it."""

import time
from typing import Any

import pytest

from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api.conftest import Client
from tests.integration.stac_api.places import Place, Running

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NAMED = {"X-Request-Id": "mine-1", "traceparent": TRACE}
NO_NUMBER = {"filter": {"op": "<", "args": [{"property": "count"}, "many"]}}


def lines_of(running: Running, request_id: str, count: int) -> list[dict[str, Any]]:
    """Wait for so many lines of a request."""
    deadline = time.monotonic() + 20
    while True:
        found = [line for line in running.log() if line.get("request_id") == request_id]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, running.log()[-20:]


@pytest.fixture(scope="module")
def sent(place: Place, loaded: CatalogDatabase) -> Running:
    """A log in which a search, a refused one and one without names have been written."""
    with place.serve(loaded) as running:
        api = Client(running.url)
        assert api("GET", "/search", params={"limit": 1}, headers=NAMED).status_code == 200
        refused = NAMED | {"X-Request-Id": "mine-2"}
        assert api("POST", "/search", json=NO_NUMBER, headers=refused).status_code == 400
        unnamed = api("GET", "/conformance").headers["X-Request-Id"]
        lines_of(running, unnamed, 1)
        log = running.log()
        return Running(running.url, lambda: log)


def test_a_request_is_one_line_with_its_id_and_trace(sent: Running) -> None:
    (line,) = lines_of(sent, "mine-1", 1)
    expected = {"message": "request", "method": "GET", "path": "/search", "status": 200, "traceparent": TRACE}
    assert expected.items() <= line.items()
    assert line["duration_ms"] > 0


def test_whatever_else_is_logged_on_the_way_names_it_too(sent: Running) -> None:
    lines = lines_of(sent, "mine-2", 2)
    assert [line["message"] for line in lines] == ["query_refused", "request"]
    assert {line["traceparent"] for line in lines} == {TRACE}
    of_the_api = [line for line in sent.log() if line.get("logger", "").startswith("stac_api")]
    assert all("request_id" in line for line in of_the_api)


def test_a_request_without_an_id_is_given_one(sent: Running) -> None:
    last = [line for line in sent.log() if line.get("path") == "/conformance"]
    assert [len(line["request_id"]) for line in last] == [32]
    assert last[0]["traceparent"] is None
