"""An event that the bus does not take takes no other along, whoever sends it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

import pytest

from eventstac.bus import BLOBS_MATCHED, RETRY_FOR, Message, Outgoing, Received
from eventstac.catalog.rejections import Rejection
from eventstac.consumption import Consumer
from eventstac.errors import Rejected, Transient
from eventstac.events import BlobMatched, Origin, seal
from eventstac.facts import Match
from eventstac.replaying import replay
from eventstac.rules import load_rules
from eventstac.sending import send_apart
from tests.samples import START, at, url_of
from tests.twins.apps import Pipeline, scene
from tests.twins.bus import MemoryBus

MIB = 1024 * 1024
EVENT = b'{"specversion": "1.0", "id": "a", "source": "s", "type": "t", "data": {}}'


def look(name: str, size: int = 0, fill: str = "x") -> Outgoing:
    match = Match("scenes", name, "b1", options={"sidecar": fill * size})
    return Outgoing(BLOBS_MATCHED, BlobMatched(url_of(f"{name}.tif"), match, 1, "a test"))


LOOKS = [
    look("one"),
    look("huge", MIB),
    look("two"),
    look("large", MIB),
    look("half", 1, "\ud800"),
    look("three"),
]
SENDERS: list[Callable[[Consumer], Any]] = [
    lambda consumer: consumer.send(LOOKS, Origin.new("a test")),
    lambda consumer: consumer.begin("attend", "a test", LOOKS),
    lambda consumer: consumer.consume(
        Received("scan-requests", "scanner", "m", EVENT, 1, START), lambda _: LOOKS
    ),
]


@pytest.mark.parametrize("send", SENDERS)
def test_what_is_too_large_is_given_up_alone_and_names_its_blob(send: Callable[[Consumer], Any]) -> None:
    bus = MemoryBus()
    send(Consumer("scanner", bus))
    assert {data["url"] for data in bus.data(BLOBS_MATCHED)} == {
        url_of(f"{name}.tif") for name in ("one", "two", "three")
    }
    given_up = bus.data("rejected")
    assert {(data["url"], data["reason"]) for data in given_up} == {
        (url_of("huge.tif"), "too-large"),
        (url_of("large.tif"), "too-large"),
        (url_of("half.tif"), "unsendable"),
    }
    assert {data["stage"] for data in given_up} == {BLOBS_MATCHED}
    for data in given_up:
        kept = Rejection("an-id", data["stage"], "", "", data["url"], 1, data["event"], "open", START)
        assert replay(kept, "run", at(5)).topic == "scan-requests"


def test_one_event_that_is_too_large_is_rejected_too() -> None:
    bus = MemoryBus()
    Consumer("scanner", bus).begin("attend", "a test", [look("huge", MIB)])
    assert [data["url"] for data in bus.data("rejected")] == [url_of("huge.tif")]


@pytest.mark.parametrize("stage", [None, "who-sends"])
def test_who_gives_events_up_is_told_of_each(stage: str | None) -> None:
    bus = MemoryBus()
    bodies = [
        seal(look(name, MIB).event, app="scanner", origin=Origin.new(name), at=START)
        for name in ("a", "b", "c")
    ]
    send_apart(bus, [Message(BLOBS_MATCHED, body["id"], body) for body in bodies], stage)
    assert [data["stage"] for data in bus.data("rejected")] == [stage or BLOBS_MATCHED] * 3


def test_a_text_that_the_bus_does_not_take_is_refused() -> None:
    with pytest.raises(Rejected, match="too-large"):
        send_apart(MemoryBus(), [Message(BLOBS_MATCHED, "a", "x" * MIB)])


def test_nothing_is_sent_without_a_bus() -> None:
    bus = MemoryBus()
    bus.is_away = True
    Consumer("scanner", bus).send([], Origin.new("a test"))


def test_a_bus_that_is_away_gives_nothing_up() -> None:
    bus = MemoryBus()
    bus.is_away = True
    with pytest.raises(Transient):
        Consumer("scanner", bus).send(LOOKS, Origin.new("a test"))
    assert bus.sent == []


def test_a_reconcile_goes_on_past_a_blob_whose_event_is_too_large() -> None:
    table = "".join(f"                      k{number:05}: {'x' * 40}\n" for number in range(8000))
    rules = f"""
collections:
  scenes:
    rules:
      - name: scenes
        pattern: 'scenes/{{item}}/{{asset}}.{{ext}}'
        assets:
          b1: {{roles: [data]}}
          mtl:
            sidecar:
              format: json
              properties:
                x:y:
                  path: $.a
                  lookup:
{table}
"""
    pipeline = Pipeline(page_size=5)
    pipeline.catalog.in_force = load_rules(rules, file="rules.yaml", checked=True)
    for number in range(4):
        pipeline.blobs.put(scene(f"z{number}", "b1"), b"raster 10")
    sidecar = url_of("scenes/a/mtl.json")
    pipeline.blobs.put(sidecar, b'{"a": "k1"}')
    assert pipeline.reconcile("r1").state == "done"
    assert sorted(pipeline.items) == ["z0", "z1", "z2", "z3"]
    assert [(data["url"], data["reason"]) for data in pipeline.bus.data("rejected")] == [
        (sidecar, "too-large")
    ]


def fails(_: Any) -> NoReturn:
    raise Transient("the database is away")


@pytest.mark.parametrize("batch", [False, True])
def test_what_is_too_large_to_be_tried_again_is_given_up_alone(batch: bool) -> None:
    bus = MemoryBus()
    body = EVENT.replace(b'"data": {}', b'"data": {"url": "%s"}' % url_of("a.tif").encode())
    large = body + b" " * (256 * 1024 + 1 - len(body))
    messages = [
        Received("asset-facts", "loader", f"m{n}", (body, large, body)[n], 1, START) for n in range(3)
    ]
    consumer = Consumer("loader", bus, clock=lambda: START + timedelta(hours=1))
    if batch:
        consumer.consume_batch(messages, lambda envelope: envelope, fails)
    else:
        for message in messages:
            consumer.consume(message, fails)
    assert [sent.properties[RETRY_FOR] for sent in bus.to("asset-facts")] == ["loader", "loader"]
    [data] = bus.data("rejected")
    assert (data["reason"], data["url"]) == ("too-large", url_of("a.tif"))
    assert "database is away" in data["detail"]
