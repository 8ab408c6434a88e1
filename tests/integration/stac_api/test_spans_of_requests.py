"""Requests to the running API are told as spans, with the statements that they cost."""

import time
from pathlib import Path
from typing import Any

from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api.conftest import Client
from tests.integration.stac_api.places import Place
from tests.json_lines import lines_of

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def told(folder: Path, name: str) -> list[dict[str, Any]]:
    """The spans of the trace, as soon as this one and its queries, which come after it, are among them."""
    deadline = time.monotonic() + 30
    file = folder / "stac_api.spans.jsonl"
    while True:
        spans = [one for one in lines_of(file) if one["trace"] == TRACE[3:35]]
        queries = sum(one["kind"] == "client" for one in spans)
        if any(one["name"] == name and one["attributes"]["queries"] <= queries for one in spans):
            return spans
        assert time.monotonic() < deadline, spans[-5:]
        time.sleep(0.05)  # between two looks


def test_a_search_is_a_span_below_the_client_s_with_its_statements_inside(
    place: Place, loaded: CatalogDatabase, tmp_path: Path
) -> None:
    with place.serve(loaded, TELEMETRY_FOLDER=str(tmp_path)) as running:
        api = Client(running.url)
        wanted = {"collections": "scenes", "limit": 1, "filter": "eo:cloud_cover < 17.25"}
        answer = api("GET", "/search", params=wanted, headers={"traceparent": TRACE})
        assert answer.status_code == 200
        spans = told(tmp_path, "GET /search")
        (request,) = [one for one in spans if one["kind"] == "server"]
        queries = [one for one in spans if one["kind"] == "client"]

    assert request["parent"] == TRACE[36:52]
    assert request["attributes"]["request_id"] == answer.headers["X-Request-Id"]
    assert request["attributes"]["queries"] == len(queries) > 0
    assert {one["parent"] for one in queries} == {request["span"]}
    assert sum(one["seconds"] for one in queries) <= request["seconds"]
    texts = " ".join(one["attributes"]["db.query.text"] for one in queries)
    assert "SELECT" in texts
    assert "17.25" not in texts, "what a client looks for is nobody's business"
