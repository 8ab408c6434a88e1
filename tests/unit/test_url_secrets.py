"""What opens something is neither logged nor kept, wherever a sender has put it; and finds no other blob."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from eventstac.blob_urls import canonical_url, parse
from eventstac.bus import Received
from eventstac.catalog.rejections import Rejection
from eventstac.consumption import Consumer
from eventstac.dead_letters import DeadLetter, object_or_text, undelivered
from eventstac.errors import Rejected, Transient
from eventstac.events import (
    CogCompleted,
    Envelope,
    EventRejected,
    ItemChanged,
    ItemRemoved,
    Origin,
    ScanRequested,
    open_envelope,
    seal,
)
from eventstac.events.envelope import Event
from eventstac.fields import Fields
from eventstac.replaying import replay
from eventstac.telemetry.spans import Silence, Span
from eventstac.url_secrets import kept_json, told_url, without_secrets
from tests.samples import START, at, url_of
from tests.twins.bus import MemoryBus

SAS = "?sv=2024-11-04&sr=c&sp=rwdl&sig=SECRET%2Bx%3D"
LOGIN = "https://user:SECRET@account.blob.core.windows.net"

UNTOLD = [
    url_of("a.tif") + SAS,
    url_of('a b\'s "q".tif') + SAS,
    f"{LOGIN}/source/a.tif",
    f"{LOGIN}/source{SAS}",
    f"{LOGIN}/source/a.tif?SECRET",
    f"{LOGIN}/source/a.tif#SECRET=1",
    "https://SECRET@account.blob.core.windows.net/source/a.tif",
    "https:\\\\user:SECRET@account.blob.core.windows.net\\source\\a.tif?SECRET",
    "HTTPS://ACCOUNT/source/a.tif?a=SECRET",
    LOGIN.replace("//", "///") + "/source/a.tif",
    LOGIN.replace("//", r"\//\//") + "/source/a.tif",
    f"account.blob.core.windows.net/source/a.tif{SAS}",
    f"abfss://source@account.dfs.core.windows.net/a.tif{SAS}",
    SAS,
]


class Listening(Silence):
    is_on = True

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def record(self, span: Span) -> None:
        self.spans.append(span)


def completed(**changed: Any) -> dict[str, Any]:
    data = {"source_url": url_of("a.tif"), "cog_url": url_of("a.tif", "cogs"), **changed.pop("data", {})}
    event = {"specversion": "1.0", "id": "e", "source": "s", "type": CogCompleted.TYPE, "data": data}
    return {**event, **changed}


def read(envelope: Envelope) -> list[Any]:
    CogCompleted.read(envelope.data)
    raise Rejected("undeclared-container", f"nothing was fetched: {envelope.raw}")


@pytest.mark.parametrize("url", UNTOLD)
def test_no_form_of_a_secret_is_told_or_kept(url: str) -> None:
    texts = (
        without_secrets(f"it is {url!r}, and no blob"),
        told_url(url),
        *kept_json({url: [url]}),
        *kept_json({"a": [url]})["a"],
    )
    for text in (*texts, Rejected("bad-url", f"{url!r}: no").detail, str(Transient(f"no answer from {url}"))):
        assert "SECRET" not in text
        assert told_url(text) == text, "told twice, it is the same"


@pytest.mark.parametrize("url", UNTOLD)
def test_what_is_kept_of_a_url_names_the_same_blob(url: str) -> None:
    def named(written: str) -> str:
        try:
            return canonical_url(written)
        except Rejected as rejection:
            return rejection.reason

    assert named(told_url(url)) == named(url)


@pytest.mark.parametrize(
    ("tell", "text"),
    [
        (told_url, url_of("a%3Fsig%3D1%23b.tif")),
        (told_url, "scenes/sig=3/design=x?"),
        (told_url, "https://h/c/http://one@two/x.tif"),
        (
            without_secrets,
            "abfss://source@account.dfs.core.windows.net/a.tif is not an http(s) URL of a blob",
        ),
        (
            without_secrets,
            "https://stac-extensions.github.io/eo/v2.0.0/schema.json#/definitions/bands: 'x' is missing",
        ),
        (without_secrets, r"the pattern (?P<year>\d{4}) of https://example.com/. What is it?"),
    ],
)
def test_what_is_no_secret_stays(tell: Callable[[str], str], text: str) -> None:
    assert tell(text) == text


@pytest.mark.parametrize(
    "url",
    [
        f"{LOGIN}/cogs{SAS}",
        f"ftp://user:SECRET@host/cogs/a.tif{SAS}",
        f"{LOGIN}/cogs/../a.tif{SAS}",
        f"https://user:SECRET@a\u2100b/cogs/a.tif{SAS}",
        f"https://user:SECRET@host:99999/cogs/a.tif{SAS}",
    ],
)
def test_a_url_of_no_blob_is_told_without_its_secrets(url: str) -> None:
    with pytest.raises(Rejected) as rejection:
        parse(url)
    assert "SECRET" not in str(rejection.value)
    assert "/cogs" in rejection.value.detail


@pytest.mark.parametrize(
    "event",
    [
        completed(data={"cog_url": f"{LOGIN}/cogs{SAS}"}),
        completed(data={"cog_url": url_of("a.tif", "cogs") + SAS, "source_url": url_of("a.tif") + SAS}),
        completed(id=url_of("a.tif") + SAS, subject=url_of("a.tif") + SAS, data={"job": [{"sas": SAS}]}),
        completed(type=url_of("a.tif") + SAS, specversion=url_of("a.tif") + SAS),
        completed(type=url_of("a.tif") + SAS, data={"collection": SAS, "match": {"item": f"a{SAS}"}}),
        [],
    ],
    ids=["container", "both", "elsewhere", "malformed", "names", "no event"],
)
@pytest.mark.parametrize("message_id", ["m", url_of("a.tif") + SAS])
@pytest.mark.parametrize("batch", [0, 1, 2])
def test_a_given_up_event_tells_no_secret(
    event: Any, message_id: str, batch: int, caplog: pytest.LogCaptureFixture
) -> None:
    bus, telemetry = MemoryBus(), Listening()
    received = Received("cog-events", "cog-updater", message_id, json.dumps(event).encode(), 1, START)
    consumer = Consumer("cog_updater", bus, telemetry=telemetry)
    with caplog.at_level(logging.INFO):
        if batch:
            consumer.consume_batch([received] * batch, read, lambda _: None)
        else:
            consumer.consume(received, read)
    sent = bus.sent[0]
    exported = [(one.name, one.origin.correlation, one.attributes, one.error) for one in telemetry.spans]
    assert exported
    for told in (sent.body, exported, [vars(record) for record in caplog.records]):
        assert "SECRET" not in str(told)


def test_text_that_is_no_event_is_kept_without_secrets() -> None:
    body = f'{{"url": "{url_of("a.tif")}{SAS}", "other": "{SAS}'.replace("&", "\\u0026").encode()
    letter = DeadLetter("t", "s", 1, "m", body, "why", f"{LOGIN}/x", 10)
    told = [object_or_text(body), asdict(letter.rejection()[1]), *undelivered("https://h/c/b", "s", body)]
    assert "SECRET" not in str(told)


def test_a_kept_event_is_replayed_for_the_same_blobs() -> None:
    source, cog = url_of("a%20b.tif"), url_of("a%20b.tif", "cogs")
    event = completed(data={"source_url": source + SAS, "cog_url": cog + SAS})
    given_up = EventRejected("cog-events/cog-updater", "gave-up", "x", source, 1, kept_json(event))
    kept = Rejection("i", given_up.stage, "gave-up", "x", source, 1, given_up.event, "open", START)
    body = replay(kept, "run", at(5)).body
    assert isinstance(body, dict)
    again = CogCompleted.read(Fields(body["data"], "data"))
    assert (again.source_url, again.cog_url) == (source, cog)


@pytest.mark.parametrize("run", ["?id=1", "?id=2", "&sig=SECRET"])
def test_a_replay_goes_on_with_the_story_that_was_told(run: str) -> None:
    body = json.dumps(completed(correlationid=f"https://jobs.example/run{run}")).encode()
    kept = Rejection(
        "i", "cog-events/cog-updater", "gave-up", "x", None, 1, object_or_text(body), "open", START
    )
    told = open_envelope(body).origin.correlation
    assert open_envelope(json.dumps(replay(kept, "run", at(5)).body)).origin.correlation == told


BOX = (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    "event",
    [
        ItemChanged("c", "a&sig=1", BOX, START, START, "created", START, (url_of("a%26sig%3D1.tif"),)),
        ItemRemoved("c", "a&sig=1", BOX, START, START),
        ScanRequested("run", url_of("")[:-1], "a&sig=1/"),
    ],
)
def test_what_is_sent_again_as_it_was_is_about_the_same(event: Event) -> None:
    body = json.dumps(seal(event, app="loader", origin=Origin.new("cause"), at=START)).encode()
    assert object_or_text(body) == json.loads(body)
    assert "SECRET" not in str(object_or_text(body.replace(b'"cause"', f'"x{SAS}"'.encode())))


@pytest.mark.parametrize(
    "part",
    ["://", "/", "http://u", "http:/", ":", "a", "://a#", "://a?", "://a:", "http://", "//@", "&sig", "\\/"],
)
def test_texts_of_any_make_are_read_in_no_time(part: str) -> None:
    text = part * (250_000 // len(part))
    begun = time.thread_time()
    told_url(text)
    without_secrets(text)
    assert time.thread_time() - begun < 1
