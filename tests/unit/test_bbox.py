"""The box of several parts: it holds them all, and leaves out the widest gap where they meet at 180 degrees."""

import pytest

from eventstac.bbox import bbox_of_parts


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
