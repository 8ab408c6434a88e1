"""The outbox is published whatever is in it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

from eventstac.catalog.port import Announcement
from eventstac.errors import Transient
from eventstac.events import ItemChanged, Origin, seal
from eventstac.publishing import publish_outbox
from tests.samples import START, url_of
from tests.twins.apps import RULES
from tests.twins.bus import MemoryBus
from tests.twins.catalog import MemoryCatalog

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def announcement(item: str, blobs: int = 1) -> Announcement:
    urls = tuple(url_of(f"{item}/{number:0500}.tif") for number in range(blobs))
    event = ItemChanged("scenes", item, None, START, START, "updated", NOW, urls)
    return Announcement("items-changed", seal(event, app="loader", origin=Origin.new(item), at=NOW))


def test_an_event_that_is_too_large_for_the_bus_does_not_keep_the_others_in_the_outbox() -> None:
    catalog, bus = MemoryCatalog(RULES), MemoryBus()
    catalog.outbox += [announcement("one"), announcement("huge", blobs=600), announcement("two")]
    assert publish_outbox(catalog, bus) == 3
    assert catalog.outbox == []
    assert {data["item"] for data in bus.data("items-changed")} == {"one", "two"}
    [given_up] = bus.data("rejected")
    assert given_up["reason"] == "too-large"
    assert given_up["event"]["subject"] == "scenes/huge"


def test_what_a_bus_that_is_away_does_not_take_stays_in_the_outbox() -> None:
    catalog, bus = MemoryCatalog(RULES), Mock()
    bus.send.side_effect = Transient("away")
    catalog.outbox.append(announcement("one"))
    assert publish_outbox(catalog, bus) == 0
    assert len(catalog.outbox) == 1


def test_what_is_announced_for_later_comes_no_sooner() -> None:
    catalog, bus = MemoryCatalog(RULES), MemoryBus()
    later = NOW + timedelta(seconds=5)
    catalog.outbox += [announcement("now"), replace(announcement("later"), not_before=later)]
    publish_outbox(catalog, bus)
    assert [message.not_before for message in bus.sent] == [None, later]
