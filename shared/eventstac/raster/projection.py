"""The projection extension's fields (v2.0.0): the CRS, shape, transform and box of the file itself."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import pyproj
from rasterio.io import DatasetReader
from rasterio.transform import Affine

from eventstac.raster.axes import misplaced
from eventstac.raster.georeference import Georeference

_WGS84 = pyproj.Geod(ellps="WGS84")


def projection(dataset: DatasetReader, georef: Georeference | None) -> dict[str, Any]:
    """The `proj:*` fields; no place, and a code of null, where control points or RPCs stand in for a CRS of the pixels.

    Nor is more said of a grid that GDAL would have in a wrong place (`georef` is None then).
    """
    fields: dict[str, Any] = {"proj:shape": [dataset.height, dataset.width], "proj:code": None}
    if misplaced(dataset) if georef is None else georef.kind != "affine":
        return fields
    if georef is not None and georef.wkt is not None:
        fields |= crs_fields(georef.wkt)
    elif dataset.crs is not None and dataset.crs.wkt:
        fields |= crs_fields(dataset.crs.to_wkt(version="WKT2_2019"))
    transform = dataset.transform
    if not transform.is_identity:
        fields["proj:transform"] = [float(v) for v in tuple(transform)[:6]]
        fields["proj:bbox"] = _box(dataset)
    return fields


@lru_cache(maxsize=256)
def _identified(wkt: str) -> str | None:
    """`AUTHORITY:CODE` only where that code stands for exactly this CRS, axis order aside."""
    crs = pyproj.CRS.from_user_input(wkt)
    authority = crs.to_authority(min_confidence=70)
    if authority is None:
        return None
    code = ":".join(authority)
    same = pyproj.CRS.from_user_input(code).equals(crs, ignore_axis_order=True)
    return code if same else None


def crs_fields(wkt: str) -> dict[str, Any]:
    """`proj:code` where an authority has a code for the CRS, else `proj:wkt2`."""
    code = _identified(wkt)
    return {"proj:code": code} if code else {"proj:code": None, "proj:wkt2": wkt}


def gsd(dataset: DatasetReader, georef: Georeference) -> float | None:
    """The size of a pixel in metres at the middle of the image: the nominal one where that is within 2 %."""
    return _gsd(georef, dataset.width, dataset.height, dataset.transform)


@lru_cache(maxsize=64)
def _gsd(georef: Georeference, width: int, height: int, transform: Affine) -> float | None:
    column, row = width / 2, height / 2
    lon, lat = georef.to_lonlat(np.array([column, column + 1, column]), np.array([row, row, row + 1]))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return None
    _, _, (across, down) = _WGS84.inv([lon[0]] * 2, [lat[0]] * 2, lon[1:], lat[1:])
    metres = math.sqrt(across * down)
    if not math.isfinite(metres) or metres <= 0:
        return None
    nominal = _nominal_metres(georef, transform)
    return float(f"{nominal if nominal and abs(nominal - metres) < metres / 50 else metres:.4g}")


def _nominal_metres(georef: Georeference, transform: Affine) -> float | None:
    if georef.kind != "affine" or georef.earth is None or georef.earth.metres is None:
        return None
    return math.sqrt(abs(transform.determinant)) * georef.earth.metres


def _box(dataset: DatasetReader) -> list[float]:
    """The envelope of all four corners in the CRS of the file, ordered whatever way the image is turned."""
    width, height, transform = dataset.width, dataset.height, dataset.transform
    corners = [(0, 0), (width, 0), (0, height), (width, height)]
    a, b, left, d, e, top = tuple(transform)[:6]
    xs = [a * c + b * r + left for c, r in corners]
    ys = [d * c + e * r + top for c, r in corners]
    return [float(v) for v in (min(xs), min(ys), max(xs), max(ys))]
