"""The box of several parts: it holds them all, and leaves out the widest gap where they meet at 180 degrees."""

import pytest

from eventstac.bbox import are_apart, bbox_of_parts


@pytest.mark.parametrize(
    ("spans", "west", "east"),
    [
        ([(10, 11)], 10, 11),
        ([(-20, -10), (10, 20)], -20, 20),
        ([(179, 180), (-180, -179)], 179, -179),
        ([(179, 180), (-180, -179), (170, 171)], 170, -179),
        ([(179, 180), (-180, -179), (-20, -10)], 179, -10),
        ([(179, 180), (-180, -179), (-20, 100)], -20, -179),
        ([(179, 180), (10, 20), (0, 50), (-180, -179)], 0, -179),
        ([(170, 180), (-20, -10)], -20, 180),
        ([(-180, 0), (0, 180)], -180, 180),
        ([(-180, 180), (5, 6)], -180, 180),
        ([(180 - 1e-12, 180), (-180, -179)], 180, -179),
    ],
)
def test_the_widest_gap_is_left_out_across_180(
    spans: list[tuple[float, float]], west: float, east: float
) -> None:
    parts = [(first, float(number), last, number + 1.5) for number, (first, last) in enumerate(spans)]
    assert bbox_of_parts(parts) == [west, 0, east, len(spans) + 0.5]


def test_no_parts_have_no_box() -> None:
    with pytest.raises(ValueError, match="no bbox"):
        bbox_of_parts([])


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ([10, 50, 11, 51], [10.5, 50.5, 12, 52], False),
        ([10, 50, 11, 51], [11, 51, 12, 52], False),  # a corner is enough
        ([10, 50, 11, 51], [12, 50, 13, 51], True),
        ([10, 50, 11, 51], [10, 52, 11, 53], True),
        ([179, 0, -179, 1], [-179.5, 0, -178, 1], False),
        ([179, 0, -179, 1], [178, 0, -178, 1], False),
        ([179, 0, -179, 1], [0, 0, 1, 1], True),
        ([179, 0, 180, 1], [-180, 0, -179, 1], False),  # one meridian
        ([179, 0, 180, 1], [-179.5, 0, -179, 1], True),
        ([180, 0, 180, 0], [-180, 0, -180, 0], False),
        ([-180, 0, 180, 1], [5, 0, 6, 1], False),
    ],
)
def test_boxes_that_have_nothing_in_common_are_apart(
    one: list[float], other: list[float], apart: bool
) -> None:
    assert are_apart(one, other) == are_apart(other, one) == apart


@pytest.mark.parametrize("box", [[10, 50, 0, 11, 51, 100], [10, 50, 11], []])
def test_of_what_is_no_box_of_four_numbers_nothing_is_said(box: list[float]) -> None:
    for pair in ((box, [10, 90, 11, 91]), ([10, 90, 11, 91], box)):
        with pytest.raises(ValueError, match="values to unpack"):
            are_apart(*pair)
