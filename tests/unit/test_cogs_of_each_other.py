"""Blobs that are said to be one another's COGs: something is always shown, and what is refused is reported."""

from datetime import timedelta
from itertools import permutations

import pytest

from eventstac.rules import load_rules
from tests.samples import url_of
from tests.twins.apps import Pipeline

A, B, C, D = (url_of(f"{name}/b1.tif") for name in "abcd")
RULES = load_rules(
    "collections: {scenes: {rules: [{name: scenes, pattern: '{item}/{asset}.tif'}]}}", file="rules.yaml"
)


def told(*claims: tuple[str, str], order: tuple[int, ...] | None = None) -> Pipeline:
    """Rasters, and who was said to be whose COG (source, COG), one second after the other; delivered in any order."""
    pipeline = Pipeline()
    pipeline.catalog.in_force = RULES
    pipeline.run(
        *[pipeline.put(url, b"cog 10") for url in dict.fromkeys(url for claim in claims for url in claim)]
    )
    messages = []
    for source, cog in claims:
        pipeline.blobs.wait(1)
        messages.append(pipeline.cog_completed(source, cog))
    pipeline.run(*(messages[index] for index in order or range(len(messages))))
    return pipeline


def shown(pipeline: Pipeline) -> dict[str, dict[str, str]]:
    return {
        item: {key: asset["href"] for key, asset in document["assets"].items() if key != "thumbnail"}
        for item, document in pipeline.items.items()
    }


CIRCLES = {
    "two": (((A, B), (B, A)), {"a": {"b1": A, "b1_cog": B}}, A),
    "three": (((A, B), (B, C), (C, A)), {"a": {"b1": A, "b1_cog": B}}, A),
    "three, the other way round": (
        ((A, B), (C, A), (B, C)),
        {"a": {"b1": A, "b1_cog": B}, "c": {"b1": C}},
        None,
    ),
    "four": (((A, B), (B, C), (C, D), (D, A)), {"a": {"b1": A, "b1_cog": B}}, A),
}


@pytest.mark.parametrize("name", CIRCLES)
def test_of_a_circle_the_first_source_is_shown_in_any_order(name: str) -> None:
    claims, wanted, refused = CIRCLES[name]
    for order in permutations(range(len(claims))):
        pipeline = told(*claims, order=order)
        found = shown(pipeline)
        assert wanted.items() <= found.items(), (order, found)
        conflicts = {url for row in pipeline.catalog.rows.values() for url in row.conflicts}
        assert conflicts
        assert refused is None or refused in conflicts


def test_what_is_refused_is_reported_with_what_to_do() -> None:
    pipeline = told((A, B), (B, A))
    row = pipeline.catalog.rows["scenes", "b"]
    assert (row.state, row.reason, row.conflicts) == ("rejected", "cogs-of-each-other", (A,))
    assert "Send no cog.completed in the other direction" in row.detail
    [rejection] = pipeline.catalog.rejections.values() or [None]
    assert rejection is None or rejection.reason == "cogs-of-each-other"


def test_a_refused_cog_that_is_deleted_takes_its_item_along() -> None:
    pipeline = told((A, B), (B, A))
    pipeline.run(pipeline.delete(A))
    assert shown(pipeline) == {}
    pipeline.run(pipeline.put(A, b"raster 10"))
    assert shown(pipeline) == {"a": {"b1": A, "b1_cog": B}}


def test_a_source_that_is_no_cog_is_read_as_a_source_when_its_claim_is_refused() -> None:
    for order in ((0, 1), (1, 0)):
        pipeline = Pipeline()
        pipeline.catalog.in_force = RULES
        pipeline.blobs.put(A, b"raster 10")
        pipeline.blobs.put(B, b"cog 10")
        first = pipeline.cog_completed(A, B)
        pipeline.blobs.wait(1)
        messages = [first, pipeline.cog_completed(B, A)]
        pipeline.run(*(messages[index] for index in order))
        assert shown(pipeline) == {"a": {"b1": A, "b1_cog": B}}


def test_changed_rules_are_brought_to_a_refused_cog_too() -> None:
    pipeline = told((A, B), (B, A))
    pipeline.catalog.rules()
    pipeline.catalog.in_force = load_rules(
        "collections: {scenes: {rules: [{name: scenes, pattern: '{item}/{asset}.tif', properties: {platform: kite}}]}}",
        file="rules.yaml",
    )
    pipeline.catalog.revision += 1
    assert pipeline.reconcile("changed").state == "done"
    assert pipeline.items["a"]["properties"]["platform"] == "kite"
    check = pipeline.reconcile("check", check_only=True)
    assert check.report
    assert check.report["gap"] is False


def test_a_cog_of_a_cog_leaves_the_first_as_it_is_and_is_reported_with_what_to_do() -> None:
    for order in permutations(range(3)):
        pipeline = told((A, B), (B, C), (A, D), order=order)
        assert shown(pipeline)["a"]["b1"] == A
        row = pipeline.catalog.rows["scenes", "b"]
        assert (row.state, row.reason, row.conflicts) == ("rejected", "cog-of-a-cog", (C,))
        assert f"send cog.completed with {A} as its source_url" in row.detail
        report = pipeline.reconcile("check", check_only=True).report
        assert report
        assert {each["collection"]: each["conflicting"] for each in report["collections"]}["scenes"] >= 1


def test_a_cog_of_a_cog_whose_source_is_said_right_later_is_shown() -> None:
    pipeline = told((A, B), (B, C), (A, C))
    assert ("scenes", "b") not in pipeline.catalog.rows
    assert pipeline.catalog.rows["scenes", "a"].conflicts == (C,)
    assert shown(pipeline) == {"a": {"b1": A, "b1_cog": B}}


def test_both_in_one_item_are_shown_under_their_own_keys() -> None:
    red, visual = url_of("a/red.tif"), url_of("a/visual.tif")
    for order in ((0, 1), (1, 0)):
        pipeline = told((red, visual), (visual, red), order=order)
        assert shown(pipeline) == {"a": {"red": red, "red_cog": visual}}
        assert pipeline.catalog.rows["scenes", "a"].conflicts == (red,)


@pytest.mark.parametrize("content", [b"cog 10", b"raster 10"], ids=["a COG", "no COG"])
def test_a_wrong_claim_is_taken_back_by_naming_the_blob_as_a_source_before_it(content: bytes) -> None:
    """As docs/operate.md says."""
    pipeline = Pipeline()
    pipeline.catalog.in_force = RULES
    pipeline.run(pipeline.put(A, b"raster 20"), pipeline.put(B, content))
    pipeline.blobs.wait(60)
    pipeline.run(pipeline.cog_completed(A, B))
    assert "b" not in shown(pipeline)
    fact = pipeline.catalog.fact(B)
    assert fact
    assert fact.claim
    before = fact.claim.said - timedelta(seconds=1)
    pipeline.run(pipeline.cog_completed(B, url_of("never-there.tif", "cogs"), said=before))
    assert shown(pipeline) == {"a": {"b1": A}, "b": {"b1": B}}
    assert pipeline.catalog.rows["scenes", "a"].conflicts == (B,)
    pipeline.run(pipeline.put(B, content + b"1"), pipeline.scan(force=True))
    assert shown(pipeline) == {"a": {"b1": A}, "b": {"b1": B}}
