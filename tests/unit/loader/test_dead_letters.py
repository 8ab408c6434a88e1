"""Dead letters are kept, and only then given up."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from eventstac.dead_letters import DeadLetter
from eventstac.errors import Transient
from loader import dead_letters
from tests.samples import ACCOUNT, START, url_of
from tests.twins.apps import RULES
from tests.twins.blobs import MemoryBlobs
from tests.twins.catalog import MemoryCatalog

CONTAINER = f"{ACCOUNT}/deadletter"
LETTER = DeadLetter(
    "blobs-matched",
    "extractor",
    7,
    "m7",
    json.dumps({"type": "x", "data": {"url": url_of("a.tif") + "?sig=secret"}}).encode(),
    "MaxDeliveryCountExceeded",
    "ten times",
    10,
    START,
)


class MemoryQueues:
    def __init__(self, *letters: DeadLetter) -> None:
        self.letters = list(letters)

    def drain(self, keep: Callable[[Sequence[DeadLetter]], None]) -> int:
        keep(self.letters)
        count = len(self.letters)
        self.letters.clear()
        return count


class DeletingBlobs(MemoryBlobs):
    def delete(self, url: str, etag: str = "") -> None:
        if not etag or self.etag(url) == etag:
            super().delete(url)


@pytest.fixture
def catalog() -> MemoryCatalog:
    return MemoryCatalog(RULES)


@pytest.fixture
def blobs() -> DeletingBlobs:
    return DeletingBlobs()


def test_a_dead_letter_is_kept_with_its_blob_and_why_it_died(catalog: MemoryCatalog) -> None:
    queues = MemoryQueues(LETTER)
    assert dead_letters.drain_queues(queues=queues, catalog=catalog) == 1
    [kept] = catalog.rejections.values()
    assert (kept.stage, kept.reason, kept.attempts) == ("blobs-matched/extractor", "dead-letter", 10)
    assert kept.url == url_of("a.tif")
    assert "ten times" in kept.detail
    assert kept.first_sent == START


def test_what_is_not_kept_stays_in_the_queue(catalog: MemoryCatalog) -> None:
    queues, catalog.is_away = MemoryQueues(LETTER), True
    with pytest.raises(Transient):
        dead_letters.drain_queues(queues=queues, catalog=catalog)
    assert queues.letters == [LETTER]


def test_one_that_comes_again_is_kept_once(catalog: MemoryCatalog) -> None:
    for _ in range(2):
        dead_letters.drain_queues(queues=MemoryQueues(LETTER), catalog=catalog)
    assert len(catalog.rejections) == 1


def test_one_that_two_subscriptions_gave_up_is_kept_for_each(catalog: MemoryCatalog) -> None:
    queues = MemoryQueues(LETTER, replace(LETTER, subscription="someone-else-s"))
    dead_letters.drain_queues(queues=queues, catalog=catalog)
    assert len(catalog.rejections) == 2


def test_of_several_names_of_its_blob_one_that_is_an_address_is_told(catalog: MemoryCatalog) -> None:
    body = json.dumps({"data": {"url": "no address", "source_url": url_of("a.tif")}}).encode()
    dead_letters.drain_queues(queues=MemoryQueues(replace(LETTER, body=body)), catalog=catalog)
    assert [one.url for one in catalog.rejections.values()] == [url_of("a.tif")]


@pytest.mark.parametrize("body", [b"\xff\x00 no text", b"[1, 2]", b'"text"', b""])
def test_a_body_that_is_no_event_is_kept_as_text(catalog: MemoryCatalog, body: bytes) -> None:
    letter = DeadLetter("t", "s", 1, "", body, "r", "", 1)
    dead_letters.drain_queues(queues=MemoryQueues(letter), catalog=catalog)
    [kept] = catalog.rejections.values()
    assert isinstance(kept.event, str)
    assert "\x00" not in kept.event
    assert (kept.url, kept.detail) == (None, "r")


# JSON to some parsers and not to others; each named a blob.
POISON = [
    b'{"data": {"url": "%s", "quality": 1e999}}',
    b'{"data": {"url": "%s", "quality": NaN}}',
    b'{"data": {"url": "%s", "name": "\\ud800"}}',
    b'{"data": {"url": "%s", "deep": ' + b"[" * 300 + b"]" * 300 + b"}}",
    b'{"data": {"url": "%s", "deep": ' + b"[" * 9_000 + b"]" * 9_000 + b"}}",
    b'{"data": {"url": "%s", "long": ' + b"9" * 4_000 + b"}}",
    b'{"data": {"url": "%s"}}' + b"[" * 100_000,
]


@pytest.mark.parametrize("body", POISON)
def test_a_body_that_not_every_parser_takes_keeps_no_other_back(catalog: MemoryCatalog, body: bytes) -> None:
    body = body.replace(b"%s", url_of("poison.tif").encode())
    letters = [replace(LETTER, sequence=number) for number in range(4)]
    letters[1] = replace(letters[1], body=body)
    assert dead_letters.drain_queues(queues=MemoryQueues(*letters), catalog=catalog) == 4
    kept = [one for one in catalog.rejections.values() if one.event == body.decode()]
    assert len(kept) == 1
    assert len(catalog.rejections) == 4
    assert kept[0].url in (None, url_of("poison.tif"))
    assert kept[0].url or body.endswith(b"[[[")


@pytest.mark.parametrize("body", POISON[:-1])
def test_an_undelivered_event_that_not_every_parser_takes_keeps_no_other_back(
    catalog: MemoryCatalog, blobs: DeletingBlobs, body: bytes
) -> None:
    event = body.replace(b"%s", url_of("poison.tif").encode())
    content = b"[" + b", ".join([json.dumps(UNDELIVERED).encode(), event]) + b"]"
    blobs.put(f"{CONTAINER}/CREATED/x.json", content)
    assert dead_letters.drain_container(container_url=CONTAINER, blobs=blobs, catalog=catalog) == 1
    good, poison = catalog.rejections.values()
    assert (good.url, poison.url) == (url_of("a.tif"), url_of("poison.tif"))
    assert isinstance(good.event, dict)
    assert isinstance(poison.event, str)


UNDELIVERED = {
    "id": "e1",
    "type": "Microsoft.Storage.BlobCreated",
    "data": {"url": url_of("a.tif")},
    "deadletterreason": "MaxDeliveryAttemptsExceeded",
    "deliveryattempts": 30,
    "lastdeliveryoutcome": "NotFound",
    "publishtime": "2024-05-01T12:00:00.0000000Z",
    "lastdeliveryattempttime": "2024-05-01T12:00:00.0000000Z",
}


def test_undelivered_events_are_kept_and_their_blob_deleted(
    catalog: MemoryCatalog, blobs: DeletingBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "_PAGE", 2)
    for hour in range(3):
        events = [{**UNDELIVERED, "id": f"{hour}-{number}"} for number in range(2)]
        blobs.put(f"{CONTAINER}/CREATED/2024/5/1/{hour}/x.json", json.dumps(events).encode())
    assert dead_letters.drain_container(container_url=CONTAINER, blobs=blobs, catalog=catalog) == 3
    kept = list(catalog.rejections.values())
    assert len(kept) == 6
    assert {one.stage for one in kept} == {"event-grid/created"}
    assert kept[0].attempts == 30
    assert kept[0].first_sent == datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert kept[0].detail == "MaxDeliveryAttemptsExceeded: NotFound"
    assert isinstance(kept[0].event, dict)
    assert "deadletterreason" not in kept[0].event
    assert blobs.page(CONTAINER, "", None, 10).blobs == ()


def test_two_undelivered_events_of_one_id_are_both_kept(catalog: MemoryCatalog, blobs: DeletingBlobs) -> None:
    other = {**UNDELIVERED, "data": {"url": url_of("b.tif")}}
    blobs.put(f"{CONTAINER}/CREATED/x.json", json.dumps([UNDELIVERED, other]).encode())
    dead_letters.drain_container(container_url=CONTAINER, blobs=blobs, catalog=catalog)
    assert [one.url for one in catalog.rejections.values()] == [url_of("a.tif"), url_of("b.tif")]


@pytest.mark.parametrize("content", ["{not json", "{}", '[{"id": "e1"}, 7]'])
def test_a_blob_that_is_no_array_of_events_is_kept_too(
    catalog: MemoryCatalog, blobs: DeletingBlobs, content: str
) -> None:
    blobs.put(f"{CONTAINER}/CREATED/x.json", content.encode())
    dead_letters.drain_container(container_url=CONTAINER, blobs=blobs, catalog=catalog)
    [kept] = catalog.rejections.values()
    assert kept.event == content


def test_an_undelivered_event_with_a_number_that_is_none_is_kept(
    catalog: MemoryCatalog, blobs: DeletingBlobs
) -> None:
    events = [{**UNDELIVERED, "deliveryattempts": "many", "publishtime": "once"}]
    blobs.put(f"{CONTAINER}/CREATED/x.json", json.dumps(events).encode())
    dead_letters.drain_container(container_url=CONTAINER, blobs=blobs, catalog=catalog)
    assert [(one.attempts, one.first_sent) for one in catalog.rejections.values()] == [(0, None)]


def test_a_database_that_is_away_leaves_the_blob(catalog: MemoryCatalog, blobs: DeletingBlobs) -> None:
    blobs.put(f"{CONTAINER}/CREATED/x.json", json.dumps([UNDELIVERED]).encode())
    catalog.is_away = True
    with pytest.raises(Transient):
        dead_letters.drain_container(container_url=CONTAINER, blobs=blobs, catalog=catalog)
    assert len(blobs.page(CONTAINER, "", None, 10).blobs) == 1
