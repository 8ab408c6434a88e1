"""Files that say what cannot be: each is refused for the right reason, in the same words each time."""

import struct
import subprocess
import sys
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.io import DatasetReader
from rasterio.transform import Affine

from eventstac.errors import Rejected
from eventstac.raster import bands, earth
from eventstac.raster.extract import read_in_process
from tests.unit.raster.corpus import gradient, tiff, with_gcps
from tests.unit.raster.readers import MemoryReader


def refused(data: bytes, reason: str) -> str:
    with pytest.raises(Rejected) as error:
        read_in_process(MemoryReader(data), {})
    assert error.value.reason == reason, error.value.detail
    return error.value.detail


def placed(**georeference: object) -> bytes:
    with rasterio.MemoryFile() as memory:
        shape = {"width": 20, "height": 10, "count": 1, "dtype": "uint8"}
        with memory.open(driver="GTiff", **shape, **georeference) as dataset:
            dataset.write(np.ones((1, 10, 20), "uint8"))
        return bytes(memory.read())


@pytest.mark.parametrize("begins", [b"\x00\x00\x00\x0cjP  ", b"\x89PNG\r\n", b"\x89HDF"])
def test_a_file_that_ends_within_its_signature_is_truncated(begins: bytes) -> None:
    assert f"ends after {len(begins)} bytes" in refused(begins, "truncated")


@pytest.mark.parametrize("other", [b"\x89", b"\x00\x00\x00", b"\x00\x00\x00\x0cjX  ", b"CDF"])
def test_a_few_bytes_that_may_be_of_anything_are_no_raster(other: bytes) -> None:
    refused(other, "not-a-raster")


@pytest.mark.parametrize("begins", [b"GRIB", b"NITF", b"<VRTDataset", b"PK\x03\x04", b"CDF\x05"])
def test_a_file_that_is_not_opened_is_said_to_need_a_raster_beside_it(begins: bytes) -> None:
    detail = refused(begins + bytes(100), "unsupported-driver")
    assert detail.endswith("`read: file` catalogs it unread, as an asset beside a raster of its Item")


@pytest.mark.parametrize("pixel", [1e13, 1e30, 1e300])
def test_pixels_larger_than_the_earth_make_no_footprint(pixel: float) -> None:
    data = placed(crs="EPSG:32632", transform=Affine(pixel, 0, 0, 0, -pixel, 0))
    assert "geotransform" in refused(data, "no-georeference")


def test_a_geocentric_crs_is_no_map() -> None:
    data = placed(crs="EPSG:4978", transform=Affine(10, 0, 4e6, 0, -10, 1e6))
    assert "Geocentric" in refused(data, "local-crs")


@pytest.mark.parametrize(
    ("crs", "reason", "why"),
    [
        ("EPSG:4978", "local-crs", "is a Geocentric CRS, whose x and y are no place on a map"),
        ("EPSG:5773", "local-crs", "is a Vertical CRS, whose x and y are no place on a map"),
        ("IAU_2015:30100", "not-earth", "is on a body of radius 1737 km, not on the Earth"),
        ("EPSG:2296", "no-crs", "cannot be computed (Input is not a transformation.)"),
    ],
)
def test_a_crs_of_a_rule_that_is_none_of_the_earths_surface_is_the_rules_mistake(
    crs: str, reason: str, why: str
) -> None:
    data = placed(transform=Affine(10, 0, 5e5, 0, -10, 5e6))
    with pytest.raises(Rejected) as error:
        read_in_process(MemoryReader(data), {"crs": crs})
    assert error.value.reason == reason
    assert error.value.detail.startswith(f"option crs is {crs!r}, but the CRS ")
    assert error.value.detail.endswith(f"{why}; correct the rule")
    area = {"type": "Polygon", "coordinates": [[[50, 10], [51, 10], [51, 11], [50, 10]]]}
    given = read_in_process(MemoryReader(data), {"crs": crs, "footprint": {"geometry": area}}).metadata
    assert given["bbox"] == [50, 10, 51, 11]
    assert read_in_process(MemoryReader(data), {"crs": crs, "allow_no_footprint": True}).metadata


@pytest.mark.parametrize("code", ["EPSG:2296", "EPSG:32600"])
def test_a_crs_that_proj_knows_by_name_alone_is_refused_and_crashes_nothing(code: str) -> None:
    data = placed(crs=code, transform=Affine(10, 0, 100_000, 0, -10, 200_000))
    detail = refused(data, "no-crs")
    assert f"{pyproj.CRS(code).name!r} cannot be computed" in detail
    assert "re-project the file" in detail


@pytest.mark.parametrize("pixel", [0.001, 10.0])
def test_metres_in_a_crs_of_degrees_make_no_footprint(pixel: float) -> None:
    data = placed(crs="EPSG:4326", transform=Affine(pixel, 0, 500_000, 0, -pixel, 50))
    assert "is in degrees" in refused(data, "no-georeference")


def test_an_image_beyond_the_pole_is_refused_but_for_a_pixel() -> None:
    beyond = placed(crs="EPSG:4326", transform=Affine(1, 0, 0, 0, -3, 100))
    assert "100 degrees, beyond the pole" in refused(beyond, "no-georeference")
    south_up = placed(crs="EPSG:4326", transform=Affine(1, 0, 0, 0, 3, 70))
    assert "beyond the pole" in refused(south_up, "no-georeference")
    a_pixel = placed(crs="EPSG:4326", transform=Affine(1, 0, 0, 0, -3, 93))
    assert read_in_process(MemoryReader(a_pixel), {}).metadata["bbox"] == [0, 63, 20, 90]


@pytest.mark.parametrize("code", [4269, 4283, 6318])
def test_a_national_crs_is_tied_to_degrees_by_the_name_that_projs_database_knows(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By OGC:CRS84 it tried every way that leads there: seconds of CPU for the first file of each such CRS."""
    made = []

    def counting(*ends: Any, **options: Any) -> pyproj.Transformer:
        made.append(ends[1])
        return original(*ends, **options)

    original = pyproj.Transformer.from_crs
    monkeypatch.setattr(pyproj.Transformer, "from_crs", counting)
    earth.earth_crs.cache_clear()
    earth.earth_crs(pyproj.CRS.from_epsg(code).to_wkt())
    assert made == ["EPSG:4326"]


def test_a_grid_may_go_around_the_earth_from_anywhere() -> None:
    data = placed(crs="EPSG:4326", transform=Affine(18, 0, 360, 0, -18, 90))
    assert read_in_process(MemoryReader(data), {}).metadata["bbox"] == [-180, -90, 180, 90]


def test_control_points_whose_degrees_are_swapped_are_said_to_be() -> None:
    data = with_gcps([(0, 0, 45, 120), (0, 120, 45, 121), (100, 0, 44, 120), (100, 120, 44, 121)])
    assert "look swapped" in refused(data, "no-georeference")


def test_thousands_of_bands_are_too_many() -> None:
    data = bytearray(tiff(gradient(300, 300)))
    start = struct.unpack_from("<I", data, 4)[0]
    entries = [start + 2 + 12 * number for number in range(struct.unpack_from("<H", data, start)[0])]
    samples = next(at for at in entries if struct.unpack_from("<H", data, at)[0] == 277)
    struct.pack_into("<I", data, samples + 8, 65_000)
    assert "65000 bands" in refused(bytes(data), "too-large")


def test_two_thousand_bands_take_no_time_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Properties that go through all bands were asked for once a band: a minute for 2,000."""
    asked = []

    class Counting(DatasetReader):  # type: ignore[misc]  # rasterio has no types
        @property
        def colorinterp(self) -> object:
            asked.append(1)
            return super().colorinterp

    data = tiff(np.ones((300, 2, 2), "uint8"))
    with rasterio.MemoryFile(data) as memory, Counting(rasterio._path._UnparsedPath(memory.name)) as dataset:
        assert len(bands.band_objects(dataset, None)) == 300
    assert len(asked) == 1


def test_a_damaged_block_is_told_in_the_same_words_each_time() -> None:
    data = bytearray(tiff(gradient(300, 300), compress="lzw"))
    data[2000:] = b"\xff" * (len(data) - 2000)
    first, second = (refused(bytes(data), "bad-raster") for _ in range(2))
    assert first == second


def test_a_netcdf_that_is_none_is_told_in_the_same_words_each_time() -> None:
    first, second = (refused(b"CDF\x01" + b"\xff" * 200, "bad-raster") for _ in range(2))
    assert first == second
    assert "/" not in first


def test_no_crs_is_not_said_where_there_is_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earth, "_ROOM_BYTES", 2**62)
    with pytest.raises(MemoryError):
        read_in_process(MemoryReader(placed(transform=Affine(10, 0, 0, 0, -10, 0))), {})
    with pytest.raises(MemoryError):
        earth.earth_crs("no CRS at all")


TIGHT = """
import resource, sys
from eventstac.errors import Rejected
from eventstac.raster.extract import read_in_process
from tests.unit.raster.corpus import gradient, tiff
from tests.unit.raster.readers import MemoryReader
data = tiff(gradient(700, 800))
used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + int(sys.argv[1]), used + int(sys.argv[1])))
try:
    read_in_process(MemoryReader(data), {})
    print("read")
except MemoryError:
    print("too-large")
except Rejected as error:
    print(error.reason, error.detail)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts mappings on Linux only")
@pytest.mark.parametrize("room", [0, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000])
def test_with_little_memory_a_good_file_is_too_large_and_nothing_else(room: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TIGHT, str(room)], capture_output=True, text=True, check=False
    )
    said = done.stdout.split(" ", 1)[0].strip()
    assert said in ("read", "too-large") or done.returncode < 0, (done.stdout, done.stderr[-1500:])
