"""However a client follows the links to other pages, it gets the Items that it asked for, or an error."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.stac_api.conftest import Client
from tests.integration.stac_api.places import EVERY

Json = dict[str, Any]
pytestmark = pytest.mark.parametrize("place", EVERY, indirect=True, scope="session")

CLOUDY: Json = {"op": "<", "args": [{"property": "eo:cloud_cover"}, 60.0]}
AREA: Json = {"type": "Polygon", "coordinates": [[[-150.0, -80], [160, -80], [160, 75], [-150.0, -80]]]}
WITHIN: Json = {"op": "and", "args": [{"op": "s_intersects", "args": [{"property": "geometry"}, AREA]}]}
NOT_GAMMA = "platform <> 'Gamma' AND eo:cloud_cover >= 10"
places_in_space = st.sampled_from(
    [{}, {"bbox": [-100, -60, 120.5, 70]}, {"bbox": [100, -90, -100, 90]}, {"intersects": AREA}]
)
filters = st.sampled_from(
    [{}, {"filter": CLOUDY}, {"filter": WITHIN}, {"filter": NOT_GAMMA, "filter-lang": "cql2-text"}]
)
others = st.fixed_dictionaries(
    {"limit": st.integers(9, 40)},
    optional={
        "collections": st.sampled_from([["scenes"], ["scenes", "edges"]]),
        "ids": st.just([f"scene-{n:03}" for n in range(0, 120, 2)]),
        "datetime": st.sampled_from(["2021-03-01T00:00:00Z/..", "2021-02-01T01:00:00+01:00/2021-11-30T00:00:00Z"]),
        "query": st.just({"platform": {"neq": "Gamma"}, "count": {"lt": 6, "gte": 0}}),
        "q": st.just(["meridian", "east"]),
        "sortby": st.sampled_from(
            [[{"field": "id"}], [{"field": "eo:cloud_cover", "direction": "desc"}, {"field": "platform"}]]
        ),
        "fields": st.just({"include": ["id", "properties.platform"]}),
        "conf": st.just({"unknown": None}),
    },
)  # fmt: skip


def as_query(body: Json) -> dict[str, str]:
    """The same search in a query string."""
    spelled = dict(body)
    for name in ("collections", "ids", "q", "bbox"):
        if name in body:
            spelled[name] = ",".join(map(str, body[name]))
    if "sortby" in body:
        spelled["sortby"] = ",".join(
            ("-" if each.get("direction") == "desc" else "") + each["field"] for each in body["sortby"]
        )
    if "fields" in body:
        spelled["fields"] = ",".join(body["fields"]["include"])
    return {name: each if isinstance(each, str) else json.dumps(each) for name, each in spelled.items()}


def link_of(page: Json, rel: str) -> Json | None:
    return next((link for link in page["links"] if link["rel"] == rel), None)


def names(page: Json) -> list[str]:
    return [item["id"] for item in page["features"]]


def reordered(value: Any) -> Any:
    """As a client in another language sends it: members in another order, 10 for 10.0."""
    if isinstance(value, dict):
        return {name: reordered(value[name]) for name in sorted(value, reverse=True)}
    if isinstance(value, list):
        return [reordered(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=places_in_space, holds=filters, more=others)
def test_merged_as_it_is_and_by_get_the_pages_have_the_same_items(
    api: Client, where: Json, holds: Json, more: Json
) -> None:
    body = where | holds | more
    whole = names(api.post("/search", body | {"limit": 1000}))
    first = api.post("/search", body)
    ways: tuple[Callable[[Json], Json], ...] = (lambda told: body | told, lambda told: told, reordered)
    for send in ways:
        page, seen = first, names(first)
        while following := link_of(page, "next"):
            assert (following["method"], following["merge"]) == ("POST", True)
            page = api.post(following["href"], send(following["body"]))
            seen += names(page)
        assert seen == whole
        if before := link_of(page, "prev"):
            begin = len(seen) - len(names(page))
            page = api.post(before["href"], send(before["body"]))
            assert names(page) == whole[begin - body["limit"] : begin]
    page = api.get("/search", **as_query(body))  # type: ignore[arg-type]
    seen = names(page)
    while following := link_of(page, "next"):
        (token,) = parse_qs(urlsplit(following["href"]).query)["token"]
        by_post = names(api.post("/search", body | {"token": token}))  # either way it is the same search
        page = api.get(following["href"])
        assert names(page) == by_post
        seen += by_post
    assert seen == whole


def test_a_token_with_another_question_is_refused_and_with_other_pages_is_not(api: Client) -> None:
    body: Json = {"collections": ["scenes"], "limit": 5, "filter": CLOUDY, "bbox": [-180, -90, 180, 90]}
    following = link_of(api.post("/search", body), "next")
    assert following is not None
    token = following["body"]["token"]
    expected = names(api.post("/search", body | {"token": token}))
    for more in (
        {"limit": 3},
        {"fields": {"include": ["id"]}},
        {"sortby": [{"field": "datetime", "direction": "desc"}]},
    ):
        assert names(api.post("/search", body | more | {"token": token}))[:3] == expected[:3]
    for other in (
        {name: None for name in body},
        {"collections": None},
        {"ids": ["scene-001"]},
        {"bbox": [0, 0, 1, 1]},
        {"datetime": "2021-01-01T00:00:00Z/.."},
        {"filter": {"op": "not", "args": [CLOUDY]}},
        {"q": ["words"]},
        {"sortby": [{"field": "id"}]},
        {"sortby": [{"field": "datetime", "direction": "asc"}]},
    ):
        told = api.post("/search", body | other | {"token": token}, status=400)["description"]
        assert told.startswith("token: it belongs to another search: send "), other
    assert api.get("/search", status=400, token=token)["description"].startswith(
        "token: it belongs to another"
    )
    # as an older version wrote it
    assert names(api.post("/search", body | {"token": token.rpartition(":")[0]})) == expected


@pytest.mark.parametrize("size", [9_000, 11_000, 30_000])
def test_a_long_body_is_not_repeated_and_its_token_alone_is_refused(api: Client, size: int) -> None:
    body: Json = {
        "limit": 5,
        "collections": ["scenes"],
        "ids": [f"scene-{n:03}" for n in range(40)],
        "x": "y" * size,
    }
    following = link_of(api.post("/search", body), "next")
    assert following is not None
    if size < 10_000:
        assert following["body"].keys() == body.keys() | {"token"}
        assert len(names(api.post(following["href"], following["body"]))) == 5
        return
    assert following["body"].keys() == {"token"}
    assert len(names(api.post(following["href"], body | following["body"]))) == 5
    told = api.post(following["href"], following["body"], status=400)["description"]
    assert told.startswith("token: it belongs to another search")


def test_what_json_writers_cannot_repeat_does_not_fail_the_page(api: Client) -> None:
    for deep in ("[" * 400 + "]" * 400, "1" * 100):
        text = '{"limit": 5, "collections": ["scenes"], "token": null, "x": ' + deep + "}"
        answer = api("POST", "/search", data=text, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200, answer.text
        following = link_of(answer.json(), "next")
        assert following is not None
        assert len(names(api.post(following["href"], {"collections": ["scenes"]} | following["body"]))) >= 5
    for path in ("/collections/%ED%A0%80/items", "/search"):
        answer = api("GET", f"{path}?token=next:WyJhIiwiYiIsImMiXQ:00000000&ids=%ED%A0%80")
        assert answer.status_code in (400, 404), answer.text
