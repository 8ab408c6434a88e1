"""What is sent to try a given-up event again."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from eventstac.bus import RETRY_FOR, Message
from eventstac.catalog.rejections import Rejection
from eventstac.errors import Rejected
from eventstac.events import Envelope, EventRejected
from eventstac.replaying import replay, told
from eventstac.telemetry.spans import Silence, Span
from eventstac.times import to_text
from eventstac.validation import event_problems
from tests.samples import START, at, url_of
from tests.twins.apps import Pipeline, scene
from tests.twins.bus import as_received

COMPLETED = {
    "specversion": "1.0",
    "type": "eventstac.cog.completed.v1",
    "id": "an-id",
    "source": "tests",
    "data": {},
}


def rejection(
    stage: str, event: Any, url: str | None = None, first_sent: datetime | None = None
) -> Rejection:
    return Rejection(
        "an-id", stage, "gave-up", "it was away", url, 9, event, "open", START, first_sent=first_sent
    )


def body_of(message: Message) -> dict[str, Any]:
    assert isinstance(message.body, dict)
    return message.body


def give_up(pipeline: Pipeline, message: Message) -> Rejection:
    """What is kept of a message that the scanner gives up."""

    def refuse(envelope: Envelope) -> None:
        raise Rejected("gave-up", "it was away")

    before = {*pipeline.catalog.rejections}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pipeline, "scan_event", refuse)
        patched.setattr(pipeline, "scan_page", refuse)
        patched.setattr(pipeline, "update_cog", lambda envelope, _: refuse(envelope))
        pipeline.run(message)
    [identity] = pipeline.catalog.rejections.keys() - before
    kept = pipeline.catalog.rejections[identity]
    given_up = rejection(kept.stage, kept.event, kept.url, kept.first_sent)
    return replace(given_up, id=identity)


def test_a_blob_goes_back_to_the_first_stage_as_a_look() -> None:
    old_result = {"type": "eventstac.asset.read.v1", "data": {}}
    message = replay(rejection("asset-facts/loader", old_result, url_of("%C3%A4%20b%23.tif")), "run", at(5))
    assert message.topic == "scan-requests"
    assert isinstance(message.body, dict)
    assert event_problems(message.body, exact=True) == []
    assert (message.body["data"]["prefix"], message.body["data"]["reason"]) == ("ä b#.tif", "replay")


def test_a_finished_cog_is_announced_again_under_another_message_id() -> None:
    event = {**COMPLETED, "time": to_text(START)}
    message = replay(rejection("cog-events/cog-updater", event, url_of("a.tif")), "run", at(5))
    assert (message.topic, message.body) == ("cog-events", {**event, "id": message.message_id})
    assert message.message_id != "an-id", "duplicate detection would drop it"


@pytest.mark.parametrize("said", [{}, {"time": "tomorrow"}, {"time": to_text(at(60))}])
def test_a_replay_makes_what_was_said_of_a_cog_no_newer(said: dict[str, str]) -> None:
    event = {**COMPLETED, **said}
    message = body_of(replay(rejection("cog-events/cog-updater", event, url_of("a.tif")), "run", at(500)))
    assert (message["data"], message["time"]) == (event["data"], to_text(START))


@pytest.mark.parametrize(("first_sent", "at_most"), [(at(-60), at(-60)), (at(60), START)])
def test_a_replay_counts_as_said_when_the_bus_first_had_it(first_sent: datetime, at_most: datetime) -> None:
    event = {**COMPLETED, "time": to_text(at(900))}
    given_up = rejection("cog-events/cog-updater", event, url_of("a.tif"), first_sent)
    message = replay(given_up, "run", at(500))
    assert message.body == {**event, "id": message.message_id, "time": to_text(at_most)}


def test_news_go_to_the_consumer_that_gave_them_up_and_to_no_other() -> None:
    event = {"type": "eventstac.item.changed.v1", "data": {}}
    message = replay(rejection("items-changed/outbound", event), "run", at(5))
    assert message.topic == "items-changed"
    assert message.properties[RETRY_FOR] == "outbound"


def test_what_names_no_blob_cannot_be_replayed() -> None:
    with pytest.raises(Rejected, match="names no blob"):
        replay(rejection("blob-events/scanner", "not json"), "run", at(5))


def test_a_replayed_blob_gets_into_the_catalog() -> None:
    pipeline = Pipeline()
    pipeline.blobs.put(scene("a", "b1"), b"raster 10")
    given_up = EventRejected("blobs-matched/extractor", "gave-up", "away", scene("a", "b1"), 9, {"type": "x"})
    kept = rejection(given_up.stage, given_up.event, given_up.url)
    pipeline.run(replay(kept, "run", pipeline.now()))
    assert "a" in pipeline.items


@pytest.mark.parametrize("stage", ["event-grid/blob-events", "blob-events/scanner"])
@pytest.mark.parametrize(
    ("event_type", "old", "new"),
    [
        ("Microsoft.Storage.BlobRenamed", scene("old", "b1"), scene("new", "b1")),
        ("Microsoft.Storage.DirectoryRenamed", url_of("scenes/old"), url_of("scenes/new")),
        ("Microsoft.Storage.DirectoryDeleted", url_of("scenes/old"), None),
    ],
)
def test_of_a_rename_or_a_directory_all_that_it_was_about_is_looked_at_again(
    stage: str, event_type: str, old: str, new: str | None
) -> None:
    pipeline = Pipeline()
    pipeline.run(pipeline.put(scene("old", "b1"), b"raster 10"))
    pipeline.blobs.wait(10)
    pipeline.blobs.delete(scene("old", "b1"))
    if new:
        pipeline.blobs.put(scene("new", "b1"), b"raster 10")
    data = {"sourceUrl": old, "destinationUrl": new} if new else {}
    event = pipeline.storage_event(new or old, event_type, **data).body
    pipeline.run(replay(rejection(stage, event, old), "run", pipeline.now()))
    assert list(pipeline.items) == (["new"] if new else [])


@pytest.mark.parametrize("kind", ["Blob", "Directory"])
def test_a_rename_that_the_scanner_gave_up_is_known_by_its_old_name_and_replayed(kind: str) -> None:
    pipeline = Pipeline()
    pipeline.run(pipeline.put(scene("old", "b1"), b"raster 10"))
    pipeline.blobs.wait(10)
    pipeline.blobs.delete(scene("old", "b1"))
    pipeline.blobs.put(scene("new", "b1"), b"raster 10")
    ends = [scene(item, "b1") if kind == "Blob" else url_of(f"scenes/{item}") for item in ("old", "new")]
    renamed = pipeline.storage_event(ends[0], f"Microsoft.Storage.{kind}Renamed")
    data = {
        "api": f"Rename{kind}",
        "sourceUrl": ends[0],
        "destinationUrl": ends[1],
    }  # as storage names them: no `url`
    given_up = give_up(pipeline, replace(renamed, body={**body_of(renamed), "data": data}))
    assert given_up.url == ends[0]
    for known in (given_up, replace(given_up, url=None)):  # as an earlier version kept it
        pipeline.run(replay(known, f"run {known.url}", pipeline.now()))
    assert list(pipeline.items) == ["new"]


def refused_for_its_envelope(pipeline: Pipeline, message: Message, broken: dict[str, Any]) -> Rejection:
    """What is kept of a message after it was sent with other attributes; None: without one."""
    before = {*pipeline.catalog.rejections}
    body = {name: value for name, value in {**body_of(message), **broken}.items() if value is not None}
    pipeline.run(replace(message, body=body))
    [identity] = pipeline.catalog.rejections.keys() - before
    kept = pipeline.catalog.rejections[identity]
    assert kept.reason == "malformed-event"
    return replace(rejection(kept.stage, kept.event, kept.url, kept.first_sent), id=identity)


ENVELOPES = pytest.mark.parametrize(
    "broken",
    [{"time": "yesterday"}, {"specversion": "0.3"}, {"id": None}, {"source": 3}, {"subject": 7}],
    ids=lambda broken: next(iter(broken)),
)


@pytest.mark.parametrize(
    "is_text", [False, True], ids=["as an object", "as text, as versions before kept it"]
)
@ENVELOPES
def test_a_cog_whose_event_was_refused_for_its_envelope_is_announced_by_a_replay(
    broken: dict[str, Any], *, is_text: bool
) -> None:
    pipeline = Pipeline()
    cog = url_of("a.tif", "cogs")
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    pipeline.blobs.put(cog, b"cog 10")
    given_up = refused_for_its_envelope(pipeline, pipeline.cog_completed(scene("a", "b1"), cog), broken)
    if is_text:
        given_up = replace(given_up, event=json.dumps(given_up.event))
    pipeline.run(replay(given_up, "run", pipeline.now()))
    assert "b1_cog" in pipeline.items["a"]["assets"]


@ENVELOPES
@pytest.mark.parametrize("kind", ["Blob", "Directory"])
def test_a_rename_that_was_refused_for_its_envelope_is_replayed(kind: str, broken: dict[str, Any]) -> None:
    pipeline = Pipeline()
    pipeline.run(pipeline.put(scene("old", "b1"), b"raster 10"))
    pipeline.blobs.wait(10)
    pipeline.blobs.delete(scene("old", "b1"))
    pipeline.blobs.put(scene("new", "b1"), b"raster 10")
    ends = [scene(item, "b1") if kind == "Blob" else url_of(f"scenes/{item}") for item in ("old", "new")]
    data = {"sourceUrl": ends[0], "destinationUrl": ends[1]}
    renamed = pipeline.storage_event(ends[0], f"Microsoft.Storage.{kind}Renamed", **data)
    given_up = refused_for_its_envelope(pipeline, renamed, broken)
    pipeline.run(replay(given_up, "run", pipeline.now()))
    assert list(pipeline.items) == ["new"]


@ENVELOPES
def test_a_scan_that_was_refused_for_its_envelope_is_replayed(broken: dict[str, Any]) -> None:
    pipeline = Pipeline()
    pipeline.put(scene("a", "b1"), b"raster 10")
    given_up = refused_for_its_envelope(pipeline, pipeline.scan(), broken)
    pipeline.run(replay(given_up, "run", pipeline.now()))
    assert list(pipeline.items) == ["a"]


DIRECTORY_DELETED = "Microsoft.Storage.DirectoryDeleted"


@pytest.mark.parametrize("name", ["directory", "cog", "scan"])
def test_what_is_given_up_again_after_a_replay_is_a_rejection_of_its_own(name: str) -> None:
    pipeline = Pipeline()
    first = {
        "directory": pipeline.storage_event(url_of("scenes/old"), DIRECTORY_DELETED),
        "cog": pipeline.cog_completed(scene("a", "b1"), url_of("a.tif", "cogs")),
        "scan": pipeline.scan(),
    }[name]
    given_up = give_up(pipeline, first)
    again = give_up(pipeline, replay(given_up, "run", pipeline.now()))
    give_up(pipeline, replay(again, "run", pipeline.now()))
    assert len({message.message_id for message in pipeline.bus.sent if message.topic == "rejected"}) == 3


def test_news_that_are_given_up_again_keep_their_id_and_are_rejections_of_their_own() -> None:
    pipeline = Pipeline()
    event = {
        "specversion": "1.0",
        "source": "tests",
        "type": "eventstac.item.changed.v1",
        "id": "an-id",
        "data": {},
    }

    def refuse(_: object) -> None:
        raise Rejected("refused", "Event Grid does not take it")

    message = Message("items-changed", "an-id", event)
    for number in range(3):
        received = as_received(message, "outbound", pipeline.now())
        pipeline.consumer("loader").consume_batch([received], lambda envelope: envelope, refuse)
        pipeline.run()
        assert len(pipeline.catalog.rejections) == number + 1
        identity, kept = [*pipeline.catalog.rejections.items()][-1]
        message = replay(replace(rejection(kept.stage, kept.event), id=identity), "run", pipeline.now())
        assert body_of(message) == event, "receivers know it by its id"


@pytest.mark.parametrize("name", ["directory", "scan"])
def test_each_replay_has_everything_looked_at_again(name: str) -> None:
    pipeline = Pipeline()
    pipeline.run(*(pipeline.put(scene("old", f"b{number}"), b"raster 10") for number in range(3)))
    first = {
        "directory": pipeline.storage_event(url_of("scenes/old"), DIRECTORY_DELETED),
        "scan": pipeline.scan(force=True),
    }[name]
    given_up = give_up(pipeline, first)
    before = len(pipeline.bus.sent)
    for number in range(2):
        pipeline.run(replay(given_up, f"run {number}", pipeline.now()))
    caused = [
        message.message_id for message in pipeline.bus.sent[before:] if message.topic == "scan-requests"
    ]
    assert caused
    assert len({*caused}) == len(caused), "duplicate detection would drop it"


class Told(Silence):
    is_on = True

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def record(self, span: Span) -> None:
        self.spans.append(span)


def test_an_event_that_is_sent_again_is_told_of_in_its_trace_and_a_look_in_its_own() -> None:
    pipeline, telemetry = Pipeline(), Told()
    scan, upload = pipeline.scan(), pipeline.put(scene("a", "b1"), b"raster 10")
    for message in (scan, upload):
        given_up = give_up(pipeline, message)
        with told(telemetry, replay(given_up, "run", pipeline.now()), given_up):
            pass
    again, look = telemetry.spans
    assert again.origin.trace == body_of(scan)["traceparent"][3:35]
    assert again.parent == body_of(scan)["traceparent"][36:52]
    assert look.parent is None


def test_news_that_event_grid_could_not_deliver_are_handed_to_it_again() -> None:
    event = {"type": "eventstac.item.changed.v1", "data": {"collection": "c", "item": "i"}}
    message = replay(rejection("event-grid/a-webhook", event), "run", at(5))
    assert (message.topic, message.properties[RETRY_FOR]) == ("items-changed", "outbound")


@pytest.mark.parametrize(
    "event_type",
    ["eventstac.item.changed.v1", "eventstac.cog.completed.v1", "eventstac.scan.requested.v1"],
)
def test_an_event_of_which_only_its_attributes_were_kept_is_never_sent_again(event_type: str) -> None:
    kept = {"type": event_type, "id": "an-id", "subject": "c/i"}
    with pytest.raises(Rejected, match="names no blob"):
        replay(rejection("outbox", kept), "run", at(5))
    assert replay(rejection("outbox", kept, url_of("a.tif")), "run", at(5)).topic == "scan-requests"


@pytest.mark.parametrize(
    "kept", ['{"type": "eventstac.cog.completed.v1", "da… (cut: 300000 bytes)', "[7]", "no JSON"]
)
def test_of_what_is_no_whole_event_its_blob_is_looked_at(kept: str) -> None:
    message = replay(rejection("cog-events/cog-updater", kept, url_of("a.tif")), "run", at(5))
    assert message.topic == "scan-requests"


def test_a_rules_file_is_no_blob_to_look_at() -> None:
    event = {"type": "Microsoft.Storage.BlobCreated", "data": {"url": url_of("collections.yaml")}}
    with pytest.raises(Rejected, match="rules file"):
        replay(rejection("config-events/loader", event, url_of("collections.yaml")), "run", at(5))
