"""An upgrade while everything goes on: what older apps read is read again by the newer extractor, and stays so."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from eventstac.blobs import BlobReader
from eventstac.bus import Message
from eventstac.errors import Rejected
from eventstac.facts import Match
from eventstac.looking import ReadContent, Reading
from eventstac.rules.applied import AppliedRules
from eventstac.rules.since import all_new
from eventstac.runs import Run
from tests.samples import metadata, url_of
from tests.twins.apps import Pipeline, read_text, scene

OLDER, NEWER = 17, 18


def read_otherwise(reader: BlobReader, match: Match, thumbnail: bool) -> Reading:
    """Finds everything a degree further to the east."""
    content = read_text(reader, match, thumbnail)
    moved = metadata(west=content.metadata["bbox"][0] + 1)
    return replace(content, metadata={**moved, "cog": content.metadata["cog"]})


def run_older(pipeline: Pipeline, number: int) -> None:
    pipeline.looker = replace(pipeline.looker, extractor=number, read=read_text)


def run_newer(pipeline: Pipeline) -> None:
    pipeline.looker = replace(pipeline.looker, extractor=NEWER, read=read_otherwise)


def raise_number(pipeline: Pipeline) -> None:
    """As `eventstac setup` of the newer version does."""
    pipeline.catalog.rules()  # what was in force until now
    pipeline.catalog.revision, pipeline.catalog.extractor = 2, NEWER


@pytest.fixture(params=[0, OLDER], ids=["which does not say its number", "which does"])
def pipeline(request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    """A catalog that an older extractor read, still there after the set-up of the newer version."""
    pipeline = Pipeline()
    run_older(pipeline, request.param)
    pipeline.run(pipeline.put(scene("before", "b1"), b"raster 10"))
    raise_number(pipeline)
    pipeline.run(pipeline.put(scene("after", "b1"), b"raster 10"))
    pipeline.blobs.wait(10)
    yield pipeline
    check = pipeline.reconcile("check", check_only=True)
    assert check.report
    assert (check.report["completeness"], check.report["gap"]) == (100.0, False)
    assert {west(item) for item in pipeline.items.values()} == {11}
    looks = pipeline.blobs.looks
    pipeline.reconcile("again")
    assert pipeline.blobs.looks == looks


def west(item: dict[str, Any]) -> float:
    return float(item["bbox"][0])


def test_the_newer_scanner_has_it_read_again_though_an_older_one_had(pipeline: Pipeline) -> None:
    older = Run("older", (), revision=2, extractor=0, state="done")
    pipeline.runs.begin(older)
    run_newer(pipeline)
    pipeline.run(*pipeline.attend())
    assert pipeline.attend() == []


def test_a_scan_has_it_read_again(pipeline: Pipeline) -> None:
    run_newer(pipeline)
    pipeline.run(pipeline.scan())


def test_what_was_read_during_a_rollback_is_read_again(pipeline: Pipeline) -> None:
    number = pipeline.looker.extractor
    run_newer(pipeline)
    pipeline.run(*pipeline.attend())
    run_older(pipeline, number)
    pipeline.run(pipeline.put(scene("after", "b1"), b"raster 10"))
    assert west(pipeline.items["after"]) == 10
    run_newer(pipeline)
    pipeline.blobs.wait(10)
    pipeline.reconcile("daily")


def test_a_look_that_comes_late_to_a_newer_loader_is_made_again_at_once(pipeline: Pipeline) -> None:
    late = scene("late", "b1")
    pipeline.deliver(pipeline.put(late, b"raster 10"))
    pipeline.deliver(pipeline.bus.sent[-1])
    [fact] = [one for one in pipeline.bus.to("asset-facts") if data_of(one)["url"] == late]
    if not pipeline.looker.extractor:
        fact = without_number(fact)
    run_newer(pipeline)
    pipeline.run(fact)
    assert west(pipeline.items["late"]) == 11
    pipeline.blobs.wait(10)
    pipeline.run(*pipeline.attend())


def test_that_a_blob_is_gone_is_believed_of_an_older_extractor(pipeline: Pipeline) -> None:
    run_newer(pipeline)
    pipeline.run(*pipeline.attend())
    run_older(pipeline, 0)
    pipeline.blobs.wait(10)
    looks = pipeline.blobs.looks
    pipeline.run(pipeline.delete(scene("after", "b1")))
    assert "after" not in pipeline.items
    assert pipeline.blobs.looks == looks + 1
    run_newer(pipeline)


def refuse(reader: BlobReader, match: Match, thumbnail: bool) -> Reading:
    raise Rejected("not-a-raster", "the newer extractor has a bug")


def put_in_force(pipeline: Pipeline, by: int, of_app: int) -> None:
    """Rules as they are, applied by another version than before, as the app of one version sees it."""
    catalog = pipeline.catalog
    catalog.revision += 1
    since = all_new(catalog.in_force, catalog.revision)
    catalog.extractor = min(max(by, NEWER), of_app)
    catalog._applied = AppliedRules(catalog.revision, catalog.in_force, since, catalog.extractor)
    pipeline.blobs.wait(10)


@pytest.mark.parametrize("read", [read_otherwise, refuse])
def test_what_a_newer_extractor_read_is_read_again_after_a_rollback(read: ReadContent) -> None:
    pipeline = Pipeline()
    pipeline.catalog.extractor = OLDER
    run_older(pipeline, OLDER)
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    put_in_force(pipeline, NEWER, of_app=NEWER)
    pipeline.looker = replace(pipeline.looker, extractor=NEWER, read=read)
    pipeline.run(pipeline.put(scene("new", "b1"), b"raster 10"), *pipeline.attend())
    run_older(pipeline, OLDER)
    put_in_force(pipeline, OLDER, of_app=OLDER)
    pipeline.run(*pipeline.attend())
    assert {name: west(item) for name, item in pipeline.items.items()} == {"a": 10, "new": 10}
    assert pipeline.attend() == []
    run_newer(pipeline)
    put_in_force(pipeline, NEWER, of_app=NEWER)
    pipeline.run(*pipeline.attend())
    assert {west(item) for item in pipeline.items.values()} == {11}
    assert pipeline.attend() == []


def test_rules_that_an_older_version_applies_have_nothing_read_again_by_newer_apps() -> None:
    pipeline = Pipeline()
    run_newer(pipeline)
    put_in_force(pipeline, NEWER, of_app=NEWER)
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    looks = pipeline.blobs.looks
    put_in_force(pipeline, OLDER, of_app=NEWER)
    pipeline.run(*pipeline.attend())
    assert pipeline.attend() == []
    assert pipeline.blobs.looks == looks
    assert pipeline.catalog.known[scene("a", "b1")].revision == pipeline.catalog.revision


def without_number(fact: Message) -> Message:
    """As older versions send it."""
    assert not isinstance(fact.body, str)
    data = {name: value for name, value in data_of(fact).items() if name != "extractor"}
    return replace(fact, body={**fact.body, "data": data})


def data_of(message: Message) -> Any:
    assert not isinstance(message.body, str)
    return message.body["data"]


def test_a_cog_is_read_again(pipeline: Pipeline) -> None:
    cog = url_of("after.tif", "cogs")
    pipeline.blobs.put(cog, b"cog 10")
    pipeline.run(pipeline.cog_completed(scene("after", "b1"), cog))
    pipeline.blobs.wait(10)
    run_newer(pipeline)
    pipeline.reconcile("daily")
    assert pipeline.catalog.known[cog].finding.extractor == NEWER
