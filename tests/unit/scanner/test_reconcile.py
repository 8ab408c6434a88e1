"""A run compares storage, facts and catalog, and mends what differs."""

from dataclasses import replace
from typing import Any

import pytest

from eventstac.bus import Outgoing
from eventstac.comparing import CollectionReport, Report, removal_limit
from eventstac.errors import Refused
from eventstac.events import ScanRequested
from eventstac.facts import Match, fact_of
from eventstac.rules import load_rules
from tests.samples import ACCOUNT, url_of
from tests.twins.apps import RULES, WATCHED, Pipeline, scene


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def report_of(pipeline: Pipeline, **asked: Any) -> dict[str, Any]:
    """What a mere check finds."""
    number = len(pipeline.runs.runs)
    run = pipeline.reconcile(f"check-{number}", check_only=True, **asked)
    assert run.report is not None
    return run.report


def collection_of(report: dict[str, Any], collection: str) -> dict[str, Any]:
    [found] = [each for each in report["collections"] if each["collection"] == collection]
    return dict(found)


def filled(pipeline: Pipeline, scenes: int = 40) -> None:
    """A catalog in which one Item is less than 5 %."""
    pipeline.run(*[pipeline.put(scene(f"s{number:02}", "b1"), b"raster 1") for number in range(scenes)])
    pipeline.blobs.wait(10)


def test_blobs_whose_events_were_lost_are_looked_at(pipeline: Pipeline) -> None:
    for number in range(5):
        pipeline.blobs.put(scene(f"s{number}", "b1"), b"raster 10")
    assert collection_of(report_of(pipeline), "scenes")["missing"] == 5
    run = pipeline.reconcile("r")
    assert run.state == "done"
    assert len(pipeline.items) == 5
    report = report_of(pipeline)
    assert (report["completeness"], report["gap"]) == (100.0, False)


def test_a_blob_that_was_overwritten_unheard_is_looked_at_again(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    pipeline.blobs.wait(5)
    pipeline.blobs.put(scene("a", "b1"), b"raster 20")
    assert collection_of(report_of(pipeline), "scenes")["stale"] == 1
    pipeline.reconcile("r")
    assert pipeline.items["a"]["bbox"][0] == 20


def test_a_blob_that_was_deleted_unheard_costs_one_look_and_leaves(pipeline: Pipeline) -> None:
    filled(pipeline)
    pipeline.blobs.delete(scene("s07", "b1"))
    assert collection_of(report_of(pipeline), "scenes")["orphaned"] == 1
    looks = pipeline.blobs.looks
    run = pipeline.reconcile("r")
    assert (run.state, pipeline.blobs.looks - looks) == ("done", 1)
    assert "s07" not in pipeline.items
    assert report_of(pipeline)["gap"] is False


@pytest.mark.parametrize("is_there", [True, False])
def test_a_blob_that_an_earlier_version_spelt_otherwise_leaves_without_a_look(
    pipeline: Pipeline, is_there: bool
) -> None:
    filled(pipeline)
    pipeline.run(pipeline.put(url_of("scenes/win/b1.tif"), b"raster 3"))
    spelt = url_of("scenes/win/b1.tif").replace("/win/", "%5Cwin%5C")
    read = pipeline.catalog.known[url_of("scenes/win/b1.tif")].finding
    double = replace(read, match=Match("bronze-tier", "double", "data"))
    pipeline.catalog.known[spelt] = fact_of(spelt, double)
    pipeline.blobs.wait(10)
    if not is_there:
        pipeline.run(pipeline.delete(url_of("scenes/win/b1.tif")))
    assert collection_of(report_of(pipeline), "bronze-tier")["orphaned"] == 1
    pipeline.reconcile("r")
    assert pipeline.catalog.known[spelt].finding.state == "gone"
    assert ("win" in pipeline.items) is is_there
    assert report_of(pipeline)["gap"] is False


def test_a_listing_that_shows_too_little_removes_nothing_that_is_there(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(pipeline)
    whole_page = pipeline.blobs.page

    def without_one(*arguments: Any) -> Any:
        page = whole_page(*arguments)
        return replace(page, blobs=tuple(one for one in page.blobs if "/s07/" not in one.url))

    monkeypatch.setattr(pipeline.blobs, "page", without_one)
    run = pipeline.reconcile("r")
    assert run.state == "done"
    assert "s07" in pipeline.items


@pytest.mark.parametrize("cogs", [("cogs",), ("cogs", "source")])
def test_what_is_shown_of_a_container_that_is_no_source_any_more_is_a_gap(
    pipeline: Pipeline, cogs: tuple[str, ...]
) -> None:
    filled(pipeline, 3)
    names = replace(WATCHED.names, source=("other",), cogs=cogs)
    reconciler = replace(pipeline.reconciler, watched=replace(WATCHED, names=names))
    following: ScanRequested | None = reconciler.begin("r", allow_removals=3)
    caused: list[Outgoing] = []
    while following:
        step = reconciler.step(following)
        following = step.following
        caused += step.outgoing
    report = pipeline.runs.runs["r"].report or {}
    assert collection_of(report, "scenes")["unwatched"] == 3
    assert (report["gap"], report["completeness"], report["removals"], caused) == (True, 0.0, 0, [])


@pytest.mark.parametrize("change", ["overwritten", "deleted"])
def test_an_old_look_that_arrives_during_a_run_hides_nothing_from_it(pipeline: Pipeline, change: str) -> None:
    filled(pipeline)
    url = scene("late", "b1")
    pipeline.blobs.put(url, b"raster 10")
    late = fact_of(url, pipeline.looker.look(url, *looked_at(url)))
    pipeline.blobs.wait(10)
    if change == "overwritten":
        pipeline.blobs.put(url, b"raster 20")
    else:
        pipeline.blobs.delete(url)
    listing = pipeline.reconciler.begin("r")
    pipeline.blobs.wait(10)
    pipeline.catalog.merge([late])
    pipeline.run(pipeline._page(listing))
    report = pipeline.runs.runs["r"].report or {}
    assert report["gap"] is True
    assert ("late" in pipeline.items) == (change == "overwritten")
    if change == "overwritten":
        assert pipeline.items["late"]["bbox"][0] == 20


def looked_at(url: str) -> tuple[Match, int]:
    match = RULES.match(url)
    assert match
    return match, 1


def test_a_run_that_would_remove_much_stops_and_asks(pipeline: Pipeline) -> None:
    filled(pipeline)
    for number in range(3):
        pipeline.blobs.delete(scene(f"s{number:02}", "b1"))
    pipeline.blobs.put(scene("new", "b1"), b"raster 10")
    run = pipeline.reconcile("r")
    assert run.state == "stopped"
    assert "3 of 40 Items" in run.detail
    assert "--allow-removals 3" in run.detail
    assert "s00" in pipeline.items
    assert "new" in pipeline.items, "what removes nothing was done"
    assert pipeline.reconcile("told", allow_removals=3).state == "done"
    assert len(pipeline.items) == 38
    assert report_of(pipeline)["completeness"] == 100.0


def test_blobs_that_the_listing_says_are_archived_count_as_leaving(pipeline: Pipeline) -> None:
    filled(pipeline)
    for number in range(3):
        pipeline.blobs.archive(scene(f"s{number:02}", "b1"))
    pipeline.blobs.put(scene("s09", "b1"), b"raster 20")
    looks = pipeline.blobs.looks
    run = pipeline.reconcile("r")
    assert run.state == "stopped"
    assert "3 of 40 Items" in run.detail
    assert (len(pipeline.items), pipeline.blobs.looks - looks) == (40, 1), "an archived one was looked at"
    assert pipeline.items["s09"]["bbox"][0] == 20, "what removes nothing was done"
    assert pipeline.reconcile("told", allow_removals=3).state == "done"
    assert len(pipeline.items) == 37
    assert report_of(pipeline)["gap"] is False


def test_items_whose_blobs_only_have_new_names_are_not_removed(pipeline: Pipeline) -> None:
    names = [(url_of(f"scenes/s{number}/b1.tif"), url_of(f"scenes/s{number}/b2.tif")) for number in range(20)]
    pipeline.run(*[pipeline.put(old, b"raster 10") for old, _ in names])
    pipeline.blobs.wait(10)
    for old, new in names:
        pipeline.blobs.delete(old)
        pipeline.blobs.put(new, b"raster 10")
    run = pipeline.reconcile("r")
    assert (run.state, (run.report or {})["removals"]) == ("done", 0)
    assert {asset for item in pipeline.items.values() for asset in item["assets"]} == {"b2", "thumbnail"}


def test_an_item_that_keeps_another_data_asset_is_no_removal(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"), pipeline.put(scene("a", "b2"), b"raster 10"))
    pipeline.blobs.wait(5)
    pipeline.blobs.delete(scene("a", "b2"))
    assert pipeline.reconcile("r").state == "done"
    assert "b2" not in pipeline.items["a"]["assets"]


@pytest.mark.parametrize(
    ("items", "allowed", "limit"),
    [(100, None, 5), (10, None, 0), (1_000_000, None, 1000), (100, 50, 50), (100, 0, 0)],
)
def test_the_limit_is_the_smaller_of_five_percent_and_a_thousand(
    items: int, allowed: int | None, limit: int
) -> None:
    assert removal_limit(items, allowed) == limit


def test_a_check_causes_nothing(pipeline: Pipeline) -> None:
    pipeline.blobs.put(scene("a", "b1"), b"raster 10")
    assert report_of(pipeline)["gap"] is True
    assert pipeline.bus.to("blobs-matched") == []


@pytest.mark.parametrize(
    "answer", ["401 InvalidAuthenticationInfo", "403 AuthorizationFailure", "404 ContainerNotFound"]
)
def test_a_refused_container_stops_the_run_with_its_reason_and_how_to_go_on(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    filled(pipeline, 3)

    def refuse(*_: Any) -> Any:
        raise Refused(f"{ACCOUNT}/source: the storage answers {answer}")

    monkeypatch.setattr(pipeline.blobs, "page", refuse)
    run = pipeline.reconcile("r")
    assert run.state == "stopped"
    assert answer in run.detail
    assert "`eventstac reconcile` again" in run.detail
    assert len(pipeline.items) == 3
    monkeypatch.undo()
    assert pipeline.reconcile("again").state == "done"


def test_a_storage_that_is_away_only_delays_the_run(pipeline: Pipeline) -> None:
    filled(pipeline, 3)
    pipeline.blobs.is_away = True
    request = pipeline._page(pipeline.reconciler.begin("r"))
    assert pipeline.deliver(request) == "waiting"
    pipeline.blobs.is_away = False
    pipeline.run()
    assert pipeline.runs.runs["r"].state == "done"


def test_a_page_that_comes_twice_changes_nothing(pipeline: Pipeline) -> None:
    filled(pipeline, 5)
    pipeline.blobs.put(scene("late", "b1"), b"raster 10")
    request = pipeline._page(pipeline.reconciler.begin("r"))
    pipeline.run(request, request)
    assert pipeline.runs.runs["r"].state == "done"
    assert len(pipeline.items) == 6
    assert report_of(pipeline)["completeness"] == 100.0


def test_a_comparison_that_comes_twice_marks_nothing_anew(pipeline: Pipeline) -> None:
    """What it would mark by then was not counted when the run decided that it may remove."""
    filled(pipeline)
    pipeline.blobs.delete(scene("s07", "b1"))
    comparing: ScanRequested | None = None
    following: ScanRequested | None = pipeline.reconciler.begin("r")
    while pipeline.runs.runs["r"].report is None:
        assert following
        comparing, following = following, pipeline.reconciler.step(following).following
    before = pipeline.runs.runs["r"]
    marked = pipeline.runs.gaps(replace(before, removes=True), "", 100)
    assert [gap.status for gap in marked] == ["orphaned"]
    pipeline.run(pipeline.delete(scene("s08", "b1")))
    assert comparing
    assert pipeline.reconciler.step(comparing).following == following
    assert pipeline.runs.runs["r"] == before
    assert pipeline.runs.gaps(replace(before, removes=True), "", 100) == marked


def test_changed_rules_are_applied_to_every_blob_rejected_ones_too(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"), pipeline.put(scene("b", "b1"), b"nonsense"))
    pipeline.blobs.wait(5)
    pipeline.catalog.in_force = load_rules(
        "collections:\n  other:\n    rules:\n      - {name: all, pattern: 'scenes/{item}/{asset}.tif'}\n",
        file="rules.yaml",
    )
    pipeline.catalog.revision = 2
    looks = pipeline.blobs.looks
    assert collection_of(report_of(pipeline), "other")["stale"] == 2
    pipeline.reconcile("r")
    assert list(pipeline.catalog.items) == [("other", "a")]
    assert pipeline.blobs.looks == looks, "they are read as before"
    assert {fact.revision for fact in pipeline.catalog.known.values()} == {2}
    assert collection_of(report_of(pipeline), "other")["rejected"] == 1


class TestABlobThatNoRuleKnowsAnyMore:
    @pytest.fixture
    def after(self, pipeline: Pipeline) -> Pipeline:
        filled(pipeline)
        pipeline.run(pipeline.put(scene("bad", "b1"), b"raster 1"))
        pipeline.catalog.in_force = load_rules(
            "ignore: ['scenes/bad/*']\n"
            "collections:\n  scenes:\n    rules:\n      - {name: scenes, pattern: 'scenes/{item}/{asset}.tif'}\n",
            file="rules.yaml",
        )
        pipeline.catalog.revision = 2
        return pipeline

    def test_leaves_the_catalog(self, after: Pipeline) -> None:
        assert collection_of(report_of(after), "scenes")["withdrawn"] == 1
        after.reconcile("r")
        assert "bad" not in after.items
        assert after.catalog.known[scene("bad", "b1")].finding.reason == "no-rule"
        assert report_of(after)["gap"] is False

    def test_stays_out_though_a_listing_lacks_it_and_a_look_finds_it(
        self, after: Pipeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        after.reconcile("r")
        after.blobs.wait(10)
        page = after.blobs.page

        def without_it(*arguments: Any) -> Any:
            found = page(*arguments)
            return replace(found, blobs=tuple(one for one in found.blobs if "/bad/" not in one.url))

        monkeypatch.setattr(after.blobs, "page", without_it)
        looks = after.blobs.looks
        after.reconcile("r2")
        assert after.blobs.looks == looks + 1
        assert "bad" not in after.items

    def test_comes_back_when_a_rule_knows_it_again(self, after: Pipeline) -> None:
        after.reconcile("r")
        after.catalog.in_force = load_rules(
            "collections:\n  scenes:\n    rules:\n      - {name: scenes, pattern: 'scenes/{item}/{asset}.tif'}\n",
            file="rules.yaml",
        )
        after.catalog.revision = 3
        after.reconcile("r2")
        assert "bad" in after.items

    def test_is_gone_when_it_is_deleted(self, after: Pipeline) -> None:
        after.blobs.wait(5)
        after.blobs.delete(scene("bad", "b1"))
        after.reconcile("r")
        assert after.catalog.known[scene("bad", "b1")].finding.state == "gone"
        assert report_of(after)["gap"] is False


class TestCogs:
    COG = url_of("a/b1.cog.tif", "cogs")

    @pytest.fixture
    def with_cog(self, pipeline: Pipeline) -> Pipeline:
        pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
        pipeline.blobs.put(self.COG, b"cog 10")
        pipeline.run(pipeline.cog_completed(scene("a", "b1"), self.COG))
        pipeline.blobs.wait(5)
        return pipeline

    def test_one_that_was_deleted_unheard_leaves_the_item(self, with_cog: Pipeline) -> None:
        with_cog.blobs.delete(self.COG)
        assert with_cog.reconcile("r").state == "done"
        assert "b1_cog" not in with_cog.items["a"]["assets"]

    def test_one_that_was_made_anew_is_looked_at_as_a_cog(self, with_cog: Pipeline) -> None:
        with_cog.blobs.put(self.COG, b"raster 10")
        with_cog.reconcile("r")
        assert with_cog.catalog.known[self.COG].finding.reason == "not-a-cog"

    def test_a_blob_that_no_event_named_is_unclaimed_and_no_gap(self, with_cog: Pipeline) -> None:
        with_cog.blobs.put(url_of("stray.tif", "cogs"), b"cog 10")
        report = report_of(with_cog)
        assert (report["unclaimed"], report["gap"]) == (1, False)


def test_a_rehydrated_blob_is_looked_at_though_its_etag_is_the_same(pipeline: Pipeline) -> None:
    event = pipeline.put(scene("a", "b1"), b"raster 10")
    pipeline.blobs.archive(scene("a", "b1"))
    pipeline.run(event)
    assert report_of(pipeline)["gap"] is False
    pipeline.blobs.rehydrate(scene("a", "b1"))
    pipeline.blobs.wait(5)
    pipeline.reconcile("r")
    assert "a" in pipeline.items


def test_unmatched_blobs_are_counted_and_shown(pipeline: Pipeline) -> None:
    for name in ("notes.txt", "readme.md"):
        pipeline.blobs.put(url_of(name), b"text")
    report = report_of(pipeline)
    assert (report["unmatched"], report["unmatched_samples"]) == (
        2,
        [url_of("notes.txt"), url_of("readme.md")],
    )
    assert report["completeness"] == 100.0


def test_a_run_of_one_collection_leaves_the_others_alone(pipeline: Pipeline) -> None:
    pipeline.blobs.put(scene("a", "b1"), b"raster 10")
    pipeline.blobs.put(url_of("other.tif"), b"raster 10")
    pipeline.reconcile("r", collection="scenes")
    assert list(pipeline.items) == ["a"]
    assert [each["collection"] for each in report_of(pipeline, collection="scenes")["collections"]] == [
        "scenes"
    ]


def test_an_item_that_the_catalog_lost_is_a_gap(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.put(scene("a", "b1"), b"raster 10"))
    del pipeline.catalog.items["scenes", "a"]
    report = report_of(pipeline)
    assert (collection_of(report, "scenes")["lost"], report["completeness"]) == (1, 0.0)


def test_an_item_without_facts_is_a_gap(pipeline: Pipeline) -> None:
    pipeline.catalog.items["scenes", "a"] = {"id": "a"}
    assert collection_of(report_of(pipeline), "scenes")["surplus"] == 1


def test_items_without_facts_keep_no_blob_that_is_gone_in_the_catalog(pipeline: Pipeline) -> None:
    filled(pipeline)
    pipeline.blobs.delete(scene("s07", "b1"))
    for number in range(10):
        pipeline.catalog.items["scenes", f"hand-{number}"] = {"id": f"hand-{number}"}
    run = pipeline.reconcile("r")
    report = Report.from_json(run.report or {})
    assert (run.state, report.removals, report.surplus_kept) == ("done", 1, 10)
    assert "s07" not in pipeline.items
    assert "10 in scenes, more than 5 % of the Items there, or than 1,000" in run.detail
    assert "--allow-removals 11" in run.detail
    assert "`eventstac rebuild COLLECTION` brings back those that have files" in run.detail
    report = Report.from_json(report_of(pipeline))
    assert report.has_gap
    assert not report.mends(removes=True), "a reconcile without that option leaves them again"


@pytest.mark.parametrize(("allowed", "kept"), [(None, 0), (3, 0), (2, 2)])
def test_what_may_be_removed_is_for_gone_blobs_first_and_then_for_all_items_without_facts_or_none(
    pipeline: Pipeline, allowed: int | None, kept: int
) -> None:
    filled(pipeline)
    pipeline.blobs.delete(scene("s07", "b1"))
    for number in range(2):
        pipeline.catalog.items["scenes", f"hand-{number}"] = {"id": f"hand-{number}"}
    run = pipeline.reconcile("r", allow_removals=allowed)
    report = Report.from_json(run.report or {})
    assert (run.state, report.removals, report.surplus_kept) == ("done", 1, kept)
    assert bool(run.detail) == bool(kept)


def test_a_run_that_stops_removes_no_item_without_facts_and_asks_for_a_number_that_covers_both(
    pipeline: Pipeline,
) -> None:
    filled(pipeline)
    for number in range(6):
        pipeline.blobs.delete(scene(f"s{number:02}", "b1"))
    for number in range(2):
        pipeline.catalog.items["scenes", f"hand-{number}"] = {"id": f"hand-{number}"}
    run = pipeline.reconcile("r")
    report = Report.from_json(run.report or {})
    assert (run.state, report.surplus, report.surplus_kept) == ("stopped", 2, 2)
    assert "6 of 40 Items" in run.detail
    assert "--allow-removals 8" in run.detail
    assert "the Items that no file explains, too (2)" in run.detail
    told = pipeline.reconcile("told", allow_removals=8)
    report = Report.from_json(told.report or {})
    assert (told.state, report.removals, report.surplus_kept) == ("done", 6, 0)


def test_a_check_says_that_a_reconcile_would_stop(pipeline: Pipeline) -> None:
    filled(pipeline)
    for number in range(3):
        pipeline.blobs.delete(scene(f"s{number:02}", "b1"))
    run = pipeline.reconcile("r", check_only=True)
    assert run.state == "done"
    assert "--allow-removals 3" in run.detail


def test_completeness_is_never_rounded_up_to_a_hundred() -> None:
    assert CollectionReport("c", current=10_000_000, missing=1).completeness == 99.99


def test_a_daily_run_does_not_begin_while_one_goes_on(pipeline: Pipeline) -> None:
    from scanner import pages

    assert len(pages.begin_reconcile(pipeline.reconciler)) == 1
    assert pages.begin_reconcile(pipeline.reconciler) == []
