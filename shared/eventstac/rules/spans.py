"""Turns the numbers of a date into an instant of UTC, or into the whole week, month or year that they name."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone

Interval = tuple[datetime, datetime]

_LAST_SECOND = time(23, 59, 59, tzinfo=UTC)
_WEEK = timedelta(days=6)  # from its Monday to its Sunday

# Minutes from UTC: what is beyond is no zone of any country, and most likely something else (the end of a time range).
_EARLIEST_ZONE, _LATEST_ZONE = -12 * 60, 14 * 60


def span_of(parts: Mapping[str, str | None]) -> Interval:
    """The instant, as (t, t), or the interval that the parts name.

    Parts are digits by name: `year`; `month` and `day`, `doy`, or `week` and `weekday` (of ISO 8601); `hour`, `minute`,
    `second`, `fraction` (of it). `zone` is Z or ±hh, ±hhmm, ±hh:mm; without it is UTC.
    Raises ValueError for a day, a time or a zone that does not exist.
    """
    said = {name: text for name, text in parts.items() if text}
    try:
        if said.keys().isdisjoint(("day", "doy", "weekday")):
            return _whole(said)
        moment = datetime.combine(_day(said), _time(said), _zone(said.get("zone", "Z")))
        instant = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("it is in no year from 1 to 9999 of UTC") from error
    return (instant, instant)


def _whole(said: Mapping[str, str]) -> Interval:
    year = int(said["year"])
    if "week" in said:
        first = date.fromisocalendar(year, int(said["week"]), 1)
        last = first + _WEEK
    else:
        first = date(year, int(said.get("month", 1)), 1)
        last_month = int(said.get("month", 12))
        last = date(year, last_month, monthrange(year, last_month)[1])
    return (datetime.combine(first, time(tzinfo=UTC)), datetime.combine(last, _LAST_SECOND))


def _day(said: Mapping[str, str]) -> date:
    year = int(said["year"])
    if "week" in said:
        return date.fromisocalendar(year, int(said["week"]), int(said["weekday"]))
    if "doy" not in said:
        return date(year, int(said["month"]), int(said["day"]))
    number = int(said["doy"])
    day = date(year, 1, 1) + timedelta(days=number - 1)
    if number == 0 or day.year != year:
        raise ValueError(f"the year {year} has no day {number}")
    return day


def _time(said: Mapping[str, str]) -> time:
    microseconds = int(said.get("fraction", "0")[:6].ljust(6, "0"))
    hour, minute, second = (int(said.get(name, 0)) for name in ("hour", "minute", "second"))
    return time(hour, minute, second, microseconds)


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    minutes = int(f"{text[0]}1") * (int(digits[:2]) * 60 + int(digits[2:]))
    if int(digits[2:]) >= 60 or not _EARLIEST_ZONE <= minutes <= _LATEST_ZONE:
        raise ValueError(f"{text} is no time zone")
    return timezone(timedelta(minutes=minutes))
