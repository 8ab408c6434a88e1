"""What the API does with the changes that it hears of."""

import asyncio
import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventstac.bus import ATTEMPT, RETRY_FOR, Received
from eventstac.consumption import Consumer
from eventstac.contracts import contract_path
from eventstac.errors import Transient
from stac_api.hearing import hear
from tests.twins.bus import MemoryBus

LIVES_S = 60.0


class Cache:
    """Notes what it is to forget."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.forgotten: list[set[str]] = []

    async def forget(self, collections: Collection[str]) -> None:
        """Note it."""
        if self.away:
            raise Transient("Redis is away")
        self.forgotten.append(set(collections))


def example(type_: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(
        min(contract_path(f"events/examples/{type_}").glob("*.json")).read_text()
    )
    return event


def message(body: Any, failed_s_ago: float | None = None) -> Received:
    now = datetime.now(UTC)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    failed = None if failed_s_ago is None else now - timedelta(seconds=failed_s_ago)
    return Received("items-changed", "stac-api", "m1", data, 1 if failed is None else 2, now, failed)


def heard(cache: Cache | None, *messages: Received) -> MemoryBus:
    bus = MemoryBus()
    asyncio.run(hear(messages, cache=cache, lives_s=LIVES_S, consumer=Consumer("stac_api", bus)))
    return bus


CHANGES = ("eventstac.item.changed.v1", "eventstac.item.removed.v1", "eventstac.collection.updated.v1")


@pytest.mark.parametrize("type_", CHANGES)
def test_each_event_of_the_topic_names_the_collection_whose_answers_are_forgotten(type_: str) -> None:
    event, cache = example(type_), Cache()
    assert heard(cache, message(event)).sent == []
    assert cache.forgotten == [{event["data"]["collection"]}]


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b"[]",
        example("eventstac.scan.requested.v1"),
        {**example(CHANGES[0]), "data": {}},
        {**example(CHANGES[0]), "data": {"collection": 7}},
    ],
)
def test_what_is_no_change_is_rejected_alone(body: Any) -> None:
    cache = Cache()
    bus = heard(cache, message(body), message(example(CHANGES[0])))
    assert [sent.topic for sent in bus.sent] == ["rejected"]
    assert len(cache.forgotten) == 1


def test_while_redis_is_away_a_change_waits_for_its_own_subscription() -> None:
    (again,) = heard(Cache(away=True), message(example(CHANGES[0]))).sent
    assert (again.topic, again.properties[RETRY_FOR], again.properties[ATTEMPT]) == (
        "items-changed",
        "stac-api",
        2,
    )
    assert again.not_before is not None
    assert timedelta() < again.not_before - datetime.now(UTC) < timedelta(seconds=31)


def test_a_change_is_not_told_again_once_all_that_was_kept_before_it_has_ended() -> None:
    event = example(CHANGES[0])
    assert len(heard(Cache(away=True), message(event, LIVES_S - 20)).sent) == 1
    assert heard(Cache(away=True), message(event, LIVES_S + 1)).sent == []


def test_without_a_cache_changes_are_done() -> None:
    assert heard(None, message(example(CHANGES[0]))).sent == []
