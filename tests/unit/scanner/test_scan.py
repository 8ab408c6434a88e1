"""A scan goes through a listing page by page; a replay looks at one blob."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from eventstac.bus import Outgoing
from eventstac.containers import ContainerNames
from eventstac.events import ScanRequested
from eventstac.rules import load_rules
from scanner import scan
from tests.samples import ACCOUNT, url_of
from tests.twins import apps
from tests.twins.apps import WATCHED, Pipeline, scene


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def test_a_backfill_makes_items_of_what_was_there_before(pipeline: Pipeline) -> None:
    for number in range(5):
        pipeline.blobs.put(scene(f"s{number}", "b1"), b"raster 10")
    pipeline.run(pipeline.scan())
    assert len(pipeline.items) == 5
    assert len(pipeline.bus.to("scan-requests")) == 2  # pages of two


def test_a_second_backfill_looks_at_nothing_unless_it_is_forced(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"), pipeline.put(scene("b", "b1"), b"nonsense"))
    looks = pipeline.blobs.looks
    pipeline.run(pipeline.scan())
    assert pipeline.blobs.looks == looks
    pipeline.run(pipeline.scan(force=True))
    assert pipeline.blobs.looks == looks + 2


def test_a_scan_of_the_cogs_looks_at_none_that_is_current() -> None:
    pipeline, cog = Pipeline(), url_of("a/b1.cog.tif", "cogs")
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    pipeline.blobs.put(cog, b"cog 10")
    pipeline.run(pipeline.cog_completed(scene("a", "b1"), cog))
    request = ScanRequested("a-run", f"{ACCOUNT}/cogs")
    for force, sent in ((False, []), (True, ["blobs-matched"])):
        looks = blob_looks(pipeline, replace(request, force=force))
        assert [one.topic for one in looks] == sent


def blob_looks(pipeline: Pipeline, request: ScanRequested) -> Sequence[Outgoing]:
    return scan.handle(
        request,
        catalog=pipeline.guarded,
        blobs=pipeline.blobs,
        watched=WATCHED,
        page_size=10,
        clock=pipeline.now,
    )


def test_a_backfill_of_a_prefix_or_a_collection_leaves_the_rest(pipeline: Pipeline) -> None:
    pipeline.blobs.put(scene("a", "b1"), b"raster 10")
    pipeline.blobs.put(scene("b", "b1"), b"raster 10")
    pipeline.blobs.put(url_of("other.tif"), b"raster 10")
    pipeline.run(pipeline.scan("scenes/a/"))
    assert list(pipeline.items) == ["a"]
    pipeline.run(pipeline.scan(collection="scenes"))
    assert sorted(pipeline.items) == ["a", "b"]


def test_a_backfill_says_that_no_rule_knows_a_blob_any_more(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    pipeline.catalog.in_force = load_rules("{ignore: ['scenes/*/*'], collections: {}}", file="rules.yaml")
    pipeline.catalog.revision = 2
    pipeline.run(pipeline.scan())
    assert pipeline.items == {}
    assert pipeline.catalog.known[scene("a", "b1")].finding.reason == "no-rule"


def test_what_is_kept_of_a_spoilt_blob_goes_when_no_rule_knows_it_any_more(pipeline: Pipeline) -> None:
    keeping = """
        collections: {scenes: {rules: [
          {name: s, pattern: 'scenes/{item}/{asset}.tif', keep_last_good: true}]}}
    """
    pipeline.catalog.in_force = load_rules(keeping, file="rules.yaml")
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    pipeline.blobs.wait(5)
    pipeline.run(pipeline.put(scene("a", "b1"), b"nonsense"))
    assert list(pipeline.items) == ["a"]
    text = keeping.replace("collections:", "ignore: ['scenes/*/*']\n        collections:")
    pipeline.catalog.in_force = load_rules(text, file="rules.yaml")
    pipeline.catalog.revision = 2
    pipeline.run(pipeline.scan())
    assert pipeline.items == {}
    assert pipeline.catalog.known[scene("a", "b1")].finding.reason == "no-rule"


def test_an_event_about_a_blob_that_no_rule_knows_any_more_takes_it_out(pipeline: Pipeline) -> None:
    event = pipeline.put(scene("a", "b1"), b"raster 10")
    pipeline.run(event)
    pipeline.catalog.in_force = load_rules("{ignore: ['scenes/*/*'], collections: {}}", file="rules.yaml")
    pipeline.catalog.revision = 2
    pipeline.run(event)
    assert pipeline.items == {}


def test_what_is_shown_of_a_container_that_is_no_source_any_more_stays(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = pipeline.put(scene("a", "b1"), b"raster 10")
    pipeline.run(event)
    pipeline.catalog.revision = 2
    monkeypatch.setattr(
        apps, "WATCHED", replace(WATCHED, names=ContainerNames(("other",), ("source",), "thumbnails"))
    )
    pipeline.run(event, pipeline.scan(), pipeline.scan("scenes/a/b1.tif", reason="replay"))
    assert list(pipeline.items) == ["a"]


def test_a_blob_whose_tier_was_changed_unheard_is_looked_at(pipeline: Pipeline) -> None:
    event = pipeline.put(scene("a", "b1"), b"raster 10")
    pipeline.blobs.archive(scene("a", "b1"))
    pipeline.run(event)
    pipeline.blobs.rehydrate(scene("a", "b1"))
    pipeline.blobs.wait(5)
    pipeline.run(pipeline.scan())
    assert "a" in pipeline.items


def test_a_replay_looks_at_its_one_blob_though_it_is_current(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"), pipeline.put(scene("a", "b10"), b"raster 10"))
    looks = pipeline.blobs.looks
    pipeline.run(pipeline.scan("scenes/a/b1.tif", reason="replay"))
    assert pipeline.blobs.looks == looks + 1


def test_a_replay_of_a_blob_that_is_gone_finds_that_out(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    pipeline.blobs.wait(5)
    pipeline.blobs.delete(scene("a", "b1"))
    pipeline.run(pipeline.scan("scenes/a/b1.tif", reason="replay"))
    assert pipeline.items == {}
