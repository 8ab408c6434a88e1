"""A fact of a wrong shape is rejected alone, with what is wrong and where; it never stops what composes Items."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from eventstac.bus import Received
from eventstac.compose import compose
from eventstac.contracts import read_contract
from eventstac.errors import Rejected
from eventstac.events.asset import read_asset_event
from eventstac.facts import join
from eventstac.fields import Fields
from loader import asset_facts
from tests.samples import START
from tests.twins.apps import RULES, Pipeline, scene

ODD: tuple[Any, ...] = (
    *(None, 0, -1, 1.5, True, "", "x", [], {}, [[]], {"a": 1}, 10**30, "2024-02-30T00:00:00Z"),
    *({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, {"type": "Polygon", "coordinates": []}),
)


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from places(child, (*above, key))


def changed(event: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    event = copy.deepcopy(event)
    inner: Any = event
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return event


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    """Facts about ten blobs, as the extractor sends them."""
    pipeline = Pipeline()
    pipeline.run(*[pipeline.put(scene(f"s{number}", "b1"), b"raster 10") for number in range(10)])
    return [json.loads(json.dumps(sent.body)) for sent in pipeline.bus.sent if sent.topic == "asset-facts"]


def received(event: dict[str, Any]) -> Received:
    return Received("asset-facts", "loader", event["id"], json.dumps(event).encode(), 1, START)


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("metadata", "bands"), "x", 'data.metadata.bands: "x" is not of type "array"'),
        (("metadata", "projection"), 1, 'data.metadata.projection: 1 is not of type "object"'),
        (("metadata", "bands", 0), "x", 'data.metadata.bands.0: "x" is not of type "object"'),
        (("storage", "last_modified"), "2024-02-30T00:00:00Z", "data.storage.last_modified: "),
        (("metadata", "properties"), 0, "data.metadata.properties: 0 is not"),
    ],
)
def test_one_of_a_wrong_shape_is_rejected_alone(
    events: list[dict[str, Any]], place: tuple[Any, ...], value: Any, told: str
) -> None:
    bad = changed(events[4], ("data", *place), value)
    pipeline = Pipeline()
    batch = [received(bad if event is events[4] else event) for event in events]
    pipeline.consumer("loader").consume_batch(batch, asset_facts.decode, pipeline.load)
    assert len(pipeline.catalog.items) == 9
    [rejected] = pipeline.bus.data("rejected")
    assert (rejected["reason"], rejected["url"]) == ("malformed-event", events[4]["data"]["url"])
    assert told in rejected["detail"]
    assert "contracts/events/eventstac.asset.read.v1.json" in rejected["detail"]


@pytest.mark.parametrize("name", ["raster", "sidecar"])
def test_whatever_is_odd_in_a_fact_is_rejected_or_composed(name: str, events: list[dict[str, Any]]) -> None:
    example = read_contract(f"events/examples/eventstac.asset.read.v1/{name}.json")
    good = read_asset_event(events[0]["type"], Fields(events[0]["data"], "data")).fact()
    for place in places(example["data"]):
        for value in ODD if place else ():
            try:
                odd = changed(example["data"], place, value)
                fact = read_asset_event(example["type"], Fields(odd, "data")).fact()
            except Rejected:
                continue
            compose([good, fact], RULES.collection("scenes"))
            join(fact, fact)
