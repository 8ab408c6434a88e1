"""A coordinate reference system of the Earth, and how its numbers and degrees belong together."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj
from numpy.typing import NDArray
from pyproj.enums import TransformDirection

from eventstac.errors import Rejected

Floats = NDArray[np.float64]
# Pixel coordinates (column, row; 0 is the outer edge of the first pixel) to longitude and latitude in degrees; NaN
# where the pixel does not lie on the Earth.
ToLonLat = Callable[[Floats, Floats], tuple[Floats, Floats]]

EARTH_RADII_M = (6_330_000.0, 6_420_000.0)  # every ellipsoid of the Earth in use; Venus has 6,051,800
_MOST_LONGITUDE = 720.0  # a grid may begin anywhere and go around more than once
_POLE_ROOM = 1e-3  # of rounding, in degrees
# How far a point may come back from there and back again and be the same. PROJ picks the shift of a datum point by
# point, and at the end of the area of one not the same in both directions (at the coast of Great Britain: one and
# none). Over 5,304 projected CRSs of EPSG, each at 625 points in and around its area, that was 1,606 m or 0.0144
# degrees at most (MGI 1901, the Balkans; the next is 555 m). A wrapped point is far further away.
_SAME_M = 3000.0
_SAME_DEGREES = 0.03
# WGS 84, longitude first by `always_xy`. OGC:CRS84 is the same, but PROJ's database ties nothing to that name: it then
# tries whatever leads from a national CRS to any WGS 84, for 1 to 3 s of CPU.
_DEGREES = "EPSG:4326"
_RE_PROJECT = "re-project the file, or let the rule give `footprint.geometry`"
_STATE_IT = "let the rule give `crs`, the one that its x and y are in, or `footprint.geometry`"
# What in a WKT of PROJ's makes PROJ open a file: a grid, or what a PROJ string within it names (around its signs PROJ
# takes spaces away). Web Mercator's names none: after the null grid comes the next parameter, or the text's end.
_OPENS_A_FILE = re.compile(
    r"\bPARAMETERFILE\s*[\[(]|\b(\w*grids|file|model|init)[\s+;]*="
    r'(?! *@?(?-i:null)([ \t\n]+\+?[a-z]|[ \t\n]*"\]))',
    re.IGNORECASE,
)
# Every quoted text of a WKT, with the keyword where it is a mere name or a note: PROJ opens nothing for one, and itself
# names a datum "… using nadgrids=FILE". But "PROJ CRS string: +…" within a remark is the CRS. All are walked, so that
# none begins within another.
_NAMED_OR_TEXT = re.compile(
    r"(\b(?:\w*CRS|DATUM|ENSEMBLE|PRIMEM|ELLIPSOID|CONVERSION|SCOPE|AREA|ANCHOR|CITATION|URI"
    r'|REMARK(?!\["[^"]*(?:""[^"]*)*PROJ[ ]CRS))\[)?("(?:[^"]|"")*")'
)
_ROOM_BYTES = 64 * 1024 * 1024


class NoEarthCrs(Rejected):
    """A CRS by which nothing has a place on the Earth's surface: `what` says why, without what to do about a file."""

    def __init__(self, reason: str, what: str, remedy: str) -> None:
        super().__init__(reason, f"{what}: {remedy}")
        self.what = what


@dataclass(frozen=True)
class EarthCrs:
    """A horizontal CRS: where x and y lie on the Earth. For one thread at a time, as PROJ's transformers are.

    `cylindrical`: a longitude is a straight line in the CRS, so going past 180 degrees wraps around the Earth rather
    than leaving it. `quarter_circle`: how many units a pole is from the equator, where the CRS is in degrees or other
    angles; None where it is not. `metres`: of one unit of a projected CRS; None for others. `turn`: how many units go
    around the Earth once, where x is a longitude of another axis than the Earth's (a rotated pole); None for others.
    """

    crs: pyproj.CRS
    transformer: pyproj.Transformer
    cylindrical: bool
    quarter_circle: float | None
    metres: float | None
    turn: float | None = None

    def forward(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Degrees of x, y as PROJ says them; infinite where it says none."""
        return self.transformer.transform(x, y)

    def backward(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """The inverse of `forward`."""
        return self.transformer.transform(lon, lat, direction=TransformDirection.INVERSE)

    def to_lonlat(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Degrees of x, y; NaN where the projection has no such point (or only by wrapping around)."""
        if self.quarter_circle is not None:
            y = np.clip(y, -self.quarter_circle, self.quarter_circle)
        if self.turn is not None:  # all of them are on the Earth, however often the grid goes around it
            x = (x + self.turn / 2) % self.turn - self.turn / 2
        lon, lat = self.forward(x, y)
        there = np.isfinite(lon) & np.isfinite(lat)
        if not self.cylindrical and self.turn is None and there.any():
            back_x, back_y = self.backward(np.where(there, lon, 0.0), np.where(there, lat, 0.0))
            apart = np.hypot(back_x - x, back_y - y)
            with np.errstate(invalid="ignore"):  # what is not finite is not less
                there &= apart < np.maximum(1e-4 * np.hypot(x, y), _SAME_M / (self.metres or 1.0))
        return (lon, lat) if there.all() else (np.where(there, lon, np.nan), np.where(there, lat, np.nan))

    def from_lonlat(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """x, y of degrees; NaN where the projection does not show that point."""
        x, y = self.backward(lon, lat)
        there = np.isfinite(x) & np.isfinite(y)
        back_lon, back_lat = self.forward(np.where(there, x, 0.0), np.where(there, y, 0.0))
        with np.errstate(invalid="ignore"):
            apart = np.hypot(_angle(back_lon - lon) * np.cos(np.radians(lat)), back_lat - lat)
            there &= apart < _SAME_DEGREES
        return np.where(there, x, np.nan), np.where(there, y, np.nan)


def refuse_beyond_degrees(earth: EarthCrs, x: Floats, y: Floats, what: str, *, room: float = 0.0) -> None:
    """Raise Rejected `no-georeference` where numbers of a CRS in degrees can be none.

    A longitude may go around twice (720 degrees), a latitude no further than a pole, and `room` units beyond it.
    """
    if earth.quarter_circle is None:
        return
    to_degrees = 90.0 / earth.quarter_circle
    lon, lat = np.abs(x) * to_degrees, np.abs(y) * to_degrees
    beyond = lat.max() > 90 + room * to_degrees + _POLE_ROOM
    if beyond and lat.max() <= 180 + _POLE_ROOM:
        raise Rejected(
            "no-georeference",
            f"{what} a latitude of {lat.max():.10g} degrees, beyond the pole: latitudes and longitudes look swapped "
            "(x is the longitude), or the pixels are larger than they should be; write them again",
        )
    if beyond or lon.max() > _MOST_LONGITUDE:
        raise Rejected(
            "no-georeference",
            f"{what} x {lon.max():.10g}, y {lat.max():.10g}, but the CRS {earth.crs.name!r} is in degrees: write the "
            "CRS that the numbers are in",
        )


@lru_cache(maxsize=256)
def earth_crs(text: str) -> EarthCrs:
    """The horizontal CRS that a text (WKT, a code) names, for transforming with a shift of the datum that it states.

    A shift by a grid is left out: its file is none of ours, and PROJ finds those of known CRSs itself. Raises Rejected
    `no-crs`, `local-crs`, `not-earth`.
    """
    try:
        crs = pyproj.CRS.from_user_input(text)
    except pyproj.exceptions.CRSError as error:
        refuse_for_memory()
        raise Rejected("no-crs", f"the CRS of the file is not understood: {error}") from error
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    shifted = crs
    if crs.is_bound and crs.source_crs is not None:
        crs = crs.source_crs
        shifted = crs if _opens_a_file(shifted.to_wkt()) else shifted
    _refuse_elsewhere(crs)
    transformer = _to_degrees(shifted)
    unit = crs.axis_info[0].unit_conversion_factor if crs.axis_info else None
    quarter = 90.0 / (float(np.degrees(unit)) if unit else 1.0) if crs.is_geographic else None
    cylindrical = _is_cylindrical(crs, transformer)
    return EarthCrs(
        crs,
        transformer,
        cylindrical=cylindrical,
        quarter_circle=quarter,
        metres=unit if crs.is_projected else None,
        turn=4 * quarter if quarter and not cylindrical else None,
    )


def _to_degrees(crs: pyproj.CRS) -> pyproj.Transformer:
    """From a CRS to degrees. Raises Rejected `no-crs` for one that PROJ has no formula of, or only in a file."""
    text = crs.to_wkt()
    if _opens_a_file(text):
        raise NoEarthCrs(
            "no-crs", f"the CRS {crs.name!r} names a file (a grid), and no other file is opened", _RE_PROJECT
        )
    try:
        return pyproj.Transformer.from_crs(pyproj.CRS.from_user_input(text), _DEGREES, always_xy=True)
    except pyproj.exceptions.ProjError as error:
        refuse_for_memory()
        raise NoEarthCrs(
            "no-crs", f"the CRS {crs.name!r} cannot be computed ({error})", _RE_PROJECT
        ) from error


def _opens_a_file(wkt: str) -> bool:
    """Whether PROJ would open a file that a WKT (as PROJ writes one) names."""
    unnamed = _NAMED_OR_TEXT.sub(lambda found: f'{found[1]}""' if found[1] else found[0], wkt)
    return _OPENS_A_FILE.search(unnamed) is not None


def refuse_for_memory() -> None:
    """Raise MemoryError where there is no room: GDAL and PROJ then lose a CRS, or do not understand it."""
    bytearray(_ROOM_BYTES)


def _refuse_elsewhere(crs: pyproj.CRS) -> None:
    """Raise NoEarthCrs for a CRS that is not tied to the Earth's surface."""
    is_map = crs.is_geographic or crs.is_projected or crs.type_name == "Derived Projected CRS"
    if not (is_map or crs.is_engineering):
        raise NoEarthCrs(
            "local-crs",
            f"the CRS {crs.name!r} is a {crs.type_name}, whose x and y are no place on a map",
            _STATE_IT,
        )
    if crs.is_engineering or crs.ellipsoid is None:
        raise NoEarthCrs(
            "local-crs", f"the CRS {crs.name!r} is a local one, not tied to the Earth", _STATE_IT
        )
    radius = crs.ellipsoid.semi_major_metre
    if not EARTH_RADII_M[0] <= radius <= EARTH_RADII_M[1]:
        raise NoEarthCrs(
            "not-earth",
            f"the CRS {crs.name!r} is on a body of radius {radius / 1000:.0f} km, not on the Earth",
            "a STAC geometry cannot say where it is; let the rule give `footprint.geometry` or `allow_no_footprint`",
        )


def _is_cylindrical(crs: pyproj.CRS, to_degrees: pyproj.Transformer) -> bool:
    """Whether x depends on the longitude alone, linearly (geographic, Mercator, equirectangular)."""
    if (
        crs.is_geographic
    ):  # where the axis is another, however little it is turned, a pole is a point and no edge
        return not crs.is_derived
    lon, lat = np.meshgrid(np.array([-120.0, -40.0, 40.0, 120.0]), np.array([-55.0, 0.0, 55.0]))
    x, _ = to_degrees.transform(lon.ravel(), lat.ravel(), direction=TransformDirection.INVERSE)
    x = np.asarray(x).reshape(lon.shape)
    if not np.isfinite(x).all():
        return False
    around = float(np.ptp(x)) or 1.0
    return bool(np.abs(x - x[0]).max() < around * 1e-4)


def _angle(degrees: Floats) -> Floats:
    return (degrees + 180.0) % 360.0 - 180.0
