"""The `bbox` and `intersects` parameters: where on Earth to search."""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from stac_api.errors import BadRequest

_DEPTHS = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
_SMALLEST = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}

# Python would also read 1_0, letters of other scripts, and words.
_NUMBER = re.compile(r" *[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)? *", re.ASCII)
_SHOWN = 200  # characters of a text that is no box

_NUMBERS = frozenset({int, float})  # the types of JSON's; a bool is an int, but no number
_HAIR = 1e-9  # degrees, a tenth of a millimetre: a box without area is no valid polygon


class Box(NamedTuple):
    """Degrees; west greater than east crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    def parts(self) -> tuple[tuple[float, float, float, float], ...]:
        """One box, or the two on either side of the antimeridian; each west <= east."""
        if self.west <= self.east:
            return ((self.west, self.south, self.east, self.north),)
        return ((self.west, self.south, 180.0, self.north), (-180.0, self.south, self.east, self.north))

    def geojson(self) -> dict[str, Any]:
        """The area as a (Multi)Polygon that a planar database understands."""
        rings = [[_ring(*part)] for part in self.parts()]
        if len(rings) == 1:
            return {"type": "Polygon", "coordinates": rings[0]}
        return {"type": "MultiPolygon", "coordinates": rings}

    def overlaps(self, other: "Box") -> bool:
        """Whether the two share a point, whichever of them crosses the antimeridian."""
        return any(
            w1 <= e2 and w2 <= e1 and s1 <= n2 and s2 <= n1
            for w1, s1, e1, n1 in self.parts()
            for w2, s2, e2, n2 in other.parts()
        )


def box_from_text(text: str) -> Box:
    """Read `west,south,east,north` (or six numbers) of a query string."""
    parts = text.split(",")
    if not all(map(_NUMBER.fullmatch, parts)):
        raise BadRequest("bbox", f"{text[:_SHOWN]!r} is not four or six numbers with commas between")
    return box_from_numbers([*map(float, parts)])


def box_from_json(value: object) -> Box:
    """Read the array of a body."""
    if not isinstance(value, list) or not {*map(type, value)} <= _NUMBERS:
        raise BadRequest("bbox", "expected an array of four or six numbers")
    try:
        return box_from_numbers([*map(float, value)])
    except OverflowError as error:
        raise BadRequest("bbox", "a number is too large") from error


def box_from_numbers(numbers: Sequence[float]) -> Box:
    """Check the numbers; heights are left out, since the catalog's footprints are flat. Raises BadRequest."""
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4:
        raise BadRequest("bbox", f"expected four or six numbers, not {len(numbers)}")
    if not all(map(math.isfinite, numbers)):
        raise BadRequest("bbox", "a number is not finite")
    west, south, east, north = numbers
    if south > north:
        raise BadRequest("bbox", f"south ({south}) is greater than north ({north})")
    if south > 90 or north < -90:
        raise BadRequest("bbox", f"latitudes {south} to {north} lie beyond the poles")
    west, east = _wrapped(west, east)
    return Box(west, max(south, -90.0), east, min(north, 90.0))


def geometry_from_json(value: object, max_positions: int) -> dict[str, Any]:
    """Check the shape of a GeoJSON geometry (RFC 7946), so that the database gets only what it can read.

    Raises BadRequest naming what is wrong.
    """
    budget = [max_positions]
    return _geometry(value, budget, depth=0)


def _geometry(value: object, budget: list[int], depth: int) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise BadRequest("intersects", "expected a GeoJSON geometry")
    kind = value["type"]
    if kind == "GeometryCollection":
        members = value.get("geometries")
        if not isinstance(members, list) or not members or depth:
            raise BadRequest("intersects", "a GeometryCollection holds geometries that are no collections")
        return {"type": kind, "geometries": [_geometry(member, budget, depth + 1) for member in members]}
    if kind not in _DEPTHS:
        raise BadRequest("intersects", f"{kind!r} is no type of GeoJSON geometry")
    coordinates = _coordinates(value.get("coordinates"), _DEPTHS[kind], kind, budget)
    return {"type": kind, "coordinates": coordinates}


def _coordinates(value: object, depth: int, kind: str, budget: list[int]) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise BadRequest("intersects", f"the coordinates of a {kind} are not as RFC 7946 nests them")
    if depth == 0:
        return _position(value, budget)
    inner = [_coordinates(member, depth - 1, kind, budget) for member in value]
    if depth == 1 and len(inner) < _SMALLEST.get(kind, 1):
        raise BadRequest("intersects", f"a line or ring of the {kind} has too few positions")
    if depth == 1 and kind.endswith("Polygon") and inner[0] != inner[-1]:
        raise BadRequest("intersects", f"a ring of the {kind} is not closed")
    return inner


def _position(value: list[Any], budget: list[int]) -> list[float]:
    budget[0] -= 1
    if budget[0] < 0:
        raise BadRequest("intersects", "the geometry has too many positions: simplify it")
    numbers = [n for n in value if isinstance(n, int | float) and not isinstance(n, bool)]
    if len(numbers) != len(value) or not 2 <= len(numbers) <= 4:
        raise BadRequest("intersects", "a position is two or three numbers")
    x, y = numbers[:2]
    if not (-180 <= x <= 180 and -90 <= y <= 90):
        raise BadRequest("intersects", f"position {x}, {y} lies outside of longitude and latitude in degrees")
    return [float(x), float(y)]


def _wrapped(west: float, east: float) -> tuple[float, float]:
    """Longitudes within ±180, as map clients that pan across the date line send them beyond."""
    if east - west >= 360:
        return -180.0, 180.0
    return _wrap(west), _wrap(east)


def _wrap(longitude: float) -> float:
    if -180 <= longitude <= 180:
        return longitude
    return (longitude + 180) % 360 - 180


def _ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    if east - west < _HAIR:
        west, east = west - _HAIR, east + _HAIR
    if north - south < _HAIR:
        south, north = south - _HAIR, north + _HAIR
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]
