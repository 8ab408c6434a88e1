"""Events over the bus's limit travel as claims."""

import json
from dataclasses import replace
from typing import Any

import pytest

from eventstac.bus import ASSET_FACTS, LIMIT_BYTES, Message
from eventstac.claims import ClaimingBus, Claims
from eventstac.consumption import Consumer
from eventstac.events import Origin, asset_event, seal
from eventstac.facts import Match
from loader import asset_facts
from tests.samples import ACCOUNT, START, present, url_of
from tests.twins.apps import Pipeline
from tests.twins.bus import as_received

URL = url_of("scenes/a/b1.tif")


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture
def claims(pipeline: Pipeline) -> Claims:
    return Claims(pipeline.blobs, ACCOUNT, "claims")


def fact(bands: int) -> dict[str, Any]:
    """What the extractor says of a raster of so many bands."""
    finding = present(Match("scenes", "a", "b1", rule="scenes"), 1, "e1")
    metadata = dict(finding.metadata or {})
    [band] = metadata["bands"]
    metadata["bands"] = [{**band, "name": f"b{number}"} for number in range(bands)]
    event = asset_event(URL, replace(finding, metadata=metadata), "a test", None)
    return seal(event, app="extractor", origin=Origin.new("a-cause"), at=START)


def sent(pipeline: Pipeline, claims: Claims, body: dict[str, Any]) -> Message:
    ClaimingBus(pipeline.bus, claims).send([Message(ASSET_FACTS, body["id"], body)])
    [message] = pipeline.bus.to(ASSET_FACTS)
    return message


def load(pipeline: Pipeline, claims: Claims, message: Message) -> None:
    consumer = Consumer("loader", pipeline.bus, clock=pipeline.now, claims=claims)
    consumer.consume_batch(
        [as_received(message, "loader")],
        asset_facts.decode,
        lambda facts: asset_facts.handle(facts, catalog=pipeline.catalog),
    )


def test_a_large_event_travels_as_a_claim_and_arrives_whole(pipeline: Pipeline, claims: Claims) -> None:
    message = sent(pipeline, claims, fact(bands=2000))
    assert len(json.dumps(message.body)) < 2000
    load(pipeline, claims, message)
    assert len(pipeline.items["a"]["assets"]["b1"]["bands"]) == 2000


def test_a_small_event_travels_as_it_is(pipeline: Pipeline, claims: Claims) -> None:
    body = fact(bands=1)
    assert len(json.dumps(body)) < LIMIT_BYTES
    assert sent(pipeline, claims, body).body == body


def test_the_same_event_twice_is_one_claim(pipeline: Pipeline, claims: Claims) -> None:
    body = fact(bands=2000)
    for _ in range(2):
        ClaimingBus(pipeline.bus, claims).send([Message(ASSET_FACTS, body["id"], body)])
    one, two = pipeline.bus.data(ASSET_FACTS)
    assert one == two
    assert len(pipeline.blobs.page(f"{ACCOUNT}/claims", "", None, 10).blobs) == 1


@pytest.mark.parametrize("damage", ["gone", "other content", "shorter"])
def test_a_lost_claim_causes_a_new_look_and_no_rejection(
    pipeline: Pipeline, claims: Claims, damage: str
) -> None:
    message = sent(pipeline, claims, fact(bands=2000))
    [claimed] = pipeline.bus.data(ASSET_FACTS)
    if damage == "gone":
        pipeline.blobs.delete(claimed["claim_url"])
    else:
        size = claimed["size"] if damage == "other content" else 7
        pipeline.blobs.put(claimed["claim_url"], b"x" * size)
    load(pipeline, claims, message)
    assert pipeline.bus.to("rejected") == []
    [request] = pipeline.bus.data("scan-requests")
    assert (request["reason"], request["prefix"]) == ("replay", "scenes/a/b1.tif")


def test_a_storage_that_is_away_makes_the_claim_wait(pipeline: Pipeline, claims: Claims) -> None:
    message = sent(pipeline, claims, fact(bands=2000))
    pipeline.blobs.is_away = True
    load(pipeline, claims, message)
    [_, again] = pipeline.bus.to(ASSET_FACTS)
    assert again.not_before is not None
    pipeline.blobs.is_away = False
    load(pipeline, claims, again)
    assert "a" in pipeline.items


@pytest.mark.parametrize("url", [url_of("x.json"), "http://169.254.169.254/claims/x.json"])
def test_a_claim_of_another_place_is_rejected_and_not_fetched(
    pipeline: Pipeline, claims: Claims, url: str
) -> None:
    message = sent(pipeline, claims, fact(bands=2000))
    assert isinstance(message.body, dict)
    body = {**message.body, "data": {**message.body["data"], "claim_url": url}}
    looks = pipeline.blobs.looks
    load(pipeline, claims, replace(message, body=body))
    [rejected] = pipeline.bus.data("rejected")
    assert rejected["reason"] in ("foreign-claim", "bad-url")
    assert pipeline.blobs.looks == looks
