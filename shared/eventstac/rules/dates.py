"""Turns what a path or a sidecar says about time into datetimes in UTC."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime

Interval = tuple[datetime, datetime]

# Tried in this order after separators are brought into one form; the first three are instants of a day.
_DAY_FORMATS = ("%Y%m%d", "%Y%j")
_TIMES = ("T%H%M%S.%f", "T%H%M%S", "T%H%M")


def parse_date(text: str, strptime_format: str | None = None) -> Interval:
    """The instant, as (t, t), or the interval (a month, a year) that a text names; UTC where it has no zone.

    Without a format: ISO 8601 dates and times, also without separators or with - and _ for them; YYYYDDD.
    Raises ValueError, with a message for people, where it is none.
    """
    if any(each.isdecimal() and not each.isascii() for each in text):
        raise ValueError(f"{text!r} is no date: it has other digits than 0-9")
    if strptime_format is not None:
        instant = _strptime(text, strptime_format)
        return (instant, instant)
    for parse in (_iso, _month_or_year, _compact):
        found = parse(text)
        if found is not None:
            return found
    raise ValueError(
        f"{text!r} is no date that is known (YYYY-MM-DD, YYYYMMDD, YYYYDDD, with time or without)"
    )


def parse_parts(groups: Mapping[str, str]) -> Interval | None:
    """The date of groups `year`, `month`, `day` (or `doy`), as far as there are any. Raises ValueError."""
    if "year" not in groups:
        return None
    if "doy" in groups:
        return parse_date(groups["year"] + groups["doy"].zfill(3))
    parts = [groups["year"]]
    for name in ("month", "day"):
        if name not in groups:
            break
        parts.append(groups[name].zfill(2))
    return parse_date("-".join(parts))


def _strptime(text: str, strptime_format: str) -> datetime:
    instant = datetime.strptime(text, strptime_format)  # noqa: DTZ007 (a zone is given to it here)
    if "%j" in strptime_format and f"{instant:%j}" not in text:
        # strptime takes day 366 of a common year for the first of January
        raise ValueError(f"{text!r} is no date: the year has no such day")
    return _utc(instant)


def _utc(instant: datetime) -> datetime:
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{instant.isoformat()} is in no year from 1 to 9999 of UTC") from error


def _iso(text: str) -> Interval | None:
    if len(text) < len("2018-07-01") or text[4] != "-":
        return None
    try:
        instant = _utc(datetime.fromisoformat(text))
    except ValueError:
        return None
    return (instant, instant)


def _month_or_year(text: str) -> Interval | None:
    digits = text.replace("-", "").replace("_", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) in (4, 6)):
        return None
    year, month = int(digits[:4]), int(digits[4:] or 0)
    if month > 12 or year == 0 or digits[4:] == "00":
        return None
    first = datetime(year, month or 1, 1, tzinfo=UTC)
    last_month = month or 12
    last_day = datetime(year, last_month, monthrange(year, last_month)[1], 23, 59, 59, tzinfo=UTC)
    return (first, last_day)


def _compact(text: str) -> Interval | None:
    squeezed = text.removesuffix("Z").replace("-", "").replace("_", "").replace(":", "").replace("T", "")
    for day in _DAY_FORMATS:
        for time in ("", *_TIMES):
            try:
                instant = _strptime(squeezed, day + time.removeprefix("T"))
            except ValueError:
                continue
            if _digits(day, time) == len(squeezed.partition(".")[0]):
                return (instant, instant)
    return None


def _digits(day: str, time: str) -> int:
    """How many digits a text of these formats has: strptime itself also takes fewer."""
    return (8 if day == "%Y%m%d" else 7) + time.partition(".")[0].count("%") * 2
