"""Whatever is sent to /validate is answered; what is no Item, Collection or ItemCollection is refused."""

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from starlette.requests import Request
from starlette.types import Message

from stac_api.errors import BadRequest
from stac_api.validate import validate
from tests.contracts.changed import ODD, damaged, valid_item

Json = dict[str, Any]
LEAP = "2016-12-31T23:59:60Z"  # RFC 3339 has it, a datetime of Python does not
TIMES = ["2018-07-01T00:00:00Z", "2019-07-01T00:00:00Z"]
APP = SimpleNamespace(settings=SimpleNamespace(max_body_bytes=1_000_000))


def answers(*documents: Json) -> list[Json]:
    """Those of /validate, without those that refuse the request; whatever else is raised would be a 500."""

    async def ask() -> list[Json]:
        found = []
        for document in documents:
            with contextlib.suppress(BadRequest):
                found.append(orjson.loads((await validate(sent(document))).body))
        return found

    return asyncio.run(ask())


def sent(document: Json) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": orjson.dumps(document)}

    scope = {"type": "http", "method": "POST", "path": "/validate", "query_string": b"", "headers": []}
    return Request(scope | {"services": APP}, receive)


def item() -> Json:
    """With the members that the checks look at on Collections, too."""
    scene = valid_item()
    scene["properties"] |= {"start_datetime": TIMES[0], "end_datetime": TIMES[1]}
    return {
        **scene,
        "item_assets": {"red": {"type": "image/tiff", "roles": ["data"]}},
        "summaries": {"a": [1]},
    }


def collection() -> Json:
    scene = item()
    described = {name: value for name, value in scene["assets"]["red"].items() if name != "href"}
    listed = [each for each in scene["stac_extensions"] if "/processing/" not in each]
    extent = {"spatial": {"bbox": [[0, 0, 1, 1]]}, "temporal": {"interval": [TIMES]}}
    return {
        "type": "Collection", "stac_version": "1.1.0", "id": "rmnp", "title": "A park", "description": "Its scenes",
        "license": "other", "keywords": ["park"], "providers": [{"name": "us", "roles": ["host"]}],
        "extent": extent, "links": scene["links"], "assets": scene["assets"], "stac_extensions": listed,
        "item_assets": {"red": described | {"proj:bbox": [0, 0, 1, 1]}},
        "summaries": {"gsd": [10], "eo:cloud_cover": {"minimum": 0, "maximum": 9}, "bands": [{"name": "red"}]},
    }  # fmt: skip


def item_collection() -> Json:
    links = [{"rel": "self", "href": "https://a.example/search"}]
    features = [valid_item("smallest"), valid_item("a-point")]
    return {
        "type": "FeatureCollection", "features": features, "links": links, "numberMatched": 2, "numberReturned": 2,
    }  # fmt: skip


def catalog() -> Json:
    return {"type": "Catalog", "stac_version": "1.1.0", "id": "a", "description": "All of them", "links": []}


@pytest.mark.parametrize("document", [item(), collection(), item_collection()], ids=lambda each: each["type"])
def test_a_document_with_any_member_of_an_odd_kind_is_answered(document: Json) -> None:
    as_it_is, *others = answers(document, *damaged(document, ODD))
    assert as_it_is["valid"], as_it_is
    assert sum(not each["valid"] for each in others) > 1_000


def test_a_catalog_with_any_member_of_an_odd_kind_is_refused() -> None:
    assert answers(*(each for each in damaged(catalog(), ODD) if each.get("type") == "Catalog")) == []


@pytest.mark.parametrize("odd", [5, "x", ["a"], True, None])
def test_item_assets_that_are_no_object_are_told(odd: object) -> None:
    told = answers(item() | {"item_assets": odd}, collection() | {"item_assets": odd})
    assert len(told) == 2
    for answer in told:
        assert "item_assets" in {each["path"] for each in answer["results"][0]["problems"]}


@pytest.mark.parametrize("interval", [[LEAP, TIMES[0]], ["2016-01-01T00:00:00Z", LEAP], [LEAP, None]])
def test_a_leap_second_in_the_interval_of_a_collection_is_a_time(interval: list[str]) -> None:
    extent = collection()["extent"] | {"temporal": {"interval": [TIMES, interval]}}
    [answer] = answers(collection() | {"extent": extent})
    assert answer["valid"], answer


def test_fields_of_an_extension_in_a_version_without_a_profile_are_not_checked() -> None:
    older = "https://stac-extensions.github.io/eo/v1.1.0/schema.json"
    scene = valid_item("smallest") | {"stac_extensions": [older]}
    scene["properties"] |= {"eo:bands": [{"name": "red"}]}
    [answer] = answers(scene)
    assert answer["valid"], answer
    assert answer["results"][0]["not_checked"] == [older]


@pytest.mark.parametrize(
    "slip",
    ["v1.1.0/schema.jsn", "v1.1.0/Schema.json", "v1.1.0/schema.json#", "v1.1/schema.json", "schema.json", ""],
)
def test_a_slip_in_the_address_of_an_extension_is_no_other_version_of_it(slip: str) -> None:
    listed = f"https://stac-extensions.github.io/eo/{slip}"
    scene = valid_item("smallest") | {"stac_extensions": [listed]}
    scene["properties"] |= {"eo:cloud_cover": 101}
    [answer] = answers(scene)
    assert {"stac_extensions", "properties/eo:cloud_cover"} <= {
        each["path"] for each in answer["results"][0]["problems"]
    }
