"""The axes of a netCDF's grid: whether they are where GDAL takes them to be.

GDAL takes the last dimension for x and the one before for y, whatever they are: of a grid whose order is x, y it
gives a geotransform with the two swapped, and everybody who opens the file with GDAL sees it there.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import rasterio
from rasterio.io import DatasetReader

from eventstac.errors import Rejected
from eventstac.raster.gdal import UNREADABLE

# In lower case: GDAL heeds none.
_UNITS = {
    "x": {"degrees_east", "degree_east", "degrees_e", "degree_e", "degreese", "degreee"},
    "y": {"degrees_north", "degree_north", "degrees_n", "degree_n", "degreesn", "degreen"},
}
_NAMES = {
    "x": {"longitude", "grid_longitude", "projection_x_coordinate", "projection_x_angular_coordinate"},
    "y": {"latitude", "grid_latitude", "projection_y_coordinate", "projection_y_angular_coordinate"},
}

_RADIANS = {"rad", "radian", "radians", "microradian"}
_LENGTH = re.compile(
    r"(?P<times>[\d.e+]+)?\s*(?P<part>[kcdhm]|kilo|centi|deci|hecto|milli|mega)?m(et(er|re)s?)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Axis:
    """The coordinates along one axis: how many, the first and the last."""

    length: int
    first: float
    last: float

    def lies_along(self, dataset: DatasetReader, *, same_unit: bool) -> bool:
        """Whether the middles of the image's columns are these coordinates, or (another unit) a multiple of them."""
        step, edge = dataset.transform.a, dataset.transform.c
        first, last = edge + step / 2, edge + step * (dataset.width - 0.5)
        times = 1.0 if same_unit or self.first == self.last else (last - first) / (self.last - self.first)
        apart = max(abs(self.first * times - first), abs(self.last * times - last))
        return times > 0 and apart < abs(step) / 2


def refuse_misplaced(dataset: DatasetReader) -> None:
    """Raise Rejected `no-georeference` for a netCDF that GDAL has in a wrong place, with how to write it."""
    problem = misplaced(dataset)
    if problem is not None:
        raise Rejected("no-georeference", f"{problem}, or let the rule give `footprint.geometry`")


def misplaced(dataset: DatasetReader) -> str | None:
    """What is wrong with the place that GDAL gives to a netCDF's grid, and how to mend it; None where nothing is."""
    if dataset.driver != "netCDF" or not dataset.count:
        return None
    tags = dataset.tags()
    names = _names(tags)
    if _are_swapped(dataset, tags, names):
        y, x = (names[which].rsplit("/", 1)[-1] for which in "yx")
        return (
            f"the last two dimensions of the grid are not {y}, {x} in this order, for which GDAL takes them: whoever "
            f"opens the file with it sees the grid in a wrong place. Write it with these two last (xarray: "
            f'transpose(..., "{y}", "{x}"))'
        )
    unit = tags.get(f"{names['x']}#units", "")
    # GDAL heeds the axes' unit where it makes the CRS of CF's parameters, not where it takes that of a WKT.
    if _is_no_metre(unit) and _is_in_metres(dataset):
        x_axis = _axis(dataset, names["x"])
        if x_axis is not None and x_axis.lies_along(dataset, same_unit=True):
            return (
                f"the axes of the grid are in {unit}, but its CRS is in metres, for which GDAL takes them: whoever "
                "opens the file with it sees the grid in a wrong place. Write the axes in metres"
            )
    return None


def _is_no_metre(unit: str) -> bool:
    """Whether it is radians, or a multiple or a part of the metre."""
    length = _LENGTH.fullmatch(unit.strip())
    many = length is not None and (length["part"] is not None or length["times"] not in (None, "1", "1.0"))
    return many or unit.strip().lower() in _RADIANS


def _is_in_metres(dataset: DatasetReader) -> bool:
    crs = dataset.crs
    return crs is not None and bool(crs.is_projected) and crs.linear_units_factor[1] == 1


def _are_swapped(dataset: DatasetReader, tags: Mapping[str, str], names: Mapping[str, str]) -> bool:
    """Whether the last two dimensions of a netCDF's grid are others than y, x in this order."""
    if any(_is_outside(tags, name) for name in names.values()):
        return True
    if dataset.transform.is_identity:
        return False
    x, y = _axis(dataset, names["x"]), _axis(dataset, names["y"])
    if x is None or y is None:
        return False
    if x.length != y.length:
        return (y.length, x.length) == (dataset.width, dataset.height)
    # As many of both: the geotransform tells which GDAL took for x, in the axis's unit or another (km, radians).
    for same_unit in (True, False):
        if x.lies_along(dataset, same_unit=same_unit):
            return False
        if y.lies_along(dataset, same_unit=same_unit):
            return True
    return False


def in_degrees(dataset: DatasetReader) -> bool:
    """Whether the axes of a netCDF are longitudes and latitudes by their own words."""
    if dataset.driver != "netCDF":
        return False
    tags = dataset.tags()
    return all(
        any(name.endswith("#units") and text.lower() in _UNITS[which] for name, text in tags.items())
        for which in "xy"
    )


def _names(tags: Mapping[str, str]) -> dict[str, str]:
    """The variables that say that they are the x and the y of the grid; else those that are called so.

    Without such words GDAL has a position only from its own attribute, `GeoTransform`.
    """
    found = {}
    for which in "xy":
        named = list(_named(tags, which)) or [which]
        found[which] = next((name for name in named if not _is_outside(tags, name)), named[0])
    return found


def _is_outside(tags: Mapping[str, str], name: str) -> bool:
    """Whether a variable is that of a dimension which is none of the grid's last two."""
    return name.rsplit("/", 1)[-1] in tags.get("NETCDF_DIM_EXTRA", "").strip("{}").split(",")


def _named(tags: Mapping[str, str], which: str) -> Iterator[str]:
    for key, text in tags.items():
        name, _, attribute = key.rpartition("#")
        if (
            (attribute == "units" and text.lower() in _UNITS[which])
            or (attribute in ("standard_name", "long_name") and text.lower() in _NAMES[which])
            or (attribute == "axis" and text.lower() == which)
        ):
            yield name


def _axis(dataset: DatasetReader, name: str) -> _Axis | None:
    """A variable of one dimension of the file; None where it has none such."""
    path = dataset.name.removeprefix('NETCDF:"').partition('"')[0]
    with (
        suppress(*UNREADABLE),
        rasterio.open(f'NETCDF:"{path}":{name}', driver="netCDF", sharing=False) as axis,
    ):
        if axis.height == 1 and axis.count == 1:
            values = axis.read(1)[0].astype(np.float64) * axis.scales[0] + axis.offsets[0]
            return _Axis(axis.width, float(values[0]), float(values[-1]))
    return None
