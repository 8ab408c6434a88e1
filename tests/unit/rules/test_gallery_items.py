"""The Items of known products, composed whole: valid, published, with what path and sidecars say."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eventstac.blob_urls import BlobName
from eventstac.compose import compose
from eventstac.facts import Fact, Finding, Match, fact_of
from eventstac.rules import load_rules
from eventstac.rules.sidecar import read_sidecar

CASES = Path(__file__).parent / "gallery"
GALLERY = Path(__file__).parents[3] / "contracts" / "rules" / "gallery"
PRODUCTS = sorted(file.stem for file in GALLERY.glob("*.yaml"))
SEEN = datetime(2026, 1, 1, tzinfo=UTC)
FRAME = [[-106.0, 39.0], [-105.0, 39.0], [-105.0, 40.0], [-106.0, 40.0], [-106.0, 39.0]]
RASTER = {
    "media_type": "image/tiff; application=geotiff",
    "footprint": {"type": "Polygon", "coordinates": [FRAME]},
    "projection": {"proj:code": "EPSG:4326", "proj:shape": [10, 10]},
    "bands": [{"name": "b1", "data_type": "uint16"}],
    "gsd": 24.81,  # what a file of degrees says of itself, where the product says 30
}
_TIMES = ("datetime", "start_datetime", "end_datetime")


def metadata_of(match: Match, case: dict[str, Any]) -> dict[str, Any]:
    if match.read == "raster":
        return RASTER
    if match.read == "file":
        return {}
    stated = read_sidecar(
        (CASES / case["sidecars"][match.asset]["file"]).read_bytes(), match.options["sidecar"]
    )
    times = [{"source": "sidecar", "start": stated["datetime"], "end": stated["datetime"]}]
    return {"properties": {k: v for k, v in stated.items() if k not in _TIMES}, "datetimes": times}


def composed(product: str) -> dict[str, Any]:
    case = json.loads((CASES / f"{product}.json").read_text())
    file = GALLERY / f"{product}.yaml"
    rules = load_rules(file.read_text(), file=file.name)
    facts: defaultdict[tuple[str, str], list[Fact]] = defaultdict(list)
    storage = {"last_modified": "2026-01-01T00:00:00Z", "size": 1}
    sidecar_of_another_scene = "LT05"  # the one sample stands for the other sensor's scene
    for path in case["blobs"]:
        url = BlobName("https://account.blob.core.windows.net", "source", path).url
        match = rules.match(url)
        if match is None or (match.read == "sidecar" and match.item.startswith(sidecar_of_another_scene)):
            continue
        finding = Finding(
            match, 1, "present", SEEN, etag="1", storage=storage, metadata=metadata_of(match, case)
        )
        facts[match.collection, match.item].append(fact_of(url, finding))
    return {item: compose(found, rules.collection(collection)) for (collection, item), found in facts.items()}


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_items_of_a_product_are_valid_and_published(product: str) -> None:
    case = json.loads((CASES / f"{product}.json").read_text())
    for item_id, composition in composed(product).items():
        if item_id.startswith("LT05"):
            assert (composition.state, composition.missing) == ("incomplete", ("mtl.json",))
            continue
        assert composition.state == "published", (composition.reason, composition.detail, composition.missing)
        item = composition.item
        expected = case["items"][f"{item['collection']}/{item_id}"]
        assert set(item["assets"]) == set(expected["assets"])
        assert expected["properties"].items() <= item["properties"].items()


def test_a_landsat_scene_is_a_whole_item() -> None:
    item = composed("landsat-c2-l2")["LC08_L2SP_034033_20210913_20210921_02_T1"].item
    properties = item["properties"]
    assert properties["datetime"] == "2021-09-13T17:39:27.340421Z"
    assert properties["eo:cloud_cover"] == 2.41
    assert properties["view:sun_elevation"] == 50.53016187
    assert properties["platform"] == "landsat-8"
    red = item["assets"]["red"]
    assert red["title"] == "Red Band (B4)"
    assert red["bands"][0]["eo:common_name"] == "red"
    assert red["bands"][0]["raster:scale"] == 0.0000275
    assert list(item["assets"])[:4] == ["coastal", "blue", "green", "red"]
    assert item["assets"]["thumbnail"]["roles"] == ["thumbnail"]


def test_a_copernicus_tile_has_the_interval_of_its_rule() -> None:
    item = composed("copernicus-dem")["Copernicus_DSM_COG_10_N39_00_W106_00_DEM"].item
    properties = item["properties"]
    assert (properties["datetime"], properties["start_datetime"], properties["end_datetime"]) == (
        None,
        "2010-12-12T00:00:00Z",
        "2015-01-16T23:59:59Z",
    )
    assert properties["gsd"] == 30


def test_an_item_waits_for_the_assets_that_its_rule_requires() -> None:
    assert composed("landsat-c2-l2")["LT05_L2SP_034033_19950714_20200912_02_T1"].missing == ("mtl.json",)
