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


def taken(size: int, groups: str) -> list[str]:
    """What each transaction takes of a letter a fact, the same letter for an Item's."""
    pace, waiting, parts = Pace(size, size), list(groups), []
    while waiting:
        part, waiting = pace.take(waiting, lambda one: one)
        parts.append("".join(part))
    return parts


@pytest.mark.parametrize(
    ("size", "groups", "parts"),
    [
        (3, "abcdefg", ["abc", "def", "g"]),
        (3, "aabbcc", ["aabb", "cc"]),
        (3, "abbbbb", ["abbbbb"]),
        (3, "abbbbbb", ["a", "bbbbbb"]),
        (3, "aaaaaaaab", ["aaaaaa", "aab"]),
        (1, "aaab", ["aa", "a", "b"]),
        (4, "ab", ["ab"]),
    ],
)
def test_an_item_is_cut_only_where_it_is_larger_than_twice_the_size(
    size: int, groups: str, parts: list[str]
) -> None:
    assert taken(size, groups) == parts


def test_another_thread_that_changes_the_size_meanwhile_loses_nothing() -> None:
    class Restless(Pace):
        """Its size is another each time that it is read."""

        _reads = 0

        @property
        def size(self) -> int:
            self._reads += 1
            return self._reads

        @size.setter
        def size(self, size: int) -> None:
            del size

    pace, waiting, found = Restless(1, 400), list(range(100)), list[int]()
    while waiting:
        part, waiting = pace.take(waiting, lambda one: one)
        found += part
    assert found == list(range(100))
