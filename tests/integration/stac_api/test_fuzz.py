"""Whatever a client sends, the answer is one that the API chose: never a 500, never SQL."""

import json
import os
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.stac_api.conftest import Client

FINE = {200, 304, 400, 404, 405, 413, 415}
LEAKS = ("SELECT ", "Traceback", "asyncpg", "pgstac.", "psycopg", "plpgsql", "syntax error")
words = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "..", "../..", "null", "-1", "1e400", "NaN", "'; DROP TABLE items; --", "\0", "%00", "{}", "[]", "$1",
         "%s", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z/..", "9999-12-31T23:59:60Z", "0001-01-01T00:00:00+23:59",
         "180,-90,-180,90", "0,0,0,0", "1,2,3,4,5,6", "next:", "next:bnVsbA", "prev:WzFd", "-datetime", "a.b.c", "😀",
         "next:WyIyMDIxIiwieCIsInkiXQ", "id,datetime", "properties.", "a=1", "NOT NOT NOT a", "a IN ()", "a=''",
         "S_INTERSECTS(geometry,POINT(1e308 1))", "a LIKE 5", "id > 5", "datetime > 'x'", "\\", "\"", "collection"]
    ),
)  # fmt: skip
names = st.sampled_from(
    ["bbox", "datetime", "limit", "ids", "collections", "intersects", "filter", "filter-lang", "filter-crs", "sortby",
     "fields", "query", "q", "token", "f", "unknown", "crs"]
)  # fmt: skip
paths = st.sampled_from(
    ["/search", "/collections", "/collections/scenes/items", "/collections/scenes", "/queryables", "/"]
)
members = st.sampled_from(
    ["id", "type", "title", "description", "links", "geometry", "bbox", "properties", "properties.datetime", "assets",
     "collection", "extent", "extent.spatial", "summaries", "license", "keywords", "stac_version"]
)  # fmt: skip
brackets = st.sampled_from(
    ["(", "((", ")", "a=1", " AND ", "NOT ", "id IN (", ",", "'x'", "1", "casei(", "-", "count"]
)
numbers = st.one_of(st.integers(), st.floats(), st.integers(-200, 200))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
expressions: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        words, numbers, st.none(), st.booleans(),
        st.builds(lambda name: {"property": name}, words | st.sampled_from(["id", "datetime", "count", "geometry"])),
        st.builds(lambda t: {"timestamp": t}, words), st.builds(lambda t: {"interval": [t, ".."]}, words),
        st.builds(lambda x, y: {"type": "Point", "coordinates": [x, y]}, numbers, numbers),
        st.builds(lambda ns: {"bbox": ns}, st.lists(numbers, min_size=3, max_size=6)),
    ),
    lambda inner: st.builds(
        lambda op, args: {"op": op, "args": args},
        st.sampled_from(["and", "or", "not", "=", "<>", "<", "like", "in", "between", "isNull", "casei", "accenti",
                         "s_intersects", "s_within", "t_after", "t_during", "a_contains", "+", "nonsense"]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)  # fmt: skip
bodies = st.one_of(
    json_values,
    st.dictionaries(names, json_values, max_size=5),
    st.builds(lambda each: {"filter": each}, expressions),
    st.builds(
        lambda kind, where: {"intersects": {"type": kind, "coordinates": where}},
        st.sampled_from(["Point", "LineString", "Polygon", "MultiPolygon", "GeometryCollection"]),
        st.recursive(numbers, lambda inner: st.lists(inner, max_size=5), max_leaves=20),
    ),
)
BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]]}
FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check(api: Client, method: str, path: str, **kwargs: Any) -> None:
    answer = api(method, path, **kwargs)
    assert answer.status_code in FINE, (method, path, kwargs, answer.text)
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert not any(leak in answer.text for leak in LEAKS)
    elif answer.status_code >= 400:
        problem = answer.json()
        assert problem["code"]
        assert not any(leak in problem["description"] for leak in LEAKS), problem
    else:
        json.loads(answer.content or b"{}")


@FUZZ
@given(path=paths, params=st.dictionaries(names, words, max_size=4))
def test_no_query_string_breaks_it(api: Client, path: str, params: dict[str, str]) -> None:
    check(api, "GET", path, params=params)


@FUZZ
@given(path=paths, left_out=st.sets(members))
def test_no_page_misses_what_fields_leave_out(api: Client, path: str, left_out: set[str]) -> None:
    check(api, "GET", path, params={"f": "html", "fields": ",".join(f"-{name}" for name in left_out)})


@FUZZ
@given(parts=st.lists(brackets, max_size=40))
def test_no_filter_of_brackets_breaks_it(api: Client, parts: list[str]) -> None:
    check(api, "GET", "/search", params={"filter": "".join(parts), "filter-lang": "cql2-text"})


@FUZZ
@given(body=bodies)
def test_no_body_breaks_it(api: Client, body: Any) -> None:
    check(
        api, "POST", "/search", data=json.dumps(body).encode(), headers={"content-type": "application/json"}
    )


@FUZZ
@given(
    segments=st.lists(words, min_size=1, max_size=4),
    method=st.sampled_from(["GET", "PUT", "DELETE", "PATCH"]),
)
def test_no_path_breaks_it(api: Client, segments: list[str], method: str) -> None:
    # Control characters in a path never reach the app: the Functions host answers them itself.
    segments = ["".join(letter for letter in each if letter.isprintable()) for each in segments]
    path = "/".join(
        quote(each, safe="", errors="surrogatepass") for each in segments if each not in (".", "..")
    )
    check(api, method, f"/{path}" if path.startswith("api") else f"/collections/{path}")


@pytest.mark.parametrize(
    "body",
    [
        {"filter": {"op": "s_intersects", "args": [{"property": "geometry"}, BOW_TIE]}},
        {"intersects": BOW_TIE},
        {"filter": {"op": "=", "args": [{"property": "id"}, 5]}},
        {"filter": {"op": "=", "args": [{"property": "datetime"}, "not a time"]}},
        {"filter": {"op": "<", "args": [{"property": "count"}, "many"]}},
        {"filter": {"op": "in", "args": [{"property": "count"}, ["a", 1, True]]}},
        {"filter": {"op": "=", "args": [1, 1]}},
        {"filter": {"op": "a_contains", "args": [["a"], ["a"]]}},
        {"filter": {"op": "between", "args": ["", "", {"op": "like", "args": ["", ""]}]}},
        {"filter": {"op": "like", "args": [{"property": "id"}, "\\"]}},
        {"filter": {"op": "t_after", "args": [{"property": "datetime"}, {"timestamp": "0000-00-00"}]}},
        {"filter": {"op": "casei", "args": [{"property": "id"}]}},
        {"query": {"count": {"eq": "x"}}},
        {"query": {"a'b\"; --": {"eq": "x"}}},
        {"sortby": [{"field": "a'b\"; --", "direction": "asc"}]},
        {"sortby": [{"field": "assets.data.href", "direction": "asc"}], "limit": 1},
        {"token": "next:WyJub3QgYSB0aW1lIiwiYSIsImIiXQ"},
        {"ids": ["\ud800"]},
    ],
)  # fmt: skip
def test_known_troublemakers_are_answered(api: Client, body: Any) -> None:
    check(api, "POST", "/search", data=json.dumps(body), headers={"content-type": "application/json"})
