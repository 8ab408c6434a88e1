"""The apps together, over twins: what happens to a blob from its event to its Item."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from eventstac.bus import ATTEMPT, FIRST_SENT, Message, text_of
from eventstac.events import EventRejected
from eventstac.rules import load_rules
from eventstac.times import to_text
from tests.samples import ACCOUNT, url_of
from tests.twins.apps import Pipeline, hrefs, scene


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def test_an_uploaded_raster_becomes_an_item_with_a_thumbnail(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    assert list(pipeline.items["a"]["assets"]) == ["b1", "thumbnail"]
    thumbnail = pipeline.items["a"]["assets"]["thumbnail"]["href"]
    assert pipeline.blobs.look(thumbnail)[0].state == "present"


def test_an_event_twice_changes_nothing_and_announces_once(pipeline: Pipeline) -> None:
    event = pipeline.put(scene("a", "b1"), b"raster 10")
    pipeline.run(event, event)
    assert len(pipeline.bus.to("items-changed")) == 1


def test_events_in_reverse_order_show_the_last_content(pipeline: Pipeline) -> None:
    first = pipeline.put(scene("a", "b1"), b"raster 10")
    pipeline.blobs.wait(10)
    second = pipeline.put(scene("a", "b1"), b"raster 20")
    pipeline.run(second, first)
    assert pipeline.items["a"]["bbox"][0] == 20


def test_a_late_duplicate_of_the_first_event_does_not_bring_a_deleted_blob_back(pipeline: Pipeline) -> None:
    created = pipeline.put(scene("a", "b1"), b"raster 10")
    pipeline.run(created)
    pipeline.blobs.wait(10)
    pipeline.run(pipeline.delete(scene("a", "b1")), created)
    assert pipeline.items == {}
    assert [data["item"] for data in pipeline.bus.data("items-changed")] == ["a", "a"]


def test_a_spoilt_blob_brings_nothing_back_of_one_of_its_name_that_was_deleted(pipeline: Pipeline) -> None:
    """Unlike one that was overwritten; a deletion that no look saw is the same as an overwrite."""
    rule = "{name: s, pattern: 'scenes/{item}/{asset}.tif', keep_last_good: true}"
    pipeline.catalog.in_force = load_rules(f"collections: {{scenes: {{rules: [{rule}]}}}}", file="rules.yaml")
    created = pipeline.put(scene("a", "b1"), b"raster 10")
    pipeline.run(created)
    pipeline.blobs.wait(10)
    pipeline.run(pipeline.delete(scene("a", "b1")))
    pipeline.blobs.wait(10)
    pipeline.run(pipeline.put(scene("a", "b1"), b"nonsense"), created)
    assert pipeline.items == {}
    pipeline.blobs.wait(10)
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 20"))
    pipeline.blobs.wait(10)
    unheard = pipeline.delete(scene("a", "b1"))
    pipeline.run(pipeline.put(scene("a", "b1"), b""), unheard)
    assert pipeline.items["a"]["bbox"][0] == 20


def test_other_content_in_the_same_second_is_shown_after_the_second_look(pipeline: Pipeline) -> None:
    first = pipeline.put(scene("a", "b1"), b"raster 10")
    matched = _deliver_and_take(pipeline, first, "blobs-matched")
    fact = _deliver_and_take(pipeline, matched, "asset-facts")
    second = pipeline.put(scene("a", "b1"), b"raster 20")
    pipeline.run(second)
    pipeline.run(fact)  # the old look arrives last, with the same Date
    assert pipeline.items["a"]["bbox"][0] == 20
    assert any(data["cause"] == "second-look" for data in pipeline.bus.data("blobs-matched"))


def test_a_blob_that_is_no_raster_is_rejected_and_the_others_go_on(pipeline: Pipeline) -> None:
    pipeline.run(
        pipeline.put(scene("a", "b1"), b"raster 10"),
        pipeline.put(scene("a", "b2"), b"nonsense"),
        pipeline.put(scene("b", "b1"), b"raster 30"),
    )
    assert set(pipeline.items) == {"a", "b"}
    assert pipeline.catalog.known[scene("a", "b2")].finding.reason == "not-a-raster"


def test_a_good_upload_supersedes_a_bad_one(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(scene("a", "b1"), b"nonsense"))
    pipeline.blobs.wait(5)
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    assert "a" in pipeline.items


def shown_cogs(pipeline: Pipeline) -> set[str]:
    """The Items that show a COG."""
    return {item for item, document in pipeline.items.items() if "b1_cog" in document["assets"]}


class TestCogs:
    COG = url_of("a/b1.cog.tif", "cogs")

    def test_a_cog_is_added_to_its_source_s_item(self, pipeline: Pipeline) -> None:
        pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
        pipeline.blobs.put(self.COG, b"cog 10")
        looks = len(pipeline.bus.to("blobs-matched"))
        pipeline.run(pipeline.cog_completed(scene("a", "b1"), self.COG))
        assert pipeline.items["a"]["assets"]["b1_cog"]["href"] == self.COG
        assert len(pipeline.bus.to("blobs-matched")) == looks  # what did not change meanwhile is read once

    def test_a_cog_that_is_done_before_its_source_is_known_waits(self, pipeline: Pipeline) -> None:
        created = pipeline.put(scene("a", "b1"), b"raster 10")
        pipeline.blobs.put(self.COG, b"cog 10")
        pipeline.run(pipeline.cog_completed(scene("a", "b1"), self.COG))
        assert pipeline.items == {}
        pipeline.run(created)
        assert "b1_cog" in pipeline.items["a"]["assets"]

    def test_what_is_no_cog_is_rejected_as_such(self, pipeline: Pipeline) -> None:
        pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
        pipeline.blobs.put(self.COG, b"raster 10")
        pipeline.run(pipeline.cog_completed(scene("a", "b1"), self.COG))
        assert "b1_cog" not in pipeline.items["a"]["assets"]
        assert pipeline.catalog.known[self.COG].finding.reason == "not-a-cog"

    def test_a_cog_of_content_that_its_source_has_no_more_is_not_shown(self, pipeline: Pipeline) -> None:
        a = scene("a", "b1")
        pipeline.run(pipeline.put(a, b"raster 10"))
        made_of = pipeline.catalog.known[a].finding.etag
        pipeline.blobs.put(self.COG, b"cog 10")
        pipeline.blobs.wait(5)
        pipeline.run(pipeline.put(a, b"raster 11"))
        pipeline.run(pipeline.cog_completed(a, self.COG, source_etag=made_of))
        assert shown_cogs(pipeline) == set()

    def test_a_deleted_cog_leaves_the_item(self, pipeline: Pipeline) -> None:
        pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
        pipeline.blobs.put(self.COG, b"cog 10")
        pipeline.run(pipeline.cog_completed(scene("a", "b1"), self.COG))
        pipeline.blobs.wait(5)
        pipeline.run(pipeline.delete(self.COG))
        assert hrefs(pipeline.items["a"])[0] == scene("a", "b1")
        assert "b1_cog" not in pipeline.items["a"]["assets"]

    def test_a_cog_in_the_source_container_never_stays_an_item_of_its_own(self, pipeline: Pipeline) -> None:
        cog = url_of("a-cog.tif")
        pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"), pipeline.put(cog, b"cog 10"))
        assert len(pipeline.items) == 2
        pipeline.run(pipeline.cog_completed(scene("a", "b1"), cog))
        assert list(pipeline.items) == ["a"]
        pipeline.run(pipeline.storage_event(cog, "Microsoft.Storage.BlobCreated"))
        assert list(pipeline.items) == ["a"]

    def test_a_converter_whose_clock_is_ahead_hides_no_later_cog(self, pipeline: Pipeline) -> None:
        a, b = scene("a", "b1"), scene("b", "b1")
        pipeline.run(pipeline.put(a, b"raster 10"), pipeline.put(b, b"raster 11"))
        pipeline.blobs.put(self.COG, b"cog 10")
        ahead = pipeline.cog_completed(a, self.COG, said=pipeline.now() + timedelta(hours=1))
        pipeline.run(ahead)
        claim = pipeline.catalog.known[self.COG].claim
        assert claim
        assert claim.said == pipeline.now()
        pipeline.blobs.wait(5)
        pipeline.run(pipeline.cog_completed(b, self.COG))
        assert shown_cogs(pipeline) == {"b"}
        pipeline.blobs.wait(5)
        # It is tried again late, as its first attempt failed for a while: no newer than when it was first sent.
        first_sent = to_text(pipeline.now() - timedelta(seconds=9))
        pipeline.run(replace(ahead, properties={ATTEMPT: 3, FIRST_SENT: first_sent}))
        assert shown_cogs(pipeline) == {"b"}

    def test_what_was_kept_as_said_in_the_future_gives_way_to_the_next_event(
        self, pipeline: Pipeline
    ) -> None:
        a, b = scene("a", "b1"), scene("b", "b1")
        pipeline.run(pipeline.put(a, b"raster 10"), pipeline.put(b, b"raster 11"))
        pipeline.blobs.put(self.COG, b"cog 10")
        pipeline.run(pipeline.cog_completed(a, self.COG))
        known = pipeline.catalog.known[self.COG]
        assert known.claim
        ahead = replace(known.claim, said=pipeline.now() + timedelta(hours=1))
        pipeline.catalog.known[self.COG] = replace(known, claim=ahead)
        pipeline.blobs.wait(5)
        pipeline.run(pipeline.cog_completed(b, self.COG))
        assert shown_cogs(pipeline) == {"b"}
        pipeline.guarded.merge([replace(known, claim=ahead)])  # a look that was under way meanwhile
        assert shown_cogs(pipeline) == {"b"}

    def test_a_catalog_whose_clock_is_behind_makes_no_claim_older(self, pipeline: Pipeline) -> None:
        sources = scene("z", "b1"), scene("a", "b1")
        pipeline.run(*(pipeline.put(source, b"raster 10") for source in sources))
        pipeline.catalog.clock = lambda: pipeline.now() - timedelta(minutes=2)
        pipeline.blobs.put(self.COG, b"cog 10")
        first, second = (
            pipeline.cog_completed(source, self.COG, said=pipeline.now() - timedelta(hours=before))
            for before, source in zip((1, 0), sources, strict=True)
        )
        pipeline.blobs.wait(5)
        pipeline.run(first, second, pipeline.storage_event(self.COG, "Microsoft.Storage.BlobCreated"), first)
        assert shown_cogs(pipeline) == {"a"}
        claim = pipeline.catalog.known[self.COG].claim
        assert claim
        assert claim.said == pipeline.now() - timedelta(seconds=5)

    def test_a_conversion_in_place_is_a_new_look_at_the_source(self, pipeline: Pipeline) -> None:
        pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
        pipeline.blobs.wait(5)
        pipeline.blobs.put(scene("a", "b1"), b"cog 11")
        pipeline.run(pipeline.cog_completed(scene("a", "b1"), scene("a", "b1")))
        assert pipeline.items["a"]["bbox"][0] == 11
        assert "b1_cog" not in pipeline.items["a"]["assets"]

    def test_a_blob_of_the_cog_container_that_nobody_named_is_left_alone(self, pipeline: Pipeline) -> None:
        pipeline.run(pipeline.put(self.COG, b"cog 10"))
        assert pipeline.items == {}
        assert pipeline.bus.sent == []


@pytest.mark.parametrize(
    "url",
    [
        url_of("ab/cd.png", "thumbnails"),
        f"{ACCOUNT}/elsewhere/a.tif",
        "http://169.254.169.254/metadata/source/a.tif",
        "https://other.blob.core.windows.net/source/a.tif",
    ],
)
def test_an_event_outside_the_declared_containers_is_rejected_and_nothing_is_fetched(
    pipeline: Pipeline, url: str
) -> None:
    pipeline.run(pipeline.storage_event(url, "Microsoft.Storage.BlobCreated"))
    (rejected,) = pipeline.bus.data("rejected")
    assert rejected["reason"] in ("undeclared-container", "bad-url")
    assert pipeline.blobs.looks == 0


def test_a_scan_outside_the_declared_containers_is_rejected_and_nothing_is_listed(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.blobs, "page", lambda *_: pytest.fail("listed"))
    request = {"run": "a-run", "container_url": f"{ACCOUNT}/elsewhere"}
    scan = pipeline.scan()
    body = json.loads(text_of(scan))
    assert body["data"].keys() >= request.keys()
    pipeline.run(replace(scan, body={**body, "data": {**body["data"], **request}}))
    (rejected,) = pipeline.bus.data("rejected")
    assert rejected["reason"] == "undeclared-container"


def test_an_event_of_another_type_is_no_finished_cog(pipeline: Pipeline) -> None:
    cog = url_of("a/b1.cog.tif", "cogs")
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    pipeline.blobs.put(cog, b"cog 10")
    completed = pipeline.cog_completed(scene("a", "b1"), cog)
    pipeline.run(replace(completed, body={**json.loads(text_of(completed)), "type": "cog.began.v1"}))
    (rejected,) = pipeline.bus.data("rejected")
    assert rejected["reason"] == "unknown-event"
    assert cog not in pipeline.catalog.known


@pytest.mark.parametrize("which", ["source_url", "cog_url"])
def test_a_cog_event_outside_the_declared_containers_is_rejected_and_nothing_is_fetched(
    pipeline: Pipeline, which: str
) -> None:
    urls = {
        "source_url": scene("a", "b1"),
        "cog_url": url_of("x.tif", "cogs"),
        which: url_of("x.tif", "thumbnails"),
    }
    pipeline.run(pipeline.cog_completed(urls["source_url"], urls["cog_url"]))
    assert [data["reason"] for data in pipeline.bus.data("rejected")] == ["undeclared-container"]
    assert pipeline.blobs.looks == 0


def test_a_blob_that_no_rule_knows_is_left_alone(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(url_of("notes.txt"), b"hello"))
    assert pipeline.bus.sent == []


def test_a_renamed_blob_leaves_its_old_item_and_makes_a_new_one(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    pipeline.blobs.wait(5)
    pipeline.blobs.delete(scene("a", "b1"))
    pipeline.blobs.put(scene("b", "b1"), b"raster 10")
    data = {"sourceUrl": scene("a", "b1"), "destinationUrl": scene("b", "b1")}
    pipeline.run(pipeline.storage_event(scene("b", "b1"), "Microsoft.Storage.BlobRenamed", **data))
    assert list(pipeline.items) == ["b"]


@pytest.mark.parametrize("end", ["", "/"])
def test_a_deleted_directory_takes_its_items_with_it(pipeline: Pipeline, end: str) -> None:
    names = [scene("a", f"b{number}") for number in range(5)]
    pipeline.run(
        *[pipeline.put(name, b"raster 10") for name in names], pipeline.put(scene("z", "b"), b"raster 1")
    )
    pipeline.blobs.wait(5)
    for name in names:
        pipeline.blobs.delete(name)
    pipeline.run(pipeline.storage_event(url_of("scenes/a") + end, "Microsoft.Storage.DirectoryDeleted"))
    assert list(pipeline.items) == ["z"]


def test_a_first_look_that_is_under_way_when_its_directory_goes_is_made_again(pipeline: Pipeline) -> None:
    """What the storage tells of a deleted directory names no blob, and nothing is known yet of this one."""
    created = pipeline.put(scene("a", "b1"), b"raster 10")
    matched = _deliver_and_take(pipeline, created, "blobs-matched")
    late = _deliver_and_take(pipeline, matched, "asset-facts")
    pipeline.blobs.delete(scene("a", "b1"))
    pipeline.run(pipeline.storage_event(url_of("scenes/a"), "Microsoft.Storage.DirectoryDeleted"))
    pipeline.run(late)
    assert pipeline.items == {}
    assert pipeline.catalog.known[scene("a", "b1")].finding.state == "gone"


def test_a_directory_that_is_said_to_be_deleted_tomorrow_causes_one_look_and_not_one_after_the_other(
    pipeline: Pipeline,
) -> None:
    event = pipeline.storage_event(url_of("scenes/a"), "Microsoft.Storage.DirectoryDeleted")
    body = {**json.loads(text_of(event)), "time": "2999-01-01T00:00:00Z"}
    pipeline.run(replace(event, body=body))
    pipeline.blobs.wait(5)
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    assert list(pipeline.items) == ["a"]
    assert len(pipeline.bus.to("blobs-matched")) == 1


def test_an_archived_blob_is_rejected_and_comes_back_when_its_tier_changes(pipeline: Pipeline) -> None:
    event = pipeline.put(scene("a", "b1"), b"raster 10")
    pipeline.blobs.archive(scene("a", "b1"))
    pipeline.run(event)
    assert pipeline.catalog.known[scene("a", "b1")].finding.reason == "archived"
    pipeline.blobs.wait(5)
    pipeline.blobs.put(scene("a", "b1"), b"raster 10")
    pipeline.run(pipeline.storage_event(scene("a", "b1"), "Microsoft.Storage.BlobTierChanged"))
    assert "a" in pipeline.items


@pytest.mark.parametrize("part", ["blobs", "catalog"])
def test_what_is_away_for_a_while_only_delays(pipeline: Pipeline, part: str) -> None:
    event = pipeline.put(scene("a", "b1"), b"raster 10")
    setattr(getattr(pipeline, part), "is_away", True)  # noqa: B010 - the part is a parameter
    pipeline.deliver(event)
    for message in list(pipeline.bus.sent):
        pipeline.deliver(message)
    setattr(getattr(pipeline, part), "is_away", False)  # noqa: B010
    pipeline.run()
    assert "a" in pipeline.items
    assert pipeline.bus.to("rejected") == []


def test_a_kill_between_commit_and_publishing_loses_no_notification(pipeline: Pipeline) -> None:
    matched = _deliver_and_take(pipeline, pipeline.put(scene("a", "b1"), b"raster 10"), "blobs-matched")
    fact = _deliver_and_take(pipeline, matched, "asset-facts")
    pipeline.bus.is_away = True  # the commit happens, the publishing does not
    pipeline.deliver(fact)
    assert "a" in pipeline.items
    assert pipeline.bus.to("items-changed") == []
    pipeline.bus.is_away = False
    pipeline.deliver(fact)  # the message comes again; its fact is stale, the announcement is not
    assert [data["change"] for data in pipeline.bus.data("items-changed")] == ["created"]


def test_a_rejection_is_kept_once(pipeline: Pipeline) -> None:
    from loader import rejected

    pipeline.run(pipeline.storage_event(url_of("x.png", "thumbnails"), "Microsoft.Storage.BlobCreated"))
    (message,) = pipeline.bus.to("rejected")
    for _ in range(2):
        received = _received(message)
        pipeline.consumer("loader").consume(received, lambda e: rejected.handle(e, catalog=pipeline.catalog))
    (kept,) = pipeline.catalog.rejections.values()
    assert isinstance(kept, EventRejected)
    assert kept.reason == "undeclared-container"


def test_the_timeline_tells_the_story_of_a_blob(pipeline: Pipeline) -> None:
    created, happened = pipeline.put(scene("a", "b1"), b"raster 10"), pipeline.now()
    pipeline.blobs.wait(5)
    pipeline.run(created)
    timeline = pipeline.catalog.known[scene("a", "b1")].finding.timeline
    assert [stage.stage for stage in timeline] == ["event", "matched", "looked"]
    assert (timeline[0].at, timeline[1].at) == (happened, pipeline.now())
    (changed,) = pipeline.bus.data("items-changed")
    assert [stage["stage"] for stage in changed["timeline"]] == ["event", "matched", "looked", "merged"]


def _deliver_and_take(pipeline: Pipeline, message: Message, topic: str) -> Message:
    before = len(pipeline.bus.sent)
    pipeline.deliver(message)
    (caused,) = [one for one in pipeline.bus.sent[before:] if one.topic == topic]
    pipeline._delivered = len(pipeline.bus.sent)
    return caused


def _received(message: Message) -> Any:
    from tests.twins.bus import as_received

    return as_received(message, "loader")
