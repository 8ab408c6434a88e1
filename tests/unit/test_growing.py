"""Blobs to which bytes are added without an event, as GDAL writes large files."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from eventstac.bus import BLOBS_MATCHED, Message, text_of
from eventstac.errors import BlobChanged, Growing, Transient
from eventstac.events import ItemChanged
from eventstac.events.timeline import freshness_s
from eventstac.facts import Finding, Match
from eventstac.fields import Fields
from eventstac.growing import next_look
from eventstac.looking import Looker, Reading
from eventstac.times import to_text
from tests.samples import at, gone, present
from tests.twins.apps import WATCHED, Pipeline, read_text, scene
from tests.twins.blobs import MemoryBlobs

URL = scene("a", "b1")
MATCH = Match("scenes", "a", "b1")


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture
def look() -> Callable[[float], tuple[str, str]]:
    """State and reason of what is found so many seconds after the last write."""
    blobs = MemoryBlobs()
    blobs.append(URL, b"")

    def found(seconds: float) -> tuple[str, str]:
        blobs.wait(seconds)
        finding = Looker(blobs, WATCHED, read_text).look(URL, MATCH, 1)
        assert finding.storage
        assert finding.storage["grows"] is True
        return finding.state, finding.reason

    return found


def test_what_cannot_be_read_while_it_is_written_is_waited_for(
    look: Callable[[float], tuple[str, str]],
) -> None:
    with pytest.raises(
        Growing, match=r"b1\.tif, an append or page blob, was written 3 s ago and is waited for"
    ):
        look(3)
    with pytest.raises(Growing, match="was written 599 s ago"):
        look(596)
    assert look(1) == ("rejected", "not-a-raster")


def test_a_block_blob_is_rejected_at_once() -> None:
    blobs = MemoryBlobs()
    blobs.put(URL, b"")
    finding = Looker(blobs, WATCHED, read_text).look(URL, MATCH, 1)
    assert (finding.state, "grows" in (finding.storage or {})) == ("rejected", False)


@pytest.mark.parametrize(("written_for_s", "within_s"), [(0, 12), (200, 12), (2000, 100)])
def test_what_was_written_for_long_is_tried_again_less_often(written_for_s: float, within_s: float) -> None:
    blobs = MemoryBlobs()
    blobs.append(URL, b"")
    blobs.wait(written_for_s)
    blobs.append(URL, b"ras")
    with pytest.raises(Growing) as caught:
        Looker(blobs, WATCHED, read_text).look(URL, MATCH, 1)
    assert caught.value.within.total_seconds() == within_s


@pytest.mark.parametrize("grows", [True, False])
def test_what_changes_under_each_look_is_no_failure_where_bytes_are_added(grows: bool) -> None:
    blobs = MemoryBlobs()
    write = blobs.append if grows else blobs.put
    write(URL, b"")

    def read(*_: object) -> Reading:
        raise BlobChanged(URL)

    with pytest.raises(Transient, match="still being written") as caught:
        Looker(blobs, WATCHED, read).look(URL, MATCH, 1)
    assert isinstance(caught.value, Growing) is grows


def created(pipeline: Pipeline) -> None:
    """An append blob without bytes takes the place of what there is, and its event is handled."""
    pipeline.blobs.stored.pop(URL, None)
    pipeline.blobs.append(URL, b"")
    event = pipeline.storage_event(URL, "Microsoft.Storage.BlobCreated", blobType="AppendBlob")
    pipeline.deliver(event)
    pipeline.deliver(pipeline.bus.to(BLOBS_MATCHED)[-1])


def looks_at_growth(pipeline: Pipeline) -> list[str]:
    events = [json.loads(text_of(message)) for message in pipeline.bus.to(BLOBS_MATCHED)]
    return [event["id"] for event in events if event["data"]["cause"] == "second-look"]


def test_a_file_that_is_written_in_pieces_is_shown_when_it_is_whole(pipeline: Pipeline) -> None:
    created(pipeline)
    assert (pipeline.items, pipeline.catalog.known) == ({}, {})
    pipeline.blobs.append(URL, b"ras")
    pipeline.blobs.append(URL, b"ter 10")
    pipeline.run()
    assert pipeline.items["a"]["bbox"][0] == 10


def test_a_file_is_as_fresh_as_its_last_write(pipeline: Pipeline) -> None:
    created(pipeline)
    pipeline.blobs.wait(400)
    pipeline.blobs.append(URL, b"raster 10")
    written_at = pipeline.now()
    pipeline.run()
    changed = ItemChanged.read(Fields(pipeline.bus.data("items-changed")[0], "data"))
    assert [stage.stage for stage in changed.timeline] == ["event", "matched", "written", "looked", "merged"]
    assert freshness_s(changed.timeline) == (changed.timeline[-1].at - written_at).total_seconds() < 60


def test_what_is_overwritten_in_pieces_is_shown_all_the_time(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(URL, b"raster 10"))
    pipeline.blobs.wait(60)
    created(pipeline)
    assert pipeline.items["a"]["bbox"][0] == 10
    pipeline.blobs.append(URL, b"raster 20")
    pipeline.run()
    assert pipeline.items["a"]["bbox"][0] == 20


@pytest.mark.parametrize("pause_s", [5, 30, 500, 1900])
def test_what_is_added_to_a_file_that_could_be_read_is_found(pipeline: Pipeline, pause_s: int) -> None:
    created(pipeline)
    pipeline.blobs.append(URL, b"raster 1")
    written = pipeline.now()
    told = 0
    while pipeline.now() < written + timedelta(seconds=pause_s) and told < len(pipeline.bus.sent):
        message = pipeline.bus.sent[told]
        if message.not_before and message.not_before > written + timedelta(seconds=pause_s):
            break
        told += 1
        pipeline.blobs.now = max(pipeline.now(), message.not_before or pipeline.now())
        pipeline.deliver(message)
    assert pipeline.items["a"]["bbox"][0] == 1
    pipeline.blobs.append(URL, b"5")
    pipeline.run(*pipeline.bus.sent[told:])
    assert pipeline.items["a"]["bbox"][0] == 15


def test_looks_at_a_file_that_rests_end_however_many_events_tell_of_it(pipeline: Pipeline) -> None:
    created(pipeline)
    pipeline.blobs.append(URL, b"raster 10")
    written = pipeline.now()
    pipeline.run(*(pipeline.storage_event(URL, "Microsoft.Storage.BlobCreated") for _ in range(3)))
    assert len(set(looks_at_growth(pipeline))) == 8
    assert timedelta(minutes=50) < pipeline.now() - written < timedelta(minutes=102)


def growing(**storage: str) -> Finding:
    finding = present(MATCH, 0, "e")
    return replace(finding, storage={**(finding.storage or {}), "grows": True, **storage})


def seconds_of_next_look(written: float, seen: float, created: float = 0) -> float | None:
    finding = growing(last_modified=to_text(at(written)), created=to_text(at(created)))
    moment = next_look(replace(finding, seen=at(seen)), at(seen))
    return (moment - at(0)).total_seconds() if moment else None


def test_moments_of_the_next_look() -> None:
    ages = [-300, 0, 6, 7, 12, 13, 24, 30, 50, 100, 200, 700, 1500, 3000, 3001]
    # at(0) is a time of each step up to 192 s
    assert [seconds_of_next_look(0, age) for age in ages] == [
        -288, 12, 12, 24, 24, 48, 48, 96, 192, 192, 576, 1344, 4416, 4416, None,
    ]  # fmt: skip


@pytest.mark.parametrize("hours", [0, 0.01, 0.5, 1, 4, 8, 24, 200])
@pytest.mark.parametrize("phase", [0, 1000, 2000])
def test_looks_go_on_until_a_file_has_rested_for_long_however_long_it_was_written(
    hours: float, phase: int
) -> None:
    written = hours * 3600
    seen, latest = written + phase % 12, written
    while (coming := seconds_of_next_look(written, seen, -phase)) is not None:
        latest, seen = seen, coming
    assert seen - written > 3000
    assert seen - latest < 3600


def test_what_grows_without_an_end_is_looked_at_less_and_less() -> None:
    def looks_in_an_hour(after_h: int) -> int:
        """At a log to which a line is added each second."""
        begin = after_h * 3600
        moments = {seconds_of_next_look(second, second) for second in range(begin, begin + 3600)}
        return len(moments)

    looks = [looks_in_an_hour(hours) for hours in (0, 1, 5, 24)]
    assert looks == sorted(looks, reverse=True)
    assert looks[0] <= 80
    assert looks[-1] <= 2


def run_for(pipeline: Pipeline, minutes: float, events: Iterable[int], *, grows: bool) -> None:
    """Second by second, as the broker gives messages: each id once, none before its time; events at these seconds."""
    begin, ids, told, waiting = pipeline.now(), set[str](), 0, list[Message]()
    coming = set(events)
    while (second := round((pipeline.now() - begin).total_seconds())) < minutes * 60:
        if second in coming:
            waiting.append(pipeline.storage_event(URL, "Microsoft.Storage.BlobCreated"))
        due = [one for one in waiting if (one.not_before or begin) <= pipeline.now()]
        waiting = [one for one in waiting if one not in due]
        for message in due:
            pipeline.deliver(message)
        for message in pipeline.bus.sent[told:]:
            if message.message_id not in ids:
                waiting.append(message)
            ids.add(message.message_id)
        told = len(pipeline.bus.sent)
        pipeline.blobs.wait(1)
        if grows:
            pipeline.blobs.append(URL, b" ")


@pytest.mark.parametrize("events", [1, 10])
def test_looks_at_what_grows_are_as_many_for_one_event_as_for_ten(pipeline: Pipeline, events: int) -> None:
    created(pipeline)
    pipeline.blobs.append(URL, b"raster 1")
    run_for(pipeline, 10, range(0, events * 3, 3), grows=True)
    assert 20 <= len(set(looks_at_growth(pipeline))) <= 51


@pytest.mark.parametrize("behind_s", [8, 600])
def test_a_clock_that_is_behind_ends_no_row_of_looks(pipeline: Pipeline, behind_s: int) -> None:
    pipeline.catalog.clock = lambda: pipeline.now() - timedelta(seconds=behind_s)
    created(pipeline)
    pipeline.blobs.append(URL, b"raster 1")
    run_for(pipeline, 70, [0], grows=False)
    assert len(set(looks_at_growth(pipeline))) >= 5


def test_what_was_merged_hours_later_is_looked_at_at_once() -> None:
    assert next_look(replace(growing(), seen=at(3)), at(7200)) == at(7212)


def test_what_does_not_grow_is_not_looked_at_again() -> None:
    assert next_look(present(MATCH, 0, "e"), at(1)) is None
    assert next_look(gone(MATCH, 0), at(1)) is None
