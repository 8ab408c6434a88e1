"""The footprint of the pixels that hold data, instead of the whole frame."""

from collections.abc import Sequence

import numpy as np
import shapely
from rasterio.features import shapes
from rasterio.transform import Affine
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from eventstac.errors import Rejected
from eventstac.raster.earth import Floats
from eventstac.raster.footprint import Footprint, finish, seam
from eventstac.raster.georeference import Georeference
from eventstac.raster.outline import enclosed
from eventstac.raster.ring import METRES_PER_DEGREE
from eventstac.raster.sample import Sample
from eventstac.raster.statistics import Valid

# Of the frame: edges of a mask polygon are cut at least so often before they are put on the Earth.
_LONGEST_SIDE = 64
_MOST_EDGES = 8 * 1024  # between valid pixels and others: twice what a square of a whole sample has
_TURNS = (-720.0, -360.0, 0.0, 360.0, 720.0)


def valid_footprint(
    georef: Georeference, width: int, height: int, sample: Sample, tolerance_m: float
) -> Footprint | None:
    """The polygon around all pixels that are valid in any band; None where that is everything.

    It is made from the sample, so its edge is right to one pixel of the sample, or of a coarser one where the mask is
    ragged all over. Raises Rejected `no-valid-data` where no pixel is valid, or valid ones do not all lie on the Earth.
    """
    if any(mask is None for mask in sample.data_masks):
        return None
    mask = np.logical_or.reduce([m for m in sample.data_masks if m is not None])
    if not mask.any():
        raise Rejected("no-valid-data", "no pixel that was read holds data")
    across, down = width / mask.shape[1], height / mask.shape[0]
    mask, side = _without_specks(mask)
    if mask.all():
        return None
    if georef.turns > 0.5:
        raise Rejected(
            "no-valid-data",
            "the grid goes around more than half of a rotated pole, where an outline of the pixels that hold data is "
            "not known surely: re-project it (gdalwarp -t_srs EPSG:4326)",
        )
    found = [
        shape(g)
        for g, _ in shapes(
            mask.astype(np.uint8), mask=mask, transform=Affine.scale(across * side, down * side)
        )
    ]
    inside = shapely.intersection(shapely.union_all(found), shapely.box(0, 0, width, height))
    outlines = shapely.make_valid(shapely.simplify(inside, max(across, down) * side))
    step = max(width, height) / _LONGEST_SIDE
    placed = [
        _placed(georef, width, height, part, step)
        for part in shapely.get_parts(outlines)
        if part.geom_type == "Polygon"
    ]
    known = [region for region in placed if region is not None and not region.is_empty]
    if not known or len(known) < len(placed):
        raise Rejected("no-valid-data", "some pixels that hold data do not lie on the Earth")
    joined = shapely.union_all(_side_by_side(known))
    return finish(shapely.simplify(joined, tolerance_m / METRES_PER_DEGREE), seam(tolerance_m))


def _without_specks(mask: Valid) -> tuple[Valid, int]:
    """The mask, or a coarser one whose pixels hold any valid one, until its outline is short; and its pixels' side."""
    side = 1
    while (
        np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1]) > _MOST_EDGES
    ):
        rows, columns = mask.shape
        even = np.pad(mask, ((0, rows % 2), (0, columns % 2)))
        mask = even[::2, ::2] | even[1::2, ::2] | even[::2, 1::2] | even[1::2, 1::2]
        side *= 2
    return mask, side


def _placed(
    georef: Georeference, width: int, height: int, outline: shapely.Polygon, step: float
) -> BaseGeometry | None:
    """An outline in pixels as a region in degrees; None where a part of it leaves the Earth."""
    regions = []
    for ring in (outline.exterior, *outline.interiors):
        points = shapely.get_coordinates(shapely.segmentize(ring, step))[:-1]
        lon, lat = georef.to_lonlat(points[:, 0], points[:, 1])
        if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
            return None
        region = enclosed(georef, width, height, lon, lat)
        if region is None:
            return None
        regions.append(shapely.make_valid(region))
    whole, holes = regions[0], regions[1:]
    # A hole may lie on another turn around the Earth than what it is a hole of, or on two of them.
    return shapely.difference(
        whole, shapely.union_all([_shifted(hole, turn) for hole in holes for turn in _TURNS])
    )


def _side_by_side(regions: Sequence[BaseGeometry]) -> list[BaseGeometry]:
    """All regions on the same turn around the Earth as the first."""
    first = float(shapely.get_coordinates(regions[0])[:, 0].mean())
    return [_shifted(each, _turns_to(first, shapely.get_coordinates(each)[:, 0])) for each in regions]


def _shifted(region: BaseGeometry, degrees: float) -> BaseGeometry:
    return shapely.transform(region, lambda coordinates: coordinates + np.array([degrees, 0.0]))


def _turns_to(reference: float, lon: Floats) -> float:
    return 360.0 * round((reference - float(lon.mean())) / 360.0)
