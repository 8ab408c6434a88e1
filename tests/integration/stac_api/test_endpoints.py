from typing import Any

import pytest

from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client
from tests.integration.stac_api.places import EVERY

JSON = "application/json"
pytestmark = pytest.mark.parametrize("place", EVERY, indirect=True, scope="session")


def rels(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {link["rel"]: link for link in document["links"]}


def test_landing_page_links_to_every_collection(api: Client) -> None:
    landing = api.get("/")
    assert landing["type"] == "Catalog"
    assert landing["stac_version"] == "1.1.0"  # of the document, not of the API
    children = {link["href"] for link in landing["links"] if link["rel"] == "child"}
    assert children == {f"{api.url}/collections/edges", f"{api.url}/collections/scenes"}
    assert landing["conformsTo"] == api.get("/conformance")["conformsTo"]
    for link in landing["links"]:
        if link.get("method", "GET") == "GET":
            assert api("GET", link["href"]).status_code == 200, link


def test_every_item_is_whole_in_search_and_on_its_own(api: Client) -> None:
    stored = {item["id"]: item for item in catalog.ITEMS}
    found = api.get("/search", limit=1000)["features"]
    assert {item["id"] for item in found} == set(stored)
    for item in found:
        links = rels(item)
        here = f"{api.url}/collections/{item['collection']}"
        assert links["self"]["href"] == f"{here}/items/{item['id']}"
        assert links["parent"]["href"] == links["collection"]["href"] == here
        assert links["root"]["href"] == f"{api.url}/"
        stored_links = {link["href"] for link in stored[item["id"]]["links"] if link["rel"] == "derived_from"}
        assert {link["href"] for link in item["links"] if link["rel"] == "derived_from"} == stored_links
        assert len([link for link in item["links"] if link["rel"] == "self"]) == 1
        original = stored[item["id"]]
        for key in original.keys() - {"links"}:
            assert item[key] == original[key], key
        assert item.keys() == original.keys()
    alone = api.get("/collections/scenes/items/scene-007")
    alone["links"] = [link for link in alone["links"] if link["rel"] != "alternate"]
    assert alone in found


@pytest.mark.parametrize(
    "path",
    [
        "/collections",
        "/collections?limit=1&q=edges",
        "/collections/edges",
        "/collections/edges/items?limit=2",
        "/collections/edges/items/greenwich",
        "/search?limit=2&bbox=-180,-90,180,90",
    ],
)
def test_what_is_a_page_too_leads_there(api: Client, path: str) -> None:
    """OGC API Features 1.0, requirements 14, 28 and 32, and for Collections 15."""
    link = rels(api.get(path))["alternate"]
    assert link["type"] == "text/html"
    page = api("GET", link["href"])
    assert page.headers["Content-Type"].startswith("text/html")


def test_collection_has_item_assets_and_nothing_private(api: Client) -> None:
    collection = api.get("/collections/scenes")
    assert collection["item_assets"] == catalog.ITEM_ASSETS
    assert "not for readers" not in str(collection)
    assert collection["extent"] == catalog.COLLECTIONS[0]["extent"]
    links = rels(collection)
    assert set(links) >= {"self", "parent", "root", "items", "license"}
    assert links["items"]["href"] == f"{api.url}/collections/scenes/items"


def test_collections_lists_all_with_counts(api: Client) -> None:
    listed = api.get("/collections")
    assert [each["id"] for each in listed["collections"]] == ["edges", "scenes"]
    assert listed["numberMatched"] == listed["numberReturned"] == 2


def test_items_of_a_collection_are_its_own(api: Client) -> None:
    page = api.get("/collections/edges/items", limit=2)
    assert {item["collection"] for item in page["features"]} == {"edges"}
    assert page["numberMatched"] == 4
    assert page["numberReturned"] == 2
    assert rels(page)["next"]["href"].startswith(f"{api.url}/collections/edges/items?")


def test_what_is_not_there_is_404_with_code_and_description(api: Client) -> None:
    for path in (
        "/collections/no",
        "/collections/no/items",
        "/collections/edges/items/no",
        "/no",
        "/collections/no/queryables",
    ):
        problem = api.get(path, status=404)
        assert problem.keys() == {"code", "description"}


@pytest.mark.parametrize(
    "path",
    ["/search;x", "/collections/edges;x", "/collections/edges%2Fitems", "/collections/edges/items/period;x",
     "/collections/edges/items/%ff", "/collections/edges/items/period%2F", "/collections/%ff",
     "/search%3Flimit=1", "/search%23x"],
)  # fmt: skip
def test_what_is_escaped_or_behind_a_semicolon_is_part_of_a_name(api: Client, path: str) -> None:
    assert api.get(path, status=404)["code"] == "NotFound"


def test_a_host_that_is_none_is_no_fault_of_the_api(api: Client) -> None:
    assert api("GET", "/conformance", headers={"Host": b"\xe9"}).status_code == 200


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_mistake_comes_in_a_type_that_openapi_tells(api: Client, accept: str) -> None:
    paths = api.get("/api")["paths"]
    for method, path, status in (
        ("GET", "/search", 400),
        ("POST", "/search", 400),
        ("POST", "/validate", 400),
    ):
        answer = api(
            method, path, params={"limit": "x"}, data="[", headers={"Accept": accept, "Content-Type": JSON}
        )
        assert answer.status_code == status
        told = paths[path][method.lower()]["responses"][str(status)]["content"]
        assert answer.headers["Content-Type"].partition(";")[0] in told


def test_writing_verbs_are_405(api: Client) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in (
            "/collections",
            "/collections/edges",
            "/collections/edges/items",
            "/collections/edges/items/greenwich",
        ):
            answer = api(method, path, json={})
            assert answer.status_code == 405
            assert answer.json()["code"] == "MethodNotAllowed"
            assert "GET" in answer.headers["Allow"]


def test_number_matched_is_a_number_and_never_null(api: Client) -> None:
    for params in (
        {},
        {"limit": 1},
        {"ids": "no-such"},
        {"bbox": "0,0,1,1"},
        {"datetime": "1900-01-01T00:00:00Z"},
    ):
        page = api.get("/search", **params)
        assert isinstance(page["numberMatched"], int)
        assert page["numberReturned"] == len(page["features"])
    assert api.get("/search", limit=3)["numberMatched"] == len(catalog.ITEMS)
