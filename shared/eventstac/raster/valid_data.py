"""The footprint of the pixels that hold data, instead of the whole frame."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from eventstac.errors import Rejected
from eventstac.raster.earth import Floats
from eventstac.raster.footprint import Footprint, finish, seam
from eventstac.raster.georeference import Georeference
from eventstac.raster.outline import TURNS, enclosed, share_inside, valid
from eventstac.raster.ring import METRES_PER_DEGREE, LeavesTheEarth
from eventstac.raster.sample import Sample, around
from eventstac.raster.statistics import Valid

Areas = NDArray[np.object_]  # polygons, which may touch each other

# Of the frame: edges of a mask polygon are cut at least so often before they are put on the Earth.
_LONGEST_SIDE = 64
_MOST_EDGES = 64 * 1024  # between valid pixels and others, as of 30 swaths; half a second's work at most
# Pixels: the steps of a straight edge lie within 1.42, the diagonal of one; with less each is a vertex.
_STEPS = 1.5
_MOST_POINTS = 2000  # of all outlines, about 50 kB of an Item: every page of a search carries them
# Of the eight pixels around one that joins two at their corners: five where a strip meets a swath, six in a gap.
_SIDES_OF_STRIPS = 5
_CLEAR = 3  # pixels: what lies so far from the edge of what holds data is within its outline
_MOST_ASKED = 500  # of such pixels, all over the image
_SURE = 0.8  # of them within the outline: one that folded over itself holds next to none, or half


@dataclass(frozen=True)
class _Grid:
    """Which pixels of a grid over an image hold data; `across` and `down`: of the image's pixels in one of them."""

    georef: Georeference
    width: int
    height: int
    held: Valid
    across: float
    down: float

    @property
    def is_ragged(self) -> bool:
        """Whether there are more edges between such pixels and others than are followed."""
        rows, columns = self.held[1:] != self.held[:-1], self.held[:, 1:] != self.held[:, :-1]
        return bool(np.count_nonzero(rows) + np.count_nonzero(columns) > _MOST_EDGES)

    def coarser(self) -> "_Grid":
        """Pixels twice as long, that hold data where any of those within does."""
        rows, columns = self.held.shape
        even = np.pad(self.held, ((0, rows % 2), (0, columns % 2)))
        merged = even[::2, ::2] | even[1::2, ::2] | even[::2, 1::2] | even[1::2, 1::2]
        return replace(self, held=merged, across=2 * self.across, down=2 * self.down)

    def on_earth(self) -> "_Grid":
        """Without the pixels that have a corner off the Earth."""
        rows, columns = self.held.shape
        x = np.minimum(np.arange(columns + 1) * self.across, self.width)
        y = np.minimum(np.arange(rows + 1) * self.down, self.height)
        lon, lat = self.georef.to_lonlat(*(axis.ravel() for axis in np.meshgrid(x, y)))
        there = (np.isfinite(lon) & np.isfinite(lat)).reshape(rows + 1, columns + 1)
        whole = there[:-1, :-1] & there[1:, :-1] & there[:-1, 1:] & there[1:, 1:]
        return replace(self, held=self.held & whole)

    def areas(self) -> Areas | None:
        """What holds data, in the image's pixels; nearly all edges are right to one and a half of the grid's.

        None where there are too many rings for a short outline, with the four points of each that it has at least.
        """
        most = _MOST_POINTS // 4
        found = [shape(g) for g, _ in islice(shapes(self.held.astype(np.uint8), mask=self.held), most + 1)]
        if sum(1 + shapely.get_num_interior_rings(found)) > most:
            return None
        edge = shapely.box(0, 0, self.width / self.across, self.height / self.down)
        parts = shapely.get_parts(shapely.intersection(found, edge))
        # A part that is as narrow as the steps would lose half of itself: less than half of its mean width.
        tolerance = np.minimum(_STEPS, shapely.area(parts) / shapely.length(parts))
        simple = shapely.get_parts([valid(part) for part in shapely.simplify(parts, tolerance)])
        return shapely.transform(simple, lambda at: at * [self.across, self.down])

    def well_inside(self) -> tuple[Floats, Floats]:
        """Pixels all over what holds data, none near its edge, by their middles on the Earth; none where it is thin."""
        deep = self.held
        for _ in range(_CLEAR):
            deep = deep[:-2] & deep[1:-1] & deep[2:]
        for _ in range(_CLEAR):
            deep = deep[:, :-2] & deep[:, 1:-1] & deep[:, 2:]
        at = np.flatnonzero(deep)
        asked = np.linspace(0, len(at) - 1, min(len(at), _MOST_ASKED)).astype(int)
        row, column = (axis + _CLEAR + 0.5 for axis in np.unravel_index(at[asked], deep.shape))
        lon, lat = self.georef.to_lonlat(column * self.across, row * self.down)
        there = np.isfinite(lon) & np.isfinite(lat)
        return lon[there], lat[there]


def valid_footprint(
    georef: Georeference, width: int, height: int, sample: Sample, tolerance_m: float
) -> Footprint | None:
    """The polygon around all pixels that are valid in any band; None where that is everything.

    It is made from the sample, so nearly all of its edge is right to 1.5 pixels of the sample, or of a coarser one
    where the outline would be too long (three at worst, next to a pole five). Where it leaves the Earth, the pixels are
    left out that do. Raises Rejected `no-valid-data` where none is left, and where the outline does not hold what lies
    well inside of it.
    """
    held = sample.held
    if held is None:
        return None
    if not held.any():
        which = "pixel" if sample.exact else "pixel of the overview"
        raise Rejected("no-valid-data", f"no {which} holds data")
    grid = _Grid(georef, width, height, _bridged(held), width / held.shape[1], height / held.shape[0])
    found = _areas(grid)
    if found is None:
        return None
    if georef.turns > 0.5:
        raise Rejected(
            "no-valid-data",
            "the grid goes around more than half of a rotated pole, where an outline of the pixels that hold data is "
            "not known surely: re-project it (gdalwarp -t_srs EPSG:4326)",
        )
    try:
        regions = _regions(*found)
    except LeavesTheEarth:
        found = None if georef.to_pixel is None else _areas(grid, on_earth=True)
        regions = _regions(*found, on_earth=True) if found is not None else []
    if found is None or not regions:
        raise Rejected("no-valid-data", "the pixels that hold data have no outline on the Earth")
    joined = shapely.union_all(_side_by_side(regions))
    lon, lat = found[0].well_inside()
    if len(lon) and share_inside(joined, lon, lat) < _SURE:
        raise Rejected(
            "no-valid-data",
            "the outline of the pixels that hold data is not known surely, as where they are most of the Earth: "
            "re-project it (gdalwarp -t_srs EPSG:4326)",
        )
    return finish(shapely.simplify(joined, tolerance_m / METRES_PER_DEGREE), seam(tolerance_m))


def _bridged(held: Valid) -> Valid:
    """With a pixel beside each corner where two meet: else a slanted strip would be one polygon for each step.

    Not with one that has data on most of its sides: it is of a gap in them, as slanted as narrow.
    """
    above, below, joined = held[:-1], held[1:], held.copy()
    joined[:-1, 1:] |= above[:, :-1] & below[:, 1:] & ~below[:, :-1]
    joined[:-1, :-1] |= above[:, 1:] & below[:, :-1] & ~below[:, 1:]
    return held | joined & (around(held.astype(np.uint8)) <= _SIDES_OF_STRIPS)


def _areas(grid: _Grid, *, on_earth: bool = False) -> tuple[_Grid, Areas] | None:
    """What holds data, in pixels, as fine as keeps its outline short, and where; None where that is the whole image."""
    while True:
        seen = grid.on_earth() if on_earth else grid
        if seen.held.all():
            return None
        areas = None if seen.is_ragged else seen.areas()
        if areas is not None and shapely.get_num_coordinates(areas).sum() <= _MOST_POINTS:
            return seen, areas
        grid = grid.coarser()


def _regions(grid: _Grid, areas: Areas, *, on_earth: bool = False) -> list[BaseGeometry]:
    """Areas in pixels as regions in degrees. Raises LeavesTheEarth, unless they are what of them is `on_earth`."""
    regions = [_region(grid, area, on_earth=on_earth) for area in areas]
    return [region for region in regions if not region.is_empty]


def _region(grid: _Grid, area: shapely.Polygon, *, on_earth: bool) -> BaseGeometry:
    step = max(grid.width, grid.height) / _LONGEST_SIDE
    regions = []
    for ring in (area.exterior, *area.interiors):
        points = shapely.get_coordinates(shapely.segmentize(ring, step))[:-1]
        lon, lat = grid.georef.to_lonlat(points[:, 0], points[:, 1])
        there = np.isfinite(lon) & np.isfinite(lat)
        if not (on_earth or there.all()):
            raise LeavesTheEarth
        # The corners of an area on the Earth are there; an edge between two may leave it by a pixel.
        region = enclosed(grid.georef, grid.width, grid.height, lon[there], lat[there])
        if region is None:
            raise Rejected("no-valid-data", "the pixels that hold data go around the Earth more than once")
        regions.append(valid(region))
    whole, holes = regions[0], regions[1:]
    # A hole may lie on another turn around the Earth than what it is a hole of, or on two of them.
    return shapely.difference(
        whole, shapely.union_all([_shifted(hole, turn) for hole in holes for turn in TURNS])
    )


def _side_by_side(regions: Sequence[BaseGeometry]) -> list[BaseGeometry]:
    """All regions on the same turn around the Earth as the first."""
    first = float(shapely.get_coordinates(regions[0])[:, 0].mean())
    return [_shifted(each, _turns_to(first, shapely.get_coordinates(each)[:, 0])) for each in regions]


def _shifted(region: BaseGeometry, degrees: float) -> BaseGeometry:
    return shapely.transform(region, lambda coordinates: coordinates + np.array([degrees, 0.0]))


def _turns_to(reference: float, lon: Floats) -> float:
    return 360.0 * round((reference - float(lon.mean())) / 360.0)
