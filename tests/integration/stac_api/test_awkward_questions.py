"""Questions that readers ask by mistake or in bad faith, and what is at stake in each."""

import gzip
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pytest
import requests
from psycopg.types.json import Jsonb

from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import new_database
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client, load
from tests.integration.stac_api.places import MAIN, Place

pytestmark = pytest.mark.parametrize("place", MAIN, indirect=True, scope="session")

Json = dict[str, Any]

TOO_DEEP = {
    "sums": "a+" * 20_000 + "1=1",
    "conjunctions": "a=1 AND " * 20_000 + "a=1",
    "comparisons": "a=" * 30_000 + "1",
    "negations": "NOT " * 20_000 + "a=1",
    "signs": "a " + "-1 " * 20_000 + "=1",
    "a few sums": "a+" * 1_000 + "1=1",
    "coordinates": "S_INTERSECTS(geometry,POINT(1" + " -1" * 20_000 + "))",
    "long": "a='" + "x" * 200_000 + "'",
    "a quote": "a='\\'' " + "+ 1 " * 20_000 + "='\\''",
}
LONG = 4_000, 200_000, 450_000  # for an address, for a body, for neither
EMPTY = [
    f"S_INTERSECTS(geometry,{kind} EMPTY)" for kind in ("POINT", "POLYGON", "LINESTRING", "MULTIPOLYGON")
]

AS_TEXTS = [
    "geometry = 'TEXT'", "'TEXT' < properties.properties.geometry", "geometry BETWEEN 'TEXT' AND 'TEXT'",
    "geometry IN ('a', 'TEXT')", "'TEXT' IN (geometry)", "geometry LIKE 'TEXT'", "CASEI(geometry) = 'TEXT'",
    "T_AFTER(geometry, 'TEXT')", "A_CONTAINS(geometry, ('TEXT'))", "id = geometry OR id = 'TEXT'",
    "ACCENTI(geometry) = ACCENTI('TEXT')",
]  # fmt: skip


@pytest.mark.parametrize("name", TOO_DEEP)
@pytest.mark.parametrize("path", ["/search", "/collections", "/collections/edges/items"])
def test_no_filter_ends_the_process(api: Client, name: str, path: str) -> None:
    if path == "/search":
        body = {"filter": TOO_DEEP[name], "filter-lang": "cql2-text"}
        assert api.post(path, body, status=400)["description"].startswith("filter: ")
    else:  # a URL that servers take
        text = TOO_DEEP[name][:6_000]
        answer = api("GET", path, params={"filter": text, "filter-lang": "cql2-text"})
        assert answer.status_code == 400, answer.text
    assert api("GET", "/_mgmt/ping").status_code == 200


@pytest.mark.parametrize("text", EMPTY)
@pytest.mark.parametrize("path", ["/search", "/collections"])
def test_an_empty_geometry_is_a_mistake_of_the_filter(api: Client, text: str, path: str) -> None:
    assert api.get(path, filter=text, status=400)["description"].startswith("filter: ")


@pytest.mark.parametrize("text", ["€", "日", "😀", "POINT(0 0)"])
@pytest.mark.parametrize(
    "asked", [*AS_TEXTS, '{"geometry": {"eq": "TEXT"}}', '{"geometry": {"in": ["TEXT"]}}']
)
def test_a_text_beside_the_geometry_is_refused_at_once(api: Client, asked: str, text: str) -> None:
    """PostGIS quotes it up to the middle of a character, and asyncpg waits for ever after such an error."""
    name = "query" if asked.startswith("{") else "filter"
    begun = time.monotonic()
    for path in ("/search", "/collections"):
        told = api.get(path, status=400, **{name: asked.replace("TEXT", text)})["description"]
        assert told.startswith(f"{name}: at {name}.")
        assert "spatial operators" in told
    if name == "filter":
        assert api.ids(filter="geometry IS NULL") == []
    assert time.monotonic() - begun < 15, "as the database's own refusals"


def test_long_lists_and_large_polygons_are_no_operators(api: Client) -> None:
    ids = ", ".join(f"'scene-{n:03}'" for n in range(1_500))
    ring = ", ".join(f"{-170 + n / 10:.2f} -80" for n in range(3_000))
    body = {"filter-lang": "cql2-text", "filter": f"id IN ({ids})"}
    assert api.post("/search", body)["numberMatched"] == 120
    body["filter"] = f"S_INTERSECTS(geometry, POLYGON((-170 -80, {ring}, 170 80, -170 80, -170 -80)))"
    assert api.post("/search", body)["numberMatched"] > 100
    body["filter"] = " OR ".join(f"(id = 'scene-{n:03}' AND count >= -1)" for n in range(120))
    assert api.post("/search", body)["numberMatched"] == 120


def test_links_of_pages_keep_what_was_asked_several_times(api: Client) -> None:
    question = "collections=scenes&collections=edges&ids=period&ids=greenwich,scene-001&limit=1"
    url, seen = f"/search?{question}", []
    while url:
        page = api("GET", url).json()
        assert page["numberMatched"] == 3
        seen += [item["id"] for item in page["features"]]
        here = dict(parse_qsl(urlsplit(link(page, "self")).query))
        assert (here["collections"], here["ids"]) == ("scenes,edges", "period,greenwich,scene-001")
        url = link(page, "next").removeprefix(api.url)
    assert sorted(seen) == ["greenwich", "period", "scene-001"]


def link(page: Json, rel: str) -> str:
    return next((str(each["href"]) for each in page["links"] if each["rel"] == rel), "")


@pytest.mark.parametrize("question", ["limit=1&q=Edges", "limit=1", "bbox=0,0,1,1"])
def test_a_page_of_collections_says_how_it_was_asked_for(api: Client, question: str) -> None:
    page = api("GET", f"/collections?{question}").json()
    assert link(page, "self") == f"{api.url}/collections?{question}"


def test_by_filter_a_collection_across_the_antimeridian_is_where_it_is(api: Client) -> None:
    def there(lon: float, lat: float) -> bool:
        found = api.get("/collections", filter=f"S_INTERSECTS(geometry, POINT({lon} {lat})) AND id = 'edges'")
        return [each["id"] for each in found["collections"]] == ["edges"]

    assert there(178, -18)
    assert there(-178, -18)
    assert not there(0, -18)
    assert not there(178, 20)
    disjoint = api.get("/collections", filter="S_DISJOINT(geometry, POINT(0 -18))")
    assert [each["id"] for each in disjoint["collections"]] == ["edges"]


@pytest.mark.parametrize("words", ["!!!", "☃", ",", "-,%"])
def test_free_text_without_a_word_is_a_mistake_and_finds_not_everything(api: Client, words: str) -> None:
    for path in ("/search", "/collections"):
        assert api.get(path, q=words, status=400)["description"].startswith("q: ")
    assert api.post("/search", {"q": [words]}, status=400)["description"].startswith("q: ")


def test_a_null_is_as_if_it_had_not_been_sent(api: Client) -> None:
    body = {
        name: None for name in ("bbox", "ids", "filter-lang", "filter-crs", "sortby", "token", "q", "query")
    }
    condition = {"op": "=", "args": [{"property": "id"}, "period"]}
    assert api.post("/search", body | {"filter": condition})["numberMatched"] == 1


def test_a_token_that_somebody_changed_is_told_as_such(api: Client) -> None:
    for more in ({"filter": "count > 1"}, {"intersects": '{"type":"Point","coordinates":[0,0]}'}):
        answer = api.get("/search", status=400, token="next:WyJub3QgYSB0aW1lIiwiYSIsImIiXQ", **more)
        assert " or token: " in answer["description"]


@pytest.mark.parametrize(
    "path",
    ["/collections/", "/collections/edges/", "/collections/edges/items/", "/collections/edges/items/period/",
     "/search/", "/collections/a%2Fb/", "/collections/a/items/b%2Fc/"],
)  # fmt: skip
def test_a_slash_too_many_leads_to_the_address_that_the_client_knows(api: Client, path: str) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.example", "X-Forwarded-Prefix": "/eo"}
    for given, expected in (({}, api.url), (headers, "https://a.example/eo")):
        answer = requests.get(f"{api.url}{path}?limit=1", headers=given, allow_redirects=False, timeout=30)
        assert answer.status_code == 307
        assert answer.headers["Location"] == f"{expected}{path.removesuffix('/')}?limit=1"


def test_deep_pages_are_reached_whatever_the_texts_that_they_are_sorted_by(long_labels: Client) -> None:
    every = [f"i{n}" for n in reversed(range(6))]
    assert walked(long_labels, "c4000", "GET") == every
    assert walked(long_labels, "c4000", "POST") == every
    assert walked(long_labels, "c200000", "POST") == every


def test_a_page_that_no_link_can_lead_on_from_is_a_400_that_says_so(long_labels: Client) -> None:
    asked = {"sortby": "label", "limit": 2}
    told = long_labels.get("/search", status=400, collections="c200000", **asked)["description"]
    assert told.startswith("sortby: ")
    assert "by POST" in told
    body = {"collections": ["c450000"], "limit": 2, "sortby": [{"field": "label"}]}
    told = long_labels.post("/search", body, status=400)["description"]
    assert told.startswith("sortby: ")
    assert "by POST" not in told


def test_what_is_asked_counts_in_the_length_of_a_link(long_labels: Client) -> None:
    asked = {"collections": "c4000", "limit": 2}
    for sortby, letters, blamed in (("label", 3_000, "sortby"), ("id", 7_900, "filter")):
        condition = f"label <> '{'x' * letters}'"
        told = long_labels.get("/search", status=400, **asked, sortby=sortby, filter=condition)["description"]
        assert told.startswith(f"{blamed}: ")
        assert "by POST" in told
    body = {"collections": ["c200000"], "limit": 2, "sortby": [{"field": "label"}], "unknown": "x" * 800_000}
    assert long_labels.post("/search", body, status=400)["description"].startswith("sortby: ")


def walked(client: Client, collection: str, method: str) -> list[str]:
    """The ids of all pages, by the links from one to the next."""
    given: Json = {"collections": [collection], "sortby": [{"field": "label", "direction": "desc"}]}
    body = given | {"limit": 2, "fields": {"include": ["id"]}}
    address = f"/search?collections={collection}&sortby=-label&limit=2&fields=id"
    seen: list[str] = []
    while True:
        page = client.post("/search", body) if method == "POST" else client.get(address)
        seen += [each["id"] for each in page["features"]]
        following = [each for each in page["links"] if each["rel"] == "next"]
        if not following:
            return seen
        body, address = body | following[0].get("body", {}), following[0]["href"]


@pytest.fixture(scope="module")
def long_labels(place: Place, postgres: RunningPostgres) -> Iterator[Client]:
    """Three collections of Items with labels of so many characters."""
    own = new_database(postgres)
    items = [
        catalog.item(f"i{n}", f"c{long}", [0, 0, 1, 1], "2022-01-01T00:00:00Z", label=f"{n}" * long)
        for long in LONG
        for n in range(6)
    ]
    load(own.settings.conninfo, [catalog.collection(f"c{long}", [0, 0, 1, 1]) for long in LONG], items)
    with place.serve(own) as running:
        client = Client(running.url)
        yield client
        client.session.close()


@pytest.mark.parametrize("boxes", [[[180, 90, -180, -90]], [[]], [[None, 0, 1, 1]], 5, [5]])
def test_an_extent_that_is_none_spoils_no_search_for_the_others(
    place: Place, postgres: RunningPostgres, boxes: Any
) -> None:
    own = new_database(postgres)
    load(own.settings.conninfo, catalog.COLLECTIONS, [])
    with psycopg.connect(own.settings.conninfo, autocommit=True) as connection:
        connection.execute(
            "UPDATE pgstac.collections SET content = jsonb_set(content, '{extent,spatial,bbox}', %s) WHERE id = %s",
            [Jsonb(boxes), "scenes"],
        )
    with place.serve(own) as running:
        client = Client(running.url)
        in_box = client.get("/collections", bbox="177,-19,178,-18")
        by_filter = client.get("/collections", filter="S_INTERSECTS(geometry, POINT(178 -18))")
        for page in (in_box, by_filter):
            assert [each["id"] for each in page["collections"]] == ["edges"]
        client.session.close()


def test_an_item_that_was_stored_without_its_box_has_one(place: Place, postgres: RunningPostgres) -> None:
    own = new_database(postgres)
    load(own.settings.conninfo, catalog.COLLECTIONS, catalog.ITEMS[-4:])
    with psycopg.connect(own.settings.conninfo, autocommit=True) as connection:
        connection.execute("UPDATE pgstac.items SET content = content - 'bbox'")
    with place.serve(own) as running:
        client = Client(running.url)
        boxes = {each["id"]: each["bbox"] for each in client.get("/search")["features"]}
        client.session.close()
    assert boxes == {each["id"]: each["bbox"] for each in catalog.ITEMS[-4:]}


ITEM: Json = {
    "type": "Feature", "stac_version": "1.1.0", "id": "a", "links": [], "assets": {}, "bbox": [1, 2, 1, 2],
    "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {"datetime": "2020-01-01T00:00:00Z"},
}  # fmt: skip


def test_an_item_of_no_collection_is_valid(api: Client) -> None:
    """Also with what STAC allows and we would not publish."""
    ring = [[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]
    clockwise = {"geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": [0, 0, 1, 1]}
    for item in (ITEM, ITEM | {"assets": {"a": {"href": "./a.tif"}}}, ITEM | clockwise):
        assert api.post("/validate", item)["results"][0]["problems"] == []


def test_of_another_version_it_is_said_that_it_is_not_checked(api: Client) -> None:
    (problem,) = api.post("/validate", ITEM | {"stac_version": "1.0.0"})["results"][0]["problems"]
    assert (problem["path"], problem["message"]) == ("stac_version", "only STAC 1.1.0 is checked here")


@pytest.mark.parametrize(
    ("collection", "path"),
    [
        ({"links": 5}, "links"),
        ({"links": [{"href": "a"}]}, "links/0"),
        ({"numberMatched": -1}, "numberMatched"),
        ({"features": [{**catalog.COLLECTIONS[0], "links": []}]}, "features/0/type"),
    ],
)
def test_an_item_collection_is_looked_at_itself(api: Client, collection: Json, path: str) -> None:
    answer = api.post("/validate", {"type": "FeatureCollection", "features": []} | collection)
    assert not answer["valid"]
    assert [each["path"] for each in answer["results"][0]["problems"]] == [path]


HUGE: dict[str, Callable[[], Json]] = {
    "links": lambda: ITEM | {"links": [5] * 90_000},
    "a link at the end": lambda: ITEM | {"links": [{"href": "http://a/b", "rel": "x"}] * 20_000 + [5]},
    "assets": lambda: ITEM | {"assets": {str(n): 5 for n in range(80_000)}},
    "coordinates": lambda: (
        ITEM | {"geometry": {"type": "MultiPolygon", "coordinates": [[[["a", 2]]]] * 60_000}}
    ),
    "bands": lambda: ITEM | {"properties": {"datetime": None, "bands": [5] * 200_000}},
}


@pytest.mark.parametrize("name", HUGE)
def test_of_very_many_mistakes_the_first_are_told(api: Client, name: str) -> None:
    """To tell of all took from 23 s to 149 s."""
    result = api.post("/validate", HUGE[name]())["results"][0]
    assert not result["valid"]
    assert 0 < len(result["problems"]) <= 100


def test_a_packed_body_and_a_name_with_a_line_end_are_answered_by_the_api(api: Client) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    packed = api("POST", "/search", data=gzip.compress(b"{}"), headers=headers)
    assert (packed.status_code, packed.json()["code"]) == (415, "UnsupportedMediaType")
    found = api.get("/collections/edges/items/a%0Ab", status=404)
    assert "'a\\nb'" in found["description"]


def test_a_client_that_refuses_gzip_gets_none(api: Client) -> None:
    for accepted in ("gzip;q=0", "identity, gzip; q=0.0", "*;q=0.5"):
        answer = api("GET", "/search", params={"limit": 50}, headers={"Accept-Encoding": accepted})
        assert "Content-Encoding" not in answer.headers
        assert "Accept-Encoding" in answer.headers["Vary"]
    first = api("GET", "/search", params={"limit": 50}, headers={"Accept-Encoding": "GZIP;Q=0.5"})
    assert first.headers["Content-Encoding"] == "gzip"
    known = {"If-None-Match": first.headers["ETag"], "Accept-Encoding": "gzip"}
    again = api("GET", "/search", params={"limit": 50}, headers=known)
    assert again.status_code == 304
    assert "Accept-Encoding" in again.headers["Vary"]


@pytest.mark.parametrize("levels", [99, 100, 300, 1_000])
@pytest.mark.parametrize(
    "document",
    [
        '{"type":"Feature","id":%s}',
        '{"type":"Feature","geometry":{"type":"Polygon","coordinates":%s}}',
        '{"type":"Collection","summaries":%s}',
        '{"type":"FeatureCollection","features":[{"type":%s}]}',
    ],
)
def test_a_document_that_is_nested_deeply_is_answered(api: Client, document: str, levels: int) -> None:
    deep = "[" * (levels - document.count("[") - document.count("{")) + "]" * (
        levels - document.count("[") - document.count("{")
    )
    answer = api("POST", "/validate", data=document % deep, headers={"Content-Type": "application/json"})
    assert answer.status_code == (200 if levels <= 100 else 400), answer.text
    if levels == 300:
        assert answer.json()["description"] == "body: nested too deeply: at most 100 levels"
