"""Where on the Earth a pixel lies: one function for affine transforms, ground control points and RPCs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pyproj
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.io import DatasetReader
from rasterio.transform import RPCTransformer

from eventstac.errors import Rejected

Floats = NDArray[np.float64]
# Pixel coordinates (column, row; 0 is the outer edge of the first pixel) to longitude and latitude in degrees; NaN
# where the pixel does not lie on the Earth.
ToLonLat = Callable[[Floats, Floats], tuple[Floats, Floats]]

EARTH_RADII_M = (6_330_000.0, 6_420_000.0)  # every ellipsoid of the Earth in use; Venus has 6,051,800
_MOST_UNITS = 1e12  # of a CRS: the Earth's circumference is 4e10 mm
_ROOM_BYTES = 64 * 1024 * 1024
MAX_GCPS = 400  # a thin-plate spline costs the cube of their number


@dataclass(frozen=True)
class Georeference:
    """How pixels and degrees belong together.

    `to_pixel` is the inverse (affine only; None otherwise). `cylindrical`: a longitude is a straight line in the CRS,
    so going past 180 degrees wraps around the Earth rather than leaving it. `geographic`: the CRS is in degrees.
    """

    kind: Literal["affine", "gcps", "rpcs"]
    crs: pyproj.CRS | None
    to_lonlat: ToLonLat
    to_pixel: ToLonLat | None = None
    cylindrical: bool = False
    geographic: bool = False


def georeference(dataset: DatasetReader, crs_text: str | None = None) -> Georeference:
    """The georeference of an open raster; `crs_text` is the CRS that a rule gives where the file has none.

    Raises Rejected `no-crs`, `local-crs`, `not-earth`, `no-georeference`.
    """
    gcps, gcp_crs = dataset.gcps
    if dataset.crs is None and gcps and (gcp_crs is not None or crs_text):
        crs, shifted = _earth_crs(
            gcp_crs.to_wkt(version="WKT2_2019") if gcp_crs is not None else str(crs_text)
        )
        return Georeference("gcps", crs, _gcp_function(gcps, shifted))
    if dataset.crs is None and dataset.rpcs is not None:
        return Georeference("rpcs", None, _rpc_function(dataset))
    crs, shifted = _earth_crs(_crs_text(dataset, crs_text))
    transform = dataset.transform
    if transform.is_identity:
        raise Rejected(
            "no-georeference",
            "the file names a CRS but no position in it: write its geotransform (gdal_edit.py -a_ullr)",
        )
    if transform.determinant == 0:
        raise Rejected(
            "no-georeference", f"the geotransform {tuple(transform)[:6]} maps every pixel onto a line"
        )
    if not all(abs(value) < _MOST_UNITS for value in tuple(transform)[:6]):
        raise Rejected(
            "no-georeference", f"the geotransform {tuple(transform)[:6]} does not lie on any map of the Earth"
        )
    forward, backward = transformers(shifted)
    x_is_longitude = _is_cylindrical(shifted)
    half_circle = 180.0 / _degrees_per_unit(crs) if crs.is_geographic else 0.0

    def to_lonlat(column: Floats, row: Floats) -> tuple[Floats, Floats]:
        x = transform.a * column + transform.b * row + transform.c
        y = transform.d * column + transform.e * row + transform.f
        if crs.is_geographic:
            y = np.clip(y, -half_circle / 2, half_circle / 2)
        return _on_earth(forward, backward, x, y, x_is_longitude)

    inverse = ~transform

    def to_pixel(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        x, y = backward.transform(lon, lat)
        there = np.isfinite(x) & np.isfinite(y)
        back_lon, back_lat = forward.transform(np.where(there, x, 0.0), np.where(there, y, 0.0))
        with np.errstate(invalid="ignore"):
            apart = np.hypot(_angle(back_lon - lon) * np.cos(np.radians(lat)), back_lat - lat)
        there &= np.nan_to_num(apart, nan=9.0, posinf=9.0) < 1e-3
        x, y = np.where(there, x, np.nan), np.where(there, y, np.nan)
        return inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f

    return Georeference("affine", crs, to_lonlat, to_pixel, x_is_longitude, crs.is_geographic)


def _crs_text(dataset: DatasetReader, crs_text: str | None) -> str:
    if dataset.crs is not None and dataset.crs.wkt:
        return str(dataset.crs.to_wkt(version="WKT2_2019"))
    if crs_text:
        try:
            pyproj.CRS.from_user_input(crs_text)
        except pyproj.exceptions.CRSError as error:
            raise Rejected(
                "bad-options",
                f"option crs is {crs_text!r}: expected a CRS that PROJ knows ({error}); correct the rule",
            ) from error
        return crs_text
    bytearray(_ROOM_BYTES)  # MemoryError, where GDAL lost the CRS for want of memory
    raise Rejected(
        "no-crs",
        "the file does not say in which coordinate reference system it is, so its place on the Earth is unknown: "
        "write the CRS into it (gdal_edit.py -a_srs EPSG:…), or let the rule give `crs` or `footprint.geometry`",
    )


@lru_cache(maxsize=256)
def _earth_crs(text: str) -> tuple[pyproj.CRS, str]:
    """A horizontal CRS of the Earth, and the WKT to transform with: it keeps a shift of the datum that the file states.

    A shift by a grid is left out: its file is none of ours, and PROJ finds those of known CRSs itself.
    """
    try:
        crs = pyproj.CRS.from_user_input(text)
    except pyproj.exceptions.CRSError as error:
        bytearray(_ROOM_BYTES)  # MemoryError: PROJ says the same of a CRS where it has no memory left
        raise Rejected("no-crs", f"the CRS of the file is not understood: {error}") from error
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    shifted = crs
    if crs.is_bound and crs.source_crs is not None:
        by_grid = crs.coordinate_operation is not None and crs.coordinate_operation.grids
        crs = crs.source_crs
        shifted = crs if by_grid else shifted
    if crs.is_engineering or crs.ellipsoid is None:
        raise Rejected(
            "local-crs",
            f"the CRS {crs.name!r} is a local one, not tied to the Earth: re-project the file, or let the rule give "
            "`footprint.geometry`",
        )
    radius = crs.ellipsoid.semi_major_metre
    if not EARTH_RADII_M[0] <= radius <= EARTH_RADII_M[1]:
        raise Rejected(
            "not-earth",
            f"the CRS {crs.name!r} is on a body of radius {radius / 1000:.0f} km, not on the Earth: a STAC geometry "
            "cannot say where it is; let the rule give `footprint.geometry` or `allow_no_footprint`",
        )
    return crs, shifted.to_wkt()


@lru_cache(maxsize=64)
def transformers(wkt: str) -> tuple[pyproj.Transformer, pyproj.Transformer]:
    """From a CRS (x, y) to longitude, latitude in degrees, and back. Safe to use in one thread at a time."""
    crs = pyproj.CRS.from_user_input(wkt)
    forward = pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    return forward, pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True)


def _degrees_per_unit(crs: pyproj.CRS) -> float:
    return float(np.degrees(crs.axis_info[0].unit_conversion_factor)) if crs.axis_info else 1.0


@lru_cache(maxsize=64)
def _is_cylindrical(wkt: str) -> bool:
    """Whether x depends on the longitude alone, linearly (geographic, Mercator, equirectangular)."""
    _, backward = transformers(wkt)
    lon, lat = np.meshgrid(np.array([-120.0, -40.0, 40.0, 120.0]), np.array([-55.0, 0.0, 55.0]))
    x, _ = backward.transform(lon.ravel(), lat.ravel())
    x = np.asarray(x).reshape(lon.shape)
    if not np.isfinite(x).all():
        return False
    around = float(np.ptp(x)) or 1.0
    return bool(np.abs(x - x[0]).max() < around * 1e-4)


def _angle(degrees: Floats) -> Floats:
    return (degrees + 180.0) % 360.0 - 180.0


def _on_earth(
    forward: pyproj.Transformer, backward: pyproj.Transformer, x: Floats, y: Floats, wraps: bool
) -> tuple[Floats, Floats]:
    """Degrees of x, y; NaN where the projection has no such point (or only by wrapping around)."""
    lon, lat = (np.asarray(values, np.float64) for values in forward.transform(x, y))
    there = np.isfinite(lon) & np.isfinite(lat)
    if not wraps and there.any():
        back_x, back_y = backward.transform(np.where(there, lon, 0.0), np.where(there, lat, 0.0))
        apart = np.hypot(np.asarray(back_x) - x, np.asarray(back_y) - y)
        # A kilometre, in units of the CRS about a millionth of the Earth: a wrapped point is far further away.
        there &= np.nan_to_num(apart, nan=np.inf, posinf=np.inf) < 1e-4 * np.maximum(np.hypot(x, y), 1e6)
    return np.where(there, lon, np.nan), np.where(there, lat, np.nan)


def _to_vector(lon: Floats, lat: Floats) -> Floats:
    lam, phi = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


def _gcp_function(gcps: Sequence[GroundControlPoint], wkt: str) -> ToLonLat:
    """A thin-plate spline through the control points, on the sphere: right across 180 degrees and at the poles."""
    if len(gcps) < 3:
        raise Rejected(
            "no-georeference", f"{len(gcps)} ground control points do not fix an image: three are the least"
        )
    chosen = gcps if len(gcps) <= MAX_GCPS else _spread(gcps)
    forward, _ = transformers(wkt)
    lon, lat = forward.transform([g.x for g in chosen], [g.y for g in chosen])
    targets = _to_vector(np.asarray(lon), np.asarray(lat))
    points = np.array([[g.col, g.row] for g in chosen], np.float64)
    if not np.isfinite(targets).all():
        raise Rejected("no-georeference", "some ground control points do not lie on the Earth")
    spline = _Spline(points, targets)

    def to_lonlat(column: Floats, row: Floats) -> tuple[Floats, Floats]:
        vector = spline(np.stack([column, row], axis=-1))
        lon = np.degrees(np.arctan2(vector[:, 1], vector[:, 0]))
        return lon, np.degrees(np.arctan2(vector[:, 2], np.hypot(vector[:, 0], vector[:, 1])))

    return to_lonlat


def _spread(gcps: Sequence[GroundControlPoint]) -> list[GroundControlPoint]:
    """Of very many points the outermost of each direction and an even selection of the others."""
    rows, columns = np.array([g.row for g in gcps]), np.array([g.col for g in gcps])
    angles = np.radians(np.arange(0, 360, 15))
    outer = {int(np.argmax(columns * np.cos(a) + rows * np.sin(a))) for a in angles}
    even = set(np.linspace(0, len(gcps) - 1, MAX_GCPS - len(outer)).astype(int).tolist())
    return [gcps[index] for index in sorted(outer | even)]


class _Spline:
    """A thin-plate spline from the plane to vectors; an affine map where the points allow no more."""

    def __init__(self, points: Floats, targets: Floats) -> None:
        self._centre = points.mean(axis=0)
        self._scale = float(np.abs(points - self._centre).max()) or 1.0
        self._points = (points - self._centre) / self._scale
        count = len(points)
        plane = np.hstack([np.ones((count, 1)), self._points])
        if np.linalg.matrix_rank(plane) < 3:
            raise Rejected(
                "no-georeference", "the ground control points lie on one line: they do not fix an image"
            )
        if count == 3:
            self._bends = np.zeros((0, targets.shape[1]))
            self._points = self._points[:0]
            self._plane = np.linalg.solve(plane, targets)
            return
        kernel = _kernel(self._points, self._points)
        system = np.block([[kernel, plane], [plane.T, np.zeros((3, 3))]])
        right = np.vstack([targets, np.zeros((3, targets.shape[1]))])
        solution = np.linalg.lstsq(system, right, rcond=None)[0]
        self._bends, self._plane = solution[:count], solution[count:]

    def __call__(self, points: Floats) -> Floats:
        scaled = (points - self._centre) / self._scale
        plane = np.hstack([np.ones((len(scaled), 1)), scaled]) @ self._plane
        result: Floats = plane + _kernel(scaled, self._points) @ self._bends
        return result


def _kernel(left: Floats, right: Floats) -> Floats:
    squared = ((left[:, None, :] - right[None, :, :]) ** 2).sum(axis=2)
    result: Floats = squared * np.log(np.where(squared > 0, squared, 1.0))
    return result


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
