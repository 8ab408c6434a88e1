"""Who handles a message tells of it in a span, under ids that a repetition has too."""

import json
import logging
import resource
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from operator import add
from pathlib import Path

import pytest

from eventstac.bus import Outgoing, Received
from eventstac.consumption import Consumer
from eventstac.errors import Rejected, Transient
from eventstac.events import Envelope, ScanRequested
from eventstac.origin import Origin, valid_traceparent
from eventstac.telemetry.figures import FIGURES, figures_of
from eventstac.telemetry.files import Lines, open_files
from eventstac.telemetry.opening import open_telemetry
from eventstac.telemetry.spans import OFF, Span, note
from tests.samples import ACCOUNT, START
from tests.twins.apps import Pipeline, scene
from tests.twins.bus import MemoryBus, as_received

PARENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
BODY = {
    "specversion": "1.0",
    "id": "e1",
    "source": "test",
    "type": "test.happened.v1",
    "data": {"url": f"{ACCOUNT}/source/a.tif"},
    "traceparent": PARENT,
}


@dataclass
class Listener:
    """Keeps what it is told."""

    is_on: bool = True
    spans: list[Span] = field(default_factory=list)
    figures: list[tuple[str, float]] = field(default_factory=list)

    def record(self, span: Span) -> None:
        self.spans.append(span)

    def measure(self, figure: str, value: float, **attributes: str) -> None:
        assert figure in FIGURES
        self.figures.append((figure, value))

    def close(self) -> None:
        """Nothing is kept back."""


def message(body: object = BODY, name: str = "m1") -> Received:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Received("blob-events", "scanner", name, data, 1, START)


def consumer(bus: MemoryBus, listener: Listener) -> Consumer:
    return Consumer("scanner", bus, clock=lambda: START, telemetry=listener)


def scan(_: Envelope) -> Sequence[Outgoing]:
    return [Outgoing("scan-requests", ScanRequested("run", f"{ACCOUNT}/source"))]


def traceparent(bus: MemoryBus, topic: str) -> str:
    (sent,) = bus.to(topic)
    assert not isinstance(sent.body, str)
    return str(sent.body["traceparent"])


def test_what_a_message_causes_is_a_child_of_the_span_that_handled_it() -> None:
    bus, listener = MemoryBus(), Listener()
    consumer(bus, listener).consume(message(), scan)
    (span,) = listener.spans
    assert (span.origin.trace, span.parent) == (PARENT[3:35], PARENT[36:52])
    assert traceparent(bus, "scan-requests") == span.origin.traceparent
    assert span.attributes["outcome"] == "handled"
    assert span.attributes["blob"] == f"{ACCOUNT}/source/a.tif"


def test_a_second_delivery_is_the_same_span_and_another_message_or_subscription_is_not() -> None:
    ids = []
    for received in (message(), message(), message(name="m2")):
        listener = Listener()
        consumer(MemoryBus(), listener).consume(received, scan)
        ids.append(listener.spans[0].origin.span)
    assert ids[0] == ids[1] != ids[2]
    other = Received("blob-events", "other", "m1", message().body, 1, START)
    listener = Listener()
    consumer(MemoryBus(), listener).consume(other, scan)
    assert listener.spans[0].origin.span not in ids


def test_an_event_without_a_trace_begins_one_and_the_same_when_it_comes_again() -> None:
    traces = set()
    for _ in range(2):
        listener = Listener()
        without = {name: value for name, value in BODY.items() if name != "traceparent"}
        consumer(MemoryBus(), listener).consume(message(without), scan)
        assert listener.spans[0].parent is None
        traces.add(listener.spans[0].origin.trace)
    assert len(traces) == 1


@pytest.mark.parametrize(
    "text", ["", "00-1-2-3", PARENT[:-1], PARENT.upper(), "00-" + "0" * 32 + PARENT[35:], "ff" + PARENT[2:]]
)
def test_a_trace_context_that_is_none_begins_a_new_trace(text: str) -> None:
    assert valid_traceparent(text) is None
    listener = Listener()
    consumer(MemoryBus(), listener).consume(message({**BODY, "traceparent": text or "x"}), scan)
    assert listener.spans[0].parent is None


def test_an_attempt_after_a_failure_is_a_sibling_in_the_same_trace() -> None:
    bus, listener = MemoryBus(), Listener()

    def away(_: Envelope) -> Sequence[Outgoing]:
        raise Transient("away")

    consumer(bus, listener).consume(message(), away)
    consumer(bus, listener).consume(as_received(bus.sent[0], "scanner"), scan)
    first, second = listener.spans
    assert (first.attributes["outcome"], second.attributes["outcome"]) == ("waiting", "handled")
    assert first.origin.span != second.origin.span
    assert {(one.origin.trace, one.parent) for one in (first, second)} == {(PARENT[3:35], PARENT[36:52])}


def test_a_bug_is_told_without_the_secrets_in_its_words() -> None:
    listener = Listener()

    def fail(_: Envelope) -> Sequence[Outgoing]:
        raise KeyError(f"{ACCOUNT}/source/a.tif?sv=2024-01-01&sig=c2VjcmV0c2VjcmV0")

    with pytest.raises(KeyError):
        consumer(MemoryBus(), listener).consume(message(), fail)
    [told] = listener.spans
    assert told.error
    assert ("KeyError" in told.error, "c2VjcmV0" in told.error) == (True, False)


def test_a_timer_that_has_nothing_to_send_begins_no_story() -> None:
    listener = Listener()
    consumer(MemoryBus(), listener).begin("attend reconcile", "a timer", [])
    assert listener.spans == []


def test_a_message_that_fails_again_tells_for_how_long_it_has_failed() -> None:
    bus, listener = MemoryBus(), Listener()

    def away(_: Envelope) -> Sequence[Outgoing]:
        raise Transient("away")

    consumer(bus, listener).consume(message(), away)
    again = as_received(bus.sent[0], "scanner")
    for later_s, handle in ((900, away), (960, scan)):
        later = replace(consumer(bus, listener), clock=partial(add, START, timedelta(seconds=later_s)))
        later.consume(again, handle)
    told = [figure for span in listener.spans for figure in figures_of(span) if "failing" in figure[0]]
    about = {"topic": "blob-events", "subscription": "scanner", "outcome": "waiting"}
    assert told == [("eventstac.message.failing", 0.0, about), ("eventstac.message.failing", 900.0, about)]


def test_a_rejection_is_a_child_and_says_why() -> None:
    bus, listener = MemoryBus(), Listener()

    def refuse(_: Envelope) -> Sequence[Outgoing]:
        raise Rejected("why", "because")

    consumer(bus, listener).consume(message(), refuse)
    (span,) = listener.spans
    assert span.error == "why: because"
    assert traceparent(bus, "rejected") == span.origin.traceparent


def test_a_bug_s_span_has_an_id_of_its_own_since_the_message_comes_again() -> None:
    listener = Listener()

    def bug(_: Envelope) -> Sequence[Outgoing]:
        raise ZeroDivisionError("oh")

    with pytest.raises(ZeroDivisionError):
        consumer(MemoryBus(), listener).consume(message(), bug)
    consumer(MemoryBus(), listener).consume(message(), scan)
    failed, done = listener.spans
    assert failed.error == "ZeroDivisionError: oh"
    assert failed.origin.span != done.origin.span
    assert (failed.origin.trace, failed.parent) == (done.origin.trace, done.parent)


def test_a_batch_has_a_span_for_each_message_and_one_that_links_them() -> None:
    listener = Listener()
    batch = [message({**BODY, "id": f"e{n}"}, f"m{n}") for n in range(3)] + [message(b"no json", "bad")]

    def decode(envelope: Envelope) -> str:
        note(collection=envelope.id)
        return envelope.id

    consumer(MemoryBus(), listener).consume_batch(batch, decode, lambda _: None)
    outcomes = [one.attributes["outcome"] for one in listener.spans if one.kind == "consumer"]
    assert sorted(outcomes) == ["handled", "handled", "handled", "rejected"]
    assert [one.attributes.get("collection") for one in listener.spans[1:4]] == ["e0", "e1", "e2"]
    linking = listener.spans[-1]
    assert {one.span for one in linking.links} == {one.origin.span for one in listener.spans[:-1]}
    assert listener.figures == [("eventstac.batch.size", 4)]


def test_a_log_record_carries_the_ids_of_the_message_it_is_about(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "eventstac"):
        consumer(MemoryBus(), Listener()).consume(message(), scan)
    (record,) = [one for one in caplog.records if one.message == "message_consumed"]
    assert vars(record)["trace_id"] == PARENT[3:35]


def test_whatever_changed_an_item_tells_of_it_in_its_own_trace() -> None:
    pipeline = Pipeline()
    for asset in ("red", "green"):
        event = pipeline.put(scene("one", asset), b"raster 10")
        pipeline.run(event)
        trace = Origin.new(f"tests {json.loads(json.dumps(event.body))['id']}").trace
        body = pipeline.bus.to("items-changed")[-1].body
        assert not isinstance(body, str)
        assert body["traceparent"].split("-")[1] == trace


def test_off_imports_nothing_of_opentelemetry_and_tells_nobody() -> None:
    assert open_telemetry("scanner", {}) is OFF
    code = (
        "import eventstac.consumption, eventstac.publishing, eventstac.looking, eventstac.cli.trace, sys\n"
        "from eventstac.telemetry.opening import open_telemetry\n"
        "open_telemetry('scanner', {})\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'azure.monitor'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_that_cannot_be_written_hold_up_no_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    assert open_telemetry("scanner", {"TELEMETRY_FOLDER": str(tmp_path / "file" / "x")}) is OFF
    monkeypatch.setattr("os.access", lambda *_: False)  # whoever runs the tests may write anywhere
    assert open_telemetry("scanner", {"TELEMETRY_FOLDER": str(tmp_path)}) is OFF
    assert [record.message for record in caplog.records] == ["telemetry_failed"] * 2
    assert "Permission denied" in vars(caplog.records[1])["detail"]


@pytest.mark.parametrize(
    ("kind", "why"), [("folder", "Is a directory"), ("full disk", "No space left on device")]
)
def test_a_file_that_takes_nothing_is_told_of_once_and_holds_up_no_work(
    kind: str, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "scanner.spans.jsonl"
    file.mkdir() if kind == "folder" else file.symlink_to("/dev/full")
    telemetry = open_telemetry("scanner", {"TELEMETRY_FOLDER": str(tmp_path)})
    for _ in range(3):
        telemetry.record(Span("x", Origin("e", "e", PARENT), None, 1, 2))
    telemetry.close()
    [record] = caplog.records
    assert (record.message, vars(record)["detail"]) == (
        "telemetry_failed",
        f"TELEMETRY_FOLDER: {file}: {why}",
    )


def numbers_in(file: Path) -> list[int]:
    """What a reader finds that leaves out half lines."""
    found = []
    for line in file.read_text().splitlines():
        with suppress(ValueError):
            found.append(json.loads(line)["number"])
    return found


def test_half_a_line_that_a_full_disk_left_takes_no_other_with_it(tmp_path: Path) -> None:
    file, told = tmp_path / "a.spans.jsonl", list[str]()
    lines = Lines(file, told.append)
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, kept[1]))  # as a disk that is full then
    try:
        for number in range(5):
            lines.add([{"number": number, "text": "x" * 30_000}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    assert len(told) == 1
    assert not file.read_text().endswith("\n")
    for number in range(5, 8):
        lines.add([{"number": number}])
    lines.close()
    assert numbers_in(file) == [0, 1, 2, 5, 6, 7]
    assert "\n\n" not in file.read_text()


def test_half_a_line_that_a_killed_app_left_takes_no_other_with_it(tmp_path: Path) -> None:
    file = tmp_path / "a.spans.jsonl"
    for text, found in (("", [1]), ('{"number": 0}\n', [0, 1]), ('{"number": 0}\n{"num', [0, 1])):
        file.write_text(text)
        lines = Lines(file, pytest.fail)
        lines.add([{"number": 1}])
        lines.close()
        assert numbers_in(file) == found


def test_a_file_that_has_grown_is_turned_over_once(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "a.spans.jsonl", pytest.fail, limit_bytes=100)
    for number in range(12):
        lines.add([{"number": number, "text": "x" * 30}])
    lines.close()
    kept = [
        json.loads(line)["number"]
        for name in ("a.spans.1.jsonl", "a.spans.jsonl")
        if (tmp_path / name).exists()
        for line in (tmp_path / name).read_text().splitlines()
    ]
    assert kept == sorted(kept)
    assert kept[-1] == 11
    assert len(list(tmp_path.iterdir())) <= 2


def test_a_trace_that_its_beginner_does_not_want_kept_is_not(tmp_path: Path) -> None:
    recorder = open_files("scanner", str(tmp_path), pytest.fail)
    quiet = Origin("e", "e", PARENT[:-2] + "00").within("x")
    recorder.record(Span("quiet", quiet, None, 1, 2, "consumer", {"outcome": "handled"}))
    recorder.close()
    assert not (tmp_path / "scanner.spans.jsonl").exists()
    figures = [json.loads(line) for line in (tmp_path / "scanner.figures.jsonl").read_text().splitlines()]
    counted = [one for one in figures if one["figure"] == "eventstac.messages"]
    assert [(one["value"], one["attributes"]) for one in counted] == [(1, {"outcome": "handled"})]
