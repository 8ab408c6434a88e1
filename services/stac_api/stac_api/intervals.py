"""The `datetime` parameter: an instant or an interval of RFC 3339 times."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from stac_api.errors import BadRequest

_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))\Z", re.ASCII
)


class Interval(NamedTuple):
    """A closed interval in UTC; None is an open end. An instant has equal ends."""

    start: datetime | None
    end: datetime | None

    def __str__(self) -> str:
        """As the parameter spells it."""
        start, end = (_text(moment) for moment in (self.start, self.end))
        return start if self.start == self.end else f"{start}/{end}"


def parse(text: object) -> Interval:
    """Read the parameter (OGC API Features 7.15.4, with RFC 3339 times only, as STAC asks).

    Raises BadRequest for dates without a time, a time without an offset, both ends open, or an end before the start.
    """
    if not isinstance(text, str):
        raise BadRequest("datetime", "expected a text such as 2024-01-01T00:00:00Z/..")
    parts = text.split("/")
    if len(parts) == 1:
        moment = instant(parts[0])
        return Interval(moment, moment)
    if len(parts) != 2:
        raise BadRequest("datetime", f"{text!r} has {len(parts)} parts, an interval has two")
    start, end = (None if part in ("", "..") else instant(part) for part in parts)
    if start is None and end is None:
        raise BadRequest("datetime", f"{text!r} is open at both ends: leave the parameter out instead")
    if start is not None and end is not None and start > end:
        raise BadRequest("datetime", f"{text!r} ends before it starts")
    return Interval(start, end)


def instant(text: str) -> datetime:
    """Read one RFC 3339 time. Raises BadRequest, as if it were the parameter's."""
    match = _INSTANT.match(text)
    if not match:
        raise BadRequest("datetime", f"{text!r} is no RFC 3339 time such as 2024-01-01T00:00:00Z")
    if text.endswith("Z") and not match[7] and match[6] != "60":  # nearly every one
        try:
            return datetime.fromisoformat(text)
        except ValueError as error:
            raise BadRequest("datetime", f"{text!r} is no time that exists") from error
    year, month, day, hour, minute, second = (int(part) for part in match.group(1, 2, 3, 4, 5, 6))
    fraction = (match[7] or "0")[:6].ljust(6, "0")  # PostgreSQL keeps microseconds
    try:
        offset = UTC if match[8] else timezone(_offset(match))
        moment = datetime(
            year, month, day, hour, minute, 59 if second == 60 else second, int(fraction), offset
        )
        # A leap second is the first moment of the next minute, for a clock that has none.
        return (moment + timedelta(seconds=second == 60)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRequest("datetime", f"{text!r} is no time that exists") from error


def _offset(match: re.Match[str]) -> timedelta:
    hours, minutes = int(match[10]), int(match[11])
    if minutes > 59:
        raise ValueError
    return (1 if match[9] == "+" else -1) * timedelta(hours=hours, minutes=minutes)


def _text(moment: datetime | None) -> str:
    return ".." if moment is None else moment.isoformat().replace("+00:00", "Z")
