from typing import Any

import pytest

from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client
from tests.integration.stac_api.places import EVERY

pytestmark = pytest.mark.parametrize("place", EVERY, indirect=True, scope="session")


def names(page: dict[str, Any]) -> list[str]:
    return [each["id"] for each in page["collections"]]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"bbox": "170,-20,-170,-10"}, ["edges", "scenes"]),
        ({"bbox": "177,-20,178,-10"}, ["edges", "scenes"]),
        ({"bbox": "-178,-20,-177,-10"}, ["edges", "scenes"]),
        ({"bbox": "-1,-20,1,-10"}, ["scenes"]),
        ({"bbox": "-1,-20,0,1,-10,5"}, ["scenes"]),
        ({"datetime": "2019-01-01T00:00:00Z"}, []),
        ({"datetime": "2021-01-01T00:00:00Z/.."}, ["edges", "scenes"]),
        ({"q": "Edges"}, ["edges"]),
        ({"filter": "id = 'scenes'"}, ["scenes"]),
        ({"filter": "title LIKE 'Edges%'"}, ["edges"]),
        ({"query": '{"id":{"eq":"edges"}}'}, ["edges"]),
        ({"query": '{"title":{"startsWith":"The"}}'}, ["scenes"]),
        ({"sortby": "-id"}, ["scenes", "edges"]),
        ({"sortby": "title"}, ["edges", "scenes"]),
    ],
)
def test_collection_search(api: Client, params: dict[str, Any], expected: list[str]) -> None:
    page = api.get("/collections", **params)
    assert names(page) == expected
    assert page["numberMatched"] == page["numberReturned"] == len(expected)


@pytest.mark.parametrize("params", [{}, {"sortby": "-id"}])
def test_collections_are_paged_in_both_directions(api: Client, params: dict[str, Any]) -> None:
    first = api.get("/collections", limit=1, **params)
    following = next(link for link in first["links"] if link["rel"] == "next")
    second = api.get(following["href"])
    assert len(names(first)) == len(names(second)) == 1
    assert set(names(first) + names(second)) == {"edges", "scenes"}
    assert not [link for link in second["links"] if link["rel"] == "next"]
    back = next(link for link in second["links"] if link["rel"] == "prev")
    assert names(api.get(back["href"])) == names(first)


def test_collection_fields(api: Client) -> None:
    (edges,) = api.get("/collections", filter="id='edges'", fields="id,title")["collections"]
    assert edges == {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": "edges",
        "title": "Edges of the Earth",
    }


def test_a_collection_of_which_no_field_is_named_is_still_one(api: Client) -> None:
    (edges,) = api.get("/collections", filter="id='edges'", fields="")["collections"]
    assert {"id", "description", "license", "extent", "links"} <= edges.keys()
    assert "keywords" not in edges


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"filter": "S_INTERSECTS(geometry, POINT(0 0)) AND count = 'x'"}, "filter"),
        ({"query": '{"count":{"eq":"x"}}'}, "query"),
        ({"query": '{"count":{"eq":"x"}}', "q": "edges", "sortby": "id"}, "query"),
    ],
)
def test_what_the_database_refuses_is_told_by_its_parameter(
    api: Client, params: dict[str, Any], named: str
) -> None:
    assert api.get("/collections", status=400, **params)["description"].startswith(f"{named}: ")


@pytest.mark.parametrize(
    "params", [{"bbox": "1"}, {"token": "next:x"}, {"limit": 0}, {"sortby": "geometry"}, {"filter": "a"}]
)
def test_bad_collection_searches_are_400(api: Client, params: dict[str, Any]) -> None:
    assert api.get("/collections", status=400, **params)["code"] == "InvalidParameterValue"


def test_queryables_are_those_registered(api: Client) -> None:
    for path in ("/queryables", "/collections/scenes/queryables"):
        schema = api.get(path)
        assert schema["$id"] == api.url + path
        assert schema["type"] == "object"
        for name, definition in catalog.QUERYABLES.items():
            assert definition.items() <= schema["properties"][name].items()


def test_collections_link_to_what_they_can_be_filtered_by(api: Client) -> None:
    (link,) = [each for each in api.get("/collections")["links"] if each["rel"].endswith("/queryables")]
    assert link["type"] == "application/schema+json"
    schema = api.get(link["href"])
    assert schema["$id"] == link["href"]
    for name in schema["properties"]:
        assert names(api.get("/collections", filter=f"{name} IS NOT NULL")), name


def test_statistics_count_the_items(api: Client) -> None:
    figures = api.get("/collections/edges/statistics")
    assert figures["items"] == 4
    assert figures["items_by_month"] == {"2022-01": 3, "2022-02": 1}
    assert figures["start"] == "2022-01-01T00:00:00Z"
    assert figures["bbox"] == [-1.0, -19.0, -177.0, 11.0]  # 184 degrees wide; -179 to 179 would be 358


def test_validate_names_each_mistake_by_its_path(api: Client) -> None:
    stored = api.get("/collections/edges/items/period")
    good = api.post("/validate", stored)
    assert good["valid"], good
    assert good["results"][0]["id"] == "period"
    bad = api.post("/validate", stored | {"bbox": "wrong", "properties": {"datetime": None}})
    assert not bad["valid"]
    assert any(problem["path"].startswith("bbox") for problem in bad["results"][0]["problems"])


def test_validate_takes_collections_and_item_collections(api: Client) -> None:
    assert api.post("/validate", api.get("/collections/edges"))["valid"]
    both = api.post("/validate", api.get("/search", ids="period,greenwich"))
    assert both["valid"], both
    assert {each["id"] for each in both["results"]} == {"period", "greenwich"}
    strange = api.get("/collections/edges/items/period")
    strange["stac_extensions"].append("https://example.com/own/v1.0.0/schema.json")
    result = api.post("/validate", strange)["results"][0]
    assert result["not_checked"] == ["https://example.com/own/v1.0.0/schema.json"]


@pytest.mark.parametrize("body", [[], {}, {"type": "Nonsense"}, {"type": "FeatureCollection", "features": 5}])
def test_what_is_no_stac_is_400_not_invalid(api: Client, body: Any) -> None:
    assert api.post("/validate", body, status=400)["code"] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("name", "value"),
    [("ids", "edges"), ("collections", "\0"), ("intersects", "x"), ("intersects", "{}"), ("page", "\0")],
)
def test_a_parameter_that_collections_do_not_have_is_passed_over(api: Client, name: str, value: str) -> None:
    asked: dict[str, Any] = {"bbox": "-180,-90,180,90"}
    whole, found = api.get("/collections", **asked), api.get("/collections", **{**asked, name: value})
    assert found["collections"] == whole["collections"]
    assert found["numberMatched"] == whole["numberMatched"]
