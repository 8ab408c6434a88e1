"""Where on the Earth a pixel lies: one function for affine transforms, ground control points and RPCs."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pyproj
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.transform import Affine, RPCTransformer

from eventstac.errors import Rejected
from eventstac.raster.axes import in_degrees, refuse_misplaced
from eventstac.raster.control_points import splined
from eventstac.raster.earth import (
    EarthCrs,
    Floats,
    NoEarthCrs,
    ToLonLat,
    earth_crs,
    refuse_beyond_degrees,
    refuse_for_memory,
)

_PLACING = {
    "GTiff": "write its geotransform (gdal_edit.py -a_ullr)",
    "JP2OpenJPEG": "write its geotransform (gdal_edit.py -a_ullr)",
    "netCDF": "its axes have no numbers, or no even steps: re-grid it (gdalwarp -geoloc, cdo remapbil)",
}
_PLACING_OTHERS = "such files hold none: write it as a GeoTIFF (gdal_translate -a_ullr)"
_MOST_UNITS = 1e12  # of a CRS: the Earth's circumference is 4e10 mm


@dataclass(frozen=True, eq=False)
class Georeference:
    """How pixels and degrees belong together; the same object for the same grid, so what follows from it can be kept.

    `to_pixel` is the inverse and `wkt` the CRS of the pixels (affine only; None otherwise). `turns`: how often the
    grid goes around a rotated pole (0 for other grids).
    """

    kind: Literal["affine", "gcps", "rpcs"]
    earth: EarthCrs | None
    to_lonlat: ToLonLat
    to_pixel: ToLonLat | None = None
    wkt: str | None = None
    turns: float = 0.0

    @property
    def cylindrical(self) -> bool:
        """Whether the image is laid out on a cylinder, where a pole is an edge with all longitudes."""
        return self.kind == "affine" and self.earth is not None and self.earth.cylindrical


def georeference(dataset: DatasetReader, crs_text: str | None = None) -> Georeference:
    """The georeference of an open raster; `crs_text` is the CRS that a rule gives for one whose own places nothing.

    Raises Rejected `no-crs`, `local-crs`, `not-earth`, `no-georeference`.
    """
    refuse_misplaced(dataset)
    crs = dataset.crs
    gcps, gcp_crs = dataset.gcps
    # A CRS alone places nothing: some writers state that of the scene's map beside its RPCs or control points.
    unplaced = crs is None or dataset.transform.is_identity
    of_points = _stated(gcp_crs if gcp_crs is not None else crs, crs_text)
    if unplaced and gcps and (of_points or crs_text):
        earth = earth_crs(of_points) if of_points else _earth_of_rule(_given(dataset, crs_text))
        return Georeference("gcps", earth, splined(gcps, earth))
    if unplaced and dataset.rpcs is not None:
        return Georeference("rpcs", None, _rpc_function(dataset))
    own = _stated(crs, crs_text)
    text = own or _given(dataset, crs_text)
    earth = earth_crs(text) if own else _earth_of_rule(text)
    _refuse_unplaced(dataset, None if own else crs_text)
    _refuse_nonsense(dataset.transform)
    _refuse_no_degrees(earth, dataset)
    return _affine(text, own is not None, dataset.transform, (dataset.width, dataset.height))


@lru_cache(maxsize=64)  # the bands of a scene have one grid or three, and a COG has that of its original
def _affine(text: str, is_wkt: bool, transform: Affine, size: tuple[int, int]) -> Georeference:
    earth = earth_crs(text)
    turns, middle = _turns(earth, transform, size), 0.0
    if turns:
        middle = (transform @ (size[0] / 2, size[1] / 2))[0]
    wkt = text if is_wkt else earth.crs.to_wkt()
    a, b, c, d, e, f = tuple(transform)[:6]
    inverse = ~transform

    def to_lonlat(column: Floats, row: Floats) -> tuple[Floats, Floats]:
        return earth.to_lonlat(a * column + b * row + c, d * column + e * row + f)

    def to_pixel(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        x, y = earth.from_lonlat(lon, lat)
        if earth.turn is not None:  # the one of its longitudes that is nearest to the grid
            x = middle + (x - middle + earth.turn / 2) % earth.turn - earth.turn / 2
        return inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f

    return Georeference("affine", earth, to_lonlat, to_pixel, wkt, turns)


def _turns(earth: EarthCrs, transform: Affine, size: tuple[int, int]) -> float:
    """How often a grid goes around the pole of its CRS, where that is a rotated one; 0 for others.

    Raises Rejected `no-georeference` for one that is more than half a turn wide and lies across its meridians.
    """
    if earth.turn is None:
        return 0.0
    turns = float((abs(transform.a) * size[0] + abs(transform.b) * size[1]) / earth.turn)
    if turns > 0.5 and (transform.b or transform.d):
        raise Rejected(
            "no-georeference",
            f"the grid is turned or sheared in the CRS {earth.crs.name!r}, whose pole is a rotated one, and goes "
            "around more than half of the Earth: its outline is not known surely; re-project it (gdalwarp -t_srs "
            "EPSG:4326), or let the rule give `footprint.geometry`",
        )
    return turns


def _refuse_unplaced(dataset: DatasetReader, of_rule: str | None) -> None:
    """Raise Rejected `no-georeference` for a file without a geotransform; `of_rule`: the CRS that a rule names."""
    if not dataset.transform.is_identity:
        return
    who = f"the rule names the CRS {of_rule!r}" if of_rule else "the file names a CRS"
    raise Rejected(
        "no-georeference",
        f"{who}, but the file has no position in it: {_PLACING.get(dataset.driver, _PLACING_OTHERS)}, or let the rule "
        "give `footprint.geometry`",
    )


def _refuse_nonsense(transform: Affine) -> None:
    """Raise Rejected `no-georeference` for a geotransform that puts an image nowhere."""
    if transform.determinant == 0:
        raise Rejected(
            "no-georeference", f"the geotransform {tuple(transform)[:6]} maps every pixel onto a line"
        )
    if not all(abs(value) < _MOST_UNITS for value in tuple(transform)[:6]):
        raise Rejected(
            "no-georeference", f"the geotransform {tuple(transform)[:6]} does not lie on any map of the Earth"
        )


def _refuse_no_degrees(earth: EarthCrs, dataset: DatasetReader) -> None:
    """Raise Rejected `no-georeference` where a CRS in degrees has longitudes of metres, or latitudes beyond a pole.

    A pixel of a grid that has its middle on the pole lies beyond it by half.
    """
    a, b, c, d, e, f = tuple(dataset.transform)[:6]
    width, height = dataset.width, dataset.height
    x = np.array([c, c + a * width, c + b * height])
    y = np.array([f, f + d * width, f + e * height, f + d * width + e * height])
    what = "the geotransform puts the image at"
    refuse_beyond_degrees(earth, x, y, what, room=abs(d) + abs(e))


def _stated(crs: CRS | None, crs_text: str | None) -> str | None:
    """The CRS that a file states; None where it states none, or none that places anything where a rule gives one."""
    if crs is None or not crs.wkt:
        return None
    text = str(crs.to_wkt(version="WKT2_2019"))
    if crs_text:
        try:
            earth_crs(text)
        except Rejected as problem:
            return text if problem.reason == "not-earth" else None  # another body is said for sure
    return text


def _given(dataset: DatasetReader, crs_text: str | None) -> str:
    """The CRS that a rule gives. Raises Rejected `bad-options` for what is none, `no-crs` where it gives none."""
    if crs_text:
        try:
            pyproj.CRS.from_user_input(crs_text)
        except pyproj.exceptions.CRSError as error:
            raise Rejected(
                "bad-options",
                f"option crs is {crs_text!r}: expected a CRS that PROJ knows ({error}); correct the rule",
            ) from error
        return crs_text
    refuse_for_memory()
    raise Rejected(
        "no-crs",
        "the file does not say in which coordinate reference system it is, so its place on the Earth is unknown: "
        f"{_naming(dataset)} or `footprint.geometry`",
    )


def _earth_of_rule(text: str) -> EarthCrs:
    """The CRS that a rule gives. Raises Rejected as `earth_crs` does, with what to do about the rule."""
    try:
        return earth_crs(text)
    except NoEarthCrs as error:
        raise Rejected(error.reason, f"option crs is {text!r}, but {error.what}; correct the rule") from error


def _naming(dataset: DatasetReader) -> str:
    """What to do about a CRS that a file does not name."""
    if in_degrees(dataset):
        return "its axes are degrees, so let the rule give `crs: EPSG:4326`"
    how = (
        "a grid mapping of the CF conventions" if dataset.driver == "netCDF" else "gdal_edit.py -a_srs EPSG:…"
    )
    return f"write the CRS into it ({how}), or let the rule give `crs`"


def _rpc_function(dataset: DatasetReader) -> ToLonLat:
    """The rational polynomials of a satellite scene, at the mean height that they state."""
    rpcs: Any = dataset.rpcs

    def to_lonlat(column: Floats, row: Floats) -> tuple[Floats, Floats]:
        with RPCTransformer(rpcs, rpc_height=rpcs.height_off) as transformer:
            # GDAL's RPC transformer counts from the outer edge of the first pixel, as we do.
            lon, lat = transformer.xy(row, column, offset="ul")
        lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
        bad = ~np.isfinite(lon) | ~np.isfinite(lat) | (np.abs(lat) > 90) | (np.abs(lon) > 540)
        return np.where(bad, np.nan, lon), np.where(bad, np.nan, lat)

    return to_lonlat
