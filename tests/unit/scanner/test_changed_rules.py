"""New rules: what is read again is what they say to read otherwise; all else is composed anew from what was read."""

from dataclasses import replace
from typing import Any

import pytest

from eventstac.facts import NO_RULE, fact_of
from eventstac.rules import load_rules
from tests.samples import url_of
from tests.twins.apps import Pipeline

TWO = """
collections:
  red:
    rules: [{{name: red, pattern: 'red/{{item}}/{{asset}}.tif'{red}}}]
  blue:
    rules: [{{name: blue, pattern: 'blue/{{item}}/{{asset}}.tif'{blue}}}]
"""

ONLY_BLUE = """
ignore: 'red/**'
collections:
  blue:
    rules: [{{name: blue, pattern: 'blue/{{item}}/{{asset}}.tif'}}]
"""


def change(pipeline: Pipeline, red: str = "", blue: str = "", *, text: str = TWO) -> None:
    pipeline.catalog.in_force = load_rules(text.format(red=red, blue=blue), file="rules.yaml")
    pipeline.catalog.revision += 1


def filled(each: int) -> Pipeline:
    """So many blobs in each of two collections; revision 2."""
    pipeline = Pipeline(page_size=500)
    change(pipeline)
    for number in range(each):
        pipeline.blobs.put(url_of(f"red/{number:03}/b1.tif"), b"raster 10")
        pipeline.blobs.put(url_of(f"blue/{number:03}/b1.tif"), b"raster 20")
    pipeline.reconcile("first")
    assert len(pipeline.catalog.items) == 2 * each
    pipeline.blobs.wait(10)
    return pipeline


@pytest.fixture
def pipeline() -> Pipeline:
    return filled(20)


def reads_of(pipeline: Pipeline, **asked: Any) -> int:
    """How often a reconcile asks the storage for a blob; nothing is left to do after it."""
    before = pipeline.blobs.looks
    run = pipeline.reconcile(f"run-{len(pipeline.runs.runs)}", **asked)
    assert run.state == "done"
    check = pipeline.reconcile(f"run-{len(pipeline.runs.runs)}", check_only=True)
    assert check.report
    assert (check.report["completeness"], check.report["gap"]) == (100.0, False)
    return pipeline.blobs.looks - before


def item(pipeline: Pipeline, collection: str, name: str = "007") -> dict[str, Any]:
    return pipeline.catalog.items[collection, name]


def test_of_a_thousand_blobs_those_are_read_again_whose_reading_a_rule_changes() -> None:
    pipeline = filled(500)
    change(pipeline, red=", read: {nodata: 3}")
    assert reads_of(pipeline) == 500
    assert item(pipeline, "red")["bbox"][0] == 13
    assert item(pipeline, "blue")["bbox"][0] == 20


def test_what_only_composing_uses_takes_no_read(pipeline: Pipeline) -> None:
    change(pipeline, red=", properties: {platform: kite}, assets: {b1: {title: Red}}")
    assert reads_of(pipeline) == 0
    assert item(pipeline, "red")["properties"]["platform"] == "kite"
    assert item(pipeline, "red")["assets"]["b1"]["title"] == "Red"
    assert "platform" not in item(pipeline, "blue")["properties"]


def test_another_item_id_or_asset_key_takes_no_read(pipeline: Pipeline) -> None:
    change(pipeline, red=", item: 'r{item}', asset: visual")
    assert reads_of(pipeline) == 0
    assert ("red", "007") not in pipeline.catalog.items
    assert list(item(pipeline, "red", "r007")["assets"]) == ["visual", "thumbnail"]


def test_a_changed_extractor_reads_all_again(pipeline: Pipeline) -> None:
    change(pipeline)
    pipeline.catalog.extractor = 1
    pipeline.looker = replace(pipeline.looker, extractor=1)
    assert reads_of(pipeline) == 40


def test_a_rollback_after_blobs_left_the_catalog_takes_no_read(pipeline: Pipeline) -> None:
    before = dict(pipeline.catalog.items)
    change(pipeline, text=ONLY_BLUE)
    assert reads_of(pipeline, allow_removals=20) == 0
    assert len(pipeline.catalog.items) == 20
    change(pipeline)
    assert reads_of(pipeline) == 0
    assert pipeline.catalog.items == before


@pytest.mark.parametrize("word", [b"raster 10", b"nonsense"])
@pytest.mark.parametrize("by", ["reconcile", "scan"])
def test_what_left_though_the_rules_in_force_know_it_comes_back(
    pipeline: Pipeline, word: bytes, by: str
) -> None:
    """As an older version left it where rules were rolled back during a run."""
    change(pipeline, red=", read: {nodata: 3}")
    pipeline.run(pipeline.put(url_of("red/007/b1.tif"), word))
    pipeline.reconcile("changed")
    fact = pipeline.catalog.known[url_of("red/007/b1.tif")]
    match = replace(fact.match, rule="", options={})
    left = replace(fact.finding, match=match, state="rejected", metadata=None, reason=NO_RULE, detail="")
    pipeline.catalog.known[fact.url] = fact_of(fact.url, left)
    pipeline.blobs.wait(10)
    if by == "reconcile":
        assert reads_of(pipeline) == 1
    else:
        pipeline.run(pipeline.scan())
    assert pipeline.catalog.known[fact.url].finding.meaning() == fact.finding.meaning()


def test_a_blob_that_changed_unheard_is_read(pipeline: Pipeline) -> None:
    pipeline.blobs.put(url_of("red/007/b1.tif"), b"raster 30")
    pipeline.blobs.archive(url_of("red/008/b1.tif"))
    change(pipeline, red=", properties: {platform: kite}")
    assert reads_of(pipeline, allow_removals=1) == 2
    assert item(pipeline, "red")["bbox"][0] == 30


def test_a_rejected_blob_is_read_again_only_where_it_is_read_otherwise(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(url_of("red/bad/b1.tif"), b"nonsense"))
    change(pipeline, red=", properties: {platform: kite}")
    assert reads_of(pipeline) == 0
    assert pipeline.catalog.known[url_of("red/bad/b1.tif")].revision == pipeline.catalog.revision
    change(pipeline, red=", read: {nodata: 3}")
    assert reads_of(pipeline) == 21


def test_a_cog_goes_with_its_source_and_is_not_read(pipeline: Pipeline) -> None:
    cog = url_of("red-007.tif", "cogs")
    pipeline.blobs.put(cog, b"cog 10")
    pipeline.run(pipeline.cog_completed(url_of("red/007/b1.tif"), cog))
    change(pipeline, red=", item: 'r{item}'")
    assert reads_of(pipeline) == 0
    assert item(pipeline, "red", "r007")["assets"]["b1_cog"]["href"] == cog


def test_a_scan_too_reads_only_what_is_read_otherwise(pipeline: Pipeline) -> None:
    change(pipeline, red=", properties: {platform: kite}", blue=", read: {nodata: 3}")
    before = pipeline.blobs.looks
    pipeline.run(pipeline.scan())
    assert pipeline.blobs.looks - before == 20
    assert item(pipeline, "red")["properties"]["platform"] == "kite"
    assert item(pipeline, "blue")["bbox"][0] == 23


def test_what_is_too_large_for_the_bus_is_read(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventstac.matching._LARGEST_CARRIED", 100)
    change(pipeline, red=", properties: {platform: kite}")
    assert reads_of(pipeline) == 20


def sent(pipeline: Pipeline, topic: str) -> int:
    return sum(message.topic == topic for message in pipeline.bus.sent)


def test_what_a_change_does_not_affect_is_left_alone(pipeline: Pipeline) -> None:
    change(pipeline, red=", properties: {platform: kite}")
    before = sent(pipeline, "asset-facts")
    assert reads_of(pipeline) == 0
    assert sent(pipeline, "asset-facts") - before == 20
    revisions = {fact.match.collection: fact.revision for fact in pipeline.catalog.known.values()}
    assert revisions == {"red": 3, "blue": 2}


def test_a_change_of_a_collection_s_own_fields_affects_no_blob(pipeline: Pipeline) -> None:
    titled = TWO.replace(
        "  red:\n", "  red:\n    title: Red\n    queryables: {{platform: {{type: string}}}}\n"
    )
    change(pipeline, text=titled)
    before = sent(pipeline, "asset-facts")
    assert reads_of(pipeline) == 0
    assert sent(pipeline, "asset-facts") == before


def test_a_rule_that_is_changed_back_is_not_taken_for_what_it_was(pipeline: Pipeline) -> None:
    before = dict(pipeline.catalog.items)
    change(pipeline, red=", item: 'r{item}'")
    pipeline.reconcile("changed", allow_removals=40)
    change(pipeline)
    assert reads_of(pipeline, allow_removals=40) == 0
    assert pipeline.catalog.items == before


def test_of_a_new_rule_only_the_blobs_that_it_takes_are_concerned() -> None:
    pipeline = Pipeline(page_size=500)
    for name in ("a/1.tif", "a/2.tif", "b/1.tif"):
        pipeline.blobs.put(url_of(name), b"raster 10")
    pipeline.reconcile("first")
    before = sent(pipeline, "asset-facts")
    pipeline.catalog.in_force = load_rules(
        "collections: {a: {rules: [{name: a, pattern: 'a/{item}.tif'}]}}", file="rules.yaml"
    )
    pipeline.catalog.revision += 1
    assert reads_of(pipeline, allow_removals=2) == 0
    assert sent(pipeline, "asset-facts") - before == 2
    assert {collection for collection, _ in pipeline.catalog.items} == {"a", "bronze-tier"}
    assert len(pipeline.catalog.items) == 3


def test_a_look_that_was_under_way_while_the_rules_changed_is_made_again(pipeline: Pipeline) -> None:
    event = pipeline.put(url_of("red/100/b1.tif"), b"raster 10")
    pipeline.deliver(event)
    [matched] = [message for message in pipeline.bus.sent if message.topic == "blobs-matched"][-1:]
    change(pipeline, red=", item: 'r{item}'")
    pipeline.reconcile("meanwhile", allow_removals=40)
    pipeline.run(matched)
    assert ("red", "r100") in pipeline.catalog.items
    assert ("red", "100") not in pipeline.catalog.items


class TestRulesThatRemove:
    """A mistake in the rules must not empty the catalog: what it removes counts like what the storage lost."""

    STRICT = ", assets: {b1: {title: Red}, b2: {title: Blue}}, require: [b1, b2]"

    @pytest.mark.parametrize(
        "red",
        [
            STRICT,  # incomplete where they are
            f", item: 'r{{item}}'{STRICT}",  # incomplete where they go
            ", properties: {'proj:code': '{item}'}",  # invalid
            ", asset: b3, assets: {b3: {roles: [metadata]}, data: {}}",  # nothing that an Item stands on
        ],
    )
    def test_a_run_that_would_unpublish_items_stops_and_asks(self, pipeline: Pipeline, red: str) -> None:
        before = dict(pipeline.catalog.items)
        change(pipeline, red=red, blue=", properties: {platform: kite}")
        run = pipeline.reconcile("changed")
        assert run.state == "stopped"
        assert "would remove 20 of 40 Items" in run.detail
        assert "--allow-removals 20" in run.detail
        assert {key: each for key, each in pipeline.catalog.items.items() if key[0] == "red"} == {
            key: each for key, each in before.items() if key[0] == "red"
        }
        assert item(pipeline, "blue")["properties"]["platform"] == "kite", "what removes nothing was done"
        assert pipeline.reconcile("told", allow_removals=20).state == "done"
        assert {collection for collection, _ in pipeline.catalog.items} == {"blue"}
        change(pipeline)
        assert reads_of(pipeline) == 0
        assert pipeline.catalog.items == before

    def test_the_run_that_changed_rules_call_for_never_removes_so_much(self, pipeline: Pipeline) -> None:
        change(pipeline, red=self.STRICT)
        pipeline.run(*pipeline.attend())
        assert len(pipeline.catalog.items) == 40

    def test_a_file_that_is_in_the_way_of_another_is_no_item_any_more(self, pipeline: Pipeline) -> None:
        change(pipeline, red=", item: all")
        run = pipeline.reconcile("changed")
        assert run.report
        assert run.report["removals"] == 19
        assert len(pipeline.catalog.items) == 40

    def test_items_that_become_one_are_not_removed(self, pipeline: Pipeline) -> None:
        change(pipeline, red=", item: all, asset: '{item}'")
        assert reads_of(pipeline) == 0
        assert len(item(pipeline, "red", "all")["assets"]) == 21

    def test_an_asset_that_is_required_and_there_but_not_known_yet_counts_as_there(self) -> None:
        pipeline = Pipeline(page_size=3)
        for number in range(10):
            pipeline.blobs.put(url_of(f"red/{number:03}/b1.tif"), b"raster 10")
            pipeline.blobs.put(url_of(f"red/{number:03}/b2.tif"), b"raster 10")
        change(pipeline, text=f"ignore: '**/b2.tif'\n{TWO}")
        pipeline.reconcile("first")
        assert set(item(pipeline, "red")["assets"]) == {"b1", "thumbnail"}
        change(pipeline, red=self.STRICT)
        assert reads_of(pipeline) == 10
        assert set(item(pipeline, "red")["assets"]) == {"b1", "b2", "thumbnail"}

    def test_blobs_that_come_into_items_and_make_them_invalid_are_counted(self) -> None:
        """What they come from was no Item, so only what they come into is lost."""
        pipeline = Pipeline(page_size=3)
        before = (
            ", item: 'x{item}', properties: {platform: kite}, require: [b2, b3], assets: {b2: {}, b3: {}}"
        )
        change(pipeline, red=before, blue=", properties: {platform: crow}")
        for number in range(10):
            pipeline.blobs.put(url_of(f"red/{number:03}/b2.tif"), b"raster 10")
            pipeline.blobs.put(url_of(f"blue/{number:03}/b1.tif"), b"raster 10")
        pipeline.reconcile("first")
        assert {collection for collection, _ in pipeline.catalog.items} == {"blue"}
        text = TWO.replace("  red:\n    rules: [{{name: red", "  blue:\n    rules: [{{name: red").replace(
            "}}]\n  blue:\n    rules: [", "}}, "
        )
        change(
            pipeline, text=text, red=", properties: {platform: kite}", blue=", properties: {platform: crow}"
        )
        run = pipeline.reconcile("changed")
        assert run.state == "stopped"
        assert "would remove 10 of 10 Items" in run.detail
        assert len(pipeline.catalog.items) == 10
