"""Real rasters: what is read of them is what gdalinfo of the system's GDAL says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from eventstac.errors import Rejected
from eventstac.raster.extract import read_in_process
from tests.unit.raster.readers import MemoryReader
from tests.unit.raster.real import real_rasters
from tests.unit.raster.test_against_gdalinfo import TYPES, gdalinfo

pytestmark = pytest.mark.xdist_group("real-rasters")  # one process fetches the wheels

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
