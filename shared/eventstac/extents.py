"""A Collection's extent, kept in parts that join in any order: growth is a union, whatever came first."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from eventstac.facts import Json
from eventstac.times import from_text, to_text

WORLD = (-180.0, -90.0, 180.0, 90.0)


@dataclass(frozen=True)
class Spans:
    """Minima and maxima of what a Collection's Items cover; None where there is nothing of the kind.

    Longitudes are kept apart for Items that cross the antimeridian (`crossing_*`), Items wholly west or east of
    Greenwich (`western_*`, `eastern_*`) and Items that lie across it (`middle_*`): a box across 180 can be told from
    them in any order, where a union of two boxes could not.
    """

    south: float | None = None
    north: float | None = None
    western_min: float | None = None
    western_max: float | None = None
    eastern_min: float | None = None
    eastern_max: float | None = None
    middle_min: float | None = None
    middle_max: float | None = None
    crossing_min: float | None = None
    crossing_max: float | None = None
    start: datetime | None = None
    end: datetime | None = None

    def join(self, other: "Spans") -> "Spans":
        """The spans of both."""
        joined = {}
        for name in (field.name for field in fields(self)):
            mine, theirs = getattr(self, name), getattr(other, name)
            pick: Any = min if _is_lower(name) else max
            joined[name] = theirs if mine is None else mine if theirs is None else pick(mine, theirs)
        return Spans(**joined)

    def ends_of(self, other: "Spans") -> set[str]:
        """The ends at which `other` lies, or beyond, so that without it they may be elsewhere."""
        ends = set()
        for name in (field.name for field in fields(self)):
            mine, theirs = getattr(self, name), getattr(other, name)
            if theirs is not None and (
                mine is None or (theirs <= mine if _is_lower(name) else theirs >= mine)
            ):
                ends.add(name)
        return ends

    def bbox(self) -> list[float]:
        """West, south, east, north; west > east across the antimeridian; the world where nothing is known."""
        if self.south is None or self.north is None:
            return list(WORLD)
        west, east = self._longitudes()
        return [west, self.south, east, self.north]

    def extent(self) -> dict[str, Any]:
        """The STAC extent object."""
        interval = [to_text(moment) if moment else None for moment in (self.start, self.end)]
        return {"spatial": {"bbox": [self.bbox()]}, "temporal": {"interval": [interval]}}

    def to_json(self) -> dict[str, Any]:
        """As the database keeps it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: to_text(value) if isinstance(value, datetime) else value
            for name, value in values.items()
            if value is not None
        }

    @classmethod
    def from_json(cls, document: Json) -> "Spans":
        """Read what `to_json` wrote."""
        moments = {name: from_text(document[name]) for name in ("start", "end") if name in document}
        return cls(**{**document, **moments})

    def _longitudes(self) -> tuple[float, float]:
        # Without an Item across 180 the plain box is what a reader expects.
        if self.crossing_min is None or self.crossing_max is None:
            lowest = _least(self.western_min, self.middle_min, self.eastern_min)
            highest = _greatest(self.eastern_max, self.middle_max, self.western_max)
            return lowest, highest
        west = _least(self.crossing_min, self.eastern_min)
        east = _greatest(self.crossing_max, self.western_max)
        if self.middle_min is not None or west <= east:
            return WORLD[0], WORLD[2]
        return west, east


def spans_of(west: float, south: float, east: float, north: float, start: datetime, end: datetime) -> Spans:
    """The spans of one Item: its bbox (west > east across 180) and its time."""
    if west > east:
        longitudes = {"crossing_min": west, "crossing_max": east}
    elif west >= 0:
        longitudes = {"eastern_min": west, "eastern_max": east}
    elif east <= 0:
        longitudes = {"western_min": west, "western_max": east}
    else:
        longitudes = {"middle_min": west, "middle_max": east}
    return Spans(south=south, north=north, start=start, end=end, **longitudes)


def merged_extent(own: Mapping[str, Any] | None, spans: Spans) -> dict[str, Any]:
    """The extent to show: the parts that the rules give, the rest from the Items."""
    return {**spans.extent(), **(own or {})}


def extent_within(shown: Mapping[str, Any], extent: Mapping[str, Any]) -> dict[str, Any]:
    """A Collection's extent with other parts: what its user wrote beside them, or into them, stays."""
    kept = {name: shown[name] for name in extent if isinstance(shown.get(name), Mapping)}
    return {**shown, **{name: {**kept.get(name, {}), **part} for name, part in extent.items()}}


def _is_lower(name: str) -> bool:
    return name in ("south", "start") or name.endswith("_min")


def _least(*values: float | None) -> float:
    return min(value for value in values if value is not None)


def _greatest(*values: float | None) -> float:
    return max(value for value in values if value is not None)
