"""Brings the `geometry:` of a rule into the form that an Item has, or says why it is no area."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from eventstac.rules.document import Document, Path

# What to write instead.
AREA = "Write a Polygon or MultiPolygon of rings of [longitude, latitude], e.g. [[[6, 50], [7, 50], [7, 51], [6, 50]]]"
_TURN = 360.0


class _NoArea(ValueError):
    """What is wrong with a geometry, for people."""


def read_area(document: Document, path: Path, geometry: Mapping[str, Any]) -> dict[str, Any]:
    """The geometry with closed rings, wound as RFC 7946 says, cut at the antimeridian; mistakes are noted.

    Longitudes may go on beyond 180 (or -180) for an area across it. An edge that goes more than half around the Earth
    is taken as it is written, with a warning.
    """
    try:
        polygons = _polygons(geometry)
        for ring in (ring for polygon in polygons for ring in polygon):
            _warn_of_long_edges(document, path, ring)
        return _cut(polygons)
    except _NoArea as error:
        document.mistake(path, f"`geometry` is no area: {error}", AREA)
        return dict(geometry)


Ring = list[tuple[float, float]]


def _polygons(geometry: Mapping[str, Any]) -> list[list[Ring]]:
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    if not isinstance(parts, list):
        raise _NoArea("its coordinates are no list")
    return [_rings(part) for part in parts]


def _rings(polygon: Any) -> list[Ring]:
    if not isinstance(polygon, list) or not polygon:
        raise _NoArea("a polygon is a list of rings")
    return [_ring(ring) for ring in polygon]


def _ring(ring: Any) -> Ring:
    if not isinstance(ring, list):
        raise _NoArea("a ring is a list of positions")
    positions = [_position(each) for each in ring]
    if positions[:1] != positions[-1:]:
        positions.append(positions[0])
    if len(positions) < 4:
        raise _NoArea("a ring has at least three corners")
    return positions


def _position(position: Any) -> tuple[float, float]:
    numbers = isinstance(position, list) and all(
        isinstance(each, int | float) and not isinstance(each, bool) and math.isfinite(each)
        for each in position
    )
    if not numbers or len(position) not in (2, 3):
        raise _NoArea(f"{position!r} is no position")
    longitude, latitude = float(position[0]), float(position[1])
    if abs(longitude) > _TURN or abs(latitude) > 90:
        raise _NoArea(f"{position!r} is not on Earth")
    return longitude, latitude


def _warn_of_long_edges(document: Document, path: Path, ring: Ring) -> None:
    for (west, _), (east, _) in pairwise(ring):
        if 180 < abs(east - west) < _TURN:
            other = west + _TURN if west < 0 else east + _TURN
            document.warn(
                path,
                f"`geometry` has an edge from longitude {west:g} to {east:g}, the long way around the Earth",
                f"If it is to cross the antimeridian, write {other:g} for {min(west, east):g}",
            )


def _cut(polygons: list[list[Ring]]) -> dict[str, Any]:
    """As GeoJSON within -180..180."""
    import shapely  # 50 ms: only where a rule has a geometry
    from shapely.affinity import translate

    whole = shapely.MultiPolygon([(rings[0], rings[1:]) for rings in polygons])
    if not whole.is_valid:
        raise _NoArea(shapely.is_valid_reason(whole))
    pieces = [
        translate(piece, xoff=-turns * _TURN)
        for turns in (-1, 0, 1)
        for piece in shapely.get_parts(
            shapely.intersection(whole, shapely.box(-180 + turns * _TURN, -90, 180 + turns * _TURN, 90))
        )
        if piece.geom_type == "Polygon" and piece.area > 0
    ]
    if not pieces:
        raise _NoArea("it has no extent")
    wound = [shapely.orient_polygons(piece) for piece in pieces]
    rings = [
        [[list(position) for position in ring.coords] for ring in (piece.exterior, *piece.interiors)]
        for piece in wound
    ]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}
