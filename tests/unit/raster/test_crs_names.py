"""A TIFF whose CRS has names that are no UTF-8 lies where it would with others, however it is read."""

import hashlib
from typing import Any

import numpy as np
import pytest
from rasterio.control import GroundControlPoint

from eventstac.errors import Rejected
from eventstac.raster import opening
from eventstac.raster.crs_names import names_in_ascii
from eventstac.raster.extract import read_in_process
from eventstac.raster.ranges import RangeFile, Ranges
from tests.unit.raster.corpus import UTM, classic_netcdf, tiff
from tests.unit.raster.readers import MemoryReader

PLAIN, LATIN = "Systeme de Paris", "Système de Paris".encode("latin-1")
CRS = (
    f'PROJCS["{PLAIN}",GEOGCS["geo",DATUM["dat",SPHEROID["ell",6378388,297]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],'
    'PARAMETER["central_meridian",15],PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],'
    'PARAMETER["false_northing",0],UNIT["metre",1]]'
)
PIXELS = np.random.default_rng(5).integers(0, 9, (1, 512, 512)).astype("uint8")


def read(data: bytes) -> dict[str, Any]:
    return read_in_process(MemoryReader(data), {}).metadata


@pytest.mark.parametrize("whole", [True, False], ids=["in memory", "by ranges or streamed"])
@pytest.mark.parametrize("tiled", [True, False])
def test_names_in_latin_1_are_read_as_ascii(
    tiled: bool, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not whole:
        monkeypatch.setattr(opening, "WHOLE_BYTES", 0)
    shape: dict[str, Any] = {"tiled": True, "blockxsize": 128, "blockysize": 128} if tiled else {}

    def overview(dataset: Any) -> None:
        if tiled:
            dataset.build_overviews([2])

    plain = tiff(PIXELS, overview, crs=CRS, transform=UTM["transform"], **shape)
    assert plain.count(PLAIN.encode()) == 1
    latin = plain.replace(PLAIN.encode(), LATIN)
    of_plain, of_latin = read(plain), read(latin)
    assert PLAIN in of_plain["projection"]["proj:wkt2"]
    if "file:checksum" in of_latin["file"]:  # of the file as it is
        assert of_latin["file"]["file:checksum"] == "1220" + hashlib.sha256(latin).hexdigest()
    for metadata in (of_plain, of_latin):
        metadata["file"].pop("file:checksum", None)
    assert of_latin == of_plain


@pytest.mark.parametrize("whole", [True, False], ids=["in memory", "by ranges or streamed"])
def test_names_in_the_crs_of_control_points_too(whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not whole:
        monkeypatch.setattr(opening, "WHOLE_BYTES", 0)
    corners = [(0, 0, 5e5, 5e6), (0, 512, 5.1e5, 5e6), (512, 0, 5e5, 4.99e6), (512, 512, 5.1e5, 4.99e6)]
    plain = tiff(PIXELS, crs=CRS, gcps=[GroundControlPoint(*corner) for corner in corners])
    assert plain.count(PLAIN.encode()) == 1
    assert read(plain.replace(PLAIN.encode(), LATIN))["bbox"] == read(plain)["bbox"]


def test_a_name_in_the_crs_of_another_format_is_told() -> None:
    axes = {
        name: (10 * np.arange(9), {"standard_name": f"projection_{name}_coordinate", "units": "m"})
        for name in "yx"
    }
    data = classic_netcdf(axes, ("y", "x"), {}, {"grid_mapping_name": "transverse_mercator", "crs_wkt": CRS})
    with pytest.raises(Rejected) as caught:
        read(data.replace(PLAIN.encode(), LATIN))
    assert caught.value.reason == "bad-raster"
    assert "of its CRS most likely, is no UTF-8" in caught.value.detail
    assert "Système" in caught.value.detail


def test_letters_that_ascii_has_not_become_the_nearest_and_others_a_mark() -> None:
    names = "|Gauß-Krüger|Łódź|".encode("latin-1", "replace") + b"\x81\0"
    assert names_in_ascii(lambda at, length: names[at : at + length], (1, 99)) == (
        1,
        b"Gaus-Kruger|?\xf3d?|?\0".replace(b"\xf3", b"o"),
    )
    names = "Système".encode() + b"|" + "Gauß".encode("latin-1")  # only what is no UTF-8
    assert names_in_ascii(lambda at, length: names[at : at + length], (0, 99)) == (0, "Système|Gaus".encode())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 100])
def test_bytes_are_put_in_the_place_of_others_however_they_are_read(size: int) -> None:
    reader = MemoryReader(bytes(range(20)))
    file = RangeFile(Ranges(reader), (4, b"abcdef"))
    got = b"".join(iter(lambda: file.read(size), b""))
    assert got == bytes(range(4)) + b"abcdef" + bytes(range(10, 20))
