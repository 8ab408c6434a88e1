"""The part of the Earth that an image shows, found by asking for points of the Earth: for frames that leave it.

A geostationary full disk or a Mollweide world has corners in space, so its frame has no outline in degrees. Here the
question is turned around: a grid of longitudes and latitudes is asked whether the image has that point, and the border
between yes and no is drawn, each crossing found by halving, then followed between the crossings (`border`).
"""

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from eventstac.raster.border import (
    BESIDE_POLE,
    Shows,
    follow,
    has_longitude,
    last_on_earth,
    with_thin_parts,
    without_hairs,
)
from eventstac.raster.earth import Floats, ToLonLat
from eventstac.raster.ring import METRES_PER_DEGREE

Grid = tuple[Floats, Floats]  # longitudes and latitudes, (rows, columns)

_CELLS = 360  # along each side of the window that is searched
_HALVINGS = 24  # from a cell of one degree to a centimetre
_SAMPLES = 129  # of the image, along each of its sides
_LIMB_HALVINGS = 12  # of a step between samples: closer to the horizon than a degree
_ROOM = 3.0  # degrees around what the samples show


def visible_region(
    to_lonlat: ToLonLat, to_pixel: ToLonLat, width: int, height: int, tolerance_m: float
) -> BaseGeometry:
    """The region that an image of `width` x `height` pixels shows, to `tolerance_m`; longitudes possibly beyond 180.

    Maybe empty.
    """
    window = _window(to_lonlat, width, height)
    if window is None:
        return shapely.Polygon()

    def shows(lon: Floats, lat: Floats) -> NDArray[np.bool_]:
        # A pole itself has every longitude: what counts is the one along which it is reached.
        column, row = to_pixel((lon + 180.0) % 360.0 - 180.0, np.clip(lat, -BESIDE_POLE, BESIDE_POLE))
        with np.errstate(invalid="ignore"):
            inside: NDArray[np.bool_] = (column >= 0) & (column <= width) & (row >= 0) & (row <= height)
        return inside

    west, south, east, north = window
    xs, ys = np.linspace(west, east, _CELLS + 1), np.linspace(south, north, _CELLS + 1)
    corners = np.column_stack(to_lonlat(np.array([0.0, width, width, 0]), np.array([0.0, 0, height, height])))
    corners = corners[np.isfinite(corners).all(axis=1) & has_longitude(corners[:, 1])]
    corners[:, 0] = (corners[:, 0] - west) % 360.0 + west
    cell = float(np.hypot(xs[1] - xs[0], ys[1] - ys[0]))
    region = follow(_contour(shows, xs, ys), shows, corners, cell, tolerance_m, window)
    region = with_thin_parts(region, shows, to_lonlat, (width, height), west, tolerance_m)
    return without_hairs(region, tolerance_m / METRES_PER_DEGREE)


def _window(to_lonlat: ToLonLat, width: int, height: int) -> tuple[float, float, float, float] | None:
    """A box around everything the image can show, from a grid of its pixels; the whole turn where in doubt."""
    lon, lat = _samples(to_lonlat, width, height)
    if not len(lon):
        return None
    lon = np.sort(lon % 360.0)
    south, north = float(lat.min()) - _ROOM, float(lat.max()) + _ROOM
    south, north = -90.0 if south < -80 else south, 90.0 if north > 80 else north
    gaps = np.diff(np.append(lon, lon[0] + 360.0))
    widest = int(np.argmax(gaps))
    if gaps[widest] < 20:
        return -180.0, south, 180.0, north
    first = float(lon[(widest + 1) % len(lon)])
    if north == 90.0 or south == -90.0:  # longitudes close up there; the turn begins where nothing is shown
        west = first - float(gaps[widest]) / 2
        return west, south, west + 360.0, north
    west = first - _ROOM
    return west, south, west + 360.0 - float(gaps[widest]) + 2 * _ROOM, north


def _samples(to_lonlat: ToLonLat, width: int, height: int) -> Grid:
    """Longitudes and latitudes of a grid of pixels, and of the last ones on the Earth along its rows and columns.

    Near the horizon degrees run away: a grid alone misses several of them.
    """
    column, row = np.meshgrid(np.linspace(0, width, _SAMPLES), np.linspace(0, height, _SAMPLES))
    lon, lat = to_lonlat(column.ravel(), row.ravel())
    there = np.isfinite(lon) & np.isfinite(lat)
    lon, lat = lon[there], lat[there]
    if not there.any() or there.all():
        return lon, lat
    pixels, there = np.stack([column, row]), there.reshape(column.shape)
    inner, outer = [], []
    for grid, on in ((pixels, there), (pixels.swapaxes(1, 2), there.T)):
        leaves, enters = on[:, :-1] & ~on[:, 1:], on[:, 1:] & ~on[:, :-1]
        inner += [grid[:, :, :-1][:, leaves], grid[:, :, 1:][:, enters]]
        outer += [grid[:, :, 1:][:, leaves], grid[:, :, :-1][:, enters]]
    edge_lon, edge_lat = to_lonlat(
        *last_on_earth(to_lonlat, np.hstack(inner), np.hstack(outer), _LIMB_HALVINGS)
    )
    return np.concatenate([lon, edge_lon]), np.concatenate([lat, edge_lat])


def _contour(shows: Shows, xs: Floats, ys: Floats) -> BaseGeometry:
    """The area whose border runs through the cells of the grid that have corners inside and outside, and its edge."""
    grid_x, grid_y = np.meshgrid(xs, ys)
    inside = shows(grid_x.ravel(), grid_y.ravel()).reshape(grid_x.shape)
    for pole, beside in ((0, 1), (-1, -2)):  # one point, though PROJ may find it along some meridians only
        if abs(ys[pole]) == 90.0 and inside[pole].any() and inside[beside].all():
            inside[pole] = True
    west, east = (grid_x[:, :-1], grid_y[:, :-1]), (grid_x[:, 1:], grid_y[:, 1:])
    south, north = (grid_x[:-1], grid_y[:-1]), (grid_x[1:], grid_y[1:])
    across = _crossings(shows, west, east, inside[:, :-1], inside[:, 1:])
    upward = _crossings(shows, south, north, inside[:-1], inside[1:])
    segments = np.concatenate(
        [_between_cells(across, upward, inside), *_along_the_edge((grid_x, grid_y), across, upward, inside)]
    )
    lines = np.asarray(shapely.linestrings(segments))
    return shapely.build_area(shapely.MultiLineString(lines.tolist()))


def _between_cells(across: Grid, upward: Grid, inside: NDArray[np.bool_]) -> Floats:
    """In each cell, a line from crossing to crossing that cuts its corners outside off: (n, 2 ends, 2)."""
    # Of each cell, once around: its corners, and the crossings of the edges between them.
    corners = np.stack([inside[:-1, :-1], inside[:-1, 1:], inside[1:, 1:], inside[1:, :-1]])
    edges = np.stack(
        [np.stack([a[:-1], u[:, 1:], a[1:], u[:, :-1]]) for a, u in zip(across, upward, strict=True)],
        axis=-1,
    )
    lines = []
    for first in range(4):
        for count in range(
            1, 4
        ):  # corners outside, one behind the other; those before and behind them are inside
            outside = [(first + k) % 4 for k in range(count)]
            before, behind = (first - 1) % 4, (first + count) % 4
            cells = corners[before] & corners[behind] & ~corners[outside].any(axis=0)
            lines.append(np.stack([edges[before][cells], edges[outside[-1]][cells]], axis=1))
    return np.concatenate(lines)


def _along_the_edge(grid: Grid, across: Grid, upward: Grid, inside: NDArray[np.bool_]) -> list[Floats]:
    """Along each side of the grid, what of it is inside: (n, 2 ends, 2)."""
    sides = []
    for row in (0, -1):
        points = np.column_stack([grid[0][row], grid[1][row]])
        sides.append((points, np.column_stack([across[0][row], across[1][row]]), inside[row]))
    for column in (0, -1):
        points = np.column_stack([grid[0][:, column], grid[1][:, column]])
        crossings = np.column_stack([upward[0][:, column], upward[1][:, column]])
        sides.append((points, crossings, inside[:, column]))
    lines = []
    for points, crossings, there in sides:
        changes = there[:-1] != there[1:]
        start = np.where((there[:-1] | ~changes)[:, None], points[:-1], crossings)
        end = np.where((there[1:] | ~changes)[:, None], points[1:], crossings)
        lines.append(np.stack([start, end], axis=1)[there[:-1] | there[1:]])
    return lines


def _crossings(
    shows: Shows,
    first: Grid,
    last: Grid,
    inside_first: NDArray[np.bool_],
    inside_last: NDArray[np.bool_],
) -> Grid:
    """Where the answer changes between neighbouring grid points (meaningless where it does not)."""
    x, y = np.array(first[0]), np.array(first[1])
    changes = inside_first != inside_last
    from_x, from_y, to_x, to_y = (a[changes] for a in (*first, *last))
    starts = inside_first[changes]
    for _ in range(_HALVINGS):
        middle_x, middle_y = (from_x + to_x) / 2, (from_y + to_y) / 2
        same = shows(middle_x, middle_y) == starts
        from_x, from_y = np.where(same, middle_x, from_x), np.where(same, middle_y, from_y)
        to_x, to_y = np.where(same, to_x, middle_x), np.where(same, to_y, middle_y)
    x[changes], y[changes] = (from_x + to_x) / 2, (from_y + to_y) / 2
    return x, y
