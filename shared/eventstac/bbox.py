"""The bounding box of parts on both sides of 180 degrees, as RFC 7946 asks: west > east across it."""

from collections.abc import Iterable, Sequence

_TOUCHES = 1e-9  # degrees from 180: rounding
_DECIMALS = 7  # about a centimetre

Bounds = tuple[float, float, float, float]


def bbox_of_parts(parts: Iterable[Bounds]) -> list[float]:
    """[west, south, east, north] of parts within -180..180, each given by its own.

    Where parts touch 180 degrees from both sides, the widest gap between all of them is left out (west > east), however
    far from 180 some lie; [-180, …, 180, …] where there is none. Raises ValueError where there are no parts.
    """
    bounds = sorted(tuple(float(edge) for edge in part) for part in parts)
    if not bounds:
        raise ValueError("a geometry without parts has no bbox")
    wests, souths, easts, norths = zip(*bounds, strict=True)
    west, east = wests[0], max(easts)
    if west <= -180 + _TOUCHES and east >= 180 - _TOUCHES:
        west, east = _around_the_gap(wests, easts) or (west, east)
    return [round(edge, _DECIMALS) + 0.0 for edge in (west, min(souths), east, max(norths))]


def are_apart(mine: Sequence[float], theirs: Sequence[float]) -> bool:
    """Whether two boxes, as `bbox_of_parts` makes them, have nothing in common. Raises ValueError for any other."""
    west, south, east, north = mine
    other_west, other_south, other_east, other_north = theirs
    if north < other_south or other_north < south:
        return True
    others = _sides(other_west, other_east)
    return not any(a <= d and c <= b for a, b in _sides(west, east) for c, d in others)


def _sides(west: float, east: float) -> list[tuple[float, float]]:
    """West and east of a box's parts on either side of 180 degrees, which is -180, too."""
    sides = [(west, east)] if west <= east else [(west, 180), (-180, east)]
    if east == 180:
        sides.append((-180, -180))
    if west == -180:
        sides.append((180, 180))
    return sides


def _around_the_gap(wests: Iterable[float], easts: Iterable[float]) -> tuple[float, float] | None:
    """Where the widest gap ends and begins; None without a gap. The parts come in the order of their wests."""
    reach, widest = -180.0, None
    for west, east in zip(wests, easts, strict=True):
        if west > reach and (widest is None or west - reach > widest[0] - widest[1]):
            widest = (west, reach)
        reach = max(reach, east)
    return widest
