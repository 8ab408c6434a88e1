"""An Item of thousands of blobs is told to the world, whatever the bus takes."""

import json
from typing import Any

import pytest

from eventstac.bus import ITEMS_CHANGED, LIMIT_BYTES, REJECTED, size_of
from eventstac.catalog.announcing import Change, announcements_of
from eventstac.catalog.item_rows import ItemRow
from eventstac.catalog.port import Announcement
from eventstac.compose import Composition
from eventstac.events import ItemChanged
from eventstac.facts import Match, fact_of
from eventstac.fields import Fields
from eventstac.publishing import publish_outbox
from loader import collection_update
from tests.samples import START, present, url_of
from tests.twins.apps import RULES, Pipeline
from tests.twins.bus import MemoryBus, as_received
from tests.twins.catalog import MemoryCatalog

KEY = ("scenes", "mosaic")


def urls(count: int) -> tuple[str, ...]:
    """URLs of 80 characters."""
    start = url_of("scenes/mosaic/")
    return tuple(f"{start}{number:0{76 - len(start)}}.tif" for number in range(count))


def told(blobs: tuple[str, ...]) -> Announcement:
    """What is said of an Item that shows so many blobs."""
    row = ItemRow(KEY, "published", "a digest", urls=blobs, start=START, end=START)
    change = Change(KEY, None, row, Composition("published"), ())
    [announcement] = announcements_of([change], [], "loader", START)
    return announcement


def most() -> int:
    """How many URLs just fit."""
    return next(count for count in range(3000, 0, -1) if told(urls(count)).event["data"].get("urls"))


def test_urls_are_told_up_to_the_limit_and_left_out_from_the_next_one_on() -> None:
    count = most()
    under, over = told(urls(count)).event, told(urls(count + 1)).event
    assert len(under["data"]["urls"]) == count
    assert size_of(under) <= LIMIT_BYTES < size_of(under) + len(json.dumps(urls(1)))
    assert {**under["data"], "urls": None} == {**over["data"], "urls": None}
    assert "urls" not in over["data"]
    assert ItemChanged.read(Fields(under["data"], "data")).urls == urls(count)
    assert ItemChanged.read(Fields(over["data"], "data")).urls is None


@pytest.mark.parametrize("count", [1, 2500, 3000, 20_000])
def test_the_world_and_the_collection_hear_of_an_item_of_any_number_of_blobs(count: int) -> None:
    catalog, bus = MemoryCatalog(RULES), MemoryBus()  # its events are valid by their contract
    catalog.outbox.append(told(urls(count)))
    assert publish_outbox(catalog, bus) == 1
    assert bus.to(REJECTED) == []
    [message] = bus.to(ITEMS_CHANGED)
    envelope = as_received(message, "collection-update")
    pipeline = Pipeline()
    updated: list[Any] = []
    consumer = pipeline.consumer("loader")
    consumer.consume_batch([envelope], collection_update.decode, updated.extend)
    assert [collection for collection, _ in updated] == ["scenes"]


def test_a_rejection_of_an_item_of_thousands_of_blobs_says_why() -> None:
    facts = tuple(fact_of(url, present(Match(*KEY, "b1"), 1, "e")) for url in urls(3000))
    row = ItemRow(KEY, "rejected", "a digest", reason="invalid-item", detail="why")
    change = Change(KEY, None, row, Composition("rejected", reason="invalid-item", detail="why"), facts)
    [announcement] = announcements_of([change], [], "loader", START)
    bus, catalog = MemoryBus(), MemoryCatalog(RULES)
    catalog.outbox.append(announcement)
    publish_outbox(catalog, bus)
    [rejected] = bus.data(REJECTED)
    assert (rejected["reason"], rejected["url"]) == ("invalid-item", urls(1)[0])
    assert rejected["event"] == {"collection": "scenes", "item": "mosaic", "blobs": 3000}
