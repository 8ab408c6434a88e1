"""A grid that goes around more than half of a rotated pole, as parts small enough for an outline each.

Its edge tells no inside from outside: of a whole turn it is one line there and back again, and the Earth's poles may
both lie within.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from eventstac.raster.earth import Floats
from eventstac.raster.georeference import Georeference

_PARTS_OF_A_TURN = 4
_PARTS_FROM_POLE_TO_POLE = 2
_MORE_PARTS = 4  # so many numbers of parts are tried for one whose cuts are far from the Earth's poles


@dataclass(frozen=True)
class Part:
    """A part of a grid, which may begin and end within a pixel: how it lies, and its columns and rows."""

    georef: Georeference
    width: float
    height: float


def parts(georef: Georeference, width: int, height: int) -> Iterator[Part]:
    """All parts of a grid; it is closed where it goes once around but for less than half a pixel."""
    assert georef.to_pixel is not None  # noqa: S101  an affine grid has it
    turn = width / georef.turns  # in columns
    column, row = georef.to_pixel(np.zeros(2), np.array([90.0, -90.0]))
    if turn - width < 0.5:  # it may begin anywhere
        columns = column.min() + turn * (np.arange(_PARTS_OF_A_TURN + 1) + 0.5) / _PARTS_OF_A_TURN
    else:
        columns = _cuts(width, math.ceil(georef.turns * _PARTS_OF_A_TURN), column)
    rows = _cuts(height, _PARTS_FROM_POLE_TO_POLE, row)
    for left, right in pairwise(columns):
        for top, bottom in pairwise(rows):
            yield _part(georef, (left, top), (right - left, bottom - top), turn)


def _cuts(size: int, least: int, poles: Floats) -> Floats:
    """Where to cut a side, ends included: evenly, as far from the poles as one of a few numbers of parts allows."""
    tried = [np.linspace(0, size, count + 1) for count in range(least, least + _MORE_PARTS)]
    return max(tried, key=lambda cuts: float(np.abs(cuts[1:-1] - poles[:, None]).min()))


def _part(georef: Georeference, first: tuple[float, float], size: tuple[float, float], turn: float) -> Part:
    left, top = first
    middle = size[0] / 2

    def to_lonlat(column: Floats, row: Floats) -> tuple[Floats, Floats]:
        return georef.to_lonlat(column + left, row + top)

    def to_pixel(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        assert georef.to_pixel is not None  # noqa: S101  an affine grid has it
        column, row = georef.to_pixel(lon, lat)
        column = (column - left - middle + turn / 2) % turn - turn / 2 + middle
        return column, row - top

    return Part(replace(georef, to_lonlat=to_lonlat, to_pixel=to_pixel), *size)
