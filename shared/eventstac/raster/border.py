"""The border of what an image shows, followed to a tolerance: what a grid of cells cuts off is put back."""

import math
from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from eventstac.bbox import Bounds
from eventstac.raster.earth import Floats, ToLonLat
from eventstac.raster.ring import METRES_PER_DEGREE, shortest

# Whether the image shows points of the Earth (longitudes, latitudes).
Shows = Callable[[Floats, Floats], NDArray[np.bool_]]

_HALVINGS = 16  # of a segment's length: a metre of a degree
_SAME_DEGREES = 1e-9  # of a distance: rounding
_END_HALVINGS = 40  # degrees may go as a root of pixels where the Earth ends
_MAX_ROUNDS = 14  # each halves the segments that are still too far off: from a cell of a degree to ten metres
_MAX_POINTS = 20_000
_EDGE_POINTS = 2_001  # along each side of the frame, where a part of it is too thin for the grid
# Degrees of a great circle: with longer steps two edges that run together to one point would cross.
_EDGE_DEGREES = 0.2
_EDGE_ROUNDS = 6
BESIDE_POLE = 90 - 1e-5  # degrees: a metre. Nearer ones are the pole itself to PROJ (laea)


def follow(
    region: BaseGeometry,
    shows: Shows,
    corners: Floats,
    near_degrees: float,
    tolerance_m: float,
    window: Bounds,
) -> BaseGeometry:
    """The region with its border within `tolerance_m` of the true one, wherever it is near the true one at all.

    `corners`: of the frame, those that lie on the Earth, (n, 2) degrees; the border goes through each that is within
    `near_degrees` of it. `window`: that was searched; on its sides (180 degrees, a pole) the border stays.
    """
    polygons = [p for p in shapely.get_parts(region) if p.geom_type == "Polygon"]
    followed = []
    for polygon in shapely.orient_polygons(polygons):  # counter-clockwise: the outside is on the right
        rings = [
            _follow(_through(corners, shapely.get_coordinates(r), near_degrees), shows, tolerance_m, window)
            for r in (polygon.exterior, *polygon.interiors)
        ]
        followed.append(shapely.make_valid(shapely.Polygon(rings[0], rings[1:])))
    return followed[0] if len(followed) == 1 else shapely.union_all(followed)


def _through(corners: Floats, ring: Floats, near_degrees: float) -> Floats:
    """The ring with the corners near it as points of it."""
    for corner in corners:
        segments = shapely.linestrings(np.stack([ring[:-1], ring[1:]], axis=1))
        away: Floats = np.asarray(shapely.distance(segments, shapely.Point(corner)))
        if away.min() < near_degrees:
            # Two segments are equally near a tip ahead of their common end: it belongs to the one that it widens.
            tied = np.flatnonzero(away < away.min() + _SAME_DEGREES)
            along, towards = ring[tied + 1] - ring[tied], corner - ring[tied]
            added = towards[:, 0] * along[:, 1] - towards[:, 1] * along[:, 0]
            ring = np.insert(ring, tied[int(np.argmax(added))] + 1, corner, axis=0)
    return ring


def _follow(ring: Floats, shows: Shows, tolerance_m: float, window: Bounds) -> Floats:
    """A closed ring, its segments halved at the true border until that lies close to their middles."""
    along_a_side = (ring[:-1] == ring[1:]) & (
        (ring[:-1] == np.array(window[:2])) | (ring[:-1] == np.array(window[2:]))
    )
    pending = np.flatnonzero(~along_a_side.any(axis=1))
    for _ in range(_MAX_ROUNDS):
        if not len(pending) or len(ring) + len(pending) > _MAX_POINTS:
            break
        # A quarter: a corner near one end of a segment shows in the middle as less than half its height.
        points, far = _true_middles(ring[pending], ring[pending + 1], shows, tolerance_m / 4)
        split = pending[far]
        ring = np.insert(ring, split + 1, points, axis=0)
        first = split + np.arange(len(split))
        pending = np.sort(np.concatenate([first, first + 1]))
    return ring


def _true_middles(
    start: Floats, end: Floats, shows: Shows, near_m: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Where the border crosses the line that stands upright on each segment's middle, of those further than `near_m`.

    Also which these are. As far as the segment is long, at a sharp tip four times as far; none where there is no
    crossing (the meridian at which a turn begins).
    """
    middle = (start + end) / 2
    shrink = np.maximum(np.cos(np.radians(middle[:, 1])), 1e-3)
    along = (end - start) * np.column_stack([shrink, np.ones(len(shrink))])
    upright = np.column_stack([along[:, 1] / shrink, -along[:, 0]])  # to the right: outwards
    inside = shows(*middle.T)
    upright[~inside] *= -1
    with np.errstate(divide="ignore"):
        least = near_m / METRES_PER_DEGREE / np.hypot(*along.T)
    far = least < 1
    far[far] = shows(*(middle[far] + upright[far] * least[far, None]).T) == inside[far]
    # A tip that is sharper than 53 degrees is higher than its segment is long.
    sharp = far & (shows(*(middle + upright).T) == inside)
    upright[sharp] *= 4
    least[sharp] /= 4
    far[far] = shows(*(middle + upright)[far].T) != inside[far]
    base, direction, kind = middle[far], upright[far], inside[far]
    low, high = least[far], np.ones(int(far.sum()))
    # To an eighth of what is near enough.
    finest = 8 * float((high / least[far]).max(initial=1))
    for _ in range(min(_HALVINGS, math.ceil(math.log2(finest))) if len(base) else 0):
        half = (low + high) / 2
        same = shows(*(base + direction * half[:, None]).T) == kind
        low, high = np.where(same, half, low), np.where(same, high, half)
    return base + direction * ((low + high) / 2)[:, None], far


def with_thin_parts(
    region: BaseGeometry,
    shows: Shows,
    to_lonlat: ToLonLat,
    size: tuple[int, int],
    west: float,
    tolerance_m: float,
) -> BaseGeometry:
    """The region with the parts between edges of the frame that are too thin for a grid (or without, if unseen).

    `size`: columns and rows; `west`: where the turn of longitudes begins.
    """
    lines = _edges(to_lonlat, size, west)
    points = shapely.points(np.concatenate([line[::4] for line in lines])) if lines else np.array([])
    border = region.boundary
    shapely.prepare(border)
    if shapely.dwithin(border, points, 2 * tolerance_m / METRES_PER_DEGREE).all():
        return region
    drawn = [border, *(shapely.LineString(line) for line in lines), *_gaps(lines, tolerance_m)]
    faces = shapely.get_parts(shapely.polygonize([*shapely.get_parts(shapely.unary_union(drawn))]))
    middles = shapely.get_coordinates(shapely.point_on_surface(faces))
    seen = faces[shows(*middles.T)] if len(faces) else faces
    return shapely.union_all(seen) if len(seen) else region


def without_hairs(region: BaseGeometry, width_degrees: float) -> BaseGeometry:
    """The region without parts and holes thinner than that, if anything is left.

    They come from a border that folds over itself by less than its tolerance, and from points for which PROJ finds no
    answer (the inverse of an orthographic projection, close to a pole).
    """

    def is_solid(ring: shapely.LinearRing) -> bool:
        return 2 * float(shapely.Polygon(ring).area) > width_degrees * float(ring.length)

    solid = [
        shapely.Polygon(part.exterior, [hole for hole in part.interiors if is_solid(hole)])
        for part in shapely.get_parts(region)
        if part.geom_type == "Polygon" and is_solid(part.exterior)
    ]
    return shapely.union_all(solid) if solid else region


def _edges(to_lonlat: ToLonLat, size: tuple[int, int], west: float) -> list[Floats]:
    """The parts of the frame's edge that lie on the Earth, as lines in degrees on one turn from `west`."""
    width, height = size
    ahead, near = np.linspace(0, 1, _EDGE_POINTS), np.zeros(_EDGE_POINTS)
    sides = ((ahead, near), (near + 1, ahead), (ahead[::-1], near + 1), (near, ahead[::-1]))
    lines = []
    for x, y in sides:
        column, row = _with_ends(to_lonlat, x * width, y * height)
        lon, lat = to_lonlat(column, row)
        for _ in range(_EDGE_ROUNDS):
            with np.errstate(invalid="ignore"):
                east = shortest(np.diff(lon)) * np.cos(np.radians(lat[1:]))
                far = np.hypot(east, np.diff(lat)) > _EDGE_DEGREES
            if not far.any() or len(column) > _MAX_POINTS:
                break
            between = np.flatnonzero(far) + 1
            column = np.insert(column, between, (column[between - 1] + column[between]) / 2)
            row = np.insert(row, between, (row[between - 1] + row[between]) / 2)
            lon, lat = to_lonlat(column, row)
        lon = (lon - west) % 360.0 + west
        there = np.flatnonzero(np.isfinite(lon) & has_longitude(lat))
        breaks = (np.diff(there) > 1) | (np.abs(np.diff(lon[there])) > 180)
        pieces = np.split(np.column_stack([lon, lat])[there], np.flatnonzero(breaks) + 1)
        lines += [piece for piece in pieces if len(piece) > 1]
    return lines


def has_longitude(lat: Floats) -> NDArray[np.bool_]:
    """Of points, those whose longitude means something: at a pole it is whichever the CRS begins with."""
    return np.asarray(np.abs(lat) < BESIDE_POLE)


def _with_ends(to_lonlat: ToLonLat, column: Floats, row: Floats) -> tuple[Floats, Floats]:
    """The points of a side, and more where it leaves the Earth: ever closer to the last one there, found by halving."""
    there = np.isfinite(to_lonlat(column, row)[0])
    leaves = np.flatnonzero(there[1:] != there[:-1])
    inner = np.where(there[leaves], leaves, leaves + 1)
    outer = np.where(there[leaves], leaves + 1, leaves)
    points = np.stack([column, row])
    last = last_on_earth(to_lonlat, points[:, inner], points[:, outer], _END_HALVINGS)
    parts = 1 - 0.5 ** np.arange(1, _END_HALVINGS)
    towards = np.where(there[leaves], 1, -1)
    order = np.where(towards[:, None] > 0, parts, parts[::-1])
    more = points[:, inner, None] + (last - points[:, inner])[..., None] * order
    filled = np.insert(points, np.repeat(leaves + 1, len(parts)), more.reshape(2, -1), axis=1)
    return filled[0], filled[1]


def last_on_earth(to_lonlat: ToLonLat, inner: Floats, outer: Floats, halvings: int) -> Floats:
    """The last pixels on the Earth on the way from `inner`, on it, to `outer`, off it: all (column and row, n)."""
    for _ in range(halvings):
        middle = (inner + outer) / 2
        on_earth = np.isfinite(to_lonlat(*middle)[0])
        inner, outer = np.where(on_earth, middle, inner), np.where(on_earth, outer, middle)
    return inner


def _gaps(lines: list[Floats], tolerance_m: float) -> list[shapely.LineString]:
    """Lines between ends that all but meet: where edges run together into one point of the horizon."""
    ends = np.concatenate([line[[0, -1]] for line in lines])
    shrink = math.cos(math.radians(float(np.abs(ends[:, 1]).mean())))
    apart = np.hypot((ends[:, None, 0] - ends[None, :, 0]) * shrink, ends[:, None, 1] - ends[None, :, 1])
    close: NDArray[np.intp] = np.argwhere(np.triu(apart < tolerance_m / METRES_PER_DEGREE, 1))
    return [shapely.LineString(ends[list(pair)]) for pair in close]
