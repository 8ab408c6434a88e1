"""The region inside an image's edge, in degrees."""

from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from eventstac.raster.earth import Floats
from eventstac.raster.georeference import Georeference
from eventstac.raster.ring import METRES_PER_DEGREE, LeavesTheEarth, edge_ring, shortest, unwrap

# Points of an image, as parts of its sides; uneven, so that none falls on the meridian along which a ring around a pole
# is closed, and further from the edge than a true outline may be: a tolerance is up to a twentieth of the shorter side.
_WITHIN = [axis.ravel() for axis in np.meshgrid(np.linspace(0.077, 0.923, 10), np.linspace(0.071, 0.937, 11))]

TURNS = (0.0, -360.0, 360.0, -720.0, 720.0)  # on which a longitude of the same place may lie


def outline(
    georef: Georeference, width: float, height: float, tolerance_m: float, *, simplified: bool = True
) -> BaseGeometry | None:
    """The polygon of the frame's edge, longitudes continuous; None where the edge leaves the Earth."""
    try:
        lon, lat = edge_ring(georef.to_lonlat, width, height, tolerance_m)
    except LeavesTheEarth:
        return None
    region = enclosed(georef, width, height, lon, lat)
    if region is None:
        return None
    if not simplified:
        return valid(region)
    return valid(shapely.simplify(region, tolerance_m / 10 / METRES_PER_DEGREE, preserve_topology=True))


def enclosed(
    georef: Georeference, width: float, height: float, lon: Floats, lat: Floats
) -> BaseGeometry | None:
    """What a ring on the Earth encloses, a pole where it goes around one; None where it goes around more than once."""
    lon, lat, turns = unwrap(lon, lat, poles_are_points=not georef.cylindrical)
    if abs(turns) > 1:
        return None
    if turns:
        return _closed(_around_a_pole(lon, lat, turns, _pole(georef, width, height, lat)), georef)
    return _closed(shapely.Polygon(np.column_stack([lon, lat])), georef)


def _around_a_pole(lon: Floats, lat: Floats, turns: int, pole: float) -> BaseGeometry:
    """What a ring that goes once around a pole (`turns`: 1 eastward, -1) encloses, on one turn of longitudes."""
    turn, west = 360.0 * turns, float(lon[0])
    if np.ptp(np.append(lon, west + turn)) <= 360.0:
        lon, lat = np.append(lon, [west + turn, west + turn, west]), np.append(lat, [lat[0], pole, pole])
        return shapely.Polygon(np.column_stack([lon, lat]))
    # It goes back on itself where it begins, so a meridian there would cross it: one of three turns is taken.
    lon = np.concatenate([lon - turn, lon, lon + turn, [west + 2 * turn, west + 2 * turn, west - turn]])
    lat = np.concatenate([lat, lat, lat, [lat[0], pole, pole]])
    three = shapely.make_valid(shapely.Polygon(np.column_stack([lon, lat])))
    return polygons(
        shapely.intersection(three, shapely.box(min(west, west + turn), -90, max(west, west + turn), 90))
    )


def _closed(region: BaseGeometry, georef: Georeference) -> BaseGeometry:
    """A grid that goes once around but for half a pixel, all around: its steps are rounded (to single precision)."""
    west, _, east, _ = region.bounds
    lacks = 360 - (east - west)
    if not georef.cylindrical or not 0 < lacks < 90:  # no pixel is wider than half the Earth
        return region
    lon, _ = georef.to_lonlat(np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]))
    if 2 * lacks >= np.abs(shortest(lon[1:] - lon[0])).max():
        return region
    seam = 360 * round((west + 180) / 360) - 180
    begins = seam if abs(west - seam) <= lacks else west
    return shapely.transform(region, lambda at: (at - [west, 0]) * [360 / (360 - lacks), 1] + [begins, 0])


def _pole(georef: Georeference, width: float, height: float, lat: Any) -> float:
    """Which pole a ring around the axis encloses."""
    if georef.to_pixel is not None:
        column, row = georef.to_pixel(np.zeros(2), np.array([90.0, -90.0]))
        with np.errstate(invalid="ignore"):
            inside = (column >= 0) & (column <= width) & (row >= 0) & (row <= height)
        if inside[0] != inside[1]:
            return 90.0 if inside[0] else -90.0
    return 90.0 if float(np.mean(lat)) > 0 else -90.0


def holds_the_middle(region: BaseGeometry, georef: Georeference, width: float, height: float) -> bool:
    """Whether points inside the image lie inside the region: what a ring that folded over itself fails."""
    lon, lat = georef.to_lonlat(_WITHIN[0] * width, _WITHIN[1] * height)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return False
    return share_inside(region, lon, lat) > 0.97


def share_inside(region: BaseGeometry, lon: Floats, lat: Floats) -> float:
    """How many of these points lie in a region, on whichever turn around the Earth; of 1.

    Its edge counts: where it holds a pole, that is on it.
    """
    shapely.prepare(region)
    found = np.zeros(len(lon), bool)
    for turn in TURNS:
        found |= shapely.intersects_xy(region, lon + turn, lat)
        if found.all():
            break
    return float(found.mean())


def valid(region: BaseGeometry) -> BaseGeometry:
    """A region of the same ground without an edge that crosses itself."""
    return region if region.is_valid else polygons(shapely.make_valid(region))


def polygons(region: BaseGeometry) -> BaseGeometry:
    """Only the areas of a region: clipping and mending leave lines and points behind."""
    if region.geom_type in ("Polygon", "MultiPolygon"):
        return region
    parts = [p for p in shapely.get_parts(region) if p.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts) if parts else shapely.Polygon()
