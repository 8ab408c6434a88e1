"""Items of rasters of every kind pass the profiles, real ones included."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from shapely.geometry import box, mapping

from eventstac.raster.extract import read_raster
from eventstac.validation import validate_item
from tests.unit.raster.corpus import cog, gradient, jpeg2000, netcdf, netcdf4, tiff
from tests.unit.raster.readers import MemoryReader
from tests.unit.raster.real import OTHER_WHEELS, WHEELS, real_rasters
from tests.unit.raster.scenes import CAMERAS, SWATHS, swath
from tests.unit.raster.test_file import composed
from tests.unit.raster.test_fuzz import with_a_mask, with_colours
from tests.unit.raster.test_real_rasters import NOT_READ

STATED, TOLD = 19, 21  # real rasters that say where they are, and those of which a rule has to say it
SOMEWHERE = mapping(box(10, 40, 11, 41))  # what a rule says of a file that does not say itself where it is


def item_of(data: bytes, **options: Any) -> dict[str, Any]:
    """The Item of a file, which passes the profiles."""
    item = composed(read_raster(MemoryReader(data, md5=True), options).metadata)
    assert validate_item(item) == []
    return item


@pytest.mark.parametrize("name", SWATHS)
def test_of_control_points(name: str) -> None:
    item = item_of(swath(name))
    place, _ = SWATHS[name]
    assert item["properties"]["proj:shape"] == [place.height, place.width]
    assert "proj:transform" not in item["properties"]


@pytest.mark.parametrize("name", CAMERAS)
def test_of_polynomials(name: str) -> None:
    item = item_of(CAMERAS[name].scene())
    assert item["properties"]["proj:shape"] == [1000, 1200]
    assert (item["bbox"][0] > item["bbox"][2]) == ("across 180" in name)


def kinds() -> Iterator[tuple[str, bytes]]:
    yield "a mask", with_a_mask()
    yield "a colour table", with_colours()
    for dtype in ("complex64", "complex128"):
        yield dtype, tiff(gradient(30, 40, dtype))
    yield "pairs of integers", tiff(gradient(30, 40, "int16"), dtype="complex_int16")
    for dtype in ("int8", "uint64", "int64", "float16", "float32", "float64"):
        yield dtype, tiff(gradient(10, 10, dtype) / (1 if "int" in dtype else 7))
    yield "all is nodata", tiff(np.zeros((20, 30), "uint8"), nodata=0)
    yield "nothing but NaN", tiff(np.full((20, 30), np.nan, "float32"), nodata=np.nan)
    yield "infinities", tiff(np.array([[np.inf, -np.inf], [1, 2]], "float32"))
    yield "alpha", tiff(gradient(40, 50, "uint8", 4), photometric="RGB", alpha="YES")
    yield "a cog", cog(gradient(900, 900, "uint8", 3))
    yield "jpeg 2000", jpeg2000()
    yield "netcdf 4", netcdf4()


KINDS = dict(kinds())


@pytest.mark.parametrize("name", KINDS)
def test_of_pixels_of_every_kind(name: str) -> None:
    (asset,) = item_of(KINDS[name])["assets"].values()
    assert asset["bands"]
    assert asset["file:checksum"]


def test_of_a_grid_whose_crs_its_rule_gives() -> None:
    assert item_of(netcdf(), crs="EPSG:4326")["bbox"] == pytest.approx([0, 30, 6, 34], abs=0.1)


@pytest.mark.timeout(900)  # the first on a machine downloads them
def test_of_real_rasters() -> None:
    """Where one does not say itself where it is, its rule does."""
    stated = told = 0
    for name, data in (real_rasters(WHEELS) | real_rasters(OTHER_WHEELS)).items():
        if name.rpartition("/")[2] in NOT_READ:
            continue
        metadata = read_raster(MemoryReader(data), {"allow_no_footprint": True}).metadata
        if metadata["footprint"]:
            stated += 1
            item_of(data)
        else:
            told += 1
            item = item_of(data, footprint={"geometry": SOMEWHERE})
            assert item["bbox"] == [10, 40, 11, 41], name
    assert (stated, told) == (STATED, TOLD)
