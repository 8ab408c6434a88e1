"""What readers of a STAC API on pgstac are used to, each behaviour by GET and by POST where there are both."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client
from tests.integration.stac_api.places import EVERY

pytestmark = pytest.mark.parametrize("place", EVERY, indirect=True, scope="session")

Json = dict[str, Any]
Ask = Callable[..., Json]
EDGES = {item["id"] for item in catalog.ITEMS if item["collection"] == "edges"}


@pytest.fixture(params=["GET", "POST"])
def ask(request: pytest.FixtureRequest, api: Client) -> Ask:
    """A search by this method, with parameters as each method writes them."""

    def get(status: int = 200, **params: Any) -> Json:
        texts = {name: ",".join(map(str, v)) if isinstance(v, list) else v for name, v in params.items()}
        found: Json = api.get("/search", status=status, **texts)
        return found

    def post(status: int = 200, **params: Any) -> Json:
        found: Json = api.post("/search", params, status=status)
        return found

    return get if request.param == "GET" else post


def names(page: Json) -> list[str]:
    return [item["id"] for item in page["features"]]


def link_of(page: Json, rel: str) -> Json | None:
    return next((link for link in page["links"] if link["rel"] == rel), None)


def test_ids_are_found_whatever_their_collection_and_once_each(ask: Ask) -> None:
    found = names(ask(ids=["period", "scene-001", "period", "no-such"]))
    assert sorted(found) == ["period", "scene-001"]


def test_a_search_in_a_collection_that_is_not_there_finds_nothing(ask: Ask) -> None:
    page = ask(collections=["no-such"])
    assert (page["features"], page["numberMatched"], page["numberReturned"]) == ([], 0, 0)


@pytest.mark.parametrize(
    ("datetime", "expected"),
    [
        ("2022-01-02T00:00:00Z", {"fiji-west"}),
        ("2022-01-02T01:00:00+01:00", {"fiji-west"}),
        ("2022-01-02T00:00:00.000Z", {"fiji-west"}),
        ("2022-01-02T00:00:00Z/..", {"fiji-west", "greenwich", "period"}),
        ("2022-01-02T00:00:00Z/", {"fiji-west", "greenwich", "period"}),
        ("../2022-01-02T00:00:00Z", {"fiji-east", "fiji-west"}),
        ("/2022-01-02T00:00:00Z", {"fiji-east", "fiji-west"}),
        ("2022-02-05T00:00:00Z", {"period"}),
        ("2022-02-10T00:00:00Z/2022-03-01T00:00:00Z", {"period"}),
        ("2022-02-11T00:00:00Z/2022-03-01T00:00:00Z", set()),
    ],
)
def test_times_and_open_intervals_find_what_overlaps_them(
    ask: Ask, datetime: str, expected: set[str]
) -> None:
    assert set(names(ask(datetime=datetime, collections=["edges"]))) == expected


@pytest.mark.parametrize("datetime", ["2022-13-01T00:00:00Z", "a/b", "../..x", "2/1/0", "now"])
def test_what_is_no_time_is_400_with_the_parameter(ask: Ask, datetime: str) -> None:
    assert ask(400, datetime=datetime)["description"].startswith("datetime: ")


@pytest.mark.parametrize("datetime", ["/", "../..", "../", "/.."])
def test_an_interval_without_ends_is_400(ask: Ask, datetime: str) -> None:
    assert "open at both ends" in ask(400, datetime=datetime)["description"]


@pytest.mark.parametrize("bbox", [[0], [0, 1, 2], [0, 0, 1, 1, 2], [0, 10, 1, 5], [0, 0, 0, 1, 1, 1, 1]])
def test_a_box_of_the_wrong_shape_is_400(ask: Ask, bbox: list[int]) -> None:
    assert ask(400, bbox=bbox)["description"].startswith("bbox: ")


def test_a_box_with_heights_finds_what_the_flat_one_does(ask: Ask) -> None:
    flat = names(ask(bbox=[-2, -20, 2, -10], collections=["edges"]))
    assert names(ask(bbox=[-2, -20, -100, 2, -10, 9000], collections=["edges"])) == flat == ["greenwich"]


def test_box_and_geometry_together_are_400(api: Client) -> None:
    point = {"type": "Point", "coordinates": [0, -18]}
    assert api.post("/search", {"bbox": [0, 0, 1, 1], "intersects": point}, status=400)["code"]
    assert api.post_ids(intersects=point, collections=["edges"]) == ["greenwich"]


def test_the_order_asked_for_backwards_is_the_reverse(api: Client) -> None:
    for field in ("id", "datetime", "properties.datetime", "eo:cloud_cover", "platform", "count"):
        up = api.ids(sortby=field, limit=1000, collections="scenes", filter='"eo:cloud_cover" >= 0')
        down = api.ids(sortby=f"-{field}", limit=1000, collections="scenes", filter='"eo:cloud_cover" >= 0')
        assert up == list(reversed(down)), field
        by_post = api.post_ids(
            sortby=[{"field": field, "direction": "asc"}],
            limit=1000,
            collections=["scenes"],
            filter={"op": ">=", "args": [{"property": "eo:cloud_cover"}, 0]},
        )
        assert by_post == up
    assert api.ids(sortby="+id", collections="edges") == sorted(EDGES)


def test_pages_of_one_give_each_item_once_forwards_and_back(api: Client) -> None:
    page = api.get("/collections/edges/items", limit=1)
    forwards = names(page)
    while (following := link_of(page, "next")) is not None:
        page = api.get(following["href"])
        assert names(api.get(following["href"])) == names(page)  # and again
        forwards += names(page)
    assert sorted(forwards) == sorted(EDGES)
    backwards = names(page)
    while (before := link_of(page, "prev")) is not None:
        page = api.get(before["href"])
        backwards += names(page)
    assert backwards == list(reversed(forwards))


def test_post_pages_are_the_body_merged_with_what_the_link_says(api: Client) -> None:
    body: Json = {"limit": 7, "filter": {"op": "=", "args": [{"property": "platform"}, "alpha"]}}
    page, seen = api.post("/search", body), []
    while True:
        seen += names(page)
        following = link_of(page, "next")
        if following is None:
            break
        assert (following["method"], following["merge"]) == ("POST", True)
        page = api.post(following["href"], body | following["body"])
    expected = [item["id"] for item in catalog.ITEMS if item["properties"].get("platform") == "alpha"]
    assert sorted(seen) == sorted(expected)


def test_links_of_a_get_page_keep_every_parameter(api: Client) -> None:
    params: dict[str, Any] = {
        "limit": "3",
        "bbox": "-180,-90,180,90",
        "sortby": "-id",
        "fields": "id",
        "filter": "count < 5",
    }
    following = link_of(api.get("/search", **params), "next")
    assert following is not None
    kept = dict(parse_qsl(urlsplit(following["href"]).query))
    assert kept.pop("token").startswith("next:")
    assert kept == params


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"exclude": ["geometry"]}, lambda item: "geometry" not in item and "assets" in item),
        ({"exclude": ["links"]}, lambda item: "links" not in item),
        ({"exclude": ["assets.data.title"]},
         lambda item: item["assets"]["data"].keys() == {"href", "type", "roles"}),
        ({"include": ["assets.data.type", "assets.data.href"]},
         lambda item: item["assets"]["data"].keys() == {"href", "type"}),
        ({"include": ["properties.note", "properties.tags"]},
         lambda item: item["properties"].keys() == {"note", "tags"}),
        ({"include": ["assets"], "exclude": ["assets.data.href"]},
         lambda item: "href" not in item["assets"]["data"]),
        ({"include": ["properties.note"], "exclude": ["properties.note"]},
         lambda item: "note" in item["properties"]),
        ({"include": ["no-such"]}, lambda item: "assets" not in item),
        ({}, lambda item: item["id"] == "greenwich"),
    ],
)  # fmt: skip
def test_fields_take_and_leave_members_at_any_depth(
    api: Client, fields: dict[str, list[str]], check: Callable[[Json], bool]
) -> None:
    """A member that is in both is there, as the extension says (stac-fastapi-pgstac leaves it out)."""
    (by_post,) = api.post("/search", {"ids": ["greenwich"], "fields": fields})["features"]
    assert check(by_post), by_post
    assert {"type", "id", "collection"} <= by_post.keys()
    text = ",".join([*fields.get("include", []), *(f"-{name}" for name in fields.get("exclude", []))])
    if text:
        (by_get,) = api.get("/search", ids="greenwich", fields=text)["features"]
        assert by_get == by_post


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ({"count": {"eq": 3}}, lambda p: p.get("count") == 3),
        ({"count": {"gt": 1, "lte": 4}}, lambda p: 1 < p.get("count", 0) <= 4),
        ({"platform": {"startsWith": "al"}}, lambda p: p.get("platform", "").startswith("al")),
        ({"platform": {"in": ["beta", "Gamma"]}}, lambda p: p.get("platform") in ("beta", "Gamma")),
        ({"platform": {"neq": "beta"}, "count": {"lt": 2}},
         lambda p: p.get("platform") not in (None, "beta") and p["count"] < 2),
    ],
)  # fmt: skip
def test_query_compares_properties(api: Client, query: Json, holds: Callable[[Json], bool]) -> None:
    found = api.post("/search", {"query": query, "limit": 1000, "collections": ["scenes"]})
    scenes = [item for item in catalog.ITEMS if item["collection"] == "scenes"]
    assert set(names(found)) == {item["id"] for item in scenes if holds(item["properties"])}


def test_filter_languages_have_the_defaults_of_their_methods(api: Client) -> None:
    as_json: Json = {"op": "=", "args": [{"property": "id"}, "period"]}
    assert api.ids(filter="id = 'period'") == ["period"]
    assert api.post_ids(filter=as_json) == ["period"]
    assert api.post_ids(**{"filter": "id = 'period'", "filter-lang": "cql2-text"}) == ["period"]
    for wrong in ({"filter-lang": "cql-text"}, {"filter-lang": "sql"}):
        assert api.get("/search", status=400, filter="id = 'a'", **wrong)["code"]
        assert api.post("/search", {"filter": as_json, **wrong}, status=400)["code"]


def test_the_json_filters_of_older_clients_are_understood(api: Client) -> None:
    by_id: Json = {"eq": [{"property": "id"}, "period"]}
    both: Json = {"and": [by_id, {"in": [{"property": "collection"}, ["edges"]]}]}
    for asked in (by_id, both, {"op": "eq", "args": by_id["eq"]}, {"not": [{"not": [by_id]}]}):
        assert api.post_ids(filter=asked) == ["period"]
        assert api.post_ids(**{"filter": asked, "filter-lang": "cql-json"}) == ["period"]
        assert api.ids(**{"filter": json.dumps(asked), "filter-lang": "cql-json"}) == ["period"]
    assert api.post("/search", {"filter": {"eq": [1]}}, status=400)["description"].startswith(
        "filter: at filter"
    )


def test_a_lone_filter_of_stac_browser_is_found(api: Client) -> None:
    lone: Json = {"op": "and", "args": [{"op": "=", "args": [{"property": "id"}, "period"]}]}
    assert api.post_ids(**{"filter": lone, "filter-lang": "cql2-json"}) == ["period"]
    edges: Json = {"op": "or", "args": [{"op": "=", "args": [{"property": "id"}, "edges"]}]}
    for asked, found in ((edges, ["edges"]), ({"op": "not", "args": [edges]}, ["scenes"])):
        params: Json = {"filter": json.dumps(asked), "filter-lang": "cql2-json"}
        assert [each["id"] for each in api.get("/collections", **params)["collections"]] == found


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_asked_for_twice_is_the_same(api: Client, method: str) -> None:
    body: Json = {"limit": 3, "sortby": [{"field": "count", "direction": "desc"}]}
    if method == "POST":
        following = link_of(api.post("/search", body), "next")
        assert following is not None
        pages = [names(api.post("/search", body | following["body"])) for _ in range(2)]
    else:
        following = link_of(api.get("/search", limit=3, sortby="-count"), "next")
        assert following is not None
        pages = [names(api.get(following["href"])) for _ in range(2)]
    assert pages[0] == pages[1]
    assert len(pages[0]) == 3


def test_a_collection_keeps_its_licence_link_alone_and_in_the_list(api: Client) -> None:
    (listed,) = (each for each in api.get("/collections")["collections"] if each["id"] == "scenes")
    for found in (api.get("/collections/scenes"), listed):
        assert link_of(found, "license") == catalog.collection("scenes", [])["links"][0]


@pytest.mark.parametrize(
    "body",
    [
        {"ids": 5}, {"collections": {"a": 1}}, {"bbox": "box"}, {"datetime": 5}, {"limit": "ten"},
        {"limit": -1}, {"sortby": "-"},
        {"sortby": [{"direction": "asc"}]}, {"sortby": [{"field": "id", "direction": "up"}]},
        {"intersects": "here"}, {"filter": []},
        {"fields": [1]}, {"token": 5}, {"query": {"a": 5}}, [], "text", 5,
    ],
)  # fmt: skip
def test_a_member_of_the_wrong_kind_is_400(api: Client, body: Any) -> None:
    problem = api.post("/search", body, status=400)
    assert problem.keys() == {"code", "description"}
    name = next(iter(body)) if isinstance(body, dict) else "body"
    assert problem["description"].startswith(name), problem


def test_an_item_points_to_what_is_around_it(api: Client) -> None:
    item = api.get("/collections/edges/items/period")
    for rel, kind in (
        ("self", "Feature"),
        ("parent", "Collection"),
        ("collection", "Collection"),
        ("root", "Catalog"),
    ):
        link = link_of(item, rel)
        assert link is not None
        assert api.get(link["href"])["type"] == kind
