"""Rasters made for a purpose: each hard case that real files show, written with rasterio."""

import base64
import struct
import tempfile
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio.shutil
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.rpc import RPC
from rasterio.transform import Affine, from_origin
from rasterio.windows import Window

EARTH_M = 20037508.342789244  # half the width of the world in EPSG:3857


@dataclass(frozen=True)
class Place:
    """A georeference: CRS, transform, size; the bbox that is right (None: found by sampling alone)."""

    name: str
    crs: str
    transform: Affine
    width: int = 120
    height: int = 100
    bbox: tuple[float, float, float, float] | None = None


def _over(
    west: float, south: float, east: float, north: float, width: int = 120, height: int = 100
) -> Affine:
    return Affine((east - west) / width, 0, west, 0, -(north - south) / height, north)


def _rotated(degrees: float, x: float, y: float, pixel: float) -> Affine:
    turned: Affine = Affine.translation(x, y) @ Affine.rotation(degrees) @ Affine.scale(pixel, -pixel)
    return turned


_MOLL, _SINU = "+proj=moll +datum=WGS84 +units=m", "+proj=sinu +R=6371007.181 +units=m"
_GEOS = "+proj=geos +h=35785831 +lon_0=%s +sweep=%s +ellps=GRS80"
_ORTHO = "+proj=ortho +lat_0=%s +lon_0=%s +R=6371000"
_SHIFTED = (
    "+proj=tmerc +lat_0=0 +lon_0=9 +x_0=3500000 +ellps=bessel +units=m "
    "+towgs84=598.1,73.7,418.2,0.202,0.045,-2.455,6.7"
)
_LAEA = "+proj=laea +lat_0=%s +lon_0=%s +datum=WGS84"

PLACES = (
    Place("utm scene", "EPSG:32633", from_origin(399960, 5000040, 915, 1098)),
    Place("utm high north", "EPSG:32633", from_origin(300000, 9200000, 1000, 1000)),
    Place("utm across 180", "EPSG:32601", from_origin(100000, 2000000, 1000, 1000)),
    Place("utm south across 180", "EPSG:32760", from_origin(700000, 8200000, 1500, 1500)),
    Place("utm south-up", "EPSG:32633", Affine(1000, 0, 4e5, 0, 1000, 5e6)),
    Place("utm mirrored", "EPSG:32633", Affine(-1000, 0, 5e5, 0, -1000, 5e6)),
    Place("rotated 30", "EPSG:32633", _rotated(30, 5e5, 5e6, 1000)),
    Place("rotated 200", "EPSG:32633", _rotated(200, 5e5, 5e6, 1000)),
    Place("sheared", "EPSG:32633", Affine(1000, 400, 5e5, 100, -1000, 5e6)),
    Place("rotated in degrees", "EPSG:4326", _rotated(45, 10, 50, 0.01)),
    Place("degrees", "EPSG:4326", _over(10, 40, 20, 50), bbox=(10, 40, 20, 50)),
    Place("degrees across 180", "EPSG:4326", _over(175, -5, 185, 5), bbox=(175, -5, -175, 5)),
    Place("degrees below -180", "EPSG:4326", _over(-185, -5, -175, 5), bbox=(175, -5, -175, 5)),
    Place("degrees 200 to 220", "EPSG:4326", _over(200, 10, 220, 20), bbox=(-160, 10, -140, 20)),
    Place("world", "EPSG:4326", _over(-180, -90, 180, 90), bbox=(-180, -90, 180, 90)),
    Place("world 0 to 360", "EPSG:4326", _over(0, -90, 360, 90), bbox=(-180, -90, 180, 90)),
    Place(
        "world half a pixel over", "EPSG:4326", _over(-181.5, -90.9, 181.5, 90.9), bbox=(-180, -90, 180, 90)
    ),
    Place(
        "world half a pixel over, from 0",
        "EPSG:4326",
        _over(-1.5, -90.9, 358.5, 90.9),
        bbox=(-180, -90, 180, 90),
    ),
    Place("0 to 360, tropics", "EPSG:4326", _over(0, -30, 360, 30), bbox=(-180, -30, 180, 30)),
    Place("nad27 degrees", "EPSG:4267", _over(-100, 35, -95, 40)),
    Place("mercator", "EPSG:3857", _over(1e6, 5e6, 2e6, 6e6)),
    Place("mercator past its edge", "EPSG:3857", _over(19.5e6, 1e6, 21e6, 2e6)),
    Place(
        "mercator world",
        "EPSG:3857",
        _over(-EARTH_M, -EARTH_M, EARTH_M, EARTH_M),
        bbox=(-180, -85.0511288, 180, 85.0511288),
    ),
    Place("equirectangular world", "EPSG:4087", _over(-EARTH_M, -EARTH_M / 2, EARTH_M, EARTH_M / 2)),
    Place("antarctic around the pole", "EPSG:3031", _over(-3.1e6, -2.7e6, 3.3e6, 2.9e6), bbox=None),
    Place("antarctic quadrant at the pole", "EPSG:3031", _over(0, 0, 3e6, 3e6)),
    Place("antarctic with the pole on its edge", "EPSG:3031", _over(-2e6, 0, 2e6, 3e6)),
    Place("antarctic beside the pole", "EPSG:3031", _over(-2e6, -2.5e6, -1e6, -1e6)),
    Place("arctic around the pole", "EPSG:3413", _over(-3.85e6, -5.35e6, 3.75e6, 5.85e6)),
    Place("arctic across 180", "EPSG:3413", _over(-2e6, 5e5, -5e5, 2e6)),
    Place("arctic laea", "EPSG:3408", _over(-2e6, -2e6, 2e6, 2e6)),
    Place("europe laea", "EPSG:3035", _over(2.5e6, 1.5e6, 6.5e6, 5.5e6)),
    Place("conus albers", "EPSG:5070", _over(-2.4e6, 2.5e5, 2.3e6, 3.2e6)),
    Place("canada lambert", "EPSG:3347", _over(3.6e6, 6e5, 9.1e6, 4.1e6)),
    Place("alaska albers across 180", "EPSG:3338", _over(-2.2e6, 3e5, 1.5e6, 2.4e6)),
    Place("modis tile", _SINU, _over(0, 4447802, 1111950, 5559752)),
    Place("modis tile at the edge", _SINU, _over(-13343406, 5559752, -12231456, 6671703)),
    Place(
        "sinusoidal world", _SINU, _over(-20015109, -10007555, 20015109, 10007555), bbox=(-180, -90, 180, 90)
    ),
    Place("mollweide world", _MOLL, _over(-18040096, -9020048, 18040096, 9020048), bbox=(-180, -90, 180, 90)),
    Place("mollweide north-west", _MOLL, _over(-18040096, 1e6, -5e6, 9020048)),
    Place("geostationary -75", _GEOS % (-75, "x"), _over(-5434894, -5434894, 5434894, 5434894)),
    Place("geostationary 140", _GEOS % (140.7, "y"), _over(-5500000, -5500000, 5500000, 5500000)),
    Place("geostationary quarter", _GEOS % (0, "y"), _over(0, 0, 5500000, 5500000)),
    Place(
        "goes conus",
        "+proj=geos +h=35786023 +lon_0=-75 +sweep=x",
        Affine(2004.017, 0, -3627271, 0, -2004.017, 4589199),
        2500,
        1500,
    ),
    Place(
        "laea with a wedge to its antipode",
        "+proj=laea +lat_0=70 +lon_0=170",
        Affine(71133, 0, 878819.4, 0, -71133, -1912902.6),
    ),
    Place("orthographic", _ORTHO % (20, -60), _over(-6371000, -6371000, 6371000, 6371000)),
    Place("orthographic from the north", _ORTHO % (60, 100), _over(-6.4e6, -6.4e6, 6.4e6, 6.4e6)),
    Place("laea small at the south pole", _LAEA % (-90, 0), _over(-500, -500, 700, 600)),
    Place("laea hemisphere", _LAEA % (0, 170), _over(-8e6, -8e6, 8e6, 8e6)),
    Place(
        "custom transverse mercator",
        "+proj=tmerc +lat_0=0 +lon_0=9 +ellps=bessel",
        _over(-2e5, 5e6, 2e5, 5.4e6),
    ),
    Place("bessel with a shift of its own", _SHIFTED, _over(3.45e6, 5.5e6, 3.453e6, 5.5025e6)),
    Place("krovak, south and west", "EPSG:5513", _over(9.4e5, 4.5e5, 1.2e6, 9e5)),
    Place("krovak, east and north", "EPSG:5514", _over(-9e5, -1.2e6, -4.5e5, -9.4e5)),
    Place("transverse mercator facing south", "EPSG:2053", _over(-1e5, 2.8e6, 1e5, 3e6)),
    Place("northing before easting", "EPSG:31467", _over(3.45e6, 5.5e6, 3.55e6, 5.6e6)),
    Place("grads from paris", "EPSG:4807", _over(0, 50, 5, 53)),
    Place("feet", "EPSG:2264", _over(4e5, 4e4, 3e6, 1e6)),
    Place("new zealand", "EPSG:2193", _over(1.1e6, 4.7e6, 2.1e6, 6.2e6)),
    Place("chatham islands across 180", "EPSG:3793", _over(3.4e6, 5.0e6, 3.7e6, 5.2e6)),
    Place("polar stereographic, northing first", "EPSG:5041", _over(1e6, 1e6, 3e6, 3e6)),
    Place("wgs 72", "EPSG:4322", _over(10, 40, 10.01, 40.01)),
    Place("with heights", "EPSG:32633+5773", _over(4e5, 5e6, 5e5, 5.1e6)),
    Place("van der grinten world", "ESRI:54029", _over(-19926188.85, -19926188.85, 19926188.85, 19926188.85)),
    Place("equal earth world", "EPSG:8857", _over(-17243959, -8392928, 17243959, 8392928)),
    Place("azimuthal world", "+proj=aeqd +lat_0=40 +lon_0=10 +ellps=WGS84", _over(-2e7, -2e7, 2e7, 2e7)),
    Place("sea ice grid", "EPSG:3411", _over(-3.85e6, -5.35e6, 3.75e6, 5.85e6)),
    # Over the end of the area of a datum's shift, where there and back are two operations.
    Place("great britain", "EPSG:27700", _over(0, 0, 700000, 1300000)),
    Place("great britain and the sea around it", "EPSG:27700", _over(-200000, -200000, 700000, 1250000)),
    Place("british grid, square TG", "EPSG:27700", _over(600000, 300000, 700000, 400000)),
    Place("british grid, square TM", "EPSG:27700", _over(600000, 200000, 700000, 300000)),
    Place("british grid, square HP", "EPSG:27700", _over(400000, 1200000, 500000, 1300000)),
    Place("alaska in nad27 and feet", "EPSG:2964", _over(-8000000, 1000000, 5500000, 8500000)),
    Place("czechia in krovak, east and north", "EPSG:5221", _over(-905000, -1230000, -430000, -930000)),
)


UTM = {"crs": "EPSG:32633", "transform": from_origin(399960, 5000040, 10, 10)}


def tiff(
    data: Any, finish: Callable[[Any], None] | None = None, *, driver: str = "GTiff", **profile: Any
) -> bytes:
    """A GeoTIFF of `data` (rows, columns) or (bands, rows, columns), in UTM unless the profile says otherwise."""
    data = np.asarray(data)
    data = data[None] if data.ndim == 2 else data
    place = {} if {"crs", "transform", "gcps", "rpcs"} & profile.keys() else UTM
    shape = {
        "count": data.shape[0],
        "height": data.shape[1],
        "width": data.shape[2],
        "dtype": data.dtype.name,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with MemoryFile() as memory:
            with memory.open(driver=driver, **{**shape, **place, **profile}) as dataset:
                dataset.write(data, window=Window(0, 0, data.shape[2], data.shape[1]))
                if finish is not None:
                    finish(dataset)
            memory.seek(0)
            return bytes(memory.read())


def at(place: Place) -> bytes:
    """A small raster at a place."""
    data = np.arange(place.width * place.height, dtype="int16").reshape(place.height, place.width)
    return tiff(data, crs=place.crs, transform=place.transform)


def blank(place: Place) -> bytes:
    """A raster at a place, as large as that says, with no pixel written."""
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", count=1, dtype="uint8", width=place.width, height=place.height, crs=place.crs,
            transform=place.transform, sparse_ok=True,
        ):  # fmt: skip
            pass
        memory.seek(0)
        return bytes(memory.read())


def gradient(rows: int, columns: int, dtype: str = "uint16", bands: int = 1) -> Any:
    """Smooth data with some noise, the same every time."""
    noise = np.random.default_rng(7).integers(0, 60, (bands, rows, columns))
    plane = np.add.outer(np.arange(rows), np.arange(columns))
    return (plane[None] * 10 + noise).astype(dtype)


def cog(data: Any, **profile: Any) -> bytes:
    """A COG as GDAL writes it."""
    return tiff(data, driver="COG", blocksize=256, **profile)


def with_gcps(
    points: Sequence[tuple[float, float, float, float]], rows: int = 100, columns: int = 120
) -> bytes:
    """A raster without a transform; each point is (row, column, longitude, latitude)."""
    gcps = [GroundControlPoint(row=r, col=c, x=x, y=y) for r, c, x, y in points]
    return tiff(np.ones((rows, columns), "uint8"), gcps=gcps, crs="EPSG:4326")


def with_rpcs(longitude: float = 10.0, latitude: float = 45.0, **profile: Any) -> bytes:
    """A scene whose place is told by rational polynomials alone: 0.1 degrees wide around a point."""
    one = [1.0] + [0.0] * 19
    rpcs = RPC(
        height_off=300, height_scale=500, lat_off=latitude, lat_scale=0.05, long_off=longitude, long_scale=0.05,
        line_off=500, line_scale=500, samp_off=600, samp_scale=600,
        line_num_coeff=[0.0, 0.0, -1.0] + [0.0] * 17, line_den_coeff=one,
        samp_num_coeff=[0.0, 1.0] + [0.0] * 18, samp_den_coeff=one, err_bias=0, err_rand=0,
    )  # fmt: skip
    return tiff(np.ones((1000, 1200), "uint8"), rpcs=rpcs, **profile)


def jpeg2000(
    rows: int = 64, columns: int = 80, place: dict[str, Any] | None = None, boxes: str = ""
) -> bytes:
    """A JPEG 2000 file with its position in a GeoJP2 box, a GMLJP2 box, or both (the default)."""
    with (
        MemoryFile(tiff(gradient(rows, columns), **(place or UTM))) as memory,
        memory.open() as source,
        tempfile.TemporaryDirectory() as folder,
    ):
        path = Path(folder) / "image.jp2"
        chosen = {name: "YES" if name in boxes else "NO" for name in ("GeoJP2", "GMLJP2")} if boxes else {}
        rasterio.shutil.copy(
            source,
            str(path),
            driver="JP2OpenJPEG",
            QUALITY="100",
            REVERSIBLE="YES",
            **chosen,
        )
        return path.read_bytes()


def netcdf4(rows: int = 40, columns: int = 60) -> bytes:
    """A netCDF-4 file, which is an HDF5 file, as GDAL writes it: one grid in UTM."""
    with (
        MemoryFile(tiff(gradient(rows, columns))) as memory,
        memory.open() as source,
        tempfile.TemporaryDirectory() as folder,
    ):
        path = Path(folder) / "grid.nc"
        rasterio.shutil.copy(source, str(path), driver="netCDF", FORMAT="NC4")
        return path.read_bytes()


def netcdf(rows: int = 40, columns: int = 60, order: Sequence[str] = ("lat", "lon")) -> bytes:
    """A classic netCDF of one grid, 0..6 degrees east and 30..34 north (and two days, where the order has `time`)."""
    axes = {
        "time": (np.arange(2), {"units": "days since 2020-1-1"}),
        "lat": (34 - (np.arange(rows) + 0.5) * 4 / rows, {"units": "degrees_north"}),
        "lon": ((np.arange(columns) + 0.5) * 6 / columns, {"units": "degrees_east"}),
    }
    return classic_netcdf({name: axes[name] for name in axes if name in order}, order, {"units": "m"})


def classic_netcdf(
    axes: Mapping[str, tuple[Any, Mapping[str, str]]],
    order: Sequence[str],
    attributes: Mapping[str, str],
    mapping: Mapping[str, str] | None = None,
) -> bytes:
    """A classic netCDF (CDF-1), written byte by byte: axes with their attributes, one grid over `order` of them.

    `mapping`: the attributes of a variable `crs` that the grid names as its mapping.
    """
    names, sizes = list(axes), [len(values) for values, _ in axes.values()]
    rows, columns = (1, *sizes)[-2:]
    grid = np.broadcast_to(gradient(rows, columns, "float32")[0], (1, *sizes)).reshape(sizes)
    variables = [(name, [names.index(name)], *axes[name]) for name in names]
    if order:
        dimensions = [names.index(name) for name in order]
        mapped = {"grid_mapping": "crs"} if mapping else {}
        variables += [("height", dimensions, grid.transpose(dimensions), {**attributes, **mapped})]
    if mapping:
        variables += [("crs", [], np.zeros(1), mapping)]

    def text(value: str) -> bytes:
        raw = value.encode()
        return struct.pack(">i", len(raw)) + raw + b"\0" * (-len(raw) % 4)

    def header(begins: list[int]) -> bytes:
        out = b"CDF\x01" + struct.pack(">iii", 0, 10, len(names))
        for name, size in zip(names, sizes, strict=True):
            out += text(name) + struct.pack(">i", size)
        out += struct.pack(">iiii", 0, 0, 11, len(variables))
        for (name, dims, values, given), begin in zip(variables, begins, strict=True):
            out += text(name) + struct.pack(f">i{len(dims)}i", len(dims), *dims)
            out += struct.pack(">ii", 12, len(given))
            for attribute, value in given.items():
                out += text(attribute) + struct.pack(">i", 2) + text(value)
            out += struct.pack(">iii", 5, values.size * 4, begin)
        return out

    first = len(header([0] * len(variables)))
    begins = np.cumsum([first, *(values.size * 4 for _, _, values, _ in variables[:-1])]).tolist()
    return header(begins) + b"".join(np.asarray(values, ">f4").tobytes() for _, _, values, _ in variables)


# Written with h5py: a plain dataset; one whose bytes lie in a file of this name; one that is a view of another's.
EXTERNAL_NAME = b"/" + b"x" * 199
PLAIN_HDF5, RAW_HDF5, VIRTUAL_HDF5 = (
    zlib.decompress(base64.b64decode(text))
    for text in (
        "eNrr9HBx4+WS4mIAAQ4OBhYGAQZk8B8K5DhQ+TD5BCjNCKU7oPQKJpg4I1hOAiouCDUfXV1IkKsrSPV/NACzx4AFQnMwjIKRCDxcHQNAdASUD0"
        "ulJ5hQ1aUXZaYgp0cPCu1lZGCFmMUI42tAaCaIACtUHRuURuczA13KCHUvI1IKZgXSID4TE8QgDmgOYWaEJXE5NJc0DIp4CPbzdwHlaFg+VGAe"
        "TZujYBQMWcDIxMzCysbOwcnFzcPLxy8gKCQsIiomLiEpJS0jCwBKPS7Z",
        "eNrr9HBx4+WS4mIAAQ4OBhYGAQZk8B8KCthQ+TD5BCjNCKU7oPQKJpg4I1hOAiouCDUfXV1IkKsrSPV/NACzR4MVQnMwjIKRCDxcHQNAdASUD0ul"
        "J5hQ1RWhpUcPCu1lZGCDmMUI42tAaCaIADNUHTR7YOELgLUKwI2ApGBWIA3iMzFBDGIHmssIVQPKMQYs2NO7EANMHJKjmBlhOUUITWUATePhBlo4"
        "B7CgqtOvGB4A5p9gP38XULzA4kOBeTRPkgMArjaULw==",
        "eNrr9HBx4+WS4mIAAQ4OBhYGAQZk8B8KGCTQ+FCQAKUZoXQHlF7BBBNnBMtBtTMIQs1HVxcS5OoKUv0fDcDsMWCB0BwMo2AkAg9XxwAQHQHlw1Lp"
        "CSZUdWVo6dGDQnsZGdggZjHC+BoQmgkiwAxVB02eWPgSYK2CCvbQtOvAYMLNYPIfqpAVKAqSZ2KGGMgB9RkLMyypQ+wRgnJBvEsL2LMZGAoGJB6C"
        "/fxdQDkalg8VmEfT5igYBUMVuDv7+zAiFaiwcjOKAa0g1S/JLdBPTCnTL05NLkot0cswZagAl3aMSKYxIfEl0PgweZAekej5SqjuaOAfjYtRMApG"
        "wSgYBaNgFIyCUTAKRsEoGAWjgFYAAL6oOiU=",
    )
)
# Written with netCDF4: netCDF-4 with one grid of 4 by 4 signed bytes (-56) that are unsigned (200) by `_Unsigned`.
UNSIGNED_NETCDF4 = zlib.decompress(
    base64.b64decode(
        "eNrtVk1rE0EYnpkkdYmbdtVIVATX6EFqCWkaxUvAsNmYYLqRpD1UhLB1t3ah2ehmGxUE8abgScGzYH+Ah3r3KHjoD9Cz1x4UPep85qvNzUOg85Bsdu"
        "b9mOd95p0hryqlciJ+Lo4UBQj85dDOsHGWz7/+s/O7Xik1kLqL0nQmEhkLGUccAUjsmkbdZph3m0fNJMkTRiEfwydLaNSChKX3mC91+jyIkpXhxDXB"
        "SXAoavVPHyn9xA0IaX4EIYxyq/iNJAnjExcv8BkdpBSQeo7fYrSWSJzV8p0HvAGjvKITealXaX4sgkJcjVqx2QSniDiECv6Wqsum1azWrVbTKNZMoN"
        "7FheOAGAuwissm9b/J/Vc2va6OP7buu6FRKuuO13b9rtfx9fXtUPc74cDUswPPXt9yM7pAHhBCCOefBSrJ37Lc8L6zkS95bc8BmgL6CqC+hi+v7L79"
        "fxr6saOlIevzZzvpH0zDNQgvUw3RQQ0PaKqScJKRZVFA7BjVcp6MXyi06fGp4GdWG5M0MllSk0maxBUkBxUYnU7geL4dut3ROvB+i35AQ6eLsFAvMb"
        "HjTOzWKhbyge86VPEoDwiDbVe9x1SbwzyTw5tWqzZXwFnOP0XLBIcuCQE38vfhMfFZe7T3oW5Ubgtd+ncaj1e3SM2EQZYwaJhls2FahskYXEeMgWOH"
        "dtcNB1T63QEUDYyKAoeZYYgLS8B7//PddDAS471fieOEkbhs+1v5dF9w4r0xyzfUMu4EnYduEHq4K8imprncPTcgHAq5BZ+2TyGfWcxmFhc2nY1rhV"
        "wml8l+RegbkJg23DLqNTh0YYjeEP8G9sfOnZhfQqN5Ps9JLSUkJCQkJCQkJCQkJCQkphVfxvAPQjhItQ=="
    )
)
# With h5py: a group whose only member is a link to nowhere; and one with a grid of 15 by 20 beside such a link.
DANGLING_HDF5, DANGLING_BESIDE_HDF5 = (
    zlib.decompress(base64.b64decode(text))
    for text in (
        "eNrr9HBx4+WS4mIAAQ4OBhYGAQZk8B8KMlhQ+TD5BCjNCKU7oPQKJpg4I1hOAiouCDUfXV1IkKsrSPV/NACzR4EZQnMwjIKRCDxcHQNAdAQsPU"
        "DpE0yo6jJzE9NTgbR+Xn55RmpRKgNa+rQg0d5gP38XUArmQMsPMGsFRqOGKAAAxpo3bw==",
        "eNrtllVUlFEUhb8zAzqOgogBIiUSNtgdKCAWYGOLioqB3d1id3d3d7fY3d3dnXjH+WctnScfXUv2y17n3PPfWP8++9640KAQO6OLERMMBmxw4H"
        "ckaIg0/hlbxhtoLBoP0XixzpKXX2POWj6VNr91XdXKwcGm6gQrWNYJsDGzgUT8jwgNDowwcaQWZ9Y4XvdnXZuWUTGximNaRTWNVuwf27pzs+h2"
        "0VjpNOAv1xVszd+IJTavLDpzIqVWl0Zj61iv9G6qNKnevFWz/m2Vkk15nc48kUHrEL1YJB5pdbI+/8R/qBIWHiTqJA5W/mDZrLNVvaVfPfWJGk"
        "5EIv49mLpZr+59W5KQVPVrMowkJwV22Cs3c1A3tiOplZ+lJR1Oqr/T40IGXHHDHQ88yYgXmfDGB1/8lDtmISvZyE4OcuKvfDYXuclDXvKRnwIU"
        "pBCFKUJRilGcEpQkkFKUJohgQihDKGUpR3kqUJEwwomgEpWpQlWqUZ0ayv9rUova1KEu9aiv3h9RNKQRjYmmCU1pRgzNaUFLWhFLa9rQlna0pw"
        "Md6URnutCVbnSnBz3pRW/lqn3pR38GMJBBDFbvkjiGMozhjGAkoxjNGMYyjvFMYCKTmMwUpjKN6cxgJrOYzRzmMo/5LGAhi1jMEpayjOWsYCWr"
        "WM0a1rKO9WxgI5vYzBa2so3t7GAnu9jNHvayj/0c4CCHiOcwRzjKMY5zgpOc4jRnOMs5znOBi1ziMle4yjWuc4Ob3OI2d7jLPe7zgIc84jFPeM"
        "oznvOCl7ziNW94yzve84GPfOIzX/jKN77zA/W8ElFXmV5sxFaSSFIxSDIxSnJJIXZiLynFQVKJo6SWNJJW0omTOEt6cZEM4ipu4i4e4ikZxUsy"
        "ibf4iK/4SWbJIlklm/wEN4O+8A==",
    )
)
# Likewise: nothing at all; and a text.
EMPTY_HDF5, TEXT_HDF5 = (
    zlib.decompress(base64.b64decode(text))
    for text in (
        "eNrr9HBx4+WS4mIAAQ4OBhYGAQZk8B8KFJhR+TD5BCjNCKU7oPQKJpg4I1hOAiouCDUfXV1IkKsrsvno9oyCkQ08XB0DQHQElM8BpU8woaqDpcMA"
        "KtkLAKSkKIg=",
        "eNrtlD0OwjAMhe3+SFElRNmAiSNwBUQLHRBFwMAIAxJDJa4BN+AIHIUjcJvSNElJs7KAeN/y4thxosTxNUtmnWgYkUQICigmm1IT99u28e+1staL"
        "1rtn5rn26eXU0/nduO06TWV06WD2GQdKBYF/JEsnK6k7bZsqfXjtuINTj9mH+zKFKhcbW7Ty+1Vly/GAuT5T3PhUXFiptD1PTQv9E3yTyPlvRLev"
        "fofNMk+4uQWikY/aBOBXCWUHEu+eOZ/mC7baEltxktOxKM7W+mcXdwgAAAAAAAAAAPwaL57QMDo=",
    )
)
