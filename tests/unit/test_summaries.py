"""What Items sum up to, whichever came first and whichever left."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstac.summaries import LONGEST_VALUE, MOST_VALUES, Tally, summed_of

scalars = st.one_of(
    st.booleans(), st.integers(-9, 9), st.floats(-9, 9), st.sampled_from(["a", "b", "c"]), st.none()
)
values = st.one_of(scalars, st.lists(scalars, max_size=3))


def tally(*some: Any) -> Tally:
    made = Tally()
    for value in some:
        made.add(summed_of({"x": value}, ["x"])["x"])
    return made


@pytest.mark.parametrize(
    ("items", "shown"),
    [
        ([], None),
        ([None, {"a": 1}], None),
        ([3, 1.5, 2], {"minimum": 1.5, "maximum": 3}),
        ([30], {"minimum": 30, "maximum": 30}),
        (["b", "a", "b"], ["a", "b"]),
        ([["oli", "tirs"], ["oli"]], ["oli", "tirs"]),
        ([True, False, True], [False, True]),
        ([[10, 20], 60], {"minimum": 10, "maximum": 60}),
        (["text", 4], ["text"]),
        (["x" * (LONGEST_VALUE + 1)], None),
        ([f"id-{number}" for number in range(MOST_VALUES)], sorted(f"id-{n}" for n in range(MOST_VALUES))),
        ([f"id-{number}" for number in range(MOST_VALUES + 1)], None),
    ],
)
def test_numbers_give_a_range_and_texts_their_values(items: list[Any], shown: Any) -> None:
    assert tally(*items).shown() == shown


@given(st.lists(values, max_size=8), st.data())
def test_any_order_gives_the_same(items: list[Any], data: st.DataObject) -> None:
    assert tally(*data.draw(st.permutations(items))).to_json() == tally(*items).to_json()


@given(st.lists(values, max_size=8), st.lists(values, max_size=8))
def test_what_is_left_is_right_or_said_to_be_unknown(left: list[Any], stayed: list[Any]) -> None:
    both = tally(*stayed, *left)
    known = [both.remove(summed_of({"x": value}, ["x"])["x"]) for value in left]
    if all(known):
        assert both.to_json() == tally(*stayed).to_json()


def test_an_inner_value_leaves_without_a_recount_and_an_end_does_not() -> None:
    clouds = tally(1, 5, 9)
    assert clouds.remove(5)
    assert not clouds.remove(9)


@given(st.lists(values, max_size=8))
def test_it_survives_the_database(items: list[Any]) -> None:
    assert Tally.from_json(tally(*items).to_json()) == tally(*items)


def test_more_values_than_are_counted_need_a_recount_once_one_leaves() -> None:
    many = tally(*(f"id-{number}" for number in range(MOST_VALUES + 1)))
    assert not many.remove("id-1")
