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
from eventstac.raster.outline import holds_the_middle, outline, polygons, valid
from eventstac.raster.ring import METRES_PER_DEGREE
from eventstac.raster.rotated_pole import parts

DIGITS = 7  # of a degree: a centimetre
_SEAM_DEGREES = 1e-6  # what lies no further beyond 180 is rounding, not ground
# The coarsest tolerance of an outline on the globe, however large its pixels: caps at the poles have half a degree.
_COARSEST_M = 5_000.0
_MOST_TURNS = 0.5  # around a rotated pole, of a grid whose edge is its outline
_PARTS_MEET_DEGREES = 1e-9  # what the same point of two parts may be apart by rounding
_WORLD = shapely.box(-180, -90, 180, 90)


@dataclass(frozen=True)
class Footprint:
    """A GeoJSON geometry, and its bounding box [west, south, east, north] (west > east across 180 degrees)."""

    geometry: dict[str, Any]
    bbox: list[float]


def frame_footprint(georef: Georeference, width: int, height: int, tolerance_m: float) -> Footprint:
    """The footprint of the whole image, data or not. Raises Rejected `not-on-earth` where no pixel lies on it."""
    region, seam_degrees = _frame_region(georef, width, height, tolerance_m)
    return finish(region, seam_degrees, min(tolerance_m, _COARSEST_M) / METRES_PER_DEGREE)


@lru_cache(maxsize=64)
def _frame_region(
    georef: Georeference, width: int, height: int, tolerance_m: float
) -> tuple[BaseGeometry, float]:
    """What the image covers, longitudes as they come, and how far beyond 180 degrees is rounding (in degrees)."""
    seam_degrees = seam(tolerance_m)
    if georef.turns > _MOST_TURNS:
        return _in_parts(georef, width, height, tolerance_m), seam_degrees
    region = outline(georef, width, height, tolerance_m)
    if region is None or not holds_the_middle(region, georef, width, height):
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


def _in_parts(georef: Georeference, width: int, height: int, tolerance_m: float) -> BaseGeometry:
    """What a grid covers that goes around more than half of a rotated pole, on the turn from -180 to 180 degrees.

    Raises Rejected `no-georeference` where that is not known surely.
    """
    regions = []
    for part in parts(georef, width, height):
        for finer in (1, 10, 100):  # for a part that is as thin as the tolerance
            region = outline(
                part.georef, part.width, part.height, min(tolerance_m, _COARSEST_M) / finer, simplified=False
            )
            if region is not None and holds_the_middle(region, part.georef, part.width, part.height):
                regions.append(_within_180(region, _SEAM_DEGREES))
                break
        else:
            raise Rejected(
                "no-georeference",
                "the outline of a grid that goes around more than half of a rotated pole is not known surely: "
                "re-project it (gdalwarp -t_srs EPSG:4326), or let the rule give `footprint.geometry`",
            )
    return shapely.union_all(regions, grid_size=_PARTS_MEET_DEGREES)


def given_footprint(geometry: Mapping[str, Any]) -> Footprint:
    """The footprint that a rule states. Raises Rejected `bad-options` for what is no GeoJSON polygon."""
    try:
        region = shape(dict(geometry))
    except (KeyError, TypeError, ValueError, AttributeError, shapely.errors.ShapelyError) as error:
        raise Rejected("bad-options", f"option footprint.geometry is no GeoJSON geometry: {error}") from error
    if region.geom_type not in ("Polygon", "MultiPolygon") or region.is_empty:
        raise Rejected("bad-options", "option footprint.geometry must be a Polygon or a MultiPolygon")
    west, south, east, north = region.bounds
    if not (west >= -360 and east <= 360 and south >= -90 and north <= 90):  # NaN is in no range
        raise Rejected(
            "bad-options",
            "option footprint.geometry is not on the Earth: write longitudes and latitudes in degrees",
        )
    return finish(region)


def seam(tolerance_m: float) -> float:
    """How far, in degrees, an outline with that tolerance may go beyond 180 by rounding."""
    return max(_SEAM_DEGREES, tolerance_m / 100 / METRES_PER_DEGREE)


def finish(
    region: BaseGeometry, seam_degrees: float = _SEAM_DEGREES, holes_degrees: float = 0.0
) -> Footprint:
    """Split at 180 degrees, clip to the Earth, make valid and wind counter-clockwise; longitudes may be anything.

    What lies no more than `seam_degrees` (of a great circle) beyond 180 is left out, and holes no wider than
    `holes_degrees` are filled.
    """
    # Rounding comes last, so that it can be undone no more.
    joined = polygons(
        shapely.make_valid(shapely.set_precision(_within_180(valid(region), seam_degrees), 10**-DIGITS))
    )
    wound = shapely.orient_polygons(_filled(joined, holes_degrees), exterior_cw=False)
    ordered = sorted((p for p in shapely.get_parts(wound) if not p.is_empty), key=lambda p: p.bounds)
    if not ordered:
        raise Rejected(
            "not-on-earth",
            "what the image shows of the Earth is smaller than a centimetre: its pixel size or its CRS is wrong",
        )
    coordinates = [_coordinates(polygon) for polygon in ordered]
    one = len(coordinates) == 1
    geometry = {
        "type": "Polygon" if one else "MultiPolygon",
        "coordinates": coordinates[0] if one else coordinates,
    }
    return Footprint(geometry, bbox_of_parts(p.bounds for p in ordered))


def _within_180(region: BaseGeometry, seam_degrees: float) -> BaseGeometry:
    """The region on one turn around the Earth, from -180 to 180 degrees."""
    west, south, east, north = region.bounds
    near = west > -180 + _SEAM_DEGREES and east < 180 - _SEAM_DEGREES and south >= -90 and north <= 90
    if near and region.geom_type == "Polygon":  # nearly all are
        return shapely.intersection(region, _WORLD)
    first, last = ((edge + 180) / 360 for edge in (west - _SEAM_DEGREES, east + _SEAM_DEGREES))
    pieces = []
    for turn in range(math.floor(first), math.floor(last) + 1):
        window = shapely.box(-180 + 360 * turn, -90, 180 + 360 * turn, 90)
        piece = shapely.transform(shapely.intersection(region, window), _turned_back(turn))
        pieces += [p for p in shapely.get_parts(polygons(piece)) if not p.is_empty]
    ground = [p for p in pieces if _is_ground(p, seam_degrees)]
    pieces = ground or [p for p in pieces if _is_ground(p, _SEAM_DEGREES)]
    if not pieces:
        raise Rejected("not-on-earth", "the footprint of the image has no area on the Earth")
    return shapely.union_all(pieces)  # copies of a frame that goes around more than once overlap


def _turned_back(turns: int) -> Callable[[Floats], Floats]:
    return lambda coordinates: coordinates - [360.0 * turns, 0.0]


def _is_ground(part: BaseGeometry, seam_degrees: float) -> bool:
    """Whether a part is more than a sliver along 180 degrees: wider than that in the mean, on the globe."""
    west, _, east, _ = part.bounds
    return (west > -180 and east < 180) or _is_wider(part, seam_degrees)


def _filled(region: BaseGeometry, holes_degrees: float) -> BaseGeometry:
    """A region without the thin holes that an edge leaves which meets itself along 180 degrees or at a pole."""
    parts = shapely.get_parts(region)
    if not holes_degrees or not any(part.interiors for part in parts):
        return region
    holes = ([r for r in part.interiors if _is_wider(shapely.Polygon(r), holes_degrees)] for part in parts)
    return shapely.union_all(
        [shapely.Polygon(part.exterior, kept) for part, kept in zip(parts, holes, strict=True)]
    )


def _is_wider(part: BaseGeometry, degrees: float) -> bool:
    """Whether a part is wider than that from west to east, in the mean, on the globe."""
    _, south, _, north = part.bounds
    on_globe = shapely.transform(
        part, lambda at: np.column_stack([at[:, 0], np.degrees(np.sin(np.radians(at[:, 1])))])
    )
    return float(on_globe.area) > degrees * (north - south)


def _coordinates(polygon: shapely.Polygon) -> list[list[list[float]]]:
    """A polygon's rings as GeoJSON has them."""
    rings = (polygon.exterior, *polygon.interiors)
    return [(shapely.get_coordinates(ring).round(DIGITS) + 0.0).tolist() for ring in rings]
