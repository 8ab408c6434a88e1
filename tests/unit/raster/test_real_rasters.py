"""Real rasters: what is read of them is what gdalinfo of the system's GDAL says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from eventstac.errors import Rejected
from eventstac.raster.extract import read_in_process, read_raster
from tests.unit.raster.readers import MemoryReader
from tests.unit.raster.real import OTHER_WHEELS, real_rasters
from tests.unit.raster.test_against_gdalinfo import TYPES, gdalinfo

pytestmark = pytest.mark.timeout(900)  # the first on a machine downloads them

NUMBERS = {"minimum": "MINIMUM", "maximum": "MAXIMUM", "mean": "MEAN", "stddev": "STDDEV"}


@pytest.fixture(scope="module")
def rasters() -> dict[str, bytes]:
    return real_rasters()


def test_there_are_as_many_as_we_knew(rasters: dict[str, bytes]) -> None:
    assert len(rasters) == 26


def test_every_one_is_read_as_gdalinfo_reads_it(rasters: dict[str, bytes], tmp_path: Path) -> None:
    places = 0
    for name, data in rasters.items():
        said = gdalinfo(tmp_path, data, "-mm")
        if not any("STATISTICS_MEAN" in band["metadata"].get("", {}) for band in said["bands"]):
            # gdalinfo repeats statistics that a file brings along, right or wrong: there it is asked for extremes only
            said = gdalinfo(tmp_path, data, "-mm", "-stats")
        if "coordinateSystem" not in said:
            with pytest.raises(Rejected) as refused:
                read_in_process(MemoryReader(data), {})
            assert refused.value.reason == "no-crs", name
        metadata = read_in_process(MemoryReader(data), {"allow_no_footprint": True}).metadata
        json.dumps(metadata, allow_nan=False)
        assert metadata["projection"]["proj:shape"] == said["size"][::-1], name
        for ours, theirs in zip(metadata["bands"], said["bands"], strict=True):
            agrees(ours, theirs, name)
        if "wgs84Extent" in said and metadata["footprint"]:
            places += 1
            lies_where(metadata["footprint"], said["wgs84Extent"], name)
    assert places >= 13


# What there is of JPEG 2000 and netCDF, and what is not read of it, each with the reason.
NOT_READ = {
    "SOI_Darwin.nc": "no-bands",  # a time series
    "atlantic_profiles.nc": "no-bands",
    "mesh_C4_synthetic_float.nc": "no-bands",
    "space_weather.nc": "no-bands",
}
PLACED = {
    "A1B_north_america.nc",
    "E1_north_america.nc",
    "ostia_monthly.nc",
    "rotated_pole.nc",
    "toa_brightness_stereographic.nc",
}


# Of every pixel by OpenJPEG through Pillow and imagecodecs: GDAL 3.6's gdalinfo counts the photograph wrongly (127.2).
MEANS = {
    "nemo.jp2": (96.31721204, 92.19382467, 107.29925924),
    "goodstuff.j2k": (135.22978906, 113.48999219, 107.96464844),
    "heliov.jpx": (42.01374531,),  # the indexes: of its colours, green is the same
}


# Half a step around the axes as netCDF4 reads them: 225 to 315 degrees by 1.875, 15 to 60 by 1.25.
BOXES = dict.fromkeys(("A1B_north_america.nc", "E1_north_america.nc"), (-135.9375, 14.375, -44.0625, 60.625))


def test_jpeg_2000_and_netcdf_are_read_as_gdalinfo_reads_them(tmp_path: Path) -> None:
    others = {name.partition("/")[2]: data for name, data in real_rasters(OTHER_WHEELS).items()}
    placed = set()
    assert len(others) == 18
    for name, data in others.items():
        if name in NOT_READ:
            with pytest.raises(Rejected) as refused:
                read_raster(MemoryReader(data), {"allow_no_footprint": True})
            assert refused.value.reason == NOT_READ[name], name
            continue
        metadata = read_raster(MemoryReader(data), {"allow_no_footprint": True}).metadata
        means = [band["statistics"]["mean"] for band in metadata["bands"]]
        if name in MEANS:
            assert means == pytest.approx(MEANS[name]), name
        shape_read = metadata["projection"]["proj:shape"]
        said = said_of(tmp_path, data, shape_read, () if name in MEANS else ("-mm", "-stats"))
        assert shape_read == said["size"][::-1], name
        assert len(metadata["bands"]) == len(said["bands"]), name
        for ours, theirs in zip(metadata["bands"], said["bands"], strict=True):
            assert ours["data_type"] == TYPES[theirs["type"]], name
            if name in PLACED:  # of several grids of one size, an older GDAL may take another one
                agrees(ours, theirs, name)
        if metadata["footprint"] is not None:
            placed.add(name)
        if name in BOXES:
            assert metadata["bbox"] == pytest.approx(BOXES[name], abs=1e-6), name
    assert placed == PLACED


def said_of(folder: Path, data: bytes, shape_read: list[int], options: tuple[str, ...]) -> dict[str, Any]:
    """What gdalinfo says: of the one grid, which it may want to be told by its number among others' bounds."""
    said = gdalinfo(folder, data, *options)
    for number in range(1, len(said["metadata"].get("SUBDATASETS", {})) // 2 + 1):
        if said["bands"]:
            break
        inside = gdalinfo(folder, data, "-sd", str(number), *options)
        said = inside if inside["size"][::-1] == shape_read else said
    return said


def agrees(ours: dict[str, Any], theirs: dict[str, Any], name: str) -> None:
    """A band's type, nodata and statistics."""
    assert ours["data_type"] == TYPES[theirs["type"]], name
    assert ours["statistics"]["minimum"] == pytest.approx(theirs["computedMin"], abs=1e-3), name
    assert ours["statistics"]["maximum"] == pytest.approx(theirs["computedMax"], abs=1e-3), name
    tags = theirs["metadata"].get("", {})
    if "STATISTICS_VALID_PERCENT" not in tags:
        return
    for number, tag in NUMBERS.items():
        assert ours["statistics"][number] == pytest.approx(float(tags[f"STATISTICS_{tag}"]), rel=1e-5), name
    percent = float(tags["STATISTICS_VALID_PERCENT"])
    assert ours["statistics"]["valid_percent"] == pytest.approx(percent, abs=0.01), name


def lies_where(footprint: dict[str, Any], extent: dict[str, Any], name: str) -> None:
    """Points within the corners that gdalinfo gives lie in the footprint, and its points in them, to a hundredth."""
    mine, corners = shape(footprint), shapely.convex_hull(shape(extent))
    both = mine.intersection(corners).area
    assert both == pytest.approx(corners.area, rel=0.01), name
    assert both == pytest.approx(mine.area, rel=0.01), name
    assert np.isfinite(mine.area), name
