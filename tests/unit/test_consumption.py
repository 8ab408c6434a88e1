"""What becomes of a received message."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventstac.bus import Message, Outgoing, Received, text_of
from eventstac.consumption import Consumer
from eventstac.errors import Copying, Growing, Rejected, Stale, Transient
from eventstac.events import Envelope, EventRejected, ScanRequested, open_envelope
from eventstac.json_text import MAX_DEPTH
from eventstac.retrying import RetryPolicy
from eventstac.times import to_text
from tests.samples import START
from tests.twins.bus import Crash, MemoryBus, as_received

NOW = START + timedelta(hours=1)
BODY = {
    "specversion": "1.0",
    "id": "e1",
    "source": "test",
    "type": "test.happened.v1",
    "data": {"url": "http://127.0.0.1:10000/devstoreaccount1/source/a b.tif"},
    "traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
    "correlationid": "story",
}
SCAN = ScanRequested("run", "http://127.0.0.1:10000/devstoreaccount1/source")


def message(body: Any = BODY, attempt: int = 1, first_sent: datetime = START) -> Received:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Received("blob-events", "scanner", "m1", data, attempt, first_sent)


def consumer(bus: MemoryBus, now: datetime = NOW) -> Consumer:
    return Consumer("scanner", bus, RetryPolicy(first_s=2, longest_s=60, give_up_after_s=86400), lambda: now)


def failing(error: BaseException) -> Any:
    def handle(_: Envelope) -> Sequence[Outgoing]:
        raise error

    return handle


def test_what_a_handler_returns_is_sent_with_the_story_it_belongs_to() -> None:
    bus = MemoryBus()
    assert consumer(bus).consume(message(), lambda _: [Outgoing("scan-requests", SCAN)]) == "handled"
    body = bus.sent[0].body
    assert isinstance(body, dict)
    assert body["correlationid"] == "story"
    assert body["traceparent"].startswith("00-0123456789abcdef0123456789abcdef-")
    assert bus.sent[0].message_id == body["id"]


def test_the_same_message_twice_sends_the_same_ids() -> None:
    bus = MemoryBus()
    for _ in range(2):
        consumer(bus).consume(message(), lambda _: [Outgoing("scan-requests", SCAN)])
    assert bus.sent[0].message_id == bus.sent[1].message_id


def test_a_rejected_message_goes_to_rejected_with_the_original_and_its_blob() -> None:
    bus = MemoryBus()
    assert consumer(bus).consume(message(), failing(Rejected("why", "because"))) == "rejected"
    (data,) = bus.data("rejected")
    assert (data["reason"], data["detail"], data["stage"]) == ("why", "because", "blob-events/scanner")
    assert data["url"] == "http://127.0.0.1:10000/devstoreaccount1/source/a%20b.tif"
    assert data["event"] == BODY
    assert data["first_sent"] == to_text(START)


def test_an_event_that_comes_again_in_another_message_and_is_given_up_is_another_rejection() -> None:
    bus = MemoryBus()
    for name in ("m1", "m1", "m2"):
        consumer(bus).consume(replace(message(), message_id=name), failing(Rejected("why", "because")))
    first, again, other = (sent.message_id for sent in bus.sent)
    assert first == again != other


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"no json", "JSON"),
        (b"\xff\xfe", "JSON"),
        ({**BODY, "specversion": "0.3"}, "specversion"),
        ({key: value for key, value in BODY.items() if key != "type"}, "type"),
        ({**BODY, "data": 7}, "data"),
        ([1, 2], "event"),
    ],
)
def test_what_is_no_event_is_rejected_and_says_what_is_wrong(body: Any, names: str) -> None:
    bus = MemoryBus()
    assert consumer(bus).consume(message(body), failing(AssertionError("not reached"))) == "rejected"
    (data,) = bus.data("rejected")
    assert data["reason"] == "malformed-event"
    assert names in data["detail"]


def test_a_transient_failure_is_sent_again_later_to_its_own_subscription_only() -> None:
    bus = MemoryBus()
    assert consumer(bus).consume(message(attempt=3), failing(Transient("away"))) == "waiting"
    (again,) = bus.to("blob-events")
    assert again.properties["retryfor"] == "scanner"
    assert again.properties["attempt"] == 4
    assert again.not_before is not None
    assert NOW < again.not_before <= NOW + timedelta(seconds=8)


def test_a_retry_keeps_the_original_s_time_and_counts_on() -> None:
    bus = MemoryBus()
    consumer(bus).consume(message(), failing(Transient("away")))
    second = as_received(bus.sent[0], "scanner")
    assert (second.first_sent, second.attempt) == (START, 2)


def test_a_crash_between_re_send_and_completion_makes_no_second_chain() -> None:
    bus = MemoryBus()
    for _ in range(2):  # the original is delivered again
        consumer(bus).consume(message(), failing(Transient("away")))
    assert bus.sent[0].message_id == bus.sent[1].message_id
    third = consumer(bus)
    third.consume(as_received(bus.sent[0], "scanner"), failing(Transient("away")))
    assert bus.sent[2].message_id != bus.sent[1].message_id


def test_retries_of_ids_that_look_like_retries_are_told_apart() -> None:
    bus = MemoryBus()
    for name in ("job~1", "job~2", "job~scanner~2", "job", "j" * 128, "j" * 127 + "k"):
        received = replace(message(), message_id=name)
        for _ in range(3):
            consumer(bus).consume(received, failing(Transient("away")))
            received = as_received(bus.sent[-1], "scanner")
    ids = [sent.message_id for sent in bus.sent]
    assert len(set(ids)) == len(ids)
    assert max(map(len, ids)) <= 128
    assert ids[3:6] == ["job~2~scanner~2", "job~2~scanner~3", "job~2~scanner~4"]


@pytest.mark.parametrize(
    ("failure", "is_failing"),
    [(Transient("away"), True), (Copying("is copied"), False), (Growing("is written", timedelta(0)), False)],
)
def test_what_is_still_being_written_is_no_failure_to_the_alert(
    failure: Transient, is_failing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert consumer(MemoryBus()).consume(message(), failing(failure)) == "waiting"
    [told] = [vars(record) for record in caplog.records if record.message == "message_consumed"]
    assert ("failing_s" in told) is is_failing


def test_the_far_side_s_wish_to_wait_is_obeyed() -> None:
    bus = MemoryBus()
    consumer(bus).consume(message(), failing(Transient("throttled", after_s=120)))
    assert bus.sent[0].not_before is not None
    assert bus.sent[0].not_before >= NOW + timedelta(seconds=120)


def test_what_is_being_written_is_tried_again_in_time_at_each_attempt() -> None:
    bus, late = MemoryBus(), message(attempt=16)
    for _ in range(20):
        consumer(bus).consume(late, failing(Growing("is written", timedelta(seconds=12))))
    waits = [(sent.not_before or NOW) - NOW for sent in bus.sent]
    assert timedelta(seconds=1) <= min(waits) <= max(waits) == timedelta(seconds=12)
    consumer(bus).consume(message(), failing(Growing("is written", timedelta(seconds=12))))
    assert (bus.sent[-1].not_before or NOW) <= NOW + timedelta(seconds=2)  # sooner, if it can be


def test_those_that_were_asked_to_wait_do_not_all_come_back_at_once() -> None:
    policy = RetryPolicy(first_s=2, longest_s=60)
    waits = [policy.delay_s(1, 30) for _ in range(400)]
    assert min(waits) >= 30
    assert max(waits) - min(waits) > 7
    assert max(waits) <= 45
    assert (
        max(policy.delay_s(50, 30) for _ in range(50)) <= 60
    )  # no longer than others, unless it was asked for


def test_a_far_side_that_asks_for_a_year_is_not_believed() -> None:
    assert RetryPolicy().delay_s(1, 1e12) <= 2 * 3600


def test_a_backlog_of_days_is_not_given_up_at_its_first_failure() -> None:
    bus = MemoryBus()
    old = message(first_sent=NOW - timedelta(days=9))
    assert consumer(bus).consume(old, failing(Transient("away"))) == "waiting"
    again = as_received(bus.sent[0], "scanner")
    assert (again.first_sent, again.first_failed) == (old.first_sent, NOW)


def test_a_day_after_its_first_failure_it_is_given_up() -> None:
    bus = MemoryBus()
    old = replace(message(attempt=300), first_failed=NOW - timedelta(hours=25))
    assert consumer(bus).consume(old, failing(Transient("away"))) == "rejected"
    (data,) = bus.data("rejected")
    assert data["reason"] == "gave-up"
    assert "away" in data["detail"]
    assert data["attempts"] == 300


def test_a_retry_of_a_retry_keeps_the_first_failure_s_time() -> None:
    """Else its day would begin anew each time, and it would be tried for ever."""
    bus = MemoryBus()
    consumer(bus, NOW).consume(message(), failing(Transient("away")))
    consumer(bus, NOW + timedelta(hours=23)).consume(
        as_received(bus.sent[0], "scanner"), failing(Transient("away"))
    )
    again = as_received(bus.sent[1], "scanner")
    assert (again.attempt, again.first_failed) == (3, NOW)
    assert consumer(bus, NOW + timedelta(hours=25)).consume(again, failing(Transient("away"))) == "rejected"


def test_a_first_failure_in_the_future_is_one_of_now() -> None:
    bus = MemoryBus()
    consumer(bus).consume(
        replace(message(), first_failed=NOW + timedelta(days=3000)), failing(Transient("away"))
    )
    assert as_received(bus.sent[0], "scanner").first_failed == NOW


def test_a_stale_message_is_done() -> None:
    bus = MemoryBus()
    assert consumer(bus).consume(message(), failing(Stale("older"))) == "stale"
    assert bus.sent == []


def test_a_bug_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        consumer(MemoryBus()).consume(message(), failing(ZeroDivisionError()))


def test_a_bus_that_is_away_leaves_the_message_to_the_broker() -> None:
    bus = MemoryBus()
    bus.is_away = True
    with pytest.raises(Transient):
        consumer(bus).consume(message(), lambda _: [Outgoing("scan-requests", SCAN)])


def test_a_kill_while_sending_leaves_the_message_to_the_broker() -> None:
    bus = MemoryBus()
    bus.crash_after = 0
    with pytest.raises(Crash):
        consumer(bus).consume(message(), lambda _: [Outgoing("scan-requests", SCAN)])


class TestBatch:
    def batch(self, count: int, bad: int) -> list[Received]:
        bodies = [{**BODY, "id": f"e{number}"} for number in range(count)]
        bodies[bad] = {"specversion": "1.0"}
        return [message(body) for body in bodies]

    def test_one_bad_event_of_a_hundred_is_rejected_alone(self) -> None:
        bus, handled = MemoryBus(), list[str]()
        consumer(bus).consume_batch(self.batch(100, 42), lambda envelope: envelope.id, handled.extend)
        assert len(handled) == 99
        assert len(bus.to("rejected")) == 1

    def test_one_that_cannot_be_handled_is_found_and_rejected_alone(self) -> None:
        bus, handled = MemoryBus(), set[str]()

        def handle(ids: Sequence[str]) -> None:
            if "e7" in ids:
                raise Rejected("unstorable", "e7")
            handled.update(ids)

        consumer(bus).consume_batch(self.batch(20, 0), lambda envelope: envelope.id, handle)
        assert len(handled) == 18
        assert {data["reason"] for data in bus.data("rejected")} == {"unstorable", "malformed-event"}

    def test_a_transient_failure_makes_all_that_is_not_rejected_wait(self) -> None:
        bus = MemoryBus()

        def handle(_: Sequence[str]) -> None:
            raise Transient("away")

        consumer(bus).consume_batch(self.batch(10, 3), lambda envelope: envelope.id, handle)
        assert len(bus.to("blob-events")) == 9
        assert len(bus.to("rejected")) == 1

    def test_a_bug_in_one_message_takes_no_other_to_the_dead_letters(self) -> None:
        bus, handled = MemoryBus(), set[str]()

        def handle(ids: Sequence[str]) -> None:
            if "e7" in ids:
                raise KeyError("e7")
            handled.update(ids)

        consumer(bus).consume_batch(self.batch(20, 0), lambda envelope: envelope.id, handle)
        assert len(handled) == 18
        [waiting] = bus.to("blob-events")
        assert json.loads(str(waiting.body))["id"] == "e7"

    def test_a_bug_alone_in_its_batch_is_not_swallowed(self) -> None:
        def handle(ids: Sequence[str]) -> None:
            raise KeyError(ids[0])

        with pytest.raises(KeyError):
            consumer(MemoryBus()).consume_batch([message()], lambda envelope: envelope.id, handle)

    def test_one_that_comes_alone_and_cannot_be_handled_is_rejected(self) -> None:
        bus = MemoryBus()

        def handle(_: Sequence[str]) -> None:
            raise Rejected("unstorable", "e1")

        consumer(bus).consume_batch([message()], lambda envelope: envelope.id, handle)
        assert [data["reason"] for data in bus.data("rejected")] == ["unstorable"]

    def test_of_a_batch_without_an_event_nothing_is_handled(self) -> None:
        bus, handled = MemoryBus(), list[Sequence[str]]()
        consumer(bus).consume_batch(self.batch(1, 0), lambda envelope: envelope.id, handled.append)
        assert handled == []
        assert len(bus.to("rejected")) == 1

    def test_what_is_rejected_does_not_wait_too_when_the_next_is_transient(self) -> None:
        bus = MemoryBus()

        def handle(ids: Sequence[str]) -> None:
            if "e2" in ids:
                raise Rejected("unstorable", "e2")
            raise Transient("away")

        batch = [message({**BODY, "id": name}) for name in ("e2", "e3", "e4")]
        consumer(bus).consume_batch(batch, lambda envelope: envelope.id, handle)
        assert [json.loads(str(sent.body))["id"] for sent in bus.to("blob-events")] == ["e3", "e4"]
        assert len(bus.to("rejected")) == 1


@pytest.mark.parametrize(
    "body", [{**BODY, "extra": "x" * 261_000}, b"\x01" * 200_000, {**BODY, "data": {"url": "x" * 261_000}}]
)
def test_a_rejection_that_would_be_too_large_is_sent_with_the_beginning_of_the_original(body: Any) -> None:
    bus = MemoryBus()
    assert consumer(bus).consume(message(body), failing(Rejected("bad-thing", "y" * 300_000))) == "rejected"
    [data] = bus.data("rejected")
    assert "cut: " in data["event"]


@pytest.mark.parametrize("specversion", ["1.0", "0.3"])
def test_a_rejection_can_be_read_however_deep_the_original_is(specversion: str) -> None:
    kept = []
    for depth in range(MAX_DEPTH - 9, MAX_DEPTH + 2):
        bus, deep = MemoryBus(), json.loads("[" * depth + "]" * depth)
        body = {**BODY, "specversion": specversion, "data": {"deep": deep}}
        assert consumer(bus).consume(message(body), failing(Rejected("why", "because"))) == "rejected"
        [sent] = bus.to("rejected")
        kept.append(type(EventRejected.read(open_envelope(text_of(sent)).data).event))
    assert (kept[0], kept[-1]) == (dict, str)


def test_retry_delays_grow_with_jitter_up_to_the_limit() -> None:
    policy = RetryPolicy(first_s=2.0, longest_s=60.0)
    assert all(1 <= policy.delay_s(1, None) <= 2 for _ in range(50))
    assert all(1 <= policy.delay_s(50, None) <= 60 for _ in range(50))
    assert policy.delay_s(5_000, None) <= 60  # of two weeks of waiting
    assert len({policy.delay_s(6, None) for _ in range(10)}) > 1


def test_a_message_without_application_properties_is_its_first_attempt() -> None:
    received = as_received(Message("t", "m", "{}"), "s")
    assert received.attempt == 1
    assert received.first_sent.tzinfo == UTC
