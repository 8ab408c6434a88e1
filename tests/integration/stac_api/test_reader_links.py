"""Links, media types and plain refusals that readers of a STAC API are used to."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.stac_api.conftest import Client
from tests.integration.stac_api.places import EVERY

pytestmark = pytest.mark.parametrize("place", EVERY, indirect=True, scope="session")

Json = dict[str, Any]
JSON, GEOJSON = "application/json", "application/geo+json"
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"


def links_of(document: Json, rel: str) -> list[Json]:
    return [link for link in document["links"] if link["rel"] == rel]


@pytest.mark.parametrize(
    ("rel", "media_type", "path"),
    [
        ("self", JSON, "/"),
        ("root", JSON, "/"),
        ("data", JSON, "/collections"),
        ("conformance", JSON, "/conformance"),
        ("service-desc", "application/vnd.oai.openapi+json;version=3.0", "/api"),
        ("service-doc", "text/html", "/api.html"),
        (QUERYABLES, "application/schema+json", "/queryables"),
        ("search", GEOJSON, "/search"),
    ],
)
def test_the_landing_page_says_where_everything_is_and_of_what_type(
    api: Client, rel: str, media_type: str, path: str
) -> None:
    landing = api.get("/")
    assert landing["stac_extensions"] == []
    found = links_of(landing, rel)
    assert [link.get("method") for link in found] == (["GET", "POST"] if rel == "search" else [None])
    for link in found:
        assert (link["type"], urlsplit(link["href"]).path) == (media_type, path)
    answer = api("GET", found[0]["href"])
    assert answer.headers["Content-Type"].startswith(media_type)


def test_every_answer_has_its_media_type_and_links_to_itself(api: Client) -> None:
    for path in ("/search", "/collections/edges/items"):
        page = api("GET", path)
        assert page.headers["Content-Type"] == GEOJSON
        assert [(link["href"], link["type"]) for link in links_of(page.json(), "self")] == [
            (api.url + path, GEOJSON)
        ]
        assert "stac_version" not in page.json()
        assert "stac_extensions" not in page.json()
    posted = api("POST", "/search", json={"collections": ["edges"]})
    assert posted.headers["Content-Type"] == GEOJSON
    assert sorted(link["rel"] for link in posted.json()["links"]) == ["root", "self"]
    assert links_of(posted.json(), "self")[0]["type"] == GEOJSON
    assert api("GET", "/collections/edges/queryables").headers["Content-Type"] == "application/schema+json"


def test_queryables_have_a_title_in_links_and_the_id_among_them(api: Client) -> None:
    documents = [api.get("/"), api.get("/collections/edges"), *api.get("/collections")["collections"]]
    for document in documents:
        (link,) = links_of(document, QUERYABLES)
        assert link["title"] == "Queryables"
        assert "id" in api.get(link["href"])["properties"]


def test_a_collection_is_the_same_alone_and_in_the_list(api: Client) -> None:
    listed = api.get("/collections")["collections"]
    assert listed
    for each in listed:
        assert api.get(f"/collections/{each['id']}") == each
        assert api.post("/validate", each)["valid"]
        assert links_of(each, "license")


def test_a_parameter_that_an_address_does_not_have_is_ignored(api: Client) -> None:
    plain = api.get("/collections/edges")
    assert api.get("/collections/edges", datetime="1900-01-01T00:00:00Z/1900-12-31T00:00:00Z") == plain
    assert api.get("/search", nonsense="1", collections="edges")["numberMatched"] == 4


def test_the_items_of_a_collection_take_the_parameters_of_a_search(api: Client) -> None:
    path = "/collections/edges/items"

    def ids(**params: Any) -> list[str]:
        return [item["id"] for item in api.get(path, **params)["features"]]

    assert ids(bbox="-2,-20,2,-10") == ["greenwich"]
    assert ids(bbox="50,50,51,51") == []
    assert ids(datetime="2022-01-03T00:00:00Z/..") == ["period", "greenwich"]
    assert ids(datetime="2018-01-01T00:00:00Z/2019-01-01T00:00:00Z") == []
    assert ids(filter="id = 'period'") == ["period"]
    assert ids(
        **{"filter": '{"op":"in","args":[{"property":"id"},["period"]]}', "filter-lang": "cql2-json"}
    ) == ["period"]
    assert ids(ids="greenwich,scene-001") == ["greenwich"]
    assert ids(sortby="+id", limit="2") == ["fiji-east", "fiji-west"]
    assert ids(q="words") == ["fiji-west"]
    assert ids(query='{"id":{"startsWith":"fiji"}}', sortby="id") == ["fiji-east", "fiji-west"]
    (item,) = api.get(path, ids="greenwich", fields="-assets")["features"]
    assert item["properties"]
    assert "assets" not in item


def test_a_name_with_a_colon_needs_no_quotes_in_cql2_text(api: Client) -> None:
    quoted = api.ids(filter='"eo:cloud_cover" < 20', limit=200)
    assert quoted
    assert api.ids(filter="eo:cloud_cover < 20", limit=200) == quoted


def test_a_limit_beyond_the_cap_is_cut_to_it(api: Client) -> None:
    assert len(api.get("/search", limit=10_001)["features"]) == 124
    assert len(api.post("/search", {"limit": 10_001})["features"]) == 124
    for much in ("99999999999999999999", "0" * 30 + "1" + "0" * 30, "9" * 5_000):
        assert len(api.get("/search", limit=much)["features"]) == 124
        assert len(api.get("/collections", limit=much)["collections"]) == 2
        beyond = api.get("/collections", offset=much)
        assert (beyond["collections"], beyond["numberMatched"]) == ([], 2)
    assert len(api.get("/search", limit="0" * 30 + "2")["features"]) == 2
    assert len(api.get("/collections", offset="0" * 30 + "1")["collections"]) == 1
    assert api.get("/search", limit="0" * 30, status=400)["description"].startswith("limit: ")


@pytest.mark.parametrize(
    "datetime",
    [
        "/", "../..", "../", "/..", "37-01-01T12:00:27.87Z", "1985-13-12T23:20:50.52Z", "1985-12-32T23:20:50.52Z",
        "1985-12-01T25:20:50.52Z", "1985-12-01T00:60:50.52Z", "1985-12-01T00:06:61.52Z", "1990-12-31T23:59:61Z",
        "1986-04-12T23:20:50.52Z/1985-04-12T23:20:50.52Z", "2020-XX-01/2020-10-30",
    ],
)  # fmt: skip
def test_what_is_no_time_or_runs_backwards_is_400(api: Client, datetime: str) -> None:
    assert api.get("/search", status=400, datetime=datetime)["description"].startswith("datetime: ")
    assert api.post("/search", {"datetime": datetime}, status=400)["description"].startswith("datetime: ")


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({"Forwarded": "proto=https;host=test:1234"}, "https://test:1234"),
        ({"X-Forwarded-Port": "1234", "X-Forwarded-Proto": "https"}, "https://127.0.0.1:1234"),
        ({"X-Forwarded-Port": "443", "X-Forwarded-Proto": "https"}, "https://127.0.0.1"),
        (
            {
                "Forwarded": "proto=https;host=test:1234",
                "X-Forwarded-Proto": "http",
                "X-Forwarded-Port": "4321",
            },
            "https://test:1234",
        ),
    ],
)
def test_every_document_links_by_what_a_proxy_says_and_forwarded_says_it_best(
    api: Client, headers: dict[str, str], base: str
) -> None:
    for path in ("/", "/collections", "/collections/edges", "/collections/edges/items", "/search",
                 "/collections/edges/items/period"):  # fmt: skip
        document = api("GET", path, headers=headers).json()
        linked = [document, *document.get("features", ()), *document.get("collections", ())]
        hrefs = [
            link["href"]
            for each in linked
            for link in each["links"]
            if link["rel"] not in ("derived_from", "license")
        ]
        assert hrefs
        assert all(href.startswith(f"{base}/") for href in hrefs), (path, hrefs)
