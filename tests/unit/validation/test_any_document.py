"""Whatever a document holds, validation answers; it never raises."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstac.contracts import contract_path
from eventstac.validation import (
    event_problems,
    is_deeper_than,
    unchecked_extensions,
    validate_collection,
    validate_item,
)
from tests.contracts.changed import damaged, valid_item

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
# The names that the checks look at, so that a drawn document gets as far as they are.
NAMES = [
    "type", "geometry", "bbox", "properties", "assets", "links", "stac_extensions", "bands", "datetime", "summaries",
    "item_assets", "extent", "collection", "id", "data",
]  # fmt: skip


@pytest.mark.parametrize("name", ["scene", "across-180", "with-a-hole"])
def test_an_item_damaged_anywhere_is_answered(name: str) -> None:
    refused = 0
    for item in damaged(valid_item(name)):
        problems = validate_item(item)
        refused += bool(problems)
        assert problems == sorted(problems)
    assert refused > 100


def test_an_event_damaged_anywhere_is_answered() -> None:
    event = json.loads(contract_path("events/examples/eventstac.asset.read.v1/raster.json").read_text())
    answers = [event_problems(broken, exact=True) for broken in damaged(event)]
    assert sum(map(bool, answers)) > 100


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_any_json_object_is_answered(document: dict[str, Any]) -> None:
    assert validate_item(document)
    assert validate_collection(document)
    assert event_problems(document)
    assert isinstance(unchecked_extensions(document), list)


@given(st.sampled_from(["geometry", "bbox", "properties", "assets", "links", "stac_extensions"]), JSON)
def test_any_value_in_an_item_is_answered(name: str, value: object) -> None:
    problems = validate_item({**valid_item("smallest"), name: value})
    assert all(problem.message for problem in problems)


def nested(levels: int, kind: type) -> Any:
    value: Any = "a"
    for _ in range(levels):
        value = [value] if kind is list else {"a": value}
    return value


@pytest.mark.parametrize("kind", [list, dict])
@pytest.mark.parametrize("levels", [190, 260, 900, 5_000, 100_000])
@pytest.mark.parametrize("name", ["geometry", "bbox", "id", "links", "stac_version", "properties"])
def test_a_deep_value_where_none_belongs_is_answered(name: str, levels: int, kind: type) -> None:
    problems = validate_item({**valid_item("smallest"), name: nested(levels, kind)})
    assert problems
    if levels < 200:
        assert not any("nested too deeply" in problem.message for problem in problems)
    else:
        assert {problem.path for problem in problems} <= {name, ""}
        assert all("nested too deeply" in problem.message for problem in problems)


def test_depth_is_counted_by_objects_and_lists() -> None:
    assert not is_deeper_than("a", 0)
    for levels in range(1, 5):
        for kind in (list, dict):
            assert is_deeper_than(nested(levels, kind), levels - 1)
            assert not is_deeper_than(nested(levels, kind), levels)
            assert is_deeper_than([1, {}, nested(levels, kind)], levels)
            assert not is_deeper_than([1, {}, nested(levels, kind)], levels + 1)
