"""An RFC 3339 time of a request, in the years 0 to 9999, of which Python's calendar lacks the first.

PostgreSQL's goes on both ways, and writes the year 0 as 1 BC.
"""

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta, timezone
from typing import NamedTuple, Self

from stac_api.errors import BadRequest

_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))\Z", re.ASCII
)
_YEAR_0 = "0000-"
_CYCLE = 400  # years, after which the calendar repeats: what Python cannot reckon in, it can so much nearer


class Instant(NamedTuple):
    """A moment, in order. `clock` is its time in UTC, in a year that is `cycles` times 400 years off."""

    cycles: int  # 0 in the years that Python has, -1 before them, 1 after
    clock: datetime

    @classmethod
    def of(cls, clock: datetime, cycles: int = 0) -> Self:
        """The moment of a clock with any offset."""
        clock = clock.astimezone(UTC)
        year = clock.year + cycles * _CYCLE
        return cls(0, clock.replace(year=year)) if MINYEAR <= year <= MAXYEAR else cls(cycles, clock)

    def __str__(self) -> str:
        """As PostgreSQL reads it."""
        text, year = self.clock.isoformat(), self.clock.year + self.cycles * _CYCLE
        return f"{year:04}{text[4:]}" if year > 0 else f"{1 - year:04}{text[4:]} BC"


def parse(text: str) -> Instant:
    """Read one RFC 3339 time. Raises BadRequest, as if it were the parameter's."""
    match = _INSTANT.match(text)
    if not match:
        raise BadRequest("datetime", f"{text!r} is no RFC 3339 time such as 2024-01-01T00:00:00Z")
    try:
        plain = text.endswith("Z") and not match[7] and match[6] != "60" and match[1] != "0000"
        if plain:  # nearly every one
            return Instant(0, datetime.fromisoformat(text))
        year, month, day, hour, minute, second = (int(part) for part in match.group(1, 2, 3, 4, 5, 6))
        fraction = (match[7] or "0")[:6].ljust(6, "0")  # PostgreSQL keeps microseconds
        cycles = {0: -1, MINYEAR: -1, MAXYEAR: 1}.get(year, 0)  # an offset leads into a year beside them
        offset = UTC if match[8] else timezone(_offset(match))
        near, whole = year - cycles * _CYCLE, 59 if second == 60 else second
        clock = datetime(near, month, day, hour, minute, whole, int(fraction), offset)
        # A leap second is the first moment of the next minute, for a clock that has none.
        return Instant.of(clock + timedelta(seconds=second == 60), cycles)
    except ValueError as error:
        raise BadRequest("datetime", f"{text!r} is no time that exists") from error


def for_postgresql(text: str) -> str:
    """A date or time that begins with its year, as PostgreSQL reads it: the year 0 is its 1 BC."""
    return f"0001-{text.removeprefix(_YEAR_0)} BC" if text.startswith(_YEAR_0) else text


def for_python(text: str) -> str:
    """A date or time that begins with its year, as Python reads whether it exists: in the year 0 as in 400."""
    return f"0{_CYCLE}-{text.removeprefix(_YEAR_0)}" if text.startswith(_YEAR_0) else text


def _offset(match: re.Match[str]) -> timedelta:
    hours, minutes = int(match[10]), int(match[11])
    if minutes > 59:
        raise ValueError
    return (1 if match[9] == "+" else -1) * timedelta(hours=hours, minutes=minutes)
