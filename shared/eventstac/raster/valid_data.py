"""The footprint of the pixels that hold data, instead of the whole frame."""

from collections.abc import Sequence

import numpy as np
import shapely
from rasterio.features import shapes
from rasterio.transform import Affine
from shapely.geometry import shape

from eventstac.raster.footprint import Footprint, finish
from eventstac.raster.georeference import Floats, Georeference
from eventstac.raster.pixels import Sample
from eventstac.raster.ring import METRES_PER_DEGREE, unwrap

_LONGEST_SIDE = (
    64  # of the frame: edges of a mask polygon are cut at least so often before they are put on the Earth
)


def valid_footprint(
    georef: Georeference, width: int, height: int, sample: Sample, tolerance_m: float
) -> Footprint | None:
    """The polygon around all pixels that are valid in any band; None where that is everything, nothing, or unclear.

    It is made from the sample, so its edge is right to one pixel of the sample.
    """
    if any(mask is None for mask in sample.valid):
        return None
    mask = np.logical_or.reduce([m for m in sample.valid if m is not None])
    if mask.all() or not mask.any():
        return None
    rows, columns = mask.shape
    to_frame = Affine.scale(width / columns, height / rows)
    found = [shape(g) for g, value in shapes(mask.astype(np.uint8), mask=mask, transform=to_frame) if value]
    pixel = max(width / columns, height / rows)
    outlines = shapely.get_parts(shapely.make_valid(shapely.simplify(shapely.union_all(found), pixel)))
    placed = [
        _placed(georef, p, max(width, height) / _LONGEST_SIDE) for p in outlines if p.geom_type == "Polygon"
    ]
    known = [p for p in placed if p is not None]
    if not known or len(known) < len(placed):
        return None
    joined = shapely.union_all([shapely.make_valid(p) for p in _side_by_side(known)])
    return finish(shapely.simplify(joined, tolerance_m / METRES_PER_DEGREE))


def _placed(georef: Georeference, outline: shapely.Polygon, step: float) -> shapely.Polygon | None:
    """An outline in pixels as one in degrees; None where it winds around a pole or leaves the Earth."""
    rings = []
    for ring in (outline.exterior, *outline.interiors):
        points = shapely.get_coordinates(shapely.segmentize(ring, step))[:-1]
        lon, lat = georef.to_lonlat(points[:, 0], points[:, 1])
        if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
            return None
        lon, lat, turns = unwrap(lon, lat, poles_are_points=not georef.geographic)
        if turns:
            return None
        rings.append(np.column_stack([lon, lat]))
    first = float(rings[0][:, 0].mean())
    holes = [ring + np.array([_turns_to(first, ring[:, 0]), 0.0]) for ring in rings[1:]]
    return shapely.Polygon(rings[0], holes)


def _side_by_side(polygons: Sequence[shapely.Polygon]) -> list[shapely.Polygon]:
    """All polygons on the same turn around the Earth as the first."""
    first = float(shapely.get_coordinates(polygons[0])[:, 0].mean())
    return [_shifted(p, _turns_to(first, shapely.get_coordinates(p)[:, 0])) for p in polygons]


def _shifted(polygon: shapely.Polygon, degrees: float) -> shapely.Polygon:
    return shapely.transform(polygon, lambda coordinates: coordinates + np.array([degrees, 0.0]))


def _turns_to(reference: float, lon: Floats) -> float:
    return 360.0 * round((reference - float(lon.mean())) / 360.0)
