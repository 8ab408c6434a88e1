import contextlib
import gzip
import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client
from tests.integration.stac_api.places import EVERY, Place

pytestmark = pytest.mark.parametrize("place", EVERY, indirect=True, scope="session")

FIJI = [176, -20, -176, -16]
SCENES = {item["id"]: item for item in catalog.ITEMS if item["collection"] == "scenes"}


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = SCENES[name]["properties"]
    return found


def test_bbox_across_the_antimeridian_finds_both_sides_and_not_the_rest_of_the_world(api: Client) -> None:
    text = ",".join(str(n) for n in FIJI)
    assert api.ids(bbox=text, collections="edges") == ["fiji-west", "fiji-east"]
    assert api.post_ids(bbox=FIJI, collections=["edges"]) == ["fiji-west", "fiji-east"]
    page = api.get("/collections/edges/items", bbox=text)
    assert [item["id"] for item in page["features"]] == ["fiji-west", "fiji-east"]


def test_six_number_bbox_is_searched_flat(api: Client) -> None:
    assert api.ids(bbox="-2,-18,0,2,-17,100", collections="edges") == ["greenwich"]
    assert api.post_ids(bbox=[-2, -18, 0, 2, -17, 100], collections=["edges"]) == ["greenwich"]


def test_intersects_takes_any_geometry_by_post_and_by_get(api: Client) -> None:
    point = {"type": "Point", "coordinates": [10.5, 10.5]}
    assert api.post_ids(intersects=point, collections=["edges"]) == ["period"]
    assert api.ids(intersects=json.dumps(point), collections="edges") == ["period"]
    line = {"type": "LineString", "coordinates": [[0, -18], [10.5, 10.5]]}
    assert set(api.post_ids(intersects=line, collections=["edges"])) == {"greenwich", "period"}


def test_datetime_is_an_instant_or_an_interval_that_overlaps_the_items(api: Client) -> None:
    assert api.ids(datetime="2022-01-02T00:00:00Z") == ["fiji-west"]
    assert api.ids(datetime="2022-01-02T01:00:00+01:00") == ["fiji-west"]
    assert api.ids(datetime="2022-01-02T00:00:00Z/..", collections="edges") == [
        "period",
        "greenwich",
        "fiji-west",
    ]
    assert api.ids(datetime="2022-02-05T00:00:00Z") == ["period"]
    assert api.post_ids(datetime="2022-02-11T00:00:00Z/..") == []


def test_ids_and_collections_narrow(api: Client) -> None:
    assert set(api.ids(ids="scene-001,greenwich")) == {"scene-001", "greenwich"}
    assert api.post_ids(ids=["scene-001", "greenwich"], collections=["edges"]) == ["greenwich"]
    assert api.ids(collections="no-such") == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_paging_to_the_end_and_back_gives_each_item_once(api: Client, method: str) -> None:
    seen: list[list[str]] = []
    body: dict[str, Any] = {"limit": 13, "collections": ["scenes"]}
    page = (
        api.get("/search", limit=13, collections="scenes") if method == "GET" else api.post("/search", body)
    )
    while True:
        seen.append([item["id"] for item in page["features"]])
        assert page["numberMatched"] == 120
        following = next((link for link in page["links"] if link["rel"] == "next"), None)
        if following is None:
            break
        assert following["method"] == method
        page = follow(api, following, body)
    flat = [name for each in seen for name in each]
    assert len(flat) == len(set(flat)) == 120
    back = [seen[-1]]
    while previous := next((link for link in page["links"] if link["rel"] == "prev"), None):
        page = follow(api, previous, body)
        back.append([item["id"] for item in page["features"]])
    assert list(reversed(back)) == seen


def follow(api: Client, link: dict[str, Any], body: dict[str, Any]) -> Any:
    if link["method"] == "GET":
        return api.get(link["href"])
    assert link["merge"] is True
    return api.post(link["href"], body | link["body"])


@pytest.mark.parametrize(
    "sortby", ["eo:cloud_cover", "-properties.eo:cloud_cover", "platform,-count", "+id", "-count,id"]
)
def test_sorting_pages_through_all_nulls_included(api: Client, sortby: str) -> None:
    page = api.get("/search", sortby=sortby, collections="scenes", limit=17)
    seen = [item["id"] for item in page["features"]]
    while following := next((link for link in page["links"] if link["rel"] == "next"), None):
        page = api.get(following["href"])
        seen += [item["id"] for item in page["features"]]
    assert len(seen) == len(set(seen)) == 120
    whole = [
        item["id"] for item in api.get("/search", sortby=sortby, collections="scenes", limit=1000)["features"]
    ]
    assert seen == whole
    if sortby == "eo:cloud_cover":
        clouds = [properties(name).get("eo:cloud_cover") for name in seen]
        known = [cloud for cloud in clouds if cloud is not None]
        assert known == sorted(known)
        assert clouds[len(known) :] == [None] * (120 - len(known))


def test_post_sortby_takes_fields_and_directions(api: Client) -> None:
    by_count = api.post_ids(
        sortby=[{"field": "properties.count", "direction": "desc"}], collections=["scenes"], limit=5
    )
    assert {properties(name)["count"] for name in by_count} == {6}


def test_cql2_text_and_json_find_the_same(api: Client) -> None:
    text = "\"eo:cloud_cover\" < 20 AND platform IN ('alpha', 'beta')"
    as_json = {
        "op": "and",
        "args": [
            {"op": "<", "args": [{"property": "eo:cloud_cover"}, 20]},
            {"op": "in", "args": [{"property": "platform"}, ["alpha", "beta"]]},
        ],
    }
    expected = {
        name
        for name in SCENES
        if properties(name).get("eo:cloud_cover", 99) < 20 and properties(name)["platform"] != "Gamma"
    }
    assert expected
    for found in (
        api.ids(filter=text, limit=200),
        api.ids(**{"filter": text, "filter-lang": "cql2-text", "limit": 200}),
        api.ids(**{"filter": json.dumps(as_json), "filter-lang": "cql2-json", "limit": 200}),
        api.post_ids(filter=as_json, limit=200),
        api.post_ids(**{"filter": text, "filter-lang": "cql2-text", "limit": 200}),
        api.post_ids(query={"eo:cloud_cover": {"lt": 20}, "platform": {"in": ["alpha", "beta"]}}, limit=200),
        api.ids(query=json.dumps({"eo:cloud_cover": {"lt": 20}, "platform": {"neq": "Gamma"}}), limit=200),
    ):
        assert set(found) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id = 'greenwich'", {"greenwich"}),
        ("note = 'ünïcode ☃'", {"greenwich"}),
        ("title LIKE 'East%'", {"fiji-east"}),
        ("CASEI(title) LIKE CASEI('eAST of%')", {"fiji-east"}),
        ("ACCENTI(note) = ACCENTI('unicode ☃')", {"greenwich"}),
        ("CASEI(note) = CASEI('ÜnÏCODE ☃')", {"greenwich"}),
        ("ACCENTI(CASEI(note)) = ACCENTI(CASEI('UNÏCODE ☃'))", {"greenwich"}),
        ("collection = 'edges' AND title IS NULL", {"fiji-west", "greenwich", "period"}),
        ("collection = 'edges' AND NOT (id = 'period' OR id = 'greenwich')", {"fiji-east", "fiji-west"}),
        ("collection = 'edges' AND S_INTERSECTS(geometry, POINT(10.5 10.5))", {"period"}),
        ("collection = 'edges' AND S_INTERSECTS(geometry, BBOX(176,-20,-176,-16))", {"fiji-east", "fiji-west"}),
        ("collection = 'edges' AND S_WITHIN(geometry, POLYGON((9 9, 12 9, 12 12, 9 12, 9 9)))", {"period"}),
        ("collection = 'edges' AND S_DISJOINT(geometry, BBOX(-180,-90,5,90))", {"fiji-east", "period"}),
        ("T_AFTER(datetime, TIMESTAMP('2022-01-02T12:00:00Z'))", {"greenwich", "period"}),
        ("T_INTERSECTS(datetime, INTERVAL('2022-01-03T00:00:00Z', '2022-01-03T01:00:00Z'))", {"greenwich"}),
        ("datetime >= TIMESTAMP('2022-01-03T00:00:00Z')", {"greenwich", "period"}),
        ("datetime >= DATE('2022-01-03')", {"greenwich", "period"}),
        ("A_CONTAINS(tags, ('a'))", {"greenwich"}),
        ("A_OVERLAPS(tags, ('b','c'))", {"greenwich"}),
        ("A_CONTAINEDBY(tags, ('a','b','c'))", {"greenwich"}),
        ("A_EQUALS(tags, ('a','b'))", {"greenwich"}),
        ("count BETWEEN 5 AND 6 AND id IN ('scene-005', 'scene-006', 'scene-007')", {"scene-005", "scene-006"}),
        ("count = 6 AND id < 'scene-010'", {"scene-006"}),
        ("title <> description", set()),
    ],
)  # fmt: skip
def test_cql2_operators(api: Client, text: str, expected: set[str]) -> None:
    assert set(api.ids(filter=text, limit=200)) == expected


def test_fields_choose_the_members(api: Client) -> None:
    (item,) = api.get("/search", ids="greenwich", fields="id,properties.note")["features"]
    assert item == {
        "stac_version": "1.1.0", "type": "Feature", "id": "greenwich", "collection": "edges",
        "properties": {"note": "ünïcode ☃"},
    }  # fmt: skip
    (item,) = api.post(
        "/search", {"ids": ["greenwich"], "fields": {"exclude": ["assets", "properties.note"]}}
    )["features"]
    assert "assets" not in item
    assert "note" not in item["properties"]
    assert item["links"]
    assert item["stac_version"] == "1.1.0"


def test_free_text_finds_words(api: Client) -> None:
    assert api.ids(q="words") == ["fiji-west"]
    assert api.post_ids(q=["words", "nonsense"]) == ["fiji-west"]
    assert api.ids(q="'; DROP--") == []
    assert api.ids(q="line") == ["fiji-east"]  # of its title, and it has no description
    assert api.ids(q="prime") == ["greenwich"]  # of its keywords alone
    assert set(api.ids(q="lines,west meridian,words here,the")) == {
        "fiji-east",
        "fiji-west",
    }  # stems, phrases
    assert api.ids(q="line", filter="title LIKE 'West%'") == []
    assert set(api.ids(q="line,west words", sortby="-title", bbox="-180,-90,180,90")) == {
        "fiji-east",
        "fiji-west",
    }


NO_TIME = "next:WyJub3QgYSB0aW1lIiwiYSIsImIiXQ"  # ["not a time","a","b"]


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"bbox": "1,2,3"}, "bbox"),
        ({"bbox": "[1,2,3,4]"}, "bbox"),
        ({"bbox": "1,5,3,4"}, "bbox"),
        ({"bbox": "nan,2,3,4"}, "bbox"),
        ({"datetime": "yesterday"}, "datetime"),
        ({"datetime": "2020-01-01"}, "datetime"),
        ({"datetime": "../.."}, "datetime"),
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"token": "next:rubbish"}, "token"),
        ({"token": "next:WzEsMl0"}, "token"),
        ({"token": NO_TIME}, "token: "),
        ({"token": NO_TIME, "filter": "gsd=1"}, "filter or token: "),
        ({"token": NO_TIME, "filter": "gsd=1", "query": "{\"a\":{\"eq\":1}}"}, "filter or query or token: "),
        ({"intersects": "{}"}, "intersects"),
        ({"intersects": "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,1],[1,0]]]}"}, "intersects"),
        ({"filter": "a ="}, "filter"),
        ({"filter": "S_INTERSECTS(a, POINT(1 1))"}, "filter"),
        ({"filter": "{\"op\":\"nonsense\",\"args\":[]}"}, "filter"),
        ({"filter": "a=1", "filter-lang": "sql"}, "filter-lang"),
        ({"filter": "a=1", "filter-crs": "EPSG:3857"}, "filter-crs"),
        ({"filter-lang": "nonsense"}, "filter-lang"),
        ({"filter-crs": "EPSG:4326"}, "filter-crs"),
        ({"f": "xml"}, "f: "),
        ({"f": "HTML"}, "f: "),
        ({"filter": "geometry = 5"}, "filter"),
        ({"filter": "count + 1 = 2"}, "filter"),
        ({"filter": "(" * 50 + "a=1" + ")" * 50}, "filter"),
        ({"sortby": "-"}, "sortby"),
        ({"sortby": "geometry"}, "sortby"),
        ({"query": "[]"}, "query"),
        ({"query": "{\"a\":{\"nope\":1}}"}, "query"),
        ({"query": "{\"count\":{\"eq\":\"x\"}}"}, "query: "),
        ({"query": "{\"count\":{\"eq\":\"x\"}}", "filter": "gsd=1"}, "filter or query: "),
        ({"query": "{\"a\":{\"in\":[1]}}", "filter": "count = 'x'", "sortby": "id"}, "filter or query: "),
        ({"bbox": "0,0,1,1", "intersects": "{\"type\":\"Point\",\"coordinates\":[0,0]}"}, "bbox"),
    ],
)  # fmt: skip
def test_a_bad_parameter_is_400_and_is_named(api: Client, params: dict[str, str], named: str) -> None:
    problem = api.get("/search", status=400, **params)
    assert problem["code"] == "InvalidParameterValue"
    assert problem["description"].startswith(named), problem


@pytest.mark.parametrize(
    "body",
    [
        [], 5, {"bbox": "1,2,3,4"}, {"ids": 5}, {"collections": [1]}, {"limit": 0}, {"limit": True}, {"fields": None},
        {"sortby": "id"}, {"sortby": [{"field": 5}]}, {"filter": "a=1"}, {"filter": {"op": "and", "args": [{}]}},
        {"token": 5}, {"datetime": 5}, {"query": {"a": 5}}, {"intersects": {"type": "Sphere"}},
    ],
)  # fmt: skip
def test_a_bad_body_is_400(api: Client, body: Any) -> None:
    assert api.post("/search", body, status=400)["code"] == "InvalidParameterValue"


def test_an_offset_whose_plus_a_query_string_made_a_blank_is_one(api: Client) -> None:
    whole = api.get("/search?datetime=2022-01-01T01:00:00%2B01:00&limit=1")
    assert [each["id"] for each in whole["features"]] == ["fiji-east"]
    for path in ("/search", "/collections/edges/items"):
        for asked, expected in (
            ("2022-01-01T01:00:00+01:00", ["fiji-east"]),
            ("2022-01-01T01:00:00.000+01:00/2022-01-02T05:30:00+05:30", ["fiji-west", "fiji-east"]),
            ("../2022-01-01T01:00:00+01:00&collections=edges", ["fiji-east"]),
        ):
            found = api.get(f"{path}?datetime={asked}")["features"]
            assert [each["id"] for each in found] == expected, asked
    edges = api.get("/collections?datetime=2020-01-01T01:00:00+01:00/..")["collections"]
    assert len(edges) == 2
    for asked in ("2022-01-01+01:00", "2022-01-01T01:00:00++01:00", "2022-01-01T01:00:00 01:00Z"):
        assert api.get(f"/search?datetime={asked}", status=400)["description"].startswith("datetime: ")
    for body in ({"datetime": "2022-01-01T01:00:00 01:00"},):
        assert api.post("/search", body, status=400)["description"].startswith("datetime: ")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("0000-01-01T00:00:00Z", False),
        ("0000-02-29T23:59:60+01:00", False),
        ("0000-01-01T00:00:00Z/0000-01-01T00:00:00Z", False),
        ("0000-01-01T00:00:00+23:59/0000-12-31T23:59:60Z", False),
        ("../0000-12-31T23:59:59.999999Z", False),
        ("../0001-01-01T00:00:00+14:00", False),
        ("0000-01-01T00:00:00Z/..", True),
        ("0000-01-01T00:00:00Z/9999-12-31T23:59:60Z", True),
        ("../9999-12-31T23:59:59-12:00", True),
        ("9999-12-31T23:59:60Z/..", False),
        ("9999-12-31T23:59:59.999999-23:59", False),
    ],
)
def test_the_years_of_rfc_3339_begin_before_python_s_and_end_after_them(
    api: Client, asked: str, found: bool
) -> None:
    assert bool(api.ids(datetime=asked)) == bool(api.post_ids(datetime=asked)) == found
    items = api.get("/collections/edges/items", datetime=asked)["features"]
    assert bool(items) == found
    collections = api.get("/collections", datetime=asked)["collections"]
    assert bool(collections) == (found or asked.startswith("9999"))  # some have no end


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("datetime > TIMESTAMP('0000-01-01T00:00:00Z')", True),
        ("datetime < DATE('0000-12-31')", False),
        ("datetime > '0000-02-29'", True),
        ("datetime IN ('0000-01-01', TIMESTAMP('0001-01-01T00:00:00+05:00'))", False),
        ("datetime BETWEEN '0000-01-01T00:00:00Z' AND '2030-01-01'", True),
        ("T_BEFORE(datetime, DATE('0000-12-31'))", False),
        ("T_AFTER(datetime, '0000-01-01')", True),
        ("T_DURING(datetime, INTERVAL('0000-01-01', '9999-12-31T23:59:60Z'))", True),
        ("T_DURING(datetime, '0000-01-01T00:00:00Z/2030-01-01')", True),
        ("T_BEFORE(updated, TIMESTAMP('0000-01-01T00:00:00Z'))", False),
        ("datetime < TIMESTAMP('9999-12-31T23:59:59-12:00')", True),
    ],
)
def test_a_filter_has_these_years_too(api: Client, text: str, found: bool) -> None:
    assert bool(api.ids(filter=text)) == found
    assert api.get("/collections", filter=text)["collections"] is not None


def test_a_member_that_is_null_is_not_there(api: Client) -> None:
    names = (
        "bbox",
        "ids",
        "collections",
        "limit",
        "sortby",
        "filter",
        "token",
        "datetime",
        "query",
        "q",
    )
    body = dict.fromkeys((*names, "intersects"))
    assert api.post("/search", body)["features"] == api.post("/search", {})["features"]


def test_a_body_that_is_no_json_is_400_or_415(api: Client) -> None:
    assert api("POST", "/search", data="{", headers={"content-type": "application/json"}).status_code == 400
    assert api("POST", "/search", data="a=1", headers={"content-type": "text/plain"}).status_code == 415
    assert (
        api("POST", "/search", data="[" * 100_000, headers={"content-type": "application/json"}).status_code
        == 400
    )
    packed = gzip.compress(b'{"limit": 1}')
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    refused = api("POST", "/search", data=packed, headers=headers)
    assert (refused.status_code, refused.headers["Accept-Encoding"]) == (415, "identity")
    headers["content-encoding"] = "Identity"
    assert len(api("POST", "/search", data=b'{"limit": 1}', headers=headers).json()["features"]) == 1


def test_a_body_that_is_too_large_is_413_before_it_has_come(api: Client, place: Place) -> None:
    big = json.dumps({"ids": ["x" * 1_000_000]})
    assert api("POST", "/search", data=big, headers={"content-type": "application/json"}).status_code == 413
    for path in (
        ("/search", "/validate") if place.name in ("uvicorn", "redis") else ()
    ):  # a Functions host waits for it
        with contextlib.closing(HTTPConnection(urlsplit(api.url).netloc, timeout=5)) as connection:
            connection.putrequest("POST", path)
            connection.putheader("Content-Length", "99999999")
            connection.endheaders()
            assert connection.getresponse().status == 413
