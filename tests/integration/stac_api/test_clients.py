"""What clients do: pystac-client's usual calls, and the requests that QGIS sends."""

from typing import Any

import pytest
from pystac_client import Client as StacClient

from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client

EDGES = [item["id"] for item in catalog.ITEMS if item["collection"] == "edges"]


@pytest.fixture(scope="module")
def stac(url: str) -> StacClient:
    return StacClient.open(f"{url}/")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pystac_client_pages_to_the_end_and_gets_each_item_once(stac: StacClient, method: str) -> None:
    search = stac.search(method=method, limit=11, max_items=None)
    names = [item.id for item in search.items()]
    assert len(names) == len(set(names)) == len(catalog.ITEMS)
    assert search.matched() == len(catalog.ITEMS)


def test_pystac_client_searches_with_everything(stac: StacClient) -> None:
    found = stac.search(
        collections=["edges"],
        bbox=[-180, -90, 180, 90],
        datetime="2022-01-01/2022-01-31",
        ids=EDGES,
        sortby=["-properties.datetime"],
        filter={"op": "<>", "args": [{"property": "id"}, "greenwich"]},
    )
    assert [item.id for item in found.items()] == ["fiji-west", "fiji-east"]
    by_area = stac.search(intersects={"type": "Point", "coordinates": [0, -18]}, collections=["edges"])
    assert [item.id for item in by_area.items()] == ["greenwich"]


def test_pystac_client_filters_in_both_languages_and_queries(stac: StacClient) -> None:
    as_text = stac.search(filter="id = 'period'", filter_lang="cql2-text", method="GET")
    as_json = stac.search(filter={"op": "=", "args": [{"property": "id"}, "period"]})
    assert [item.id for item in as_text.items()] == [item.id for item in as_json.items()] == ["period"]
    queried = stac.search(query=["eo:cloud_cover<1", "platform=alpha"], collections=["scenes"])
    for item in queried.items():
        assert item.properties["eo:cloud_cover"] < 1


def test_pystac_client_leaves_fields_out(stac: StacClient) -> None:
    (item,) = stac.search(ids=["period"], fields=["-assets", "+properties.datetime"]).items_as_dicts()
    assert "assets" not in item
    assert item["id"] == "period"


def test_pystac_client_walks_collections_and_items(stac: StacClient) -> None:
    assert {each.id for each in stac.get_collections()} == {"edges", "scenes"}
    edges = stac.get_collection("edges")
    assert edges is not None
    assert sorted(item.id for item in edges.get_items()) == sorted(EDGES)
    item = edges.get_item("period")
    assert item is not None
    assert item.get_parent() is not None
    assert next(stac.get_items("period", recursive=True)).id == "period"
    assert item.to_dict(include_self_link=False)["properties"]["datetime"] is None


def test_pystac_client_searches_collections(stac: StacClient) -> None:
    search = stac.collection_search(bbox=[-1, -20, 1, -10], datetime="2021-01-01T00:00:00Z/..", q="scenes")
    assert search.matched() == 1
    assert [each.id for each in search.collections()] == ["scenes"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_requests_of_qgis_get_what_it_needs(api: Client, method: str) -> None:
    """Landing page, collections, then searches by bbox and datetime that follow the next links.

    QGIS drops Items without `stac_version` or `links`, and whole pages whose `numberMatched` is null.
    """
    landing = api.get("/")
    links = {link["rel"]: link for link in landing["links"]}
    assert landing["stac_version"]
    assert api.get(links["data"]["href"])["collections"]
    search = next(link for link in landing["links"] if link["rel"] == "search" and link["method"] == method)
    asked: dict[str, Any] = {
        "bbox": [-180, -90, 180, 90],
        "datetime": "2021-01-01T00:00:00Z/2022-12-31T00:00:00Z",
        "collections": ["scenes", "edges"],
        "limit": 20,
    }
    if method == "GET":
        lists = {name: ",".join(map(str, asked[name])) for name in ("bbox", "collections")}
        page = api.get(search["href"], **asked | lists)
    else:
        page = api.post(search["href"], asked)
    seen: list[str] = []
    while True:
        assert page["type"] == "FeatureCollection"
        assert page["numberMatched"] is not None
        for item in page["features"]:
            assert item["stac_version"]
            assert item["links"]
            assert item["bbox"]
            assert item["assets"]
            seen.append(item["id"])
        following = next((link for link in page["links"] if link["rel"] == "next"), None)
        if following is None:
            break
        assert following.get("method", "GET") == method
        href, more = following["href"], following.get("body", {})
        page = api.get(href) if method == "GET" else api.post(href, asked | more)
    assert sorted(seen) == sorted(item["id"] for item in catalog.ITEMS)


def test_a_filter_of_qgis_by_time_finds_items_although_it_begins_in_the_year_0(api: Client) -> None:
    """Of `"datetime" < '2022-01-02T00:00:00Z'` QGIS 3.22 makes this interval; shown an error, it shows no Item."""
    asked = "?datetime=0000-01-01T00:00:00Z%2F2022-01-02T00:00:00Z&limit=100"
    page = api.get(f"/collections/edges/items{asked}")
    assert [item["id"] for item in page["features"]] == ["fiji-west", "fiji-east"]
    assert len(api.get(f"/collections{asked}")["collections"]) == 2


def test_clients_read_in_openapi_how_many_items_a_page_can_have(api: Client) -> None:
    """QGIS asks for pages of so many, and of 100 where `components.parameters.limit` does not say it."""
    described = api.get("/api")
    limit = described["components"]["parameters"]["limit"]
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10}
    reference = {"$ref": "#/components/parameters/limit"}
    for path in ("/search", "/collections/{collection_id}/items"):
        assert reference in described["paths"][path]["get"]["parameters"]
    assert (
        reference not in described["paths"]["/collections"]["get"]["parameters"]
    )  # it shows all unless told
    assert api.get("/search", limit=1_000_000)["features"], "beyond it is no mistake"
    page = api("GET", "/api.html").text
    assert page.count(limit["description"]) == 2
