"""What Items sum up to."""

from typing import Any

import pytest

from eventstac.summaries import LONGEST_VALUE, MOST_VALUES, each_value, summary_of, summed_of


@pytest.mark.parametrize(
    ("value", "summed"),
    [
        (3, [3]),
        (True, [True]),
        ("text", ["text"]),
        (None, []),
        ({"a": 1}, []),
        (["oli", "tirs", "oli", None, {"a": 1}], ["oli", "tirs"]),
        ([1, 1.0, True], [1, True]),
        ("x" * LONGEST_VALUE, ["x" * LONGEST_VALUE]),
        ("x" * (LONGEST_VALUE + 1), []),
    ],
)
def test_scalars_and_the_elements_of_lists_are_summed_up(value: Any, summed: list[Any]) -> None:
    found = list(each_value(summed_of({"x": value}, ["x"])["x"]))
    assert [(type(one), one) for one in found] == [(type(one), one) for one in summed]


def test_an_item_that_lacks_a_property_says_so() -> None:
    assert summed_of({"x": 1}, ["x", "y"]) == {"x": 1, "y": None}


@pytest.mark.parametrize(
    ("low", "high", "values", "shown"),
    [
        (None, None, [], None),
        (1.5, 3, [], {"minimum": 1.5, "maximum": 3}),
        (None, None, ["b", "a"], ["a", "b"]),
        (None, None, ["a", True, False], [False, True, "a"]),
        (4, 4, ["text"], ["text"]),
        (None, None, [f"{n:03}" for n in range(MOST_VALUES)], [f"{n:03}" for n in range(MOST_VALUES)]),
        (None, None, [f"{n:03}" for n in range(MOST_VALUES + 1)], None),
        (1, 2, [f"{n:03}" for n in range(MOST_VALUES + 1)], None),
    ],
)
def test_numbers_give_a_range_and_texts_their_values(
    low: Any, high: Any, values: list[Any], shown: Any
) -> None:
    assert summary_of(low, high, values) == shown
