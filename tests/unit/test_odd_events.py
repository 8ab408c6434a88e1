"""What no sender should send is rejected with a reason; it never crashes a consumer until it is a dead letter."""

import json
from typing import Any

import pytest

from eventstac.bus import Message, Received, text_of
from eventstac.consumption import Consumer
from eventstac.errors import Rejected
from eventstac.events import Envelope, EventRejected, ItemChanged, open_envelope
from eventstac.fields import Fields
from eventstac.times import from_text
from tests.samples import START, url_of
from tests.twins.bus import MemoryBus

EVENT = {"specversion": "1.0", "id": "a", "source": "s", "type": "t", "data": {}}


def body_with(**changes: Any) -> bytes:
    return json.dumps({**EVENT, **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        body_with(data={"x": float("nan")}),
        body_with(data={"x": float("-inf")}),
        body_with(data={"x": "?"}).replace(b'"?"', b"1e999"),
        body_with(data={"x": "?"}).replace(b'"?"', b"9" * 4000),
        body_with(data={"x": "?"}).replace(b'"?"', b"[" * 300 + b"]" * 300),
        body_with(data={"url": "half a pair: \ud800"}),
        body_with(id="\udfff"),
        body_with().decode().encode("utf-16"),
        b"\xff\xfe",
        body_with(time="9999-12-31T23:59:59-05:00"),
        body_with(time="0001-01-01T00:00:00+05:00"),
    ],
)
def test_a_message_that_could_not_be_sent_or_stored_again_is_rejected(body: bytes) -> None:
    bus = MemoryBus()
    received = Received("blob-events", "scanner", "m", body, 1, START)

    def never(_: Envelope) -> list[Any]:
        raise AssertionError("it is not handled")

    assert Consumer("scanner", bus).consume(received, never) == "rejected"
    [message] = bus.to("rejected")
    again = EventRejected.read(open_envelope(json.dumps(message.body)).data)
    assert again.reason == "malformed-event"


def test_what_cannot_be_stored_again_still_tells_its_blob() -> None:
    bus = MemoryBus()
    body = body_with(data={"url": url_of("a.tif"), "quality": 0}).replace(b": 0}", b": 1e999}")
    Consumer("scanner", bus).consume(Received("blob-events", "scanner", "m", body, 1, START), lambda _: [])
    [data] = bus.data("rejected")
    assert (data["reason"], data["url"]) == ("malformed-event", url_of("a.tif"))


def test_what_is_no_event_is_kept_as_the_object_that_it_is() -> None:
    bus = MemoryBus()
    data = {"source_url": url_of("a.tif"), "cog_url": url_of("a.tif", "cogs")}
    body = body_with(time="yesterday", data=data)
    Consumer("cog_updater", bus).consume(
        Received("cog-events", "cog-updater", "m", body, 1, START), lambda _: []
    )
    [kept] = bus.data("rejected")
    assert (kept["url"], kept["event"]["data"]) == (url_of("a.tif"), data)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "half a pair: \ud800"])
def test_what_no_reader_would_take_is_not_sent(value: Any) -> None:
    with pytest.raises(Rejected, match="unsendable"):
        text_of(Message("blobs-matched", "m", {"data": {"x": value}}))


def test_a_story_s_name_of_any_length_fits_into_what_it_causes() -> None:
    [one, two] = [open_envelope(body_with(correlationid=mark * 200_000)) for mark in "ab"]
    assert len(one.origin.correlation) == 32
    assert one.origin.correlation != two.origin.correlation


@pytest.mark.parametrize("attribute", ["id", "correlationid"])
def test_stories_named_by_urls_are_told_apart_without_their_secrets(attribute: str) -> None:
    named = [f"https://jobs.example/run{after}" for after in ("", "?id=1&sig=SECRET", "?id=2", "#3", "#4")]
    told = [open_envelope(body_with(**{attribute: name})).origin.correlation for name in named]
    assert len(set(told)) == len(named)
    assert told[0] == named[0]
    assert "SECRET" not in str(told)
    assert [open_envelope(body_with(correlationid=each)).origin.correlation for each in told] == told


@pytest.mark.parametrize(
    ("correlation", "told"),
    [(42, "42"), ("", "a"), (None, "a"), (True, "a"), ({"x": 1}, "a"), ("story", "story")],
)
def test_odd_attributes_of_extensions_are_no_reason_to_reject(correlation: Any, told: str) -> None:
    envelope = open_envelope(body_with(correlationid=correlation, traceparent=correlation))
    assert (envelope.origin.correlation, envelope.parent) == (told, None)


def test_a_message_with_a_byte_order_mark_is_read() -> None:
    assert open_envelope(b"\xef\xbb\xbf" + body_with()).id == "a"


def test_escaped_pairs_of_surrogates_are_characters() -> None:
    assert open_envelope(body_with(subject="\U0001f6f0")).subject == "\U0001f6f0"


def test_an_event_that_is_not_expected_is_rejected_with_what_is() -> None:
    detail = r"unknown-event: 't' is no fact: expected eventstac\.event\.rejected\.v1, eventstac\.item\.changed\.v1"
    with pytest.raises(Rejected, match=detail):
        open_envelope(body_with()).expect("fact", EventRejected.TYPE, ItemChanged.TYPE)
    open_envelope(body_with(type=ItemChanged.TYPE)).expect("fact", EventRejected.TYPE, ItemChanged.TYPE)


@pytest.mark.parametrize("bbox", [["west"], [None, 1, 2, 3], [{}], [10**400]])
def test_a_bbox_that_is_no_numbers_is_rejected(bbox: Any) -> None:
    data = {"collection": "c", "item": "i", "bbox": bbox, "start": None, "end": None, "change": "created"}
    fields = Fields({**data, "updated": "2024-05-01T00:00:00Z", "urls": [], "timeline": []}, "data")
    with pytest.raises(Rejected, match="bbox"):
        ItemChanged.read(fields)


@pytest.mark.parametrize(
    "text", ["2024-05-01t12:00:00z", "2024-05-01T12:00:00.0000000z", "2024-05-01T12:00:00Z"]
)
def test_an_instant_may_have_small_letters(text: str) -> None:
    assert from_text(text) == START
    assert open_envelope(body_with(time=text)).time == START


def test_data_as_base64_is_told_by_its_name() -> None:
    body = json.dumps(
        {**{name: value for name, value in EVENT.items() if name != "data"}, "data_base64": "e30="}
    )
    with pytest.raises(
        Rejected, match=r"event\.data_base64 is not read: send the data as a JSON object, in event\.data"
    ):
        open_envelope(body)


def test_an_instant_beyond_the_calendar_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="9999"):
        from_text("9999-12-31T23:59:59-05:00")


@pytest.mark.parametrize(
    ("value", "shown"), [(1, "1"), (0, "0"), (True, "true"), (None, "null"), (1.5, "1.5")]
)
def test_a_wrong_value_is_named_as_it_was_written(value: Any, shown: str) -> None:
    with pytest.raises(Rejected, match=f"must be a string, not {shown}$"):
        Fields({"x": value}, "data").text("x")
