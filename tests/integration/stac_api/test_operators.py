"""Each temporal and spatial operator of CQL2 finds what its definition says, no more and no less."""

import itertools
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
import pytest
from shapely import GeometryCollection, LineString, Point, Polygon, box
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client
from tests.integration.stac_api.places import MAIN

pytestmark = pytest.mark.parametrize("place", MAIN, indirect=True, scope="session")

Span = tuple[datetime, datetime]

# CQL2, table 14: of the first interval's begin and end, and the second's.
TEMPORAL: dict[str, Callable[[datetime, datetime, datetime, datetime], bool]] = {
    "t_after": lambda a, b, c, d: a > d,
    "t_before": lambda a, b, c, d: b < c,
    "t_contains": lambda a, b, c, d: a < c and b > d,
    "t_disjoint": lambda a, b, c, d: b < c or a > d,
    "t_during": lambda a, b, c, d: a > c and b < d,
    "t_equals": lambda a, b, c, d: a == c and b == d,
    "t_finishedby": lambda a, b, c, d: a < c and b == d,
    "t_finishes": lambda a, b, c, d: a > c and b == d,
    "t_intersects": lambda a, b, c, d: not (b < c or a > d),
    "t_meets": lambda a, b, c, d: b == c,
    "t_metby": lambda a, b, c, d: a == d,
    "t_overlappedby": lambda a, b, c, d: c < a < d < b,
    "t_overlaps": lambda a, b, c, d: a < c < b < d,
    "t_startedby": lambda a, b, c, d: a == c and b > d,
    "t_starts": lambda a, b, c, d: a == c and b < d,
}
SPATIAL: dict[str, Callable[[BaseGeometry, BaseGeometry], bool]] = {
    "s_contains": lambda a, b: a.contains(b),
    "s_crosses": lambda a, b: a.crosses(b),
    "s_disjoint": lambda a, b: a.disjoint(b),
    "s_equals": lambda a, b: a.equals(b),
    "s_intersects": lambda a, b: a.intersects(b),
    "s_overlaps": lambda a, b: a.overlaps(b),
    "s_touches": lambda a, b: a.touches(b),
    "s_within": lambda a, b: a.within(b),
}


def span(item: dict[str, Any]) -> Span:
    properties = item["properties"]
    instant = properties["datetime"]
    ends = (instant, instant) if instant else (properties["start_datetime"], properties["end_datetime"])
    return datetime.fromisoformat(ends[0]), datetime.fromisoformat(ends[1])


PERIODS = sorted({span(item) for item in catalog.ITEMS if span(item)[0] < span(item)[1]})
FIRST, LAST = PERIODS[0], PERIODS[-1]
MIDDLE = FIRST[0] + (FIRST[1] - FIRST[0]) / 2
# The second intervals: one that Items have, and others that begin, end or lie where these do.
SPANS = [
    FIRST,
    (FIRST[0], LAST[1]),
    (FIRST[0], MIDDLE),
    (MIDDLE, FIRST[1]),
    (MIDDLE, LAST[0]),
    (LAST[0] - (LAST[1] - LAST[0]), LAST[0] + (LAST[1] - LAST[0]) / 2),
    (LAST[0] + (LAST[1] - LAST[0]) / 2, LAST[1] + (LAST[1] - LAST[0])),
    (FIRST[0] - (FIRST[1] - FIRST[0]), FIRST[0]),
    (LAST[0] - (LAST[1] - LAST[0]), LAST[1]),
    (LAST[1], LAST[1] + (LAST[1] - LAST[0])),
    (LAST[0] + (LAST[1] - LAST[0]) / 3, LAST[0] + (LAST[1] - LAST[0]) / 2),
]


def found(api: Client, condition: dict[str, Any]) -> set[str]:
    page = api.post("/search", {"filter": condition, "filter-lang": "cql2-json", "limit": 1000})
    return {item["id"] for item in page["features"]}


@pytest.mark.parametrize("name", TEMPORAL)
def test_a_temporal_operator_finds_what_its_definition_says(api: Client, name: str) -> None:
    ever: set[str] = set()
    for begin, end in SPANS:
        literal = {"interval": [moment.isoformat().replace("+00:00", "Z") for moment in (begin, end)]}
        of_item = {"interval": [{"property": "start_datetime"}, {"property": "end_datetime"}]}
        expected = {item["id"] for item in catalog.ITEMS if TEMPORAL[name](*span(item), begin, end)}
        assert found(api, {"op": name, "args": [of_item, literal]}) == expected, literal
        ever |= expected
    assert ever, "the intervals of this test would pass with an operator that finds nothing"


def shapes() -> list[BaseGeometry]:
    west, south, east, north = catalog.PERIOD["bbox"]
    middle = (west + east) / 2
    return [
        box(west, south, east, north),
        box(west - 1, south - 1, east + 1, north + 1),
        box(west + 0.2, south + 0.2, east - 0.2, north - 0.2),
        box(west - 1, south, west, north),
        box(middle, south, east + 1, north + 1),
        LineString([(west - 1, south + 0.5), (east + 1, north - 0.5)]),
        Point(middle, (south + north) / 2),
        Polygon([(-170, -80), (170, -80), (170, 80), (-170, 80)]),
    ]


@pytest.mark.parametrize("name", SPATIAL)
def test_a_spatial_operator_finds_what_its_definition_says_whichever_comes_first(
    api: Client, name: str
) -> None:
    ever: set[str] = set()
    for other in shapes():
        args = [{"property": "geometry"}, mapping(other)]
        for first, second in ((0, 1), (1, 0)):
            expected = set()
            for item in catalog.ITEMS:
                pair = (shape(item["geometry"]), other)
                if SPATIAL[name](pair[first], pair[second]):
                    expected.add(item["id"])
            assert found(api, {"op": name, "args": [args[first], args[second]]}) == expected, (other, first)
            ever |= expected
    assert ever, "the shapes of this test would pass with an operator that finds nothing"


# CQL2, 7.12: both arrays are sets. The database keeps their members as texts.
SETS: dict[str, Callable[[frozenset[str], frozenset[str]], bool]] = {
    "a_equals": lambda a, b: a == b,
    "a_contains": lambda a, b: a >= b,
    "a_containedby": lambda a, b: a <= b,
    "a_overlaps": lambda a, b: bool(a & b),
}


def as_set(value: Any) -> frozenset[str]:
    members = value if isinstance(value, list) else [value]
    return frozenset(each if isinstance(each, str) else json.dumps(each) for each in members)


@pytest.mark.parametrize("name", SETS)
def test_an_array_function_compares_sets_whichever_comes_first(api: Client, name: str) -> None:
    """Where a property is not there or null, neither the function nor its opposite is true."""
    labels = {"property": "labels"}
    having = {
        item["id"]: as_set(item["properties"]["labels"])
        for item in catalog.ITEMS
        if item["properties"].get("labels") is not None
    }
    for literal in [*catalog.LABELS, ["y z"], ["none"], ["x", "none"]]:
        for turned in (False, True):
            args = [literal, labels] if turned else [labels, literal]
            expected = set()
            for item, members in having.items():
                pair = (as_set(literal), members) if turned else (members, as_set(literal))
                if SETS[name](*pair):
                    expected.add(item)
            asked = {"op": name, "args": args}
            assert found(api, asked) == expected, asked
            opposite = {"op": "not", "args": [asked]}
            assert found(api, opposite) == having.keys() - expected, asked
            assert found(api, {"op": "not", "args": [{"op": "or", "args": [opposite, False]}]}) == expected, (
                asked
            )
    asked = {"op": name, "args": [labels, {"property": "properties.labels"}]}
    itself = {item for item, members in having.items() if SETS[name](members, members)}
    assert found(api, asked) == itself
    assert found(api, {"op": "not", "args": [asked]}) == having.keys() - itself


@pytest.mark.parametrize("name", SETS)
def test_an_array_function_of_two_literals_is_a_truth(api: Client, name: str) -> None:
    for one, other in itertools.product(
        [["x"], ["x", "x"], ["x", "y"], ["y", "x"], [], "x", [1], [2, 1], ["1"], [1.0], [True], ["true"]],
        repeat=2,
    ):
        holds = SETS[name](as_set(one), as_set(other))
        asked = {"op": name, "args": [one, other]}
        assert bool(found(api, asked)) == holds, asked
        assert bool(found(api, {"op": "not", "args": [asked]})) != holds, asked


def test_an_array_function_of_two_literals_reads_numbers_as_the_database_does(
    api: Client, loaded: CatalogDatabase
) -> None:
    numbers = [0, -0.0, 0.0, 1.50, 1e2, 1e16, 1e-7, 12345678901234567890, 1.7976931348623157e308, 5e-324]
    with psycopg.connect(loaded.settings.conninfo) as connection:
        rows = connection.execute("SELECT jsonb_array_elements_text(%s::jsonb)", [json.dumps(numbers)])
        printed = [text for (text,) in rows]
    for number, text in zip(numbers, printed, strict=True):
        asked = {"op": "a_equals", "args": [[number], [text]]}
        assert found(api, asked), asked


def test_an_array_function_compares_sets_in_a_search_for_collections(api: Client) -> None:
    page = api.get("/collections", filter="A_EQUALS(keywords, ('edges', 'edges'))")
    assert [each["id"] for each in page["collections"]] == ["edges"]
    assert api.get("/collections", filter="A_EQUALS(keywords, ('edges', 'more'))")["collections"] == []


def test_a_collection_of_geometries_is_a_geometry(api: Client) -> None:
    places = GeometryCollection([Point(10.5, 10.5), LineString([(0, -18.5), (0.5, -18)])])
    condition = {"op": "s_intersects", "args": [{"property": "geometry"}, mapping(places)]}
    expected = {item["id"] for item in catalog.ITEMS if shape(item["geometry"]).intersects(places)}
    assert found(api, condition) == expected >= {"period", "greenwich"}


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("updated > TIMESTAMP('2023-05-06T07:08:09Z')", True),
        ("updated > TIMESTAMP('2023-05-06T07:08:10Z')", False),
        ("updated >= TIMESTAMP('2023-05-06T07:08:09.5Z')", True),
        ("updated <= TIMESTAMP('2023-05-06T09:08:09.5+02:00')", True),
        ("updated < TIMESTAMP('2023-05-06T07:08:09.5Z')", False),
        ("updated = TIMESTAMP('2023-05-06T07:08:09.500Z')", True),
        ("updated <> TIMESTAMP('2023-05-06T07:08:09.500Z')", False),
        ("updated <> DATE('2023-05-06')", True),
        ("DATE('2023-05-06') < updated", True),
        ("properties.updated BETWEEN DATE('2023-05-06') AND DATE('2023-05-07')", True),
        ("updated NOT BETWEEN DATE('2023-05-06') AND DATE('2023-05-07')", False),
        ("updated IN (DATE('2023-05-06'), TIMESTAMP('2023-05-06T07:08:09.5Z'))", True),
        ("updated > '2023-05-06'", True),
    ],
)
def test_a_property_that_nobody_declared_is_compared_with_instants(
    api: Client, text: str, finds: bool
) -> None:
    found = api.get("/search", filter=text)
    assert [item["id"] for item in found["features"]] == (["fiji-west"] if finds else [])


@pytest.mark.parametrize(
    ("text", "count"), [("TRUE", 4), ("FALSE", 0), ("NOT FALSE", 4), ("id = 'period' AND TRUE", 1)]
)
def test_a_truth_is_a_condition(api: Client, text: str, count: int) -> None:
    assert api.get("/search", filter=text, collections="edges")["numberMatched"] == count
