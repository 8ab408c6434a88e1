"""Transactions are sized by how long they take."""

import pytest

from eventstac.catalog.pace import AIM_S, Pace


def test_it_shrinks_at_once_to_what_takes_as_long_as_is_aimed_at() -> None:
    pace = Pace(100, 400)
    pace.note(100, 4 * AIM_S)
    assert pace.size == 25


def test_a_slow_one_that_was_smaller_than_it_might_have_been_counts_too() -> None:
    pace = Pace(100, 400)
    pace.note(80, 2 * AIM_S)
    assert pace.size == 40


@pytest.mark.parametrize("size", [1, 40, 100])
def test_it_never_stops(size: int) -> None:
    pace = Pace(100, 400)
    pace.note(size, 3600)
    assert pace.size == 25
    assert Pace(1, 1).size == 1


def test_it_grows_after_quick_ones_that_were_full_and_only_so_far() -> None:
    pace = Pace(100, 400)
    pace.note(20, AIM_S / 10)
    assert pace.size == 100
    pace.note(100, AIM_S / 10)
    pace.note(200, AIM_S / 10)
    pace.note(400, AIM_S / 10)
    assert pace.size == 400


def test_what_is_just_right_stays() -> None:
    pace = Pace(100, 400)
    pace.note(100, AIM_S * 0.8)
    assert pace.size == 100
