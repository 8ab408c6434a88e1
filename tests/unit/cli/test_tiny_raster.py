"""The raster of `eventstac smoke`, written by hand, is what GDAL and the extractor take for a good one."""

from datetime import UTC, datetime

import numpy as np
import pytest
from rasterio.io import MemoryFile

from eventstac.cli.tiny_raster import BBOX, PIXEL_DEGREES, SIZE, tiny_geotiff

TAKEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_gdal_reads_what_was_written() -> None:
    with MemoryFile(tiny_geotiff("one of its own", TAKEN)) as memory, memory.open() as dataset:
        assert (dataset.width, dataset.height, dataset.count, dataset.dtypes) == (SIZE, SIZE, 1, ("uint8",))
        assert dataset.crs.to_epsg() == 4326
        assert tuple(dataset.bounds) == pytest.approx(BBOX)
        assert dataset.res == pytest.approx((PIXEL_DEGREES, PIXEL_DEGREES))
        assert dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"] == "one of its own"
        assert dataset.tags()["TIFFTAG_DATETIME"] == "2026:03:04 05:06:07"
        rows, columns = np.mgrid[0:SIZE, 0:SIZE]
        assert (dataset.read(1) == 1 + rows + columns).all()


@pytest.mark.parametrize("description", ["", "abc", "abcd"])
def test_a_description_of_any_length_keeps_the_file_whole(description: str) -> None:
    with MemoryFile(tiny_geotiff(description, TAKEN)) as memory, memory.open() as dataset:
        assert dataset.tags().get("TIFFTAG_IMAGEDESCRIPTION", "") == description
        assert tuple(dataset.bounds) == pytest.approx(BBOX)
