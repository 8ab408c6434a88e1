"""An uploaded raster is a searchable, valid, complete Item, and its Collection follows."""

import math
import urllib.request
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from rasterio.io import MemoryFile

from eventstac.validation import validate_item
from tests.e2e.conditions import until
from tests.e2e.rasters import geotiff, int16_cog
from tests.e2e.user import User

pytestmark = pytest.mark.stack

PNG = b"\x89PNG\r\n\x1a\n"


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        content: bytes = answer.read()
    return content


def item_with(user: User, collection: str, item: str, *assets: str) -> dict[str, Any]:
    """The Item, once it has these assets."""

    def found() -> dict[str, Any] | None:
        document = user.item(collection, item)
        return document if document and set(assets) <= document["assets"].keys() else None

    document = until(found, f"{collection}/{item} with the assets {assets}")
    assert validate_item(document) == []  # with the core schemas that pystac ships
    assert pystac.Item.from_dict(document).id == item
    return document


def test_an_uploaded_raster_is_found_by_id_place_and_time_and_its_href_opens(user: User) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    url = user.upload("scenes/simple/b1.tif", geotiff(seed=5))
    user.searchable("scenes", ["simple"])
    around = f"{before:%Y-%m-%dT%H:%M:%SZ}/.."
    matching: list[dict[str, Any]] = [
        {"ids": ["simple"]},
        {"bbox": [-105, 40.633, -104.97, 40.652]},
        {"datetime": around},
        {"intersects": {"type": "Point", "coordinates": [-104.99, 40.64]}, "datetime": around},
    ]
    for question in matching:
        found = list(user.client.search(collections=["scenes"], **question).items())
        assert "simple" in [item.id for item in found], question
    others: list[dict[str, Any]] = [{"bbox": [10, 40, 11, 41]}, {"datetime": "../2020-01-01T00:00:00Z"}]
    for question in others:
        found = list(user.client.search(collections=["scenes"], **question).items())
        assert "simple" not in [item.id for item in found], question
    document = item_with(user, "scenes", "simple", "b1", "thumbnail")
    item = pystac.Item.from_dict(document)
    assert item.assets["b1"].href == url
    with rasterio.open(item.assets["b1"].href) as opened, MemoryFile(geotiff(seed=5)) as memory:
        assert opened.crs.to_epsg() == 32613
        with memory.open() as original:
            np.testing.assert_array_equal(opened.read(1), original.read(1))
    assert fetched(item.assets["thumbnail"].href).startswith(PNG)
    assert item.assets["thumbnail"].media_type == "image/png"


def test_a_tiled_int16_cog_is_described_as_it_is(user: User) -> None:
    content, pixels = int16_cog(nodata=-9999, scale=0.1, offset=-5.0)
    user.upload("scenes/large/dem.tif", content)
    document = item_with(user, "scenes", "large", "dem")
    asset, properties = document["assets"]["dem"], document["properties"]
    assert asset["type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
    assert asset["file:size"] == len(content)
    assert properties["proj:code"] == "EPSG:32633"
    assert properties["proj:shape"] == [1024, 1024]
    assert properties["proj:transform"][:6] == [10, 0, 500_000, 0, -10, 5_400_000]
    assert properties["gsd"] == 10
    (band,) = asset["bands"]
    assert (band["data_type"], band["nodata"]) == ("int16", -9999)
    assert (band["raster:scale"], band["raster:offset"]) == (0.1, -5.0)
    valid = pixels[pixels != -9999].astype(np.float64) * band["raster:scale"] + band["raster:offset"]
    unscaled = pixels[pixels != -9999].astype(np.float64)
    told = band["statistics"]
    # In stored numbers or in scaled ones, but all in the same, and close: they come from an overview.
    expected = min((valid, unscaled), key=lambda values: abs(values.mean() - told["mean"]))
    assert told["mean"] == pytest.approx(expected.mean(), rel=0.02)
    assert told["stddev"] == pytest.approx(expected.std(), rel=0.05)
    assert expected.min() <= told["minimum"] <= told["mean"] <= told["maximum"] <= expected.max()
    share = 100 * np.count_nonzero(pixels != -9999) / pixels.size
    assert told["valid_percent"] == pytest.approx(share, abs=2)


def test_an_item_of_two_resolutions_tells_projection_and_gsd_by_asset(user: User) -> None:
    user.upload_all(
        {
            "scenes/two-resolutions/fine.tif": geotiff(seed=1, size=64, resolution_m=10),
            "scenes/two-resolutions/coarse.tif": geotiff(seed=2, size=32, resolution_m=60, east=500_640),
        }
    )
    document = item_with(user, "scenes", "two-resolutions", "fine", "coarse")
    fine, coarse = document["assets"]["fine"], document["assets"]["coarse"]
    assert (fine["proj:shape"], coarse["proj:shape"]) == ([64, 64], [32, 32])
    assert (fine["gsd"], coarse["gsd"]) == (10, 60)
    assert "proj:shape" not in document["properties"]
    assert document["properties"].get("proj:code", "EPSG:32613") == "EPSG:32613"
    west, south, east, north = document["bbox"]
    # Both squares lie side by side from 500 000 m east: 640 m and 1 920 m wide, the taller one 1 920 m high.
    metres_of_a_degree = 111_320 * math.cos(math.radians(40.64))
    assert (east - west) * metres_of_a_degree == pytest.approx(640 + 1920, rel=0.01)
    assert (north - south) * 111_040 == pytest.approx(1920, rel=0.01)


def test_three_files_uploaded_at_once_are_one_item(user: User) -> None:
    bands = ("red", "green", "blue")
    urls = user.upload_all(
        {f"rmnp/2021-03-04/{band}.tif": geotiff(seed=seed) for seed, band in enumerate(bands)}
    )
    document = item_with(user, "rmnp", "rmnp-2021-03-04", *bands)
    assert {document["assets"][band]["href"] for band in bands} == set(urls.values())
    assert document["properties"]["datetime"] == "2021-03-04T00:00:00Z"
    user.quiet()
    changes = [
        event["data"]["change"]
        for event in user.seen("items-changed")
        if event["data"].get("item") == "rmnp-2021-03-04"
    ]
    assert changes[0] == "created"
    assert set(changes[1:]) <= {"updated"}
    assert len(changes) <= len(bands)


def test_an_extent_grows_with_uploads_and_shrinks_with_deletions(user: User) -> None:
    def extent() -> tuple[list[float], list[str | None]]:
        collection = user.collection("extents") or {}
        told = collection["extent"]
        return told["spatial"]["bbox"][0], told["temporal"]["interval"][0]

    assert extent() == ([-180, -90, 180, 90], [None, None])  # an empty Collection is about the whole world
    user.upload("extents/2020-01-01/west.tif", geotiff(east=400_000))
    user.upload("extents/2022-06-01/east.tif", geotiff(east=600_000))
    west_of, east_of = item_with(user, "extents", "west"), item_with(user, "extents", "east")
    both = ["2020-01-01T00:00:00Z", "2022-06-01T00:00:00Z"]
    until(lambda: extent()[1] == both, "the extent to cover both")
    assert extent()[0][0] == pytest.approx(west_of["bbox"][0])
    assert extent()[0][2] == pytest.approx(east_of["bbox"][2])
    user.delete("extents/2022-06-01/east.tif")
    until(lambda: extent()[1] == [both[0], both[0]], "the extent to shrink")
    assert extent()[0] == pytest.approx(west_of["bbox"])
    user.delete("extents/2020-01-01/west.tif")
    until(lambda: extent() == ([-180, -90, 180, 90], [None, None]), "the extent of an empty Collection")
