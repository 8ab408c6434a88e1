"""The time axis of a netCDF file, as GDAL gives it in tags: its first moment and its last one."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from eventstac.raster.time_texts import Span, parse

# Units of netCDF's climate and forecast conventions, as GDAL gives them: `time#units`, `NETCDF_DIM_time_VALUES`.
_SINCE = re.compile(
    r"\s*(millisecond|msec|ms|second|sec|minute|min|hour|hr|day|s|h|d)s?\s+since\s+(.+?)\s*$",
    re.IGNORECASE | re.ASCII,
)
# CDO's absolute times: a number that is written as a date (20240601.5 is noon).
_ABSOLUTE = re.compile(r"\s*(?:day|month|year)s?\s+as\s+%Y", re.IGNORECASE | re.ASCII)
_DAY_AS = re.compile(r"\s*days?\s+as\s+%Y%m%d\.%f\s*", re.IGNORECASE | re.ASCII)
_NC_FLOAT = "5"  # netCDF's number of the type
_SECONDS = {
    "millisecond": 0.001,
    "msec": 0.001,
    "ms": 0.001,
    "s": 1,
    "second": 1,
    "sec": 1,
    "minute": 60,
    "min": 60,
    "hour": 3600,
    "hr": 3600,
    "h": 3600,
    "day": 86400,
    "d": 86400,
}
_CALENDARS = ("", "standard", "gregorian", "proleptic_gregorian")
# What such an axis counts from, as UDUNITS reads it: one digit will do, and an hour without minutes.
_ORIGIN = re.compile(
    r"(\d{1,4})-(\d{1,2})-(\d{1,2})(?:[T ]+(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d*))?)?)?)?"
    r"\s*(?:Z|UTC|GMT|([+-])(0?\d|1[0-4])(?::?([0-5]\d))?)?",
    re.IGNORECASE | re.ASCII,
)
_GREGORIAN = (1582, 10, 15)  # the standard calendar's first day that is not Julian


def values_tag(tags: Mapping[str, str], name: str) -> str | None:
    """The tag with the values of the time axis whose units a tag holds; None for a tag that holds none's."""
    axis, _, attribute = name.rpartition("#")
    values = f"NETCDF_DIM_{axis.rsplit('/', 1)[-1]}_VALUES"  # an axis of a group has its path in front
    is_time = attribute == "units" and (
        "since" in tags[name].lower().split() or _ABSOLUTE.match(tags[name]) is not None
    )
    return values if is_time and values in tags else None


def foreign_calendar(tags: Mapping[str, str], name: str) -> str | None:
    """The tag with the calendar of the time axis with that tag, where its days are not ours (`360_day`)."""
    tag = _calendar_tag(name)
    return None if tags.get(tag, "").lower() in _CALENDARS else tag


def _calendar_tag(name: str) -> str:
    return f"{name.rpartition('#')[0]}#calendar"


def axis_span(tags: Mapping[str, str], name: str) -> Span | None:
    """The first and the last value of the time axis with that tag; None for units and calendars that are not ours."""
    since, values = _SINCE.match(tags[name]), values_tag(tags, name)
    calendar = tags.get(_calendar_tag(name), "").lower()
    is_dates = _DAY_AS.fullmatch(tags[name]) is not None
    if not (since or is_dates) or values is None or calendar not in _CALENDARS:
        return None
    try:
        steps = [float(value) for value in tags[values].strip("{}").split(",")]
        if not all(map(math.isfinite, steps)):
            return None
        if since is None and _is_single(tags, values):
            return None
        if since is None:
            return _of_date(min(steps)), _of_date(max(steps))
        origin, since_origin = _origin(since[2], calendar)
        unit = _SECONDS[since[1].lower()]
        first, last = (
            since_origin + timedelta(seconds=round(step * unit, 3)) for step in (min(steps), max(steps))
        )
        return origin + first, origin + last
    except (ValueError, OverflowError):
        return None


def _is_single(tags: Mapping[str, str], values: str) -> bool:
    """Whether an axis is of float32, which has no number for every second day of our years (20240601)."""
    size_and_type = tags.get(values.removesuffix("VALUES") + "DEF", "")
    return size_and_type.strip("{}").rpartition(",")[2].strip() == _NC_FLOAT


def _of_date(number: float) -> datetime:
    """The moment that a number like 20240601.5 is. Raises ValueError where it is none."""
    days, part = divmod(number, 1)
    day = datetime.strptime(f"{days:08.0f}", "%Y%m%d").replace(tzinfo=UTC)
    return day + timedelta(seconds=round(part * 86400, 2))  # float64 has a third of a millisecond there


def _origin(text: str, calendar: str) -> tuple[datetime, timedelta]:
    """A moment, and how long after it (before it, if negative) a time axis begins to count.

    Raises ValueError where the text says no time.
    """
    match = _ORIGIN.fullmatch(text)
    if match is None:
        span = parse(text)
        if span is None:
            raise ValueError(text)
        return span[0], timedelta()
    year, month, day, hour, minute, second = (int(number or 0) for number in match.groups()[:6])
    fraction, sign, zone_hours, zone_minutes = match.groups()[6:]
    zone = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
    after = timedelta(seconds=float(f"0.{fraction or 0}")) + (zone if sign == "-" else -zone)
    if calendar != "proleptic_gregorian" and (year, month, day) < _GREGORIAN:
        century = (year - (month < 3)) // 100
        after += timedelta(days=century - century // 4 - 2)  # the two calendars' distance
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC), after
