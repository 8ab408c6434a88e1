"""The edge of an image as a ring of longitudes and latitudes, as many points as a tolerance in metres needs."""

import numpy as np
from numpy.typing import NDArray

from eventstac.raster.georeference import Floats, ToLonLat

METRES_PER_DEGREE = 111_320.0
_FIRST_STEPS = 8  # segments of each edge before any is halved: none then spans half the Earth
_MAX_ROUNDS = 12  # each halves the segments that are still too far off
_MAX_POINTS = 20_000
_POLE_DEGREES = 1e-7  # closer to a pole (a centimetre) a longitude means nothing


class LeavesTheEarth(Exception):
    """Some point of the edge has no place on the Earth."""


def edge_ring(to_lonlat: ToLonLat, width: int, height: int, tolerance_m: float) -> tuple[Floats, Floats]:
    """The frame's outer edge, once around (first point not repeated), each longitude in -180..180 or as the CRS says.

    A segment is halved until its true middle lies within `tolerance_m` of the straight one in degrees.
    """
    column, row = _frame(width, height)
    lon, lat = _located(to_lonlat, column, row)
    for _ in range(_MAX_ROUNDS):
        next_column, next_row = np.roll(column, -1), np.roll(row, -1)
        next_lon, next_lat = np.roll(lon, -1), np.roll(lat, -1)
        middle_column, middle_row = (column + next_column) / 2, (row + next_row) / 2
        middle_lon, middle_lat = _located(to_lonlat, middle_column, middle_row)
        straight_lon = lon + shortest(next_lon - lon) / 2
        off_east = shortest(middle_lon - straight_lon) * np.cos(np.radians(middle_lat))
        off_m = np.hypot(off_east, middle_lat - (lat + next_lat) / 2) * METRES_PER_DEGREE
        # A pole on the edge makes any longitude true there; the ring is put right when it is unwrapped.
        polar = np.minimum(90 - np.abs(lat), 90 - np.abs(next_lat)) < _POLE_DEGREES
        turning = np.abs(shortest(next_lon - lon)) > 60
        split = np.flatnonzero(((off_m > tolerance_m) | turning) & ~polar)
        if not len(split) or len(column) + len(split) > _MAX_POINTS:
            break
        column = np.insert(column, split + 1, middle_column[split])
        row = np.insert(row, split + 1, middle_row[split])
        lon = np.insert(lon, split + 1, middle_lon[split])
        lat = np.insert(lat, split + 1, middle_lat[split])
    return lon, lat


def unwrap(lon: Floats, lat: Floats, poles_are_points: bool) -> tuple[Floats, Floats, int]:
    """The ring with continuous longitudes, and how often it winds around the Earth's axis (1 eastward, -1, 0).

    `poles_are_points`: a point at a pole joins the meridians of its neighbours (not in a geographic CRS, where a
    pole is an edge with a longitude of its own).
    """
    at_pole = (90 - np.abs(lat) < _POLE_DEGREES) & poles_are_points
    if at_pole.any() and not at_pole.all():
        return _unwrap_from_pole(lon, lat, at_pole)
    steps = shortest(np.roll(lon, -1) - lon)
    turns = round(float(steps.sum()) / 360.0)
    return lon[0] + np.concatenate([[0.0], np.cumsum(steps[:-1])]), lat, turns


def shortest(degrees: Floats) -> Floats:
    """A difference of longitudes as the shorter way around, in -180..180."""
    turned: Floats = (degrees + 180.0) % 360.0 - 180.0
    return np.where((turned == -180.0) & (degrees > 0), 180.0, turned)


def _unwrap_from_pole(lon: Floats, lat: Floats, at_pole: NDArray[np.bool_]) -> tuple[Floats, Floats, int]:
    """Begin and end at the pole: then no step has to cross it, and the ring closes along the pole's line."""
    start = int(np.flatnonzero(at_pole)[0])
    lon, lat, keep = np.roll(lon, -start), np.roll(lat, -start), ~np.roll(at_pole, -start)
    inner_lon, inner_lat = lon[keep], lat[keep]
    steps = shortest(np.diff(inner_lon))
    inner_lon = inner_lon[0] + np.concatenate([[0.0], np.cumsum(steps)])
    pole = np.copysign(90.0, lat[0])
    ring_lon = np.concatenate([[inner_lon[0]], inner_lon, [inner_lon[-1]]])
    return ring_lon, np.concatenate([[pole], inner_lat, [pole]]), 0


def _frame(width: int, height: int) -> tuple[Floats, Floats]:
    across, down = np.linspace(0, width, _FIRST_STEPS + 1)[:-1], np.linspace(0, height, _FIRST_STEPS + 1)[:-1]
    zero = np.zeros(_FIRST_STEPS)
    column = np.concatenate([across, zero + width, width - across, zero])
    return column, np.concatenate([zero, down, zero + height, height - down])


def _located(to_lonlat: ToLonLat, column: Floats, row: Floats) -> tuple[Floats, Floats]:
    lon, lat = to_lonlat(column, row)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise LeavesTheEarth
    return lon, lat
