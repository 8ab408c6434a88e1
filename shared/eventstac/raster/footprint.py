"""The footprint: the polygon on the Earth that an image covers, as GeoJSON wants it (RFC 7946)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from eventstac.bbox import bbox_of_parts
from eventstac.errors import Rejected
from eventstac.raster.earth import Floats
from eventstac.raster.georeference import Georeference
from eventstac.raster.globe import visible_region
from eventstac.raster.ring import METRES_PER_DEGREE, LeavesTheEarth, edge_ring, shortest, unwrap

DIGITS = 7  # of a degree: a centimetre
_SEAM_DEGREES = 1e-6  # what lies no further beyond 180 is rounding, not ground
_COARSEST_M = (
    5_000.0  # of an outline on the globe, however large its pixels: caps at the poles have half a degree
)
_WORLD = shapely.box(-180, -90, 180, 90)
# Points of an image, as parts of its sides; uneven, so that none falls on the meridian along which a ring around a pole
# is closed.
_WITHIN = [axis.ravel() for axis in np.meshgrid(np.linspace(0.047, 0.953, 10), np.linspace(0.031, 0.971, 11))]


@dataclass(frozen=True)
class Footprint:
    """A GeoJSON geometry, and its bounding box [west, south, east, north] (west > east across 180 degrees)."""

    geometry: dict[str, Any]
    bbox: list[float]


def frame_footprint(georef: Georeference, width: int, height: int, tolerance_m: float) -> Footprint:
    """The footprint of the whole image, data or not. Raises Rejected `not-on-earth` where no pixel lies on it."""
    return finish(*_frame_region(georef, width, height, tolerance_m))


@lru_cache(maxsize=64)
def _frame_region(
    georef: Georeference, width: int, height: int, tolerance_m: float
) -> tuple[BaseGeometry, float]:
    """What the image covers, longitudes as they come, and how far beyond 180 degrees is rounding (in degrees)."""
    seam_degrees = seam(tolerance_m)
    region = _outline(georef, width, height, tolerance_m)
    if region is None or not _holds_the_middle(region, georef, width, height):
        if georef.to_pixel is None:
            raise Rejected(
                "no-georeference", "the control points or RPCs put parts of the image off the Earth"
            )
        half_m = min(max(tolerance_m, 1.0), _COARSEST_M) / 2  # for each of the two steps
        region = visible_region(georef.to_lonlat, georef.to_pixel, width, height, half_m)
        region = shapely.simplify(region, half_m / METRES_PER_DEGREE)
        seam_degrees = 2 * half_m / METRES_PER_DEGREE  # a border that was searched is no better than that
    if region.is_empty or region.area == 0:
        raise Rejected(
            "not-on-earth", "no pixel of the image lies on the Earth: its geotransform or its CRS is wrong"
        )
    return region, seam_degrees


def given_footprint(geometry: Mapping[str, Any]) -> Footprint:
    """The footprint that a rule states. Raises Rejected `bad-options` for what is no GeoJSON polygon."""
    try:
        region = shape(dict(geometry))
    except (KeyError, TypeError, ValueError, AttributeError, shapely.errors.ShapelyError) as error:
        raise Rejected("bad-options", f"option footprint.geometry is no GeoJSON geometry: {error}") from error
    if region.geom_type not in ("Polygon", "MultiPolygon") or region.is_empty:
        raise Rejected("bad-options", "option footprint.geometry must be a Polygon or a MultiPolygon")
    return finish(region)


def seam(tolerance_m: float) -> float:
    """How far, in degrees, an outline with that tolerance may go beyond 180 by rounding."""
    return max(_SEAM_DEGREES, tolerance_m / 100 / METRES_PER_DEGREE)


def finish(region: BaseGeometry, seam_degrees: float = _SEAM_DEGREES) -> Footprint:
    """Split at 180 degrees, clip to the Earth, make valid and wind counter-clockwise; longitudes may be anything.

    What lies no more than `seam_degrees` (of a great circle) beyond 180 is left out.
    """
    # Rounding comes last, so that it can be undone no more.
    joined = _polygons(
        shapely.make_valid(shapely.set_precision(_within_180(_valid(region), seam_degrees), 10**-DIGITS))
    )
    wound = shapely.orient_polygons(joined, exterior_cw=False)
    polygons = sorted((p for p in shapely.get_parts(wound) if not p.is_empty), key=lambda p: p.bounds)
    if not polygons:
        raise Rejected(
            "not-on-earth",
            "what the image shows of the Earth is smaller than a centimetre: its pixel size or its CRS is wrong",
        )
    coordinates = [_coordinates(polygon) for polygon in polygons]
    one = len(coordinates) == 1
    geometry = {
        "type": "Polygon" if one else "MultiPolygon",
        "coordinates": coordinates[0] if one else coordinates,
    }
    return Footprint(geometry, bbox_of_parts(p.bounds for p in polygons))


def _within_180(region: BaseGeometry, seam_degrees: float) -> BaseGeometry:
    """The region on one turn around the Earth, from -180 to 180 degrees."""
    west, south, east, north = region.bounds
    near = west > -180 + _SEAM_DEGREES and east < 180 - _SEAM_DEGREES and south >= -90 and north <= 90
    if near and region.geom_type == "Polygon":  # nearly all are
        return shapely.intersection(region, _WORLD)
    first, last = ((edge + 180) / 360 for edge in (west - _SEAM_DEGREES, east + _SEAM_DEGREES))
    parts = []
    for turn in range(math.floor(first), math.floor(last) + 1):
        window = shapely.box(-180 + 360 * turn, -90, 180 + 360 * turn, 90)
        piece = shapely.transform(shapely.intersection(region, window), _turned_back(turn))
        parts += [p for p in shapely.get_parts(_polygons(piece)) if not p.is_empty]
    ground = [p for p in parts if _is_ground(p, seam_degrees)]
    parts = ground or [p for p in parts if _is_ground(p, _SEAM_DEGREES)]
    if not parts:
        raise Rejected("not-on-earth", "the footprint of the image has no area on the Earth")
    return shapely.union_all(parts)  # copies of a frame that goes around more than once overlap


def _turned_back(turns: int) -> Callable[[Floats], Floats]:
    return lambda coordinates: coordinates - [360.0 * turns, 0.0]


def _outline(georef: Georeference, width: int, height: int, tolerance_m: float) -> BaseGeometry | None:
    """The polygon of the frame's edge, longitudes continuous; None where the edge leaves the Earth."""
    try:
        lon, lat = edge_ring(georef.to_lonlat, width, height, tolerance_m)
    except LeavesTheEarth:
        return None
    region = enclosed(georef, width, height, lon, lat)
    if region is None:
        return None
    return _valid(shapely.simplify(region, tolerance_m / 10 / METRES_PER_DEGREE, preserve_topology=True))


def enclosed(
    georef: Georeference, width: int, height: int, lon: Floats, lat: Floats
) -> shapely.Polygon | None:
    """What a ring on the Earth encloses, a pole where it goes around one; None where it goes around more than once."""
    lon, lat, turns = unwrap(lon, lat, poles_are_points=not (georef.geographic or georef.cylindrical))
    if abs(turns) > 1:
        return None
    if turns:
        pole = _pole(georef, width, height, lat)
        lon = np.concatenate([lon, [lon[0] + 360.0 * turns, lon[0] + 360.0 * turns, lon[0]]])
        lat = np.concatenate([lat, [lat[0], pole, pole]])
    return _closed(shapely.Polygon(np.column_stack([lon, lat])), georef)


def _closed(region: shapely.Polygon, georef: Georeference) -> shapely.Polygon:
    """A grid that goes once around but for half a pixel, all around: its steps are rounded (to single precision)."""
    west, _, east, _ = region.bounds
    lacks = 360 - (east - west)
    if not georef.cylindrical or not 0 < lacks < 90:  # no pixel is wider than half the Earth
        return region
    lon, _ = georef.to_lonlat(np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]))
    if 2 * lacks >= np.abs(shortest(lon[1:] - lon[0])).max():
        return region
    return shapely.transform(region, lambda at: (at - [west, 0]) * [360 / (360 - lacks), 1] - [180, 0])


def _pole(georef: Georeference, width: int, height: int, lat: Any) -> float:
    """Which pole a ring around the axis encloses."""
    if georef.to_pixel is not None:
        column, row = georef.to_pixel(np.zeros(2), np.array([90.0, -90.0]))
        with np.errstate(invalid="ignore"):
            inside = (column >= 0) & (column <= width) & (row >= 0) & (row <= height)
        if inside[0] != inside[1]:
            return 90.0 if inside[0] else -90.0
    return 90.0 if float(np.mean(lat)) > 0 else -90.0


def _holds_the_middle(region: BaseGeometry, georef: Georeference, width: int, height: int) -> bool:
    """Whether points inside the image lie inside the region: what a ring that folded over itself fails."""
    lon, lat = georef.to_lonlat(_WITHIN[0] * width, _WITHIN[1] * height)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return False
    shapely.prepare(region)
    found = np.zeros(len(lon), bool)
    for turn in (0, -360, 360, -720, 720):
        found |= shapely.contains_xy(region, lon + turn, lat)
        if found.all():
            return True
    return bool(found.mean() > 0.97)


def _valid(region: BaseGeometry) -> BaseGeometry:
    return region if region.is_valid else _polygons(shapely.make_valid(region))


def _polygons(region: BaseGeometry) -> BaseGeometry:
    """Only the areas of a region: clipping and mending leave lines and points behind."""
    if region.geom_type in ("Polygon", "MultiPolygon"):
        return region
    parts = [p for p in shapely.get_parts(region) if p.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def _is_ground(part: BaseGeometry, seam_degrees: float) -> bool:
    """Whether a part is more than a sliver along 180 degrees: wider than that in the mean, on the globe."""
    west, south, east, north = part.bounds
    if west > -180 and east < 180:
        return True
    on_globe = shapely.transform(
        part, lambda at: np.column_stack([at[:, 0], np.degrees(np.sin(np.radians(at[:, 1])))])
    )
    return float(on_globe.area) > seam_degrees * (north - south)


def _coordinates(polygon: shapely.Polygon) -> list[list[list[float]]]:
    """A polygon's rings as GeoJSON has them."""
    rings = (polygon.exterior, *polygon.interiors)
    return [(shapely.get_coordinates(ring).round(DIGITS) + 0.0).tolist() for ring in rings]
