from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import shape

from stac_api.errors import BadRequest
from stac_api.geometries import Box, box_from_json, box_from_text, geometry_from_json

longitudes = st.floats(-180, 180)
latitudes = st.floats(-90, 90)
boxes = st.builds(
    lambda w, e, a, b: Box(w, min(a, b), e, max(a, b)), longitudes, longitudes, latitudes, latitudes
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2,3,4", Box(1, 2, 3, 4)),
        ("1, 2, 3, 4", Box(1, 2, 3, 4)),
        ("+1.,.2e1,3E0, 4", Box(1, 2, 3, 4)),
        ("170,-20,-170,-10", Box(170, -20, -170, -10)),
        ("1,2,-50,3,4,50", Box(1, 2, 3, 4)),
        ("-190,0,-170,1", Box(170, 0, -170, 1)),
        ("170,0,190,1", Box(170, 0, -170, 1)),
        ("-400,-100,400,100", Box(-180, -90, 180, 90)),
        ("-180,-90,180,90", Box(-180, -90, 180, 90)),
    ],
)
def test_boxes_are_read(text: str, expected: Box) -> None:
    assert box_from_text(text) == expected
    assert box_from_json([float(number) for number in text.split(",")]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2,3",
        "1,2,3,4,5",
        "a,b,c,d",
        "1,4,3,2",
        "inf,0,1,1",
        "0,91,1,92",
        "[1,2,3,4]",
        "1_0,1,20,2",
        "nan,0,1,1",
        "٣,0,4,1",
    ],
)
def test_what_is_no_box_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="bbox"):
        box_from_text(text)


@pytest.mark.parametrize("value", ["1,2,3,4", None, {}, [1, 2, 3, "4"], [True, 2, 3, 4], [10**400, 0, 1, 1]])
def test_what_is_no_array_of_numbers_is_refused(value: Any) -> None:
    with pytest.raises(BadRequest, match="bbox"):
        box_from_json(value)


@given(box=boxes)
def test_a_box_becomes_a_valid_area_that_holds_its_corners(box: Box) -> None:
    area = shape(box.geojson())
    assert area.is_valid
    assert area.area > 0
    for x, y in ((box.west, box.south), (box.east, box.north)):
        assert area.distance(shape({"type": "Point", "coordinates": [x, y]})) < 1e-6


@given(one=boxes, other=boxes)
def test_boxes_overlap_where_their_areas_do(one: Box, other: Box) -> None:
    touching = shape(one.geojson()).intersects(shape(other.geojson()))
    if one.overlaps(other):
        assert touching
    assert one.overlaps(other) == other.overlaps(one)
    assert one.overlaps(one)


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "Point", "coordinates": [1, 2, 3]},
        {"type": "LineString", "coordinates": [[1, 2], [3, 4]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
        {"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]]]},
        {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}]},
    ],
)
def test_geojson_geometries_are_read(geometry: dict[str, Any]) -> None:
    read = geometry_from_json(geometry, max_positions=10)
    assert read["type"] == geometry["type"]
    assert shape(read).equals(shape(geometry))


@pytest.mark.parametrize(
    "geometry",
    [
        None, [], "Point", {}, {"type": "Circle", "coordinates": [1, 2]}, {"type": "Point"},
        {"type": "Point", "coordinates": []}, {"type": "Point", "coordinates": [1]},
        {"type": "Point", "coordinates": [1, "2"]}, {"type": "Point", "coordinates": [200, 0]},
        {"type": "Point", "coordinates": [float("nan"), 0]}, {"type": "LineString", "coordinates": [[1, 2]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]}, {"type": "GeometryCollection"},
        {"type": "GeometryCollection", "geometries": [{"type": "GeometryCollection", "geometries": []}]},
    ],
)  # fmt: skip
def test_what_is_no_geometry_is_refused(geometry: Any) -> None:
    with pytest.raises(BadRequest, match="intersects"):
        geometry_from_json(geometry, max_positions=100)


def test_a_geometry_with_too_many_positions_is_refused() -> None:
    line = {"type": "LineString", "coordinates": [[0, n / 100] for n in range(101)]}
    with pytest.raises(BadRequest, match="simplify"):
        geometry_from_json(line, max_positions=100)


def test_a_text_of_many_digits_is_soon_known_to_be_no_number() -> None:
    with pytest.raises(BadRequest, match="bbox"):
        box_from_text("1" * 200_000 + "x,1,2,3")  # hours, where a number can be read in two ways
