"""Catalogs that others made, and empty ones: what readers of a STAC API on pgstac are used to there too."""

import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.types.json import Jsonb

from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import CatalogDatabase, new_database
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client, load
from tests.integration.stac_api.places import MAIN, Place

Json = dict[str, Any]
FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"  # of the times that Python knows
MIDDLE = "2023-06-15T00:00:00Z"
MANY = [f"many-{n:02}" for n in range(12)]
BANDS = [{"data_type": "uint16", "scale": 0.1, "offset": 0, "unit": "m", "nodata": 0}]
OWN_BANDS = [{**BANDS[0], "offset": 2.5, "spatial_resolution": 30}]
sys.set_int_max_str_digits(10_000)  # one number of a strange Collection has 5,001
pytestmark = pytest.mark.parametrize("place", MAIN, indirect=True, scope="session")


def banded() -> Json:
    """An Item of which pgstac stores only what differs from its Collection's `item_assets`."""
    item = catalog.item("banded", "bands", [0, 0, 1, 1], "2023-01-01T00:00:00Z")
    item["assets"]["data"]["raster:bands"] = OWN_BANDS
    item["links"].append({"rel": "preview", "href": "https://example.com/preview.html", "type": "text/html"})
    item["links"].append({"rel": "thumbnail", "href": "previews/banded.png"})
    return item


def unversioned() -> list[Json]:
    """Items that say no version, with and without parts in their Collection."""
    items = [
        catalog.item("unversioned", name, [0, 0, 1, 1], "2023-01-01T00:00:00Z") for name in ("bands", MANY[5])
    ]
    return [{name: value for name, value in item.items() if name != "stac_version"} for item in items]


@pytest.fixture(scope="module")
def others(place: Place, postgres: RunningPostgres) -> CatalogDatabase:
    """One for each place, since a test adds to it."""
    database = new_database(postgres)
    assets = {"data": {"type": "image/tiff", "raster:bands": BANDS, "description": "of the Collection only"}}
    collections = [catalog.collection(name, [0, 0, 1, 1]) for name in MANY]
    same = [catalog.item("same", name, [0, 0, 1, 1], "2023-01-01T00:00:00Z", of=name) for name in MANY[:2]]
    links = [{"rel": "license", "href": "license.html"}]
    bands = catalog.collection("bands", [0, 0, 1, 1], item_assets=assets, links=links)
    spanning = catalog.item(
        "spanning", "bands", [0, 0, 1, 1], ("2023-01-01T00:00:00Z", "2023-01-02T00:00:00Z")
    )
    ends = [
        catalog.item(name, MANY[3], [0, 0, 1, 1], time) for name, time in (("first", FIRST), ("last", LAST))
    ]
    begin, end = "2023-06-01T00:00:00Z", "2023-06-30T00:00:00Z"
    moments = [
        catalog.item("within", MANY[4], [0, 0, 1, 1], MIDDLE, start_datetime=begin, end_datetime=end),
        catalog.item("instant", MANY[4], [0, 0, 1, 1], "2023-06-10T00:00:00Z"),
    ]
    load(
        database.settings.conninfo,
        [*collections, bands],
        [*same, banded(), spanning, *ends, *moments, *unversioned()],
    )
    with psycopg.connect(database.settings.conninfo) as connection:
        for name, kind in zip(MANY, ("integer", "number", "integer"), strict=False):
            connection.execute(
                "SELECT pgstac.upsert_queryable('gsd', %s, 'to_float', NULL, %s)",
                [Jsonb({"type": kind, "title": kind}), [name]],
            )
    return database


@pytest.fixture(scope="module")
def api(place: Place, others: CatalogDatabase) -> Iterator[Client]:
    with place.serve(others) as running:
        client = Client(running.url)
        yield client
        client.session.close()


def rels(page: Json) -> list[str]:
    """The last word of each, since that of queryables is an address."""
    return sorted(link["rel"].rpartition("/")[2] for link in page["links"])


def test_items_of_the_same_name_in_two_collections_are_two(api: Client) -> None:
    found = api.get("/search", ids="same")
    assert sorted(item["collection"] for item in found["features"]) == MANY[:2]
    for name in MANY[:2]:
        assert api.get(f"/collections/{name}/items/same")["properties"]["of"] == name
        assert [item["id"] for item in api.get(f"/collections/{name}/items")["features"]] == ["same"]
    assert api.get(f"/collections/{MANY[2]}/items")["features"] == []
    first = api.get("/search", ids="same", limit=1)
    (following,) = (link for link in first["links"] if link["rel"] == "next")
    both = first["features"] + api.get(following["href"])["features"]
    assert sorted(item["collection"] for item in both) == MANY[:2]


@pytest.mark.parametrize(
    ("interval", "ids"),
    [
        (FIRST, ["first"]),
        (f"../{FIRST}", ["first"]),
        (f"{FIRST}/..", ["last", "first"]),
        (LAST, ["last"]),
        (f"{LAST}/..", ["last"]),
    ],
)
def test_the_first_and_the_last_moment_are_found(api: Client, interval: str, ids: list[str]) -> None:
    found = api.get("/search", datetime=interval, collections=MANY[3])
    assert [item["id"] for item in found["features"]] == ids


def test_an_item_that_spans_a_time_says_that_it_has_no_moment(api: Client) -> None:
    alone = api.get("/collections/bands/items/spanning")
    (found,) = api.get("/search", ids="spanning")["features"]
    assert alone["properties"]["datetime"] is found["properties"]["datetime"] is None
    assert alone["properties"]["start_datetime"] == "2023-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        (f"datetime = TIMESTAMP('{MIDDLE}')", []),
        ("datetime = TIMESTAMP('2023-06-01T00:00:00Z')", ["within"]),
        ("end_datetime > DATE('2023-06-10')", ["within"]),
        ("start_datetime = end_datetime", ["instant"]),
        ("datetime IS NULL OR start_datetime IS NULL OR end_datetime IS NULL", []),
    ],
)
def test_an_item_with_a_datetime_between_start_and_end_is_filtered_and_sorted_by_these(
    api: Client, condition: str, ids: list[str]
) -> None:
    """As docs/api.md says, and pgstac has it."""
    found = api.get("/search", collections=MANY[4], filter=condition)
    assert [item["id"] for item in found["features"]] == ids
    newest_first = api.get("/search", collections=MANY[4], sortby="-datetime")["features"]
    assert [item["id"] for item in newest_first] == ["instant", "within"]


def test_the_page_before_shows_no_collection_of_the_next_one(api: Client) -> None:
    page = api.get("/collections", limit=5, offset=3)
    (before,) = (link["href"] for link in page["links"] if link["rel"] == "prev")
    first = api.get(before)
    names = [each["id"] for each in first["collections"]]
    assert [*names, *(each["id"] for each in page["collections"])] == ["bands", *MANY][:8]
    (after,) = (link["href"] for link in first["links"] if link["rel"] == "next")
    assert api.get(after)["collections"] == page["collections"]
    beyond = api.get("/collections", limit=5, offset=1_000)
    (before,) = (link["href"] for link in beyond["links"] if link["rel"] == "prev")
    assert [each["id"] for each in api.get(before)["collections"]] == MANY[-5:]


def test_a_queryable_is_whole_only_where_each_collection_says_so(api: Client) -> None:
    def kind(path: str) -> str:
        found: Json = api.get(f"{path}/queryables")["properties"]["gsd"]
        return str(found["type"])

    assert kind("") == "number"
    kinds = [kind(f"/collections/{name}") for name in MANY[:3]]
    assert kinds == ["integer", "number", "integer"]


def test_collections_come_whole_or_in_pages_with_the_links_that_lead_on(api: Client) -> None:
    everything = api.get("/collections")
    assert len(everything["collections"]) == 13
    assert rels(everything) == ["alternate", "parent", "queryables", "root", "self"]
    assert rels(api.get("/collections", limit=13)) == ["alternate", "parent", "queryables", "root", "self"]
    page, names = api.get("/collections", limit=5), []
    assert rels(page) == ["alternate", "next", "parent", "queryables", "root", "self"]
    while True:
        names += [each["id"] for each in page["collections"]]
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        page = api.get(following[0])
    assert names == ["bands", *MANY]
    assert rels(page) == ["alternate", "parent", "prev", "queryables", "root", "self"]


def test_bands_that_pgstac_left_out_come_back_and_the_items_own_win(api: Client) -> None:
    for item in (api.get("/collections/bands/items/banded"), api.get("/search", ids="banded")["features"][0]):
        assert item["assets"] == banded()["assets"]
        assert "description" not in item["assets"]["data"]
        assert {"rel": "preview", "href": "https://example.com/preview.html", "type": "text/html"} in item[
            "links"
        ]


def test_an_item_that_says_no_version_has_its_collections(api: Client) -> None:
    found = api.get("/search", ids="unversioned")["features"]
    found += [api.get(f"/collections/{item['collection']}/items/unversioned") for item in found]
    assert [item["stac_version"] for item in found] == ["1.1.0"] * 4


def test_a_relative_link_begins_at_the_root_of_the_api(api: Client) -> None:
    """What it was relative to when it was stored is not known to a reader."""
    of_item = api.get("/collections/bands/items/banded")["links"]
    of_collection = api.get("/collections/bands")["links"]
    assert {"rel": "thumbnail", "href": f"{api.url}/previews/banded.png"} in of_item
    assert {"rel": "license", "href": f"{api.url}/license.html"} in of_collection


@pytest.mark.parametrize(
    ("offset", "limit", "found", "links"),
    [
        (0, 5, ["bands", *MANY[:4]], {"next"}),
        (3, 1, [MANY[2]], {"next", "prev"}),
        (12, None, [MANY[11]], {"prev"}),
        (40, 5, [], {"prev"}),
    ],
)
def test_an_offset_passes_over_collections(
    api: Client, offset: int, limit: int | None, found: list[str], links: set[str]
) -> None:
    page = api.get("/collections", offset=offset, **({} if limit is None else {"limit": limit}))
    assert [each["id"] for each in page["collections"]] == found
    assert {*rels(page)} & {"next", "prev"} == links
    assert all("offset" not in link["href"] for link in page["links"] if link["rel"] in links)
    assert api.get("/collections", status=400, offset="-1")["description"].startswith("offset: ")


def test_what_a_collection_loses_later_is_not_lost_on_its_items(
    api: Client, place: Place, others: CatalogDatabase
) -> None:
    """Where `item_assets` goes, stac-fastapi-pgstac shows pgstac's marks of what is missing."""
    name = f"losing-{place.name}"
    item = banded() | {"collection": name}
    assets = {"data": {"type": "image/tiff", "raster:bands": BANDS, "description": "of the Collection only"}}
    load(others.settings.conninfo, [catalog.collection(name, [0, 0, 1, 1], item_assets=assets)], [item])
    assert api.get(f"/collections/{name}/items/banded")["assets"] == item["assets"]
    load(others.settings.conninfo, [catalog.collection(name, [0, 0, 1, 1])], [])
    found = api("GET", f"/collections/{name}/items")
    assert "𒍟" not in found.text
    assert found.json()["features"][0]["assets"] == item["assets"]


def test_a_collection_that_was_read_here_and_stored_again_costs_its_items_nothing(
    api: Client, place: Place, others: CatalogDatabase
) -> None:
    """What it is given then, and loses again, concerns the Items alone that were stored meanwhile."""
    name, dsn = f"again-{place.name}", others.settings.conninfo
    items = [
        catalog.item(each, name, [0, 0, 1, 1], "2023-01-01T00:00:00Z")
        for each in ("before", "since", "after")
    ]
    for item in items:
        item["assets"]["data"]["proj:code"] = None
    before, since, after = items
    load(dsn, [catalog.collection(name, [0, 0, 1, 1])], [before])
    read = api.get(f"/collections/{name}")
    edits = [
        read | {"title": "Edited", "item_assets": {}},
        read | {"stac_version": "1.0.0"},
        read | {"item_assets": {"data": {"type": "image/tiff"}}},
    ]
    for edit in edits:
        load(dsn, [edit], [since])
    load(dsn, [read], [after])
    found = api("GET", f"/collections/{name}/items")
    assert "base_item" not in found.text
    features = {each["id"]: each for each in found.json()["features"]}
    assert features["before"]["assets"] == before["assets"]
    assert features["after"]["assets"] == after["assets"]
    del since["assets"]["data"]["proj:code"]  # pgstac drops it, where it puts parts back
    assert features["since"]["assets"] == since["assets"]
    assert {each["stac_version"] for each in features.values()} == {"1.1.0"}
    assert rels(api.get(f"/collections/{name}")) == rels(read)


def test_an_item_without_assets_has_an_empty_object_of_them_whatever_its_collection_says(
    api: Client, place: Place, others: CatalogDatabase
) -> None:
    name = f"bare-{place.name}"
    item = catalog.item("bare", name, [0, 0, 1, 1], "2023-01-01T00:00:00Z") | {"assets": {}}
    load(others.settings.conninfo, [catalog.collection(name, [0, 0, 1, 1], item_assets={})], [item])
    assert api.get(f"/collections/{name}/items/bare")["assets"] == {}
    (found,) = api.get(f"/collections/{name}/items")["features"]
    assert found["assets"] == {}


def test_another_api_s_page_of_a_collection_stays_linked(
    api: Client, place: Place, others: CatalogDatabase
) -> None:
    name = f"elsewhere-{place.name}"
    page = {"rel": "alternate", "type": "text/html", "href": f"https://geo.example/collections/{name}?f=html"}
    load(others.settings.conninfo, [catalog.collection(name, [0, 0, 1, 1], links=[page])], [])
    assert page in api.get(f"/collections/{name}")["links"]


@pytest.fixture(scope="module")
def empty(place: Place, postgres: RunningPostgres) -> Iterator[Client]:
    with place.serve(new_database(postgres)) as running:
        client = Client(running.url)
        yield client
        client.session.close()


def test_an_empty_catalog_is_answered_as_any_other(empty: Client) -> None:
    assert [link for link in empty.get("/")["links"] if link["rel"] == "child"] == []
    listed = empty.get("/collections")
    assert (listed["collections"], listed["numberMatched"], listed["numberReturned"]) == ([], 0, 0)
    for page in (empty.get("/search"), empty.post("/search", {"limit": 3, "filter": None})):
        assert (page["type"], page["features"]) == ("FeatureCollection", [])
        assert (page["numberMatched"], page["numberReturned"]) == (0, 0)
    assert empty.get("/search", filter="a = 1", sortby="b")["features"] == []
    assert empty.get("/collections", q="a", bbox="0,0,1,1")["collections"] == []
    assert empty.get("/queryables")["type"] == "object"
    assert empty.get("/collections/none/items", status=404)["code"] == "NotFound"
    assert empty.get("/_mgmt/health")["status"] == "up"


@pytest.fixture(scope="module")
def odd(place: Place, postgres: RunningPostgres) -> Iterator[Client]:
    """A Collection without words, one on both sides of 180 degrees, and one with slashes in its name."""
    database = new_database(postgres)
    nulls = dict.fromkeys(("title", "description", "summaries", "keywords", "license"))
    bare = {**catalog.collection("bare", [0, 0, 1, 1]), **nulls}
    bare["extent"] = {"spatial": None, "temporal": {"interval": None}}
    pacific = catalog.collection("pacific", [-180, -90, 180, 90])
    items = [
        catalog.item(f"p{west}", "pacific", [west, -1, west + 2, 1], "2023-01-01T00:00:00Z")
        for west in (177, -179)
    ]
    slashes = catalog.collection("a/b/items", [0, 0, 1, 1])
    items.append(catalog.item("c/d", "a/b/items", [0, 0, 1, 1], "2023-01-01T00:00:00Z"))
    load(database.settings.conninfo, [bare, pacific, slashes], items)
    store_strange(database.settings.conninfo)
    with place.serve(database) as running:
        client = Client(running.url)
        yield client
        client.session.close()


def test_a_collection_of_nulls_has_its_page_and_takes_none_from_others(odd: Client) -> None:
    for path in (
        "/collections",
        "/collections/bare",
        "/",
        "/collections/bare/statistics",
        "/collections/bare/items",
    ):
        answer = odd("GET", path, params={"f": "html"})
        assert answer.status_code == 200, (path, answer.text)
        assert "bare" in answer.text


FAR_TIMES = {  # as PostgreSQL reads them
    "ancient": ["0044-03-15T00:00:00Z BC"],
    "to-come": ["2023-01-01T00:00:00Z", "12000-01-01T00:00:00Z"],
}


def store_strange(conninfo: str) -> None:
    """A Collection and Items that are no STAC, as whoever may write to the database can store them."""
    links = [5, {"href": 5}, {"rel": ["self"]}, {"rel": "via", "title": "levels"}]
    wrong = {"links": links, "summaries": 5, "keywords": "one", "assets": 5, "description": [], "title": 5}
    collection = catalog.collection("strange", [0, 0, 1, 1]) | wrong
    item = catalog.item("odd", "strange", [0, 0, 1, 1], "2023-01-01T00:00:00Z", title={}, levels=0)
    odd = json.dumps(item | {"assets": [5, {}], "links": "none", "bbox": {}})
    levels = f"{'[' * 1_200}1e5000{']' * 1_200}"
    deep = json.dumps(item | {"id": "deep", "links": [{"rel": "via", "href": "a"}]})
    deep = deep.replace('"levels": 0', f'"levels": {levels}')
    with psycopg.connect(conninfo, options="-c search_path=pgstac,public") as connection:
        stored = json.dumps(collection).replace('"levels"', levels)
        connection.execute("SELECT create_collection(%s::jsonb)", [stored])
        far = []
        for name, times in FAR_TIMES.items():
            connection.execute(
                "SELECT create_collection(%s)", [Jsonb(catalog.collection(name, [0, 0, 1, 1]))]
            )
            far += [json.dumps(catalog.item(f"of {time}", name, [0, 0, 1, 1], time)) for time in times]
        for each in (odd, deep, *far):
            connection.execute("SELECT create_item(%s::jsonb)", [each])


@pytest.mark.parametrize(
    "path",
    ["", "search", "collections", "collections/strange", "collections/strange/queryables"]
    + [f"collections/strange/{each}" for each in ("items", "items/odd", "items/deep", "statistics")],
)
def test_documents_that_are_no_stac_have_their_pages(odd: Client, path: str) -> None:
    assert odd("GET", f"/{path}").status_code == 200
    answer = odd("GET", f"/{path}", params={"f": "html"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/html")


def test_statistics_of_items_on_both_sides_of_180_degrees_say_so(odd: Client) -> None:
    assert odd.get("/collections/pacific/statistics")["bbox"] == [177, -1, -177, 1]
    assert "bbox" not in odd.get("/collections/bare/statistics")


@pytest.mark.parametrize(
    ("name", "months", "start"),
    [
        ("ancient", {"0044-03 BC": 1}, None),
        ("to-come", {"12000-01": 1, "2023-01": 1}, "2023-01-01T00:00:00Z"),
    ],
)
def test_items_outside_of_rfc_3339_s_years_are_counted(
    odd: Client, name: str, months: dict[str, int], start: str | None
) -> None:
    figures = odd.get(f"/collections/{name}/statistics")
    assert (figures["items_by_month"], figures["start"], figures["end"]) == (months, start, None)
    assert odd("GET", f"/collections/{name}/statistics", params={"f": "html"}).status_code == 200


def test_names_with_slashes_are_found_where_their_links_lead(odd: Client) -> None:
    [found] = [each for each in odd.get("/collections")["collections"] if each["id"] == "a/b/items"]
    assert_leading_somewhere(odd, found)
    here = f"/collections/{quote('a/b/items', safe='')}"
    assert odd.get(here)["id"] == "a/b/items"
    [item] = odd.get(f"{here}/items")["features"]
    assert_leading_somewhere(odd, item)
    assert odd.get(f"{here}/items/c%2Fd")["id"] == "c/d"
    assert odd.get(f"{here}/statistics")["items"] == 1


def assert_leading_somewhere(api: Client, document: Json) -> None:
    """All links to the API itself."""
    own = [link["href"] for link in document["links"] if link["href"].startswith(api.url)]
    assert len(own) >= 4
    assert [api.session.get(href, timeout=30).status_code for href in own] == [200] * len(own)
