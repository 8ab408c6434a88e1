import itertools
import json
import random
import re
from typing import Any

import numpy as np
import pytest
from shapely import (
    GeometryCollection,
    LineString,
    MultiLineString,
    MultiPoint,
    MultiPolygon,
    Point,
    Polygon,
    transform,
)
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from stac_api import filters
from stac_api.errors import BadRequest

DEPTH = 20
GOOD: dict[str, Any] = {"op": "=", "args": [{"property": "a"}, 1]}


def test_text_and_json_become_the_same_condition() -> None:
    text = filters.from_text("a = 1 AND b LIKE 'x%'", DEPTH)
    assert text == filters.from_json(
        {
            "op": "and",
            "args": [
                {"op": "=", "args": [{"property": "a"}, 1]},
                {"op": "LIKE", "args": [{"property": "b"}, "x%"]},
            ],
        },
        DEPTH,
    )


def test_a_box_in_a_filter_becomes_polygons_that_know_the_antimeridian() -> None:
    condition = filters.from_text("S_INTERSECTS(geometry, BBOX(170,-10,-170,10))", DEPTH)
    assert condition["args"][1]["type"] == "MultiPolygon"


def test_a_date_beside_a_comparison_becomes_a_timestamp_and_beside_a_temporal_operator_stays() -> None:
    compared = filters.from_text("datetime > DATE('2020-01-01')", DEPTH)
    assert compared["args"][1] == {"timestamp": "2020-01-01T00:00:00Z"}
    after = filters.from_text("T_AFTER(datetime, DATE('2020-01-01'))", DEPTH)
    assert after["args"][1] == {"date": "2020-01-01"}


def test_a_lone_condition_may_be_joined_as_stac_browser_does() -> None:
    for name in ("and", "or", "AND"):
        lone = {"op": name, "args": [GOOD]}
        assert filters.from_json(lone, DEPTH) == GOOD
        assert filters.from_json({"op": "not", "args": [lone]}, DEPTH) == {"op": "not", "args": [GOOD]}
        with pytest.raises(BadRequest, match=rf"filter\.args: '{name.lower()}' takes 1 or more"):
            filters.from_json({"op": name, "args": []}, DEPTH)
    within_not: dict[str, Any] = {"op": "a_contains", "args": [{"property": "a"}, ["x"]]}
    told = filters.from_json({"op": "not", "args": [within_not]}, DEPTH)
    assert filters.from_json({"op": "not", "args": [{"op": "and", "args": [within_not]}]}, DEPTH) == told


def test_both_shapes_of_between_are_read() -> None:
    new = {"op": "between", "args": [{"property": "a"}, 1, 2]}
    old = {"op": "between", "args": [{"property": "a"}, [1, 2]]}
    assert filters.from_json(old, DEPTH) == filters.from_json(new, DEPTH) == new


@pytest.mark.parametrize(
    ("old", "new"), [("eq", "="), ("neq", "<>"), ("GT", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")]
)
def test_the_operators_of_the_drafts_are_read(old: str, new: str) -> None:
    def nested(name: str) -> dict[str, Any]:
        return {"op": "not", "args": [{"op": name, "args": [{"property": "a"}, 1]}]}

    assert filters.from_json(nested(old), DEPTH) == filters.from_json(nested(new), DEPTH) == nested(new)


def test_a_query_becomes_a_condition() -> None:
    assert filters.from_query({"a": {"gte": 1, "lt": 5}, "b": {"startsWith": "50%_"}}) == {
        "op": "and",
        "args": [
            {"op": ">=", "args": [{"property": "a"}, 1]},
            {"op": "<", "args": [{"property": "a"}, 5]},
            {"op": "like", "args": [{"property": "b"}, "50\\%\\_%"]},
        ],
    }
    assert filters.from_query({}) is None


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"op": "and", "args": [GOOD, {"op": "nope", "args": []}]}, "filter.args[1]"),
        ({"op": "=", "args": [{"property": "a"}]}, "filter.args"),
        ({"op": "=", "args": [{"property": ""}, 1]}, "filter.args[0].property"),
        ({"op": "=", "args": [{"property": "a"}, None]}, "filter.args[1]"),
        ({"op": "=", "args": [{"property": "a"}, {"odd": 1}]}, "filter.args[1]"),
        ({"op": "in", "args": [{"property": "a"}, 5]}, "filter.args[1]"),
        ({"op": "s_within", "args": [{"property": "geometry"}, {"type": "Point"}]}, "filter.args[1]"),
        ({"op": "+", "args": [1, 2]}, "filter"),
        ({"op": "between", "args": [1, GOOD, 2]}, "filter.args[1]"),
        ({"op": "a_equals", "args": [{"property": "a"}, ["b", {"op": "casei", "args": ["c"]}]]}, "filter.args[1][1]"),
        ({"op": "a_overlaps", "args": [[{"property": "b"}], {"property": "a"}]}, "filter.args[0][0]"),
        ({"op": "a_contains", "args": [{"property": "a"}, ["b", ["c"]]]}, "filter.args[1][1]"),
        ({"op": "a_containedby", "args": [[["b"]], [["b"]]]}, "filter.args[0][0]"),
        ({"op": "a_equals", "args": [["b"], [[]]]}, "filter.args[1][0]"),
        ({"op": "a_equals", "args": [{"property": "a"}, [{"b": 1}]]}, "filter.args[1][0]"),
        ({"op": "a_contains", "args": [{"property": "a"}, {"timestamp": "2020-01-01T00:00:00Z"}]}, "filter.args[1]"),
        ({"op": "a_containedby", "args": [{"op": "casei", "args": [{"property": "a"}]}, ["b"]]}, "filter.args[0]"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_its_path(value: Any, place: str) -> None:
    with pytest.raises(BadRequest) as error:
        filters.from_json(value, DEPTH)
    assert error.value.description.startswith(f"filter: at {place}: ")


@pytest.mark.parametrize("text", ["(" * 30 + "a=1" + ")" * 30, "NOT " * 300 + "a=1"])
def test_text_that_is_nested_too_deeply_is_refused_before_it_is_parsed(text: str) -> None:
    with pytest.raises(BadRequest, match="nested"):
        filters.from_text(text, DEPTH)


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    value = GOOD
    for _ in range(30):
        value = {"op": "not", "args": [value]}
    with pytest.raises(BadRequest, match="nested"):
        filters.from_json(value, DEPTH)


@pytest.mark.parametrize(
    "opening", ["(", "not (", "f(", "a IN (", "(a=1 and (", "-(", "((f(", "POLYGON((", "case((", "('x'="]
)
@pytest.mark.parametrize("inner", ["a=", "a=1", f"a IN ({','.join('1' * 2_000)}) AND b=", f"{'x' * 50_000}="])
def test_a_wrong_text_is_refused_before_the_parser_reads_it_a_million_times(opening: str, inner: str) -> None:
    """It reads what is wrong twice for each bracket around it: seconds for 42 characters, hours for 2 kB."""
    for closing in ("", ")" * 20):
        with pytest.raises(BadRequest, match=r"brackets one within another|nested too deeply"):
            filters.from_text(opening * (20 // opening.count("(")) + inner + closing, DEPTH)


def test_brackets_around_numbers_are_read_once() -> None:
    ring = ", ".join(f"{n % 180} {n % 90}" for n in range(5_000))
    for text in (
        f"S_INTERSECTS(geometry, MULTIPOLYGON((({ring}, 0 0))))",
        f"(a IN ({'1, ' * 20_000}1) OR (b=1))",
    ):
        assert filters.from_text(text, DEPTH)


def test_the_numbers_of_a_geometry_are_those_that_were_written() -> None:
    """Those of a reprojected footprint have 16 digits or 17, and beside a meridian an exponent."""
    chance, texts = random.Random(7), [".5", "-7.", "1E-5", "+2"]
    for number in range(400):
        value = chance.uniform(-90, 90) * 10 ** -(number % 9)
        written = (repr(value), f"{value:.17E}", f"{value:+.20f}", f"{value:.3g}", f"{value:.2f}")
        texts.append(chance.choice(written))
    numbers = np.array([float(text) for text in texts])
    places = [Point(place, place + 1) for place in range(len(texts) - 1)]
    ring, other = Polygon(places[:4]), Polygon(places[4:9], [places[9:13]])
    shapes: list[BaseGeometry] = [
        *places, LineString(places), MultiPoint(places), MultiLineString([places[:5], places[5:]]),
        ring, MultiPolygon([ring, other]), GeometryCollection([ring, LineString(places[:2])]),
    ]  # fmt: skip
    for shape, name in zip(shapes, itertools.cycle(["S_INTERSECTS", "s_within", "S_Equals"])):
        text = re.sub(r"\d+", lambda place: texts[int(place[0])], shape.wkt)
        meant = mapping(transform(shape, lambda each: numbers[each.astype(int)]))
        asked = {"op": name, "args": [{"property": "geometry"}, json.loads(json.dumps(meant))]}
        assert filters.from_text(f"{name}(geometry, {text})", DEPTH) == filters.from_json(asked, DEPTH)


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000", "\u2028", "\t\n"])
def test_the_numbers_of_a_geometry_are_those_that_were_written_between_whatever_blanks(blank: str) -> None:
    first = f"POINT{blank}({blank}1000000000{blank}5{blank})"
    text = f"S_INTERSECTS(geometry,POINT{blank}(-18.183216676054286{blank}1e-5))"
    assert filters.from_text(text, DEPTH)["args"][1]["coordinates"] == [-18.183216676054286, 1e-5]
    with pytest.raises(BadRequest, match="1000000000"):
        filters.from_text(f"S_INTERSECTS(geometry,{first}) AND {text}", DEPTH)
    for kind, more in (("Z", "3"), ("m", "3"), ("ZM", f"3{blank}4")):
        text = f"S_INTERSECTS(geometry,POINT{blank}{kind}{blank}(1e-5{blank}2{blank}{more}))"
        assert filters.from_text(text, DEPTH)["args"][1]["coordinates"] == [1e-5, 2]


@pytest.mark.parametrize("number", ["1000", "1000.0", "999999999", "-1000000000"])
def test_no_number_of_a_geometry_is_taken_for_another(number: str) -> None:
    for position, read in ((f"{number} 1e1", ", 10 lies"), (f"1e1 {number}", "position 10, ")):
        with pytest.raises(BadRequest, match=read):
            filters.from_text(f"S_INTERSECTS(geometry, POINT({position}))", DEPTH)


@pytest.mark.parametrize("blank", [" ", " \n\t ", "\u3000"])
@pytest.mark.parametrize(("kind", "more"), [("", ()), ("Z", ("-3",)), ("ZM", ("-3", "+4e-1"))])
def test_signs_within_a_geometry_are_no_operators(blank: str, kind: str, more: tuple[str, ...]) -> None:
    positions = [blank.join((*two, *more)) for two in (("-.5", "+.25"), ("+0.5", "-1e-1"))]
    line = f"{blank},{blank}".join(positions * 400)
    found = filters.from_text(f"S_INTERSECTS(geometry, LINESTRING {kind}({blank}{line}{blank}))", DEPTH)
    assert found["args"][1]["coordinates"][:2] == [[-0.5, 0.25], [0.5, -0.1]]


@pytest.mark.parametrize("number", ["1" * 90_000, "1." * 45_000, "1e" * 45_000, "." * 90_000])
def test_a_number_of_any_length_is_read_in_no_time(number: str) -> None:
    """By one that could be read in several ways the process stood still for minutes."""
    for end in ("-", "e", ""):
        with pytest.raises(BadRequest, match="filter"):
            filters.from_text(f"S_INTERSECTS(geometry, POINT({number}{end} 2))", DEPTH)


def test_what_only_looks_like_a_geometry_stays_as_it_is() -> None:
    numbers = "(1.2345678901234 2e-3)"
    found = filters.from_text(
        f"title = 'it''s POINT{numbers}' AND \"POINT {numbers}\" > 1000000000 AND S_WITHIN(geometry, POINT{numbers})",
        DEPTH,
    )
    title, large, within = (each["args"] for each in found["args"])
    assert title[1] == f"it's POINT{numbers}"
    assert large == [{"property": f"POINT {numbers}"}, 1_000_000_000]
    assert within[1]["coordinates"] == [1.2345678901234, 0.002]


@pytest.mark.parametrize(
    "geometry",
    ["POINT(1.2.3456789012 2)", "LINESTRING(1e-5 2, 3)", "POINT(1.2345678901234 2"],
)
def test_a_mistake_of_a_geometry_is_told_in_the_words_of_who_wrote_it(geometry: str) -> None:
    with pytest.raises(BadRequest) as refused:
        filters.from_text(f"S_INTERSECTS(geometry, {geometry})", DEPTH)
    # what is before the mistake and what is at it
    told = refused.value.description.replace("', at '", "").replace(" ", "")
    assert "noCQL2text:" in told
    assert geometry.replace(" ", "") in told


def test_filter_and_query_have_so_many_conditions_together() -> None:
    many = {"op": "or", "args": [GOOD] * 300}
    assert filters.all_of([many])
    assert filters.all_of([{"op": "in", "args": [{"property": "a"}, list(range(5_000))]}])
    with pytest.raises(BadRequest, match="600 conditions"):
        filters.all_of([{"op": "not", "args": [many]}, many])
    with pytest.raises(BadRequest, match="501 conditions"):
        filters.from_query({f"p{n}": {"eq": 1} for n in range(501)})


def test_functions_within_a_list_count() -> None:
    def asked(members: int) -> Any:
        lower = {"op": "casei", "args": ["a"]}
        return filters.from_json(
            {"op": "in", "args": [{"property": "id"}, [lower, *["b"] * 2_000, *[lower] * (members - 1)]]},
            DEPTH,
        )

    assert filters.all_of([asked(499)]) == asked(499)
    with pytest.raises(BadRequest, match="501 conditions and functions"):
        filters.all_of([asked(500)])
