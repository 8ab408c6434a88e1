"""What moment or day a text of a file's tags says, in whichever of the spellings that writers use."""

import re
from datetime import UTC, datetime, timedelta

Span = tuple[datetime, datetime]

_HOUR = timedelta(hours=1)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
# ISO 8601's and EXIF's spelling, ISO's day of the year, and the one of ENVISAT's products; PostgreSQL writes a zone
# without minutes. No zone is further than 14 hours from UTC.
_FORM = re.compile(
    r"(?:(?P<year>\d{4})[-:/.]?(?P<month>\d{2})[-:/.]?(?P<day>\d{2})"
    r"|(?P<ordinal_year>\d{4})-?(?P<ordinal>\d{3})"
    r"|(?P<named_day>\d{2})-(?P<name>[A-Z]{3})-(?P<named_year>\d{4}))"
    r"(?:(?:[T _]+|(?<=^\d{8})(?=\d{6}))"  # between the two: digits alone only where they are fourteen
    r"(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d*))?)?"
    r"\s*(?:Z|UTC|GMT|(?P<sign>[+-])(?P<zone_hours>0\d|1[0-4])(?::?(?P<zone_minutes>[0-5]\d))?)?)?",
    re.IGNORECASE | re.ASCII,
)


def parse(text: str) -> Span | None:
    """Start and end of what a text says; the same instant twice where it gives a time. None where it says no time.

    A time without a zone is taken as UTC.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        return None
    said = match.groupdict()
    try:
        start = _day(said) + _time_of_day(said)
        return start, (start if said["hour"] else start + timedelta(days=1, milliseconds=-1))
    except (ValueError, OverflowError):
        return None  # 0000:00:00 and other fillers; the first and the last years with a zone


def rfc3339(moment: datetime) -> str:
    """UTC with Z, fractions only where there are any."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{moment.microsecond:06d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"


def _day(said: dict[str, str | None]) -> datetime:
    if said["ordinal"]:
        year, ordinal = int(said["ordinal_year"] or 0), int(said["ordinal"])
        day = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=ordinal - 1)
        if day.year != year:
            raise ValueError(ordinal)
        return day
    if said["name"]:
        month = _MONTHS.index(said["name"].upper()) + 1
        return datetime(int(said["named_year"] or 0), month, int(said["named_day"] or 0), tzinfo=UTC)
    return datetime(int(said["year"] or 0), int(said["month"] or 0), int(said["day"] or 0), tzinfo=UTC)


def _time_of_day(said: dict[str, str | None]) -> timedelta:
    """How long after the day's beginning in UTC. Raises ValueError for a time that no clock shows."""
    hour, minute, second = (int(said[name] or 0) for name in ("hour", "minute", "second"))
    fraction = timedelta(microseconds=int((said["fraction"] or "0")[:6].ljust(6, "0")))
    zone = timedelta(hours=int(said["zone_hours"] or 0), minutes=int(said["zone_minutes"] or 0))
    before_utc = -zone if said["sign"] == "-" else zone
    if second == 60 and (timedelta(minutes=minute) - before_utc) % _HOUR == timedelta(minutes=59):
        second = 59  # a leap second: no clock of Python's has it
    midnight = (hour, minute, second) == (24, 0, 0) and not fraction
    if not midnight and (hour > 23 or minute > 59 or second > 59):
        raise ValueError(hour, minute, second)
    return timedelta(hours=hour, minutes=minute, seconds=second) + fraction - before_utc
