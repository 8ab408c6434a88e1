"""A Collection's extent joins in any order."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstac.extents import Spans, merged_extent, spans_of
from tests.samples import START

boxes = st.tuples(
    st.floats(-180, 180), st.floats(-90, 0), st.floats(-180, 180), st.floats(0, 90), st.integers(0, 100)
)


def spans(west: float, east: float, hours: int = 0, south: float = 0, north: float = 1) -> Spans:
    start = START + timedelta(hours=hours)
    return spans_of(west, south, east, north, start, start)


@pytest.mark.parametrize(
    ("items", "west", "east"),
    [
        ([(10, 11), (12, 13)], 10, 13),
        ([(-10, -9), (12, 13)], -10, 13),
        ([(-10, 5), (2, 3)], -10, 5),
        ([(179, -179)], 179, -179),
        ([(179, -179), (170, 171)], 170, -179),
        ([(179, -179), (-175, -174)], 179, -174),
        ([(179, -179), (-1, 1)], -180, 180),
        ([(179, -179), (5, 6), (-170, -160)], 5, -160),
        ([(179, -179), (-180, 180)], -180, 180),
        ([(10, 20), (-20, -10)], -20, 20),
        ([(0, -170)], 0, -170),
        ([(175.9, -13), (179, -179), (170, 171)], 170, -13),
        ([(-10, -20), (5, 6)], -10, -20),
        ([(-10, -20), (-5, -4)], -180, 180),
    ],
)
def test_the_box_holds_every_item_and_crosses_the_antimeridian_where_they_do(
    items: list[tuple[float, float]], west: float, east: float
) -> None:
    joined = Spans()
    for item in items:
        joined = joined.join(spans(*item))
    assert (joined.bbox()[0], joined.bbox()[2]) == (west, east)


def test_nothing_covers_the_world_and_all_time() -> None:
    assert Spans().extent() == {
        "spatial": {"bbox": [[-180.0, -90.0, 180.0, 90.0]]},
        "temporal": {"interval": [[None, None]]},
    }


@given(st.lists(boxes, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_any_order_and_repetition_gives_the_same_extent(
    items: list[tuple[float, ...]], chance: object
) -> None:
    parts = [spans(west, east, int(hours), south, north) for west, south, east, north, hours in items]
    straight = Spans()
    for part in parts:
        straight = straight.join(part)
    shuffled = parts * 2
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    other = Spans()
    for part in shuffled:
        other = other.join(part)
    assert other == straight
    assert Spans.from_json(straight.to_json()) == straight


@given(st.lists(boxes, min_size=1, max_size=8))
def test_every_item_s_edges_lie_in_the_extent(items: list[tuple[float, ...]]) -> None:
    joined = Spans()
    for west, south, east, north, hours in items:
        joined = joined.join(spans(west, east, int(hours), south, north))
    box_west, _, box_east, _ = joined.bbox()
    for west, _, east, _, _ in items:
        for edge in (west, east):
            if box_west <= box_east:
                assert box_west <= edge <= box_east
            else:
                assert edge >= box_west or edge <= box_east


def test_the_parts_that_the_rules_give_stay() -> None:
    own = {"temporal": {"interval": [["2000-01-01T00:00:00Z", None]]}}
    assert merged_extent(own, spans(1, 2))["temporal"] == own["temporal"]
    assert merged_extent(own, spans(1, 2))["spatial"] == {"bbox": [[1, 0, 2, 1]]}
