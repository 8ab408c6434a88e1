"""From the blob's event to the Item that the world is told of, through all five apps, is one unbroken trace."""

import json
from pathlib import Path
from typing import Any

import pytest
from azure.core.messaging import CloudEvent

from eventstac.azure.peeking import subscriptions
from infra.local.stack.testing import Stack
from tests.e2e.conditions import until
from tests.e2e.rasters import cog, geotiff
from tests.e2e.user import COG_COMPLETED, User, trigger
from tests.json_lines import lines_of

pytestmark = pytest.mark.stack


def told(stack: Stack) -> list[dict[str, Any]]:
    """All spans that any app has told so far, read as lines: not through the code that is tested."""
    folder = Path(stack.env["TELEMETRY_FOLDER"])
    return [one for file in folder.glob("*.spans.jsonl") for one in lines_of(file)]


def trace_of(stack: Stack, url: str, names: set[str]) -> list[dict[str, Any]]:
    """The spans of the one trace that begins with a blob's event, as soon as these names are all in it."""

    def complete() -> list[dict[str, Any]]:
        spans = told(stack)
        traces = {
            one["trace"]
            for one in spans
            if one["name"] == "blob-events/scanner" and one["attributes"].get("blob") == url
        }
        assert len(traces) <= 1, f"{url} was uploaded once"
        mine = [one for one in spans if one["trace"] in traces]
        return mine if names <= {one["name"] for one in mine} else []

    return until(complete, f"the spans {sorted(names)} of {url}")


CHAIN = {
    "blob-events/scanner",
    "blobs-matched/extractor",
    "asset-facts/loader",
    "publish items-changed",
    "items-changed/collection-update",
    "items-changed/outbound",
    "items-changed/stac-api",
}


def is_unbroken(spans: list[dict[str, Any]]) -> None:
    """One trace, one beginning, no span twice, and every span's parent is there."""
    ids = [one["span"] for one in spans]
    assert len(ids) == len(set(ids))
    assert len({one["trace"] for one in spans}) == 1
    (root,) = [one for one in spans if one["parent"] is None]
    assert root["name"] == "blob-events/scanner"
    assert {one["parent"] for one in spans if one["parent"]} <= set(ids)


def above(spans: list[dict[str, Any]], name: str) -> list[str]:
    """The names of the spans above the first of a name, the nearest first."""
    by_id = {one["span"]: one for one in spans}
    here = next(one for one in spans if one["name"] == name)
    names = []
    while here["parent"]:
        here = by_id[here["parent"]]
        names.append(here["name"])
    return names


def test_one_unbroken_trace_leads_from_the_blob_s_event_through_all_apps(stack: Stack, user: User) -> None:
    source = user.upload("scenes/traced/b1.tif", geotiff())
    user.searchable("scenes", ["traced"])
    begun = trace_of(stack, source, CHAIN)
    is_unbroken(begun)
    way = ["asset-facts/loader", "blobs-matched/extractor", "blob-events/scanner"]
    for last in ("items-changed/outbound", "items-changed/stac-api", "items-changed/collection-update"):
        assert above(begun, last) == way

    # A converter that goes on with the trace that it was told of is in it too.
    [changed] = [
        one
        for one in user.seen("catalog-events")
        if one["traceparent"].split("-")[1] == begun[0]["trace"] and one["type"].endswith("item.changed.v1")
    ]
    made = user.upload("traced/b1.tif", cog(geotiff()), container="cogs")
    data = {"source_url": source, "cog_url": made}
    extensions = {"traceparent": changed["traceparent"]}
    user.cog_topic.send(
        CloudEvent(source="tests/converter", type=COG_COMPLETED, data=data, extensions=extensions)
    )
    whole = trace_of(stack, source, CHAIN | {"cog-events/cog-updater"})
    until(
        lambda: (
            len(
                [
                    one
                    for one in told(stack)
                    if one["name"] == "items-changed/outbound" and one["trace"] == begun[0]["trace"]
                ]
            )
            >= 2
        ),
        "the world to be told of the COG",
    )
    user.quiet()
    whole = trace_of(stack, source, CHAIN | {"cog-events/cog-updater"})
    is_unbroken(whole)
    assert above(whole, "cog-events/cog-updater") == way
    assert {one["app"] for one in whole} == {"scanner", "extractor", "loader", "cog_updater", "stac_api"}

    (fresh,) = {
        one["attributes"]["freshness_s"]
        for one in begun
        if one["name"] == "items-changed/collection-update" and "freshness_s" in one["attributes"]
    }
    assert 0 < fresh < 120
    (read,) = [one["attributes"] for one in begun if one["name"] == "blobs-matched/extractor"]
    assert 0 < read["extraction_bytes"] <= read["blob_bytes"]
    assert read["extraction_s"] > 0


def test_eventstac_trace_tells_it_as_a_timeline(stack: Stack, user: User) -> None:
    source = user.upload("scenes/timeline/b1.tif", geotiff())
    spans = trace_of(stack, source, CHAIN)

    for wanted in (source, spans[0]["trace"]):
        shown = stack.eventstac("trace", wanted)
        assert shown.returncode == 0, shown.stderr
        order = [shown.stdout.index(app) for app in ("scanner", "extractor", "loader", "stac_api")]
        assert order == sorted(order)
        assert "scenes/timeline" in shown.stdout
    found = json.loads(stack.eventstac("trace", source, "--json").stdout)
    assert found["traces"][0]["missing_parents"] == []
    assert {one["span"] for one in found["traces"][0]["spans"]} >= {one["span"] for one in spans}


def test_a_log_event_carries_the_trace_that_it_belongs_to(stack: Stack, user: User) -> None:
    source = user.upload("scenes/logged/b1.tif", geotiff())
    trace = trace_of(stack, source, CHAIN)[0]["trace"]
    for app in ("scanner", "extractor", "loader"):
        *whole, _ = stack.log(app).split("\n")
        events = [json.loads(line) for line in whole if trace in line]
        assert {"message_consumed"} <= {event.get("message") for event in events}


def test_the_loader_s_timer_tells_how_queues_and_catalog_stand(stack: Stack, user: User) -> None:
    user.upload("scenes/figures/b1.tif", geotiff())
    user.searchable("scenes", ["figures"])
    trigger(user.stack, "loader", "tell_how_it_stands")
    file = Path(stack.env["TELEMETRY_FOLDER"], "loader.figures.jsonl")

    def figures() -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for one in lines_of(file):
            found.setdefault(one["figure"], []).append(one)
        wanted = {"eventstac.queue.oldest_age", "eventstac.completeness", "eventstac.rejections"}
        return found if wanted <= found.keys() else {}

    told_figures = until(figures, "the loader to tell how it stands")
    told_of = {
        (one["attributes"]["topic"], one["attributes"]["subscription"])
        for one in told_figures["eventstac.queue.oldest_age"]
    }
    assert told_of == set(subscriptions())
    assert "scenes" in {one["attributes"]["collection"] for one in told_figures["eventstac.completeness"]}
    assert {"eventstac.messages", "eventstac.batch.size", "eventstac.freshness"} <= told_figures.keys()


def test_what_a_timer_or_a_command_does_is_the_root_of_its_trace(stack: Stack, user: User) -> None:
    user.upload("scenes/rooted/b1.tif", geotiff())
    user.searchable("scenes", ["rooted"])
    assert stack.eventstac("rebuild", "scenes").returncode == 0
    trigger(user.stack, "loader", "recompute_collections")
    wanted = {"eventstac rebuild", "recompute collections"}

    def roots() -> list[dict[str, Any]]:
        found = [one for one in told(stack) if one["name"] in wanted]
        return found if wanted <= {one["name"] for one in found} else []

    for root in until(roots, f"the spans {sorted(wanted)}"):
        assert (root["parent"], root["error"]) == (None, None)


def test_a_replay_is_the_root_of_a_new_look_s_trace(stack: Stack, user: User) -> None:
    stray = stack.blob_url("thumbnails", "replayed.tif")
    event = {
        "specversion": "1.0",
        "id": "broken-on-purpose-replayed",
        "source": "tests",
        "type": "Microsoft.Storage.BlobCreated",
        "data": {"url": stray, "api": "PutBlob"},
    }
    user.send("blob-events", event, "replayed")

    def listed() -> list[dict[str, Any]]:
        found = json.loads(stack.eventstac("rejected", "list", "--url", stray, "--json").stdout)
        return list(found)

    (rejection,) = until(listed, "the rejection")
    assert stack.eventstac("rejected", "replay", rejection["id"]).returncode == 0

    def again() -> list[dict[str, Any]]:
        spans = told(stack)
        traces = {one["trace"] for one in spans if one["attributes"].get("rejection") == rejection["id"]}
        mine = [one for one in spans if one["trace"] in traces]
        return mine if "scan-requests/scanner" in {one["name"] for one in mine} else []

    spans = until(again, "the new look's span")
    assert above(spans, "scan-requests/scanner") == ["eventstac rejected replay"]
    stack.eventstac("rejected", "discard", "--url", stray)
