"""Checks geometry and bbox of an Item as no schema can: RFC 7946's rings, ranges, and each against the other."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eventstac.validation.problems import Problem

_CHECK = "checks/geometry"
_TOLERANCE = 1e-6  # degrees (0.1 m): a bbox may be rounded, never invented
_WORLD = (-180.0, -90.0, 180.0, 90.0)
Position = Sequence[float]


def geometry_problems(item: Mapping[str, Any], *, any_turn: bool = False) -> Iterator[Problem]:
    """What is wrong with an Item's geometry and bbox, given that the core schema found them well formed.

    `any_turn` takes rings that turn the wrong way, which RFC 7946 wants readers to do.
    """
    geometry, bbox = item.get("geometry"), item.get("bbox")
    if geometry is None or bbox is None:  # the core schema has them both or neither
        return
    yield from _ring_problems(geometry, any_turn)
    lines = list(_lines(geometry["coordinates"]))
    if not lines:
        yield Problem("geometry/coordinates", "the geometry holds no position", _CHECK)
        return
    outside = next((spot for line in lines for spot in line if abs(spot[0]) > 180 or abs(spot[1]) > 90), None)
    if outside is not None:
        message = f"{list(outside)} is not on Earth: lon -180..180, lat -90..90"
        yield Problem("geometry/coordinates", message, _CHECK)
    yield from bbox_problems(bbox, "bbox", _CHECK)
    yield from _extent_problems(_flat(bbox), lines)


def bbox_problems(bbox: Sequence[float], path: str, check: str) -> Iterator[Problem]:
    """What is wrong with a box of 4 numbers, or of 6 with heights, by itself; west > east crosses the antimeridian."""
    west, south, east, north = flat = _flat(bbox)
    if south > north:
        yield Problem(path, f"south {south} is above north {north}", check)
    if len(bbox) == 6 and bbox[2] > bbox[5]:
        yield Problem(path, f"the lower height {bbox[2]} is above the upper {bbox[5]}", check)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        yield Problem(path, f"{list(flat)} is outside of {list(_WORLD)}", check)


def _flat(bbox: Sequence[float]) -> tuple[float, float, float, float]:
    """West, south, east, north: a box without its heights."""
    west, south, east, north = bbox if len(bbox) == 4 else (*bbox[0:2], *bbox[3:5])
    return west, south, east, north


def _extent_problems(bbox: Sequence[float], lines: Sequence[Sequence[Position]]) -> Iterator[Problem]:
    west, _, east, _ = bbox
    lats = [spot[1] for line in lines for spot in line]
    spans = [(min(spot[0] for spot in line), max(spot[0] for spot in line)) for line in lines]
    if (
        west > east
    ):  # across the antimeridian: what lies in the east begins the box, what lies in the west ends it
        eastern = [span for span in spans if span[0] >= west - _TOLERANCE]
        western = [span for span in spans if span[1] <= east + _TOLERANCE]
        if len(eastern) + len(western) != len(spans) or not eastern or not western:
            message = f"the geometry has no parts on both sides of 180, within {west}..180 and -180..{east}"
            yield Problem("bbox", message, _CHECK)
            return
        found = (min(eastern)[0], min(lats), max(span[1] for span in western), max(lats))
    else:
        found = (min(spans)[0], min(lats), max(span[1] for span in spans), max(lats))
    if any(abs(one - other) > _TOLERANCE for one, other in zip(bbox, found, strict=True)):
        yield Problem("bbox", f"{list(bbox)} is not the geometry's extent, which is {list(found)}", _CHECK)


def _ring_problems(geometry: Mapping[str, Any], any_turn: bool) -> Iterator[Problem]:
    for path, polygon in _polygons(geometry):
        if not polygon:
            yield Problem(path, "a polygon has at least one ring", _CHECK)
        for number, ring in enumerate(polygon):
            place = f"{path}/{number}"
            if list(ring[0]) != list(ring[-1]):
                yield Problem(
                    place, f"the ring is not closed: {list(ring[0])} is not {list(ring[-1])}", _CHECK
                )
                continue
            area = _signed_area(ring)
            if area == 0:
                yield Problem(place, "the ring has no area", _CHECK)
            elif not any_turn and (area > 0) != (number == 0):
                said = "an exterior ring is counter-clockwise" if number == 0 else "a hole is clockwise"
                yield Problem(place, f"{said} (RFC 7946, section 3.1.6)", _CHECK)


def _polygons(geometry: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Sequence[Position]]]]:
    path = "geometry/coordinates"
    if geometry["type"] == "Polygon":
        yield path, geometry["coordinates"]
    elif geometry["type"] == "MultiPolygon":
        for number, polygon in enumerate(geometry["coordinates"]):
            yield f"{path}/{number}", polygon


def _signed_area(ring: Sequence[Position]) -> float:
    """Twice the area, positive for counter-clockwise (the shoelace formula, from the first corner for precision)."""
    x0, y0 = ring[0][0], ring[0][1]
    area, x, y = 0.0, 0.0, 0.0
    for position in ring[1:]:
        next_x, next_y = position[0] - x0, position[1] - y0
        area += x * next_y - next_x * y
        x, y = next_x, next_y
    return area


def _lines(coordinates: Any) -> Iterator[Sequence[Position]]:
    """The parts that hang together: rings and lines, and each single point."""
    if coordinates and isinstance(coordinates[0], int | float):
        yield [coordinates]
    elif coordinates and coordinates[0] and isinstance(coordinates[0][0], int | float):
        yield coordinates
    else:
        for part in coordinates:
            yield from _lines(part)
