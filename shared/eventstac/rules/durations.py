"""Says when a period ends of which only the beginning is known, and how long it lasts."""

import re
from calendar import monthrange
from datetime import MAXYEAR, UTC, datetime, time, timedelta

from eventstac.rules.dates import READ_DAY, READ_WHOLE, parse_date
from eventstac.rules.spans import Interval
from eventstac.times import to_text

DEKAD = "dekad"  # of a month: its days 1 to 10, 11 to 20, and what is left

_DEKADS = (1, 11, 21)  # the days that they begin on
_LAST_SECOND = timedelta(seconds=1)  # that of a period is before the next one begins, as a month's
_WHOLES = tuple(timedelta(days=days) - _LAST_SECOND for days in (7, 31, 366))  # the longest ones
_LONG_MONTH = datetime(2024, 1, 1, tzinfo=UTC)  # also the first of a long year
_ISO = re.compile(
    "P(?:(?P<years>[0-9]+)Y)?(?:(?P<months>[0-9]+)M)?(?:(?P<weeks>[0-9]+)W)?(?:(?P<days>[0-9]+)D)?"
    "(?:T(?:(?P<hours>[0-9]+)H)?(?:(?P<minutes>[0-9]+)M)?(?:(?P<seconds>[0-9]+)S)?)?"
)


def period_from(start: datetime, duration: str) -> Interval:
    """The period of a duration (of ISO 8601, as P8D, or `dekad`) that begins at an instant, with its last second.

    Raises ValueError, with a message for people, for a dekad that begins at another time, and an end after 9999.
    """
    try:
        following = _next_dekad(start) if duration == DEKAD else _after(start, duration)
    except OverflowError as error:
        raise ValueError(f"{duration} after {start.date()} is in no year up to 9999") from error
    return (start, following - _LAST_SECOND)


def is_shorter(duration: str, begins: Interval) -> bool:
    """Whether a period is shorter than a week, month or year may be, where a text says that it begins with one."""
    left_open = begins[1] - begins[0]
    try:
        first, last = period_from(_LONG_MONTH, duration)
    except ValueError:  # it ends in no year that there is
        return False
    return bool(left_open) and last - first < min(whole for whole in _WHOLES if whole >= left_open)


def read_to_begin(duration: str) -> str:
    """The expression of the texts that are read without a format and may begin a period."""
    whole = [form for form, text in READ_WHOLE.items() if not is_shorter(duration, parse_date(text))]
    return f"(?:{'|'.join((READ_DAY, *whole))})"


def _next_dekad(start: datetime) -> datetime:
    if start.day not in _DEKADS or start.time() != time.min:
        what = "they begin at midnight of UTC of the days 1, 11 and 21 of a month"
        raise ValueError(f"{to_text(start)} begins no dekad: {what}")
    return _months_later(start.replace(day=1), 1) if start.day == _DEKADS[-1] else start + timedelta(days=10)


def _after(start: datetime, duration: str) -> datetime:
    found = _ISO.fullmatch(duration)
    if found is None:
        raise ValueError(f"{duration!r} is no duration, as P8D is")
    parts = {name: int(text) for name, text in found.groupdict(default="0").items()}
    later = _months_later(start, 12 * parts.pop("years") + parts.pop("months"))
    return later + timedelta(**parts)


def _months_later(start: datetime, months: int) -> datetime:
    """The same day of a later month, or that month's last."""
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    if year > MAXYEAR:
        raise OverflowError(year)
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))
