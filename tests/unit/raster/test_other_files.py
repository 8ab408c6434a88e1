"""Files that name others, or addresses: none of them is opened, be the process confined by the kernel or not."""

import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio.shutil
from rasterio.io import MemoryFile

from eventstac.errors import Rejected
from eventstac.raster.earth import _opens_a_file, earth_crs
from eventstac.raster.extract import read_in_process
from tests.unit.raster.corpus import classic_netcdf, tiff
from tests.unit.raster.readers import MemoryReader
from tests.unit.raster.test_xml import GDAL_METADATA, with_tag

VRT = (
    '<VRTDataset rasterXSize="300" rasterYSize="300"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
    "<SourceFilename>{}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
)
PLAIN, CODED = (
    f'<GDALMetadata><Item name="{name}" domain="{domain}">{{}}</Item></GDALMetadata>'
    for name, domain in [("OVERVIEW_FILE", "OVERVIEWS"), ("overview&#95;file", "Overview&#x73;")]
)


def assert_refused(data: bytes) -> None:
    with pytest.raises(Rejected, match="OVERVIEW_FILE") as caught:
        read_in_process(MemoryReader(data), {})
    assert caught.value.reason == "bad-raster"


def large(named: str) -> bytes:
    """An image that is read by its overviews, of which another file is said to have them."""
    with MemoryFile() as memory:
        shape = {"width": 9000, "height": 9000, "count": 1, "dtype": "uint8"}
        place = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 4e5, 0, -10, 5e6)}
        with memory.open(driver="GTiff", tiled=True, compress="zstd", **shape, **place) as dataset:
            dataset.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=named)
        return bytes(memory.read())


def test_a_tiff_whose_overviews_are_said_to_be_a_file_of_this_machine_shows_nothing_of_it(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret.tif"
    secret.write_bytes(tiff(np.full((1, 1125, 1125), 77, "uint8")))
    assert_refused(large(str(secret)))
    assert_refused(large(VRT.format(secret)))


@pytest.mark.parametrize("xml", [PLAIN, CODED], ids=["plain", "coded"])
def test_a_tiff_whose_overviews_are_said_to_be_elsewhere_makes_no_connection(xml: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, rasterio.Env(GDAL_HTTP_TIMEOUT="1"):
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.tif"
        for named in (address, f"/vsicurl/{address}", f"WMTS:{address}"):
            assert_refused(with_tag(GDAL_METADATA, xml.format(named).encode()))
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_jpeg_2000_whose_overviews_are_said_to_be_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    data = with_tag(GDAL_METADATA, PLAIN.format(":::BASE:::secret.tif").encode())
    with MemoryFile(data) as memory, memory.open() as dataset:
        rasterio.shutil.copy(dataset, str(path), driver="JP2OpenJPEG", WRITE_METADATA="YES")
    assert_refused(path.read_bytes())


def test_the_decoder_has_no_driver_that_reaches_elsewhere(tmp_path: Path) -> None:
    """In a process of its own: what GDAL has lost it does not get back."""
    (tmp_path / "a.vrt").write_text(VRT.format("b.tif"))
    code = (
        "import rasterio, sys\n"
        "from eventstac.raster.gdal import decoding\n"
        "with decoding():\n"
        "    print(*sorted(rasterio.env.local._env.drivers()))\n"
        "    try: rasterio.open(sys.argv[1])\n"
        "    except rasterio.errors.RasterioIOError: print('not opened')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.vrt")], capture_output=True, text=True, check=True
    )
    drivers, opened = done.stdout.splitlines()
    assert drivers == "GTiff HDF5 HDF5Image JP2OpenJPEG JPEG MEM PNG WEBP netCDF"
    assert opened == "not opened"


def in_crs(wkt: str) -> bytes:
    """A netCDF of a grid around 15 degrees east, 45 north in UTM, with its CRS."""
    axes = {
        "y": (5e6 - 10 * np.arange(40), {"units": "m", "standard_name": "projection_y_coordinate"}),
        "x": (5e5 + 10 * np.arange(60), {"units": "m", "standard_name": "projection_x_coordinate"}),
    }
    mapping = {"spatial_ref": wkt, "GeoTransform": "500000 10 0 5000000 0 -10"}
    return classic_netcdf(axes, ("y", "x"), {"units": "m"}, mapping)


def utm(*, datum: str = "", extension: str = "") -> str:
    return (
        f'PROJCS["own",GEOGCS["own",DATUM["own",SPHEROID["GRS80",6378137,298.257222101]{datum}],PRIMEM["Greenwich",0],'
        'UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],'
        'PARAMETER["central_meridian",15],PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],'
        f'PARAMETER["false_northing",0],UNIT["metre",1]{extension}]'
    )


@pytest.mark.parametrize(
    "own",
    [
        "+proj=utm +zone=33 +nadgrids=@null,{}",
        "+proj=utm +zone=33 +nadgrids = @null , {}",
        "+init={}:utm",
        "proj=utm zone=33 grids={}",
    ],
)
def test_a_crs_that_lies_in_a_file_is_none(own: str, tmp_path: Path) -> None:
    (tmp_path / "names").write_text("<utm> +proj=utm +zone=33 +ellps=GRS80 +no_defs <>\n")
    wkt = utm(extension=f',EXTENSION["PROJ4","{own.format(tmp_path / "names")}"]')
    with pytest.raises(Rejected, match="names a file") as caught:
        read_in_process(MemoryReader(in_crs(wkt)), {})
    assert caught.value.reason == "no-crs"


@pytest.mark.parametrize(
    "wkt",
    [
        utm(),
        utm(datum=',EXTENSION["PROJ4_GRIDS","/nowhere/shift.gsb"]'),
        utm(extension=',EXTENSION["PROJ4","+proj=utm +zone=33 +ellps=GRS80 +nadgrids=@null +no_defs"]'),
        utm(extension=',EXTENSION["PROJ4","+proj=utm +zone=33 +ellps=GRS80 +no_defs +nadgrids=@null "]'),
    ],
    ids=["plain", "shifted by a grid", "of no grid", "of no grid at the end"],
)
def test_a_crs_whose_shift_lies_in_a_file_is_read_without_it(wkt: str) -> None:
    box = read_in_process(MemoryReader(in_crs(wkt)), {}).metadata["bbox"]
    assert box == pytest.approx([15, 45.15, 15.0076, 45.1535], abs=1e-3)


BETA2007 = "+proj=tmerc +lon_0=9 +x_0=3500000 +ellps=bessel +units=m +no_defs +nadgrids="


@pytest.mark.parametrize("grids", ["BETA2007.gsb", "@conus,@alaska", "@x.gsb,null", "/nowhere/x.gsb"])
def test_a_crs_of_a_proj_string_is_read_without_the_shift_of_its_grid(grids: str) -> None:
    """PROJ names its datum "Unknown based on Bessel 1841 ellipsoid using nadgrids=..."."""
    pixels, own = np.full((1, 64, 64), 1, "uint8"), BETA2007 + grids
    transform = rasterio.Affine(10, 0, 3.5e6, 0, -10, 5.5e6)
    cases: list[tuple[bytes, dict[str, Any]]] = [
        (tiff(pixels, crs=own, transform=transform), {}),
        (tiff(pixels, crs=own, transform=transform), {"header_only": True}),
        (tiff(pixels, crs=None, transform=transform), {"crs": own}),
    ]
    for data, options in cases:
        box = read_in_process(MemoryReader(data), options).metadata["bbox"]
        assert box == pytest.approx([9, 49.6324, 9.0089, 49.6381], abs=1e-3)


def shift_by_a_degree() -> bytes:
    """A grid (CTABLE V2) that moves everything near 15 degrees east, 45 north by one degree northward."""
    head = b"CTABLE V2".ljust(16, b"\0") + bytes(80)
    head += struct.pack("<4d2i", *np.radians([5, 35, 1, 1]), 21, 21)
    return head.ljust(160, b"\0") + struct.pack("<2f", 0, np.radians(1)) * 21 * 21


WKT2 = pyproj.CRS("EPSG:32633").to_wkt()[:-1]
WRF = "written by model=ARW, file=wrfout, grids=3, init=2024-01-01"


@pytest.mark.parametrize(
    "more",
    [
        f'REMARK["{WRF}"]',
        f'REMARK["{WRF}, by ""PROJ"""],USAGE[SCOPE["{WRF}"],AREA["{WRF}"],BBOX[0,12,84,18]]',
        f'ID["own",1,CITATION["{WRF}"],URI["https://h/?file=a"]]',
    ],
)
def test_a_note_opens_no_file(more: str) -> None:
    _, lat = earth_crs(f"{WKT2},{more}]").forward(np.array([5e5]), np.array([5e6]))
    assert lat == pytest.approx([45.1535], abs=1e-3)


@pytest.mark.parametrize("before", ["", '""', "x", '"" REMARK[""'])
def test_a_remark_that_is_the_crs_opens_a_file(before: str, tmp_path: Path) -> None:
    (tmp_path / "shift").write_bytes(shift_by_a_degree())
    own = f"PROJ CRS string: +proj=utm +zone=33 +ellps=GRS80 +nadgrids={tmp_path / 'shift'} +type=crs"
    wkt = f'{WKT2},REMARK["{before}{own}. And more"]]'
    to_degrees = pyproj.Transformer.from_crs(pyproj.CRS(wkt), "EPSG:4326", always_xy=True)
    assert to_degrees.transform(5e5, 5e6)[1] == pytest.approx(46.1535, abs=1e-3), "PROJ opens it"
    with pytest.raises(Rejected, match="names a file"):
        earth_crs(wkt)


def test_a_name_opens_no_file(tmp_path: Path) -> None:
    (tmp_path / "shift").write_bytes(shift_by_a_degree())
    for name in ("WRF Model = ARW, file=wrfout", f"using nadgrids={tmp_path / 'shift'}"):
        _, lat = earth_crs(utm().replace('"own"', f'"{name}"')).forward(np.array([5e5]), np.array([5e6]))
        assert lat == pytest.approx([45.1535], abs=1e-3)


ENDS = [
    "'",
    '""',
    "\xa0x",
    "\x1cx",
    "\rx",
    "\x0bx",
    "\x85x",
    "\u2003x",
    "' ",
    "x",
    " +",
    "+ x",
    ";",
    " ;",
    "\\",
    "\t'",
    "",
]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("null", ["@null", "null", " @null", "@ null", "@null "])
def test_a_file_beside_the_null_grid_is_one_however_it_is_set_apart(
    null: str, end: str, tmp_path: Path
) -> None:
    (tmp_path / "shift").write_bytes(shift_by_a_degree())
    for after in (",{}", " ,{}", ", {}", ",@{}", ' "",{}', "{}", ",'{}'"):
        grids = null + end + after.format(tmp_path / "shift")
        for own in ("+proj=utm +zone=33 +nadgrids={} +no_defs", "proj=utm zone=33 nadgrids={}"):
            wkt = utm(extension=f',EXTENSION["PROJ4","{own.format(grids)}"]')
            try:
                _, lat = earth_crs(wkt).forward(np.array([5e5]), np.array([5e6]))
            except Rejected:
                continue
            assert not abs(lat[0] - 46.15) < 0.1, own.format(grids)


def test_a_quote_that_ends_a_text_hides_no_file() -> None:
    """Of a WKT "" is one quote; what looks like a datum's name within a text is none."""
    assert _opens_a_file('EXTENSION["PROJ4","+title=DATUM["" +nadgrids=/secret"]')
    assert _opens_a_file('ID["DATUM[""",1],PARAMETERFILE["x","/secret"],ID["x",1]')
