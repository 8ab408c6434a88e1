"""What the simulation (tests/simulation) found broken once, each as short as it can be told."""

from dataclasses import replace

import pytest

from eventstac.bus import Message
from eventstac.errors import Transient
from eventstac.facts import Claim, Match, fact_of, join
from eventstac.rules import load_rules
from tests.samples import at, present, url_of
from tests.twins.apps import Pipeline, scene

COG = url_of("a/b1.cog.tif", "cogs")


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def test_an_archived_blob_leaves_its_item_though_its_etag_is_the_same(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    pipeline.blobs.wait(10)
    pipeline.blobs.archive(scene("a", "b1"))
    tier_changed = pipeline.storage_event(scene("a", "b1"), "Microsoft.Storage.BlobTierChanged")
    pipeline.run(tier_changed)
    assert pipeline.items == {}
    pipeline.blobs.wait(10)
    pipeline.blobs.rehydrate(scene("a", "b1"))
    pipeline.run(replace(tier_changed, message_id="rehydrated"))
    assert list(pipeline.items) == ["a"]


def test_a_late_repetition_of_a_former_conversion_does_not_hide_the_new_cog(pipeline: Pipeline) -> None:
    former = _converted(pipeline, b"raster 10")
    pipeline.blobs.wait(10)
    latter = _converted(pipeline, b"raster 20")
    pipeline.run(latter, former)
    assert "b1_cog" in pipeline.items["a"]["assets"]


def test_a_look_at_a_cog_on_its_way_since_the_former_conversion_does_not_hide_the_new_cog(
    pipeline: Pipeline,
) -> None:
    pipeline.run(_converted(pipeline, b"raster 10"))
    pipeline.blobs.wait(10)
    latter = _converted(pipeline, b"raster 20")
    sent = len(pipeline.bus.sent)
    pipeline.deliver(pipeline.storage_event(COG, "Microsoft.Storage.BlobCreated"))
    (matched_as_before,) = pipeline.bus.sent[sent:]
    pipeline.deliver(latter)
    pipeline.blobs.wait(3)
    pipeline.run(matched_as_before)
    assert "b1_cog" in pipeline.items["a"]["assets"]


def test_what_was_read_before_it_was_claimed_must_be_a_cog_too(pipeline: Pipeline) -> None:
    cog = url_of("made/b1.tif")
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"), pipeline.put(cog, b"raster 10"))
    pipeline.run(pipeline.cog_completed(scene("a", "b1"), cog))
    assert "b1_cog" not in pipeline.items["a"]["assets"]


def test_the_cog_of_a_blob_that_is_not_shown_is_not_shown(pipeline: Pipeline) -> None:
    pattern = "pattern: ['scenes/{item}/{asset}.tif', 'scenes/{item}/{asset}.tiff']"
    pipeline.catalog.in_force = load_rules(
        f"collections: {{scenes: {{rules: [{{name: scenes, {pattern}}}]}}}}", file="rules.yaml"
    )
    second = f"{scene('a', 'b1')}f"  # b1.tiff comes after b1.tif
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"), pipeline.put(second, b"raster 20"))
    pipeline.blobs.put(COG, b"cog 20")
    pipeline.run(pipeline.cog_completed(second, COG))
    assert "b1_cog" not in pipeline.items["a"]["assets"]
    assert [row.conflicts for row in pipeline.catalog.rows.values()] == [(second,)]


def test_a_cog_deleted_before_anybody_knew_it_for_one_is_not_shown(pipeline: Pipeline) -> None:
    """Its event comes between the look at it and the commit, and is left alone."""
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    pipeline.blobs.put(COG, b"cog 10")

    def delete_once() -> None:
        if COG in pipeline.blobs.stored:
            assert pipeline.deliver(pipeline.delete(COG)) == "handled"

    pipeline.blobs.wait(10)
    completed = pipeline.cog_completed(scene("a", "b1"), COG)
    pipeline.catalog.waiting_for_locks = delete_once  # type: ignore[method-assign]  # only for this pipeline
    pipeline.run(completed)
    assert "b1_cog" not in pipeline.items["a"]["assets"]


def test_the_last_page_of_a_reconcile_is_repeated_whole_when_its_looks_were_not_sent(
    pipeline: Pipeline,
) -> None:
    pipeline.blobs.put(scene("a", "b1"), b"raster 10")  # nobody hears of it
    refused: list[Message] = []
    send = pipeline.bus.send

    def refuse_once(messages: list[Message]) -> None:
        if not refused and messages[0].topic == "blobs-matched":
            refused.extend(messages)
            raise Transient("the bus is away")
        send(messages)

    pipeline.bus.send = refuse_once  # type: ignore[method-assign,assignment]  # only for this pipeline
    pipeline.reconcile("a-run")
    assert refused
    assert list(pipeline.items) == ["a"]


def test_a_blob_that_no_rule_knows_any_more_is_not_brought_back_by_a_second_look(pipeline: Pipeline) -> None:
    first = pipeline.put(scene("a", "b1"), b"raster 10")
    pipeline.run(first)
    second = pipeline.put(scene("a", "b1"), b"raster 20")  # in the same second: nobody knows the order yet
    pipeline.deliver(second)
    look_by_old_rules = pipeline.bus.sent[-1]
    pipeline.catalog.in_force = load_rules("{ignore: ['scenes/*/*'], collections: {}}", file="rules.yaml")
    pipeline.catalog.revision = 2
    pipeline.run(first)  # withdraws it
    pipeline.run(look_by_old_rules)
    pipeline.blobs.wait(10)
    pipeline.reconcile("a-run", allow_removals=1)
    assert pipeline.items == {}


def test_newer_rules_do_not_make_an_older_claim_stand() -> None:
    match = Match("scenes", "a", "b1")
    moved = replace(match, item="b")
    found = present(match, 5, "0x1")
    first = Claim(scene("a", "b1"), match, 1, at(0), "0x1")
    second = Claim(scene("a", "b1"), match, 1, at(9), "0x2")
    again = replace(first, match=moved, revision=2)  # the first, looked at again by newer rules
    facts = [fact_of(COG, found, claim) for claim in (first, second, again)]
    joined = join(facts[1], join(facts[2], facts[0]))
    assert joined == join(join(facts[0], facts[1]), facts[2])
    assert joined.claim == second
    assert joined.revision == 1  # a reconcile looks at it again


def _converted(pipeline: Pipeline, source: bytes) -> Message:
    """Write a source, let it into the catalog, make its COG; returns the event of the conversion."""
    pipeline.run(pipeline.put(scene("a", "b1"), source))
    etag = pipeline.blobs.etag(scene("a", "b1"))
    pipeline.blobs.put(COG, source.replace(b"raster", b"cog"))
    return pipeline.cog_completed(scene("a", "b1"), COG, source_etag=etag)
