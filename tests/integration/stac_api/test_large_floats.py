"""Floats beyond 64 bits, as the usual nodata of float rasters, are floats in all that the API says."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from eventstac.catalog import applying, collection_update
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import load_rules
from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import new_database
from tests.integration.stac_api.conftest import Client
from tests.integration.stac_api.places import Place
from tests.samples import present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
LOWEST, HIGHEST = -3.4028234663852886e38, 1.7976931348623157e308
WHOLE = 2**63 - 1  # as a 64-bit raster's nodata
VALUES = {"low": LOWEST, "mid": 1e20, "top": HIGHEST}
RULES = f"""
collections:
  dem:
    summaries: ["x:far", "x:whole"]
    extra: {{"x:list": [1.0e+20]}}
    queryables: {{"x:far": {{type: number, sortable: true}}, "x:mixed": {{type: number}}}}
    item_assets: {{data: {{bands: [{{nodata: {LOWEST}}}]}}}}
  texts: {{queryables: {{"x:mixed": {{type: string}}}}}}
"""
pytestmark = pytest.mark.parametrize("place", ["uvicorn"], indirect=True, scope="session")


def fact(name: str, value: float) -> Fact:
    finding = present(Match("dem", name, "data"), 1, "e")
    metadata: dict[str, Any] = dict(finding.metadata or {})
    (band,) = metadata["bands"]
    histogram = {"count": 3, "min": value, "max": HIGHEST, "buckets": [1, 2, 3]}
    far = {"nodata": value, "raster:histogram": histogram}
    statistics = dict.fromkeys(("minimum", "mean", "maximum"), value)
    metadata["bands"] = [band | far | {"statistics": statistics}]
    values = {"x:far": value, "x:undeclared": value, "x:mixed": value, "x:list": [value]}
    metadata["properties"] = {**values, "x:whole": WHOLE}
    return fact_of(url_of(f"dem/{name}.tif"), replace(finding, metadata=metadata))


@pytest.fixture(scope="module")
def api(place: Place, postgres: RunningPostgres) -> Iterator[Client]:
    database, rules = new_database(postgres), load_rules(RULES, file="collections.yaml")
    with database.connect() as connection:
        applying.prepare(connection, rules)
        applying.apply(connection, RULES, rules, "a test")
        facts = [fact(*pair) for pair in VALUES.items()]
        merge(connection, RulesStore("bronze-tier"), facts, MergeSettings("loader", 0.5), NOW)
        assert collection_update.update_collection(connection, "dem", rules.collection("dem"), "loader", NOW)
    with place.serve(database) as running:
        client = Client(running.url)
        yield client
        client.session.close()


def numbers(item: dict[str, Any]) -> list[Any]:
    (band,) = item["assets"]["data"]["bands"]
    ends = band["raster:histogram"]
    properties = item["properties"]
    return [
        properties["x:far"],
        band["nodata"],
        band["statistics"]["mean"],
        ends["min"],
        ends["max"],
        properties["x:whole"],
    ]


def test_items_have_them(api: Client) -> None:
    fields = ["assets", "properties.x:far", "properties.x:whole"]
    page = api.post("/search", {"fields": {"include": fields}})
    found = [*api.get("/search")["features"], *page["features"]]
    found += [api.get(f"/collections/dem/items/{name}") for name in VALUES]
    assert len(found) == 9
    for item in found:
        value = VALUES[item["id"]]
        assert repr(numbers(item)) == repr([value, value, value, value, HIGHEST, WHOLE])
        assert orjson.loads(orjson.dumps(item)) == item


def test_collections_have_them(api: Client) -> None:
    for collection in (api.get("/collections/dem"), *api.get("/collections")["collections"]):
        if collection["id"] == "dem":
            summaries = collection["summaries"]
            assert repr(summaries["x:far"]) == f"{{'maximum': {HIGHEST}, 'minimum': {LOWEST}}}"
            assert repr(summaries["x:whole"]) == f"{{'maximum': {WHOLE}, 'minimum': {WHOLE}}}"
            assert repr(collection["item_assets"]["data"]["bands"]) == f"[{{'nodata': {LOWEST}}}]"


@pytest.mark.parametrize("name", ["x:far", "x:undeclared"])
@pytest.mark.parametrize(
    ("comparison", "ids"), [("= -3.4028234663852886e38", ["low"]), ("> 1e19", ["mid", "top"])]
)
def test_items_are_found_by_them(api: Client, name: str, comparison: str, ids: list[str]) -> None:
    assert sorted(api.ids(filter=f'"{name}" {comparison}')) == ids


@pytest.mark.parametrize("name", ["a_contains", "a_containedBy", "a_equals", "a_overlaps"])
@pytest.mark.parametrize("value", ["1e20", "1e+20", "100000000000000000000", "100000000000000000000.0"])
def test_lists_that_hold_them_are_found_however_they_are_written(api: Client, name: str, value: str) -> None:
    assert api.ids(filter=f'{name}("x:list", ({value}))') == ["mid"]
    condition = f'{{"op": "{name}", "args": [{{"property": "x:list"}}, [{value}]]}}'
    asked: dict[str, Any] = {"filter": condition, "filter-lang": "cql2-json"}
    assert api.ids(**asked) == ["mid"]
    found = api.get("/collections", **asked)["collections"]
    assert [collection["id"] for collection in found] == ["dem"]


def test_they_are_found_where_another_collection_has_texts(api: Client) -> None:
    assert api.ids(filter=f'"x:mixed" = {LOWEST}') == ["low"]


def test_items_are_sorted_by_them_from_page_to_page(api: Client) -> None:
    page = api.get("/search", sortby="-x:far", limit=1)
    found = []
    while page:
        found += [item["id"] for item in page["features"]]
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        page = api.get(following[0]) if following else None
    assert found == ["top", "mid", "low"]
