"""Every filter that Event Grid documents, on the examples of its documentation and on their edges."""

from typing import Any

import pytest

from infra.local.eventgrid.filters import AdvancedFilter, Filter, matches


def event(**data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "A234-1234",
        "source": "/mycontext",
        "type": "com.example.someevent",
        "subject": "/blobServices/default/containers/Source/blobs/a/b.TIF",
        "comexampleothervalue": 5,
        "data": data,
    }


CASES = [
    ("NumberIn", [5, 1], 5, True),
    ("NumberIn", [5, 1], 5.0, True),
    ("NumberIn", [5, 1], 6, False),
    ("NumberIn", [1], True, False),
    ("NumberIn", [5], "5", False),
    ("NumberNotIn", [41, 0], 41, False),
    ("NumberNotIn", [41, 0], 42, True),
    ("NumberLessThan", [100], 99, True),
    ("NumberLessThan", [100], 100, False),
    ("NumberGreaterThan", [20], 21, True),
    ("NumberGreaterThan", [20], 20, False),
    ("NumberLessThanOrEquals", [100], 100, True),
    ("NumberLessThanOrEquals", [100], 101, False),
    ("NumberGreaterThanOrEquals", [30], 30, True),
    ("NumberGreaterThanOrEquals", [30], 29, False),
    ("NumberInRange", [[3.14159, 999.95], [3000, 4000]], 3.14159, True),
    ("NumberInRange", [[3.14159, 999.95], [3000, 4000]], 4000, True),
    ("NumberInRange", [[3.14159, 999.95], [3000, 4000]], 1500, False),
    ("NumberNotInRange", [[3.14159, 999.95], [3000, 4000]], 1500, True),
    ("NumberNotInRange", [[3.14159, 999.95], [3000, 4000]], 3500, False),
    ("BoolEquals", [True], True, True),
    ("BoolEquals", [True], False, False),
    ("BoolEquals", [True], 1, False),
    ("BoolEquals", [False], False, True),
    ("StringContains", ["microsoft", "azure"], "Azure Data Factory", True),
    ("StringContains", ["microsoft", "azure"], "aws", False),
    ("StringNotContains", ["contoso", "fabrikam"], "at Contoso", False),
    ("StringNotContains", ["contoso", "fabrikam"], "elsewhere", True),
    ("StringBeginsWith", ["event", "message"], "Event hubs", True),
    ("StringBeginsWith", ["event", "message"], "no event", False),
    ("StringNotBeginsWith", ["event", "message"], "event hubs", False),
    ("StringNotBeginsWith", ["event", "message"], "no event", True),
    ("StringEndsWith", ["jpg", "PNG"], "eventgrid.png", True),
    ("StringEndsWith", ["jpg", "png"], "eventgrid.tif", False),
    ("StringNotEndsWith", ["jpg", "png"], "eventgrid.png", False),
    ("StringNotEndsWith", ["jpg", "png"], "eventgrid.tif", True),
    ("StringIn", ["contoso", "fabrikam"], "CONTOSO", True),
    ("StringIn", ["contoso", "fabrikam"], "conto", False),
    ("StringNotIn", ["aws", "bridge"], "AWS", False),
    ("StringNotIn", ["aws", "bridge"], "azure", True),
    ("IsNullOrUndefined", [], None, True),
    ("IsNullOrUndefined", [], 0, False),
    ("IsNotNull", [], "", True),
    ("IsNotNull", [], None, False),
]


@pytest.mark.parametrize(("operator", "values", "value", "expected"), CASES)
def test_an_operator_on_a_value(operator: str, values: list[Any], value: Any, expected: bool) -> None:
    condition = AdvancedFilter(operator, "data.key1", tuple(values))
    assert matches(condition, event(key1=value), arrays=False) is expected


ABSENT = {
    **dict.fromkeys(
        ("NumberGreaterThan", "NumberLessThan", "NumberIn", "BoolEquals", "StringContains"), False
    ),
    **dict.fromkeys(
        ("StringNotContains", "StringBeginsWith", "StringNotBeginsWith", "StringEndsWith"), False
    ),
    **dict.fromkeys(("StringNotEndsWith", "StringIn", "NumberInRange", "IsNotNull"), False),
    **dict.fromkeys(("NumberNotIn", "StringNotIn", "IsNullOrUndefined"), True),
}


@pytest.mark.parametrize(("operator", "expected"), ABSENT.items())
def test_an_operator_on_a_key_that_is_not_there(operator: str, expected: bool) -> None:
    values = ([1, 2],) if "Range" in operator else ("x",)
    assert matches(AdvancedFilter(operator, "data.absent", values), event(), arrays=False) is expected
    assert matches(AdvancedFilter(operator, "nothing.at.all", values), event(), arrays=False) is expected


@pytest.mark.parametrize(
    ("operator", "values", "array", "expected"),
    [
        ("NumberIn", [5], [1, "x", 5], True),
        ("NumberNotIn", [5], [1, "x", 5], False),
        ("NumberNotIn", [5], [1, "x"], True),
        ("NumberGreaterThan", [4], [1, 5], True),
        ("NumberNotInRange", [[1, 2]], [3, 1], False),
        ("BoolEquals", [True], [False, True], True),
        ("StringContains", ["b"], ["a", 7, "abc"], True),
        ("StringNotContains", ["b"], ["a", "abc"], False),
        ("StringNotContains", ["b"], ["a", 7], True),
        ("StringIn", ["b"], [], False),
        ("StringNotIn", ["b"], [], True),
    ],
)
def test_an_operator_on_an_array(operator: str, values: list[Any], array: list[Any], expected: bool) -> None:
    condition = AdvancedFilter(operator, "data.key1", tuple(values))
    assert matches(condition, event(key1=array), arrays=True) is expected
    assert matches(condition, event(key1=array), arrays=False) is False


def test_a_context_attribute_is_text_to_a_string_operator() -> None:
    condition = AdvancedFilter("StringBeginsWith", "comexampleothervalue", ("5", "1"))
    assert matches(condition, event(), arrays=False)
    assert matches(AdvancedFilter("NumberIn", "comexampleothervalue", (5,)), event(), arrays=False)


def test_keys_reach_into_data_and_their_first_part_has_no_case() -> None:
    nested = event(appEventTypeDetail={"action": "Started"})
    assert matches(
        AdvancedFilter("StringIn", "Data.appEventTypeDetail.action", ("started",)), nested, arrays=False
    )
    assert matches(AdvancedFilter("StringContains", "Subject", ("containers/source",)), nested, arrays=False)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), True),
        (Filter(types=frozenset({"com.example.someevent"})), True),
        (Filter(types=frozenset({"com.example.other"})), False),
        (Filter(subject_begins_with="/blobServices/default/containers/source/"), True),
        (
            Filter(
                subject_begins_with="/blobServices/default/containers/source/", subject_case_sensitive=True
            ),
            False,
        ),
        (
            Filter(
                subject_begins_with="/blobServices/default/containers/Source/", subject_case_sensitive=True
            ),
            True,
        ),
        (Filter(subject_begins_with="/blobServices/default/containers/sour/"), False),
        (Filter(subject_ends_with=".tif"), True),
        (Filter(subject_ends_with=".tif", subject_case_sensitive=True), False),
        (
            Filter(
                advanced=(AdvancedFilter("NumberIn", "data.n", (1,)), AdvancedFilter("IsNotNull", "data.m"))
            ),
            False,
        ),
    ],
)
def test_all_conditions_of_a_subscription_must_hold(wanted: Filter, expected: bool) -> None:
    assert wanted.matches(event(n=1)) is expected


def test_an_event_without_subject_passes_only_an_empty_subject_filter() -> None:
    bare = {"specversion": "1.0", "id": "i", "source": "s", "type": "t"}
    assert Filter().matches(bare)
    assert not Filter(subject_begins_with="/").matches(bare)
