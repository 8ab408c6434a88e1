"""The edge of an image as a ring of longitudes and latitudes, as many points as a tolerance in metres needs."""

import numpy as np
from numpy.typing import NDArray

from eventstac.raster.earth import Floats, ToLonLat

METRES_PER_DEGREE = 111_320.0
_FIRST_STEPS = 8  # segments of each edge before any is halved: none then spans half the Earth
_MAX_ROUNDS = 12  # each halves the segments that are still too far off
_MAX_POINTS = 20_000
_POLE_DEGREES = 1e-7  # closer to a pole (a centimetre) a longitude means nothing


class LeavesTheEarth(Exception):
    """Some point of the edge has no place on the Earth."""


def edge_ring(to_lonlat: ToLonLat, width: float, height: float, tolerance_m: float) -> tuple[Floats, Floats]:
    """The frame's outer edge, once around (first point not repeated), each longitude in -180..180 or as the CRS says.

    A segment is halved until its true middle lies within `tolerance_m` of the straight one in degrees.
    """
    # Columns, rows, longitudes and latitudes; the first point again at the end, so that each segment has both of its.
    both = _placed(to_lonlat, _FRAME * [[width], [height]])
    ring, middle = both[:, ::2], both[:, 1::2]
    for _ in range(_MAX_ROUNDS):
        split = _bent(ring, middle, tolerance_m)
        if not len(split) or ring.shape[1] + len(split) > _MAX_POINTS:
            break
        ring = np.insert(ring, split + 1, middle[:, split], axis=1)
        middle = _placed(to_lonlat, (ring[:2, :-1] + ring[:2, 1:]) / 2)
    return ring[2, :-1], ring[3, :-1]


def _bent(ring: Floats, middle: Floats, tolerance_m: float) -> NDArray[np.intp]:
    """The segments whose true middle lies too far from the straight one, or that turn too far."""
    lon, lat, middle_lon, middle_lat = *ring[2:], *middle[2:]
    steps = shortest(np.diff(lon))
    off_east = shortest(middle_lon - lon[:-1] - steps / 2) * np.cos(np.radians(middle_lat))
    off_m = np.hypot(off_east, middle_lat - (lat[:-1] + lat[1:]) / 2) * METRES_PER_DEGREE
    # A pole on the edge makes any longitude true there; the ring is put right when it is unwrapped.
    from_pole = 90 - np.abs(lat)
    polar = np.minimum(from_pole[:-1], from_pole[1:]) < _POLE_DEGREES
    return np.flatnonzero(((off_m > tolerance_m) | (np.abs(steps) > 60)) & ~polar)


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


def _unit_frame() -> Floats:
    """Columns and rows of the first segments' ends and middles, once around an image of one pixel."""
    edge = np.linspace(0, 1, 2 * _FIRST_STEPS + 1)[:-1]
    ahead, back, near, far = edge, 1 - edge, np.zeros_like(edge), np.ones_like(edge)
    columns, rows = [*ahead, *far, *back, *near, 0.0], [*near, *ahead, *far, *back, 0.0]
    return np.array([columns, rows])


_FRAME = _unit_frame()


def _placed(to_lonlat: ToLonLat, pixels: Floats) -> Floats:
    """Columns and rows with their longitudes and latitudes below."""
    lon, lat = to_lonlat(*pixels)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise LeavesTheEarth
    return np.stack([*pixels, lon, lat])
