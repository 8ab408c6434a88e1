"""The scanner's timer: changed rules begin a run, and a run whose message was lost goes on."""

from datetime import timedelta
from typing import Any

import pytest

from eventstac.bus import Message
from eventstac.catalog.runs import RESUMED_AFTER
from eventstac.errors import Refused
from eventstac.events import ScanRequested
from eventstac.reconciling import Reconciler
from eventstac.rules import load_rules
from tests.twins.apps import WATCHED, Pipeline, scene

PLAIN = "collections: {scenes: {rules: [{name: scenes, pattern: 'scenes/{item}/{asset}.tif'}]}}"
KITE = PLAIN.replace(".tif'", ".tif', properties: {platform: kite}")
TITLED = PLAIN.replace("scenes: {rules", "scenes: {title: All, rules")


def change(pipeline: Pipeline, text: str) -> None:
    pipeline.catalog.rules()  # what was in force until now
    pipeline.catalog.in_force = load_rules(text, file="rules.yaml")
    pipeline.catalog.revision += 1


def data_of(message: Message) -> Any:
    assert not isinstance(message.body, str)
    return message.body["data"]


@pytest.fixture
def pipeline() -> Pipeline:
    """A catalog of ten Items by the first rules, and no run yet."""
    pipeline = Pipeline()
    pipeline.catalog.in_force = load_rules(PLAIN, file="rules.yaml")
    pipeline.run(*[pipeline.put(scene(f"s{number}", "b1"), b"raster 1") for number in range(10)])
    pipeline.blobs.wait(10)
    return pipeline


def test_changed_rules_begin_one_run_by_themselves(pipeline: Pipeline) -> None:
    assert pipeline.attend() == []
    change(pipeline, KITE)
    looks = pipeline.blobs.looks
    pipeline.run(*pipeline.attend())
    platforms = {item["properties"]["platform"] for item in pipeline.items.values()}
    assert (len(pipeline.items), platforms, pipeline.blobs.looks - looks) == (10, {"kite"}, 0)
    pipeline.blobs.wait(3600)
    assert pipeline.attend() == []
    change(pipeline, PLAIN)
    pipeline.run(*pipeline.attend())
    assert not any("platform" in item["properties"] for item in pipeline.items.values())


def test_a_new_title_begins_no_run(pipeline: Pipeline) -> None:
    change(pipeline, TITLED)
    assert pipeline.attend() == []


def test_a_run_of_one_collection_is_not_enough(pipeline: Pipeline) -> None:
    change(pipeline, KITE)
    pipeline.reconcile("check", check_only=True)
    pipeline.reconcile("part", collection="bronze-tier")
    pipeline.run(*pipeline.attend())
    assert pipeline.items["s0"]["properties"]["platform"] == "kite"


def go_through(pipeline: Pipeline, page: ScanRequested, pages: int) -> ScanRequested | None:
    """Some pages of a run; returns the next, None where it is over."""
    following: ScanRequested | None = page
    for _ in range(pages):
        if following:
            step = pipeline.reconciler.step(following)
            pipeline.consumer("scanner").begin("page", str(following.continuation), step.outgoing)
            following = step.following
    pipeline.run()
    return following


_PAGES = range(16)  # of such a run: more than it has


def test_a_run_ends_after_fewer_pages(pipeline: Pipeline) -> None:
    change(pipeline, KITE)
    assert go_through(pipeline, pipeline.reconciler.begin("first"), _PAGES[-1]) is None
    assert pipeline.runs.runs["first"].state == "done"


@pytest.mark.parametrize("changed_after", _PAGES)
def test_rules_that_change_during_a_run_stop_it_and_begin_another(
    pipeline: Pipeline, changed_after: int
) -> None:
    change(pipeline, KITE)
    first = pipeline.reconciler.begin("first")
    following = go_through(pipeline, first, changed_after)
    change(pipeline, KITE.replace("kite", "drone"))
    assert bool(following) == bool(pipeline.runs.busy())
    while following:
        assert pipeline.attend() == [], "one is going on"
        following = go_through(pipeline, following, 1)
    run = pipeline.runs.runs["first"]
    assert run.state == "done" or "the rules changed while it went on" in run.detail
    assert run.removes == (run.state == "done"), "what is surplus by the rules before stays, too"
    pipeline.run(*pipeline.attend())
    assert {item["properties"]["platform"] for item in pipeline.items.values()} == {"drone"}


@pytest.mark.parametrize("mended_after", _PAGES)
def test_a_mistake_that_is_mended_during_a_run_costs_no_blob(pipeline: Pipeline, mended_after: int) -> None:
    """What a run found to leave by the rules before does not leave at the revision of those that know it."""
    before = dict(pipeline.items)
    change(pipeline, f"ignore: 'scenes/s7/*'\n{PLAIN}")
    following = go_through(pipeline, pipeline.reconciler.begin("first", allow_removals=10), mended_after)
    change(pipeline, PLAIN)
    while following:
        following = go_through(pipeline, following, 1)
    pipeline.run(*pipeline.attend())
    assert pipeline.items == before


@pytest.mark.parametrize("made_after", _PAGES)
def test_a_mistake_that_is_made_during_a_run_is_not_carried_out_by_it(
    pipeline: Pipeline, made_after: int
) -> None:
    """A run that may go on counted what the rules before would remove."""
    change(pipeline, KITE)
    following = go_through(pipeline, pipeline.reconciler.begin("first"), made_after)
    change(pipeline, KITE.replace("kite}", "kite}, assets: {b1: {}, b2: {}}, require: [b1, b2]"))
    while following:
        following = go_through(pipeline, following, 1)
    pipeline.run(*pipeline.attend())
    assert len(pipeline.items) == 10
    assert [*pipeline.runs.runs.values()][-1].state == "stopped"


def test_a_run_that_stopped_is_not_begun_again_by_the_same_rules(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise Refused("ContainerNotFound")

    change(pipeline, KITE)
    monkeypatch.setattr(pipeline.blobs, "page", refused)
    pipeline.run(*pipeline.attend())
    assert pipeline.attend() == []


def test_rules_that_would_remove_much_stop_their_run(pipeline: Pipeline) -> None:
    change(pipeline, "{ignore: '**', collections: {}}")
    pipeline.run(*pipeline.attend())
    [run] = pipeline.runs.runs.values()
    assert run.state == "stopped"
    assert "--allow-removals 10" in run.detail
    assert len(pipeline.items) == 10


def test_a_run_whose_first_message_was_never_sent_goes_on(pipeline: Pipeline) -> None:
    pipeline.blobs.put(scene("unheard", "b1"), b"raster 1")
    change(pipeline, KITE)
    pipeline.attend()  # and dies
    pipeline.blobs.wait(RESUMED_AFTER.total_seconds() - 1)
    assert pipeline.attend() == []
    pipeline.blobs.wait(2)
    lost = pipeline.attend()
    assert pipeline.attend() == [], "once in a while is enough"
    pipeline.run(*lost)
    assert [run.state for run in pipeline.runs.runs.values()] == ["done"]
    assert "unheard" in pipeline.items


@pytest.mark.parametrize("lost_at", range(12))
def test_a_run_whose_message_was_lost_goes_on_where_it_was(pipeline: Pipeline, lost_at: int) -> None:
    change(pipeline, KITE)
    [page] = pipeline.attend()
    for _ in range(lost_at):
        before = len(pipeline.bus.sent)
        pipeline.deliver(page)
        following = [one for one in pipeline.bus.sent[before:] if one.topic == "scan-requests"]
        if not following:
            break
        [page] = following
    pipeline.blobs.wait(RESUMED_AFTER.total_seconds() + 1)
    resumed = pipeline.attend()
    going_on = [run for run in pipeline.runs.runs.values() if run.state not in ("done", "stopped")]
    assert [data_of(one) for one in resumed] == ([data_of(page)] if going_on else [])
    pipeline.run(*resumed)
    assert [run.state for run in pipeline.runs.runs.values()] == ["done"]
    assert {item["properties"].get("platform") for item in pipeline.items.values()} == {"kite"}


def test_of_two_chains_of_messages_one_ends(pipeline: Pipeline) -> None:
    change(pipeline, KITE)
    [first] = pipeline.attend()
    pipeline.deliver(first)
    [second] = [one for one in pipeline.bus.sent if one.topic == "scan-requests"]
    assert pipeline.deliver(first) == "handled", "its own redelivery, before the next page"
    assert pipeline.deliver(second) == "handled"
    assert pipeline.deliver(first) == "stale"
    pages = sum(one.topic == "scan-requests" for one in pipeline.bus.sent)
    assert pages == 3


def test_a_run_that_only_checks_is_not_resumed(pipeline: Pipeline) -> None:
    Reconciler(pipeline.catalog, pipeline.blobs, WATCHED, pipeline.runs, 2, pipeline.now).begin(
        "check", check_only=True
    )
    pipeline.blobs.wait(timedelta(hours=1).total_seconds())
    assert pipeline.attend() == []
