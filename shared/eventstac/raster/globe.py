"""The part of the Earth that an image shows, found by asking for points of the Earth: for frames that leave it.

A geostationary full disk or a Mollweide world has corners in space, so its frame has no outline in degrees. Here the
question is turned around: a grid of longitudes and latitudes is asked whether the image has that point, and the border
between yes and no is drawn, each crossing found by halving, then followed between the crossings (`border`).
"""

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from eventstac.raster.border import Shows, follow, with_thin_parts
from eventstac.raster.earth import Floats, ToLonLat

_CELLS = 360  # along each side of the window that is searched
_HALVINGS = 24  # from a cell of one degree to a centimetre


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
        column, row = to_pixel((lon + 180.0) % 360.0 - 180.0, lat)
        with np.errstate(invalid="ignore"):
            inside: NDArray[np.bool_] = (column >= 0) & (column <= width) & (row >= 0) & (row <= height)
        return inside

    west, south, east, north = window
    xs, ys = np.linspace(west, east, _CELLS + 1), np.linspace(south, north, _CELLS + 1)
    corners = np.column_stack(to_lonlat(np.array([0.0, width, width, 0]), np.array([0.0, 0, height, height])))
    corners = corners[np.isfinite(corners).all(axis=1)]
    corners[:, 0] = (corners[:, 0] - west) % 360.0 + west
    cell = float(np.hypot(xs[1] - xs[0], ys[1] - ys[0]))
    region = follow(_contour(shows, xs, ys), shows, corners, cell, tolerance_m)
    return with_thin_parts(region, shows, to_lonlat, (width, height), west, tolerance_m)


def _window(to_lonlat: ToLonLat, width: int, height: int) -> tuple[float, float, float, float] | None:
    """A box around everything the image can show, from a grid of its pixels; the whole turn where in doubt."""
    column, row = (a.ravel() for a in np.meshgrid(np.linspace(0, width, 129), np.linspace(0, height, 129)))
    lon, lat = to_lonlat(column, row)
    there = np.isfinite(lon) & np.isfinite(lat)
    if not there.any():
        return None
    lon, lat = np.sort(lon[there] % 360.0), lat[there]
    south, north = float(lat.min()) - 3, float(lat.max()) + 3
    south, north = -90.0 if south < -80 else south, 90.0 if north > 80 else north
    gaps = np.diff(np.append(lon, lon[0] + 360.0))
    widest = int(np.argmax(gaps))
    if gaps[widest] < 20 or north == 90.0 or south == -90.0:
        return -180.0, south, 180.0, north
    west = float(lon[(widest + 1) % len(lon)]) - 3
    return west, south, west + 360.0 - float(gaps[widest]) + 6, north


def _contour(shows: Shows, xs: Floats, ys: Floats) -> BaseGeometry:
    grid_x, grid_y = np.meshgrid(xs, ys)
    inside = shows(grid_x.ravel(), grid_y.ravel()).reshape(grid_x.shape)
    west, east = (grid_x[:, :-1], grid_y[:, :-1]), (grid_x[:, 1:], grid_y[:, 1:])
    south, north = (grid_x[:-1], grid_y[:-1]), (grid_x[1:], grid_y[1:])
    across = _crossings(shows, west, east, inside[:, :-1], inside[:, 1:])
    upward = _crossings(shows, south, north, inside[:-1], inside[1:])
    corners = inside[:-1, :-1].astype(int) + inside[:-1, 1:] + inside[1:, 1:] + inside[1:, :-1]
    pieces: list[BaseGeometry] = _full_rows(corners == 4, xs, ys)
    for i, j in np.argwhere((corners > 0) & (corners < 4)):
        outline: list[tuple[float, float]] = []
        around = [(i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)]
        edges = [
            (across[0][i, j], across[1][i, j]),
            (upward[0][i, j + 1], upward[1][i, j + 1]),
            (across[0][i + 1, j], across[1][i + 1, j]),
            (upward[0][i, j], upward[1][i, j]),
        ]
        for corner, (here, edge) in enumerate(zip(around, edges, strict=True)):
            if inside[here]:
                outline.append((xs[here[1]], ys[here[0]]))
            if inside[here] != inside[around[(corner + 1) % 4]]:
                outline.append(edge)
        if len(outline) >= 3:
            pieces.append(shapely.make_valid(shapely.Polygon(outline)))
    return _joined(pieces)


def _joined(pieces: list[BaseGeometry]) -> BaseGeometry:
    """One region of pieces that share their edges, which is told thirty times quicker than a union of any pieces."""
    if not pieces:
        return shapely.Polygon()
    region = shapely.coverage_union_all(pieces)
    return region if region.is_valid else shapely.union_all(pieces, grid_size=1e-9)


def _full_rows(full: NDArray[np.bool_], xs: Floats, ys: Floats) -> list[BaseGeometry]:
    """Cells that are wholly inside, a run of them as one box with the grid's points on its edges."""
    boxes: list[BaseGeometry] = []
    for i, row in enumerate(full):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.view(np.int8), [0]])))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            there_and_back = np.concatenate([xs[start : stop + 1], xs[start : stop + 1][::-1]])
            boxes.append(
                shapely.Polygon(np.column_stack([there_and_back, np.repeat(ys[i : i + 2], stop + 1 - start)]))
            )
    return boxes


def _crossings(
    shows: Shows,
    first: tuple[Floats, Floats],
    last: tuple[Floats, Floats],
    inside_first: NDArray[np.bool_],
    inside_last: NDArray[np.bool_],
) -> tuple[Floats, Floats]:
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
