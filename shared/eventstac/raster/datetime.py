"""When an image was taken, as far as the file says so: never the time of processing."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Tags = Mapping[str, str]

# In order of trust: what the sensor did, what the product covers, and last the TIFF's own tag, which some software
# sets to the time of writing (a rule chooses which source it takes).
_INSTANTS = (
    "ACQUISITIONDATETIME",
    "ACQUISITION_DATETIME",
    "ACQUISITION_DATE_TIME",
    "SENSING_TIME",
    "PRODUCT_ACQUISITION_TIME",
    "ACQUISITION_TIME",
    "ACQUISITION_DATE",
    "DATE_ACQUIRED",
    "EXIF_DateTimeOriginal",
    "datetime",
)
_PERIODS = (
    ("start_datetime", "end_datetime"),
    ("time_coverage_start", "time_coverage_end"),
    ("PRODUCT_START_TIME", "PRODUCT_STOP_TIME"),
    ("RANGEBEGINNINGDATETIME", "RANGEENDINGDATETIME"),
    ("DATATAKE_1_DATATAKE_SENSING_START", "DATATAKE_1_DATATAKE_SENSING_STOP"),
)
_PARTS = (("RANGEBEGINNINGDATE", "RANGEBEGINNINGTIME", "RANGEENDINGDATE", "RANGEENDINGTIME"),)
_TIFF_TAG = "TIFFTAG_DATETIME"

# A coordinate of netCDF's climate and forecast conventions, as GDAL gives it: `time#units`, `NETCDF_DIM_time_VALUES`.
_SINCE = re.compile(
    r"\s*(millisecond|msec|ms|second|sec|minute|min|hour|hr|day|s|h|d)s?\s+since\s+(.+?)\s*$",
    re.IGNORECASE | re.ASCII,
)
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
    r"\s*(?:Z|UTC|GMT|([+-])(\d{1,2})(?::?(\d{2}))?)?",
    re.IGNORECASE | re.ASCII,
)
_GREGORIAN = (1582, 10, 15)  # the standard calendar's first day that is not Julian

_FORM = re.compile(
    r"^\s*(\d{4})[-:/.]?(\d{2})[-:/.]?(\d{2})"
    r"(?:[T _]+(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?\s*$",
    re.IGNORECASE | re.ASCII,
)


def datetimes(domains: Mapping[str, Tags]) -> list[dict[str, str]]:
    """What the metadata domains of a file ("" is the default one) say: `{source, start, end}`, most trusted first.

    Times are RFC 3339 in UTC; a time without a zone is taken as UTC, a bare date as that whole day.
    """
    found = []
    for domain, tags in domains.items():
        by_name = {_plain(name): (name, text) for name, text in tags.items()}
        found += [entry for name, text in tags.items() if (entry := _coordinate(domain, tags, name, text))]
        found += [entry for pair in _PERIODS if (entry := _period(domain, by_name, pair))]
        found += [entry for parts in _PARTS if (entry := _split_period(domain, by_name, parts))]
        found += [entry for name in _INSTANTS if (entry := _instant(domain, by_name, name))]
    for domain, tags in domains.items():
        entry = _instant(domain, {_plain(name): (name, text) for name, text in tags.items()}, _TIFF_TAG)
        found += [entry] if entry else []
    return found


def parse(text: str) -> tuple[datetime, datetime] | None:
    """Start and end of what a text says; the same instant twice where it gives a time. None where it says no time."""
    match = _FORM.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        start = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
        if fraction:
            start += timedelta(microseconds=int(fraction[:6].ljust(6, "0")))
        if zone and zone[0] in "+-":
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
            start = start - offset if zone[0] == "+" else start + offset
        return start, (start if hour else start + timedelta(days=1, milliseconds=-1))
    except (ValueError, OverflowError):
        return None  # 0000:00:00 and other fillers; the first and the last years with a zone


def rfc3339(moment: datetime) -> str:
    """UTC with Z, fractions only where there are any."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{moment.microsecond:06d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"


def _plain(name: str) -> str:
    """A tag's name without the prefixes that netCDF and HDF put in front (`NC_GLOBAL#`)."""
    return name.rsplit("#", 1)[-1].upper()


def _entry(domain: str, name: str, start: datetime, end: datetime) -> dict[str, Any] | None:
    if end < start or not 1850 <= start.year <= 2200:
        return None
    source = f"{domain}:{name}" if domain else name
    return {"source": source, "start": rfc3339(start), "end": rfc3339(end)}


def _instant(domain: str, tags: Mapping[str, tuple[str, str]], wanted: str) -> dict[str, Any] | None:
    name, text = tags.get(wanted.upper(), ("", ""))
    span = parse(text)
    return _entry(domain, name, *span) if span else None


def _period(domain: str, tags: Mapping[str, tuple[str, str]], pair: tuple[str, str]) -> dict[str, Any] | None:
    (name, first), (_, last) = (tags.get(wanted.upper(), ("", "")) for wanted in pair)
    start, end = parse(first), parse(last)
    return _entry(domain, name, start[0], end[1]) if start and end else None


def _coordinate(domain: str, tags: Tags, name: str, units: str) -> dict[str, Any] | None:
    """The first and the last value of a time axis; None for other axes, and for calendars that are not ours."""
    axis, _, attribute = name.rpartition("#")
    since = _SINCE.match(units) if attribute == "units" else None
    source = f"NETCDF_DIM_{axis.rsplit('/', 1)[-1]}_VALUES"  # an axis of a group has its path in front
    calendar = tags.get(f"{axis}#calendar", "").lower()
    if since is None or source not in tags or calendar not in _CALENDARS:
        return None
    try:
        origin, since_origin = _origin(since[2], calendar)
        values = [float(value) for value in tags[source].strip("{}").split(",")]
        if not all(map(math.isfinite, values)):
            return None
        steps = (
            since_origin + timedelta(seconds=round(value * _SECONDS[since[1].lower()], 3))
            for value in (min(values), max(values))
        )
        return _entry(domain, source, *(origin + step for step in steps))
    except (ValueError, OverflowError):
        return None


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


def _split_period(
    domain: str, tags: Mapping[str, tuple[str, str]], parts: tuple[str, str, str, str]
) -> dict[str, Any] | None:
    texts = [tags.get(part, ("", ""))[1] for part in parts]
    start, end = parse(f"{texts[0]}T{texts[1]}"), parse(f"{texts[2]}T{texts[3]}")
    return _entry(domain, parts[0], start[0], end[1]) if start and end else None
