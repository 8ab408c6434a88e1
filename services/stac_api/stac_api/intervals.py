"""The `datetime` parameter: an instant or an interval of RFC 3339 times."""

from typing import NamedTuple

from stac_api import instants
from stac_api.errors import BadRequest
from stac_api.instants import Instant


class Interval(NamedTuple):
    """A closed interval; None is an open end. An instant has equal ends."""

    start: Instant | None
    end: Instant | None

    def __str__(self) -> str:
        """As the parameter spells it, and PostgreSQL reads it."""
        start, end = (_text(end) for end in self)
        return start if self.start == self.end else f"{start}/{end}"


def parse(text: object) -> Interval:
    """Read the parameter (OGC API Features 7.15.4, with RFC 3339 times only, as STAC asks).

    Raises BadRequest for dates without a time, a time without an offset, both ends open, or an end before the start.
    """
    if not isinstance(text, str):
        raise BadRequest("datetime", "expected a text such as 2024-01-01T00:00:00Z/..")
    parts = text.split("/")
    if len(parts) == 1:
        moment = instants.parse(parts[0])
        return Interval(moment, moment)
    if len(parts) != 2:
        raise BadRequest("datetime", f"{text!r} has {len(parts)} parts, an interval has two")
    start, end = (None if part in ("", "..") else instants.parse(part) for part in parts)
    if start is None and end is None:
        raise BadRequest("datetime", f"{text!r} is open at both ends: leave the parameter out instead")
    if start is not None and end is not None and start > end:
        raise BadRequest("datetime", f"{text!r} ends before it starts")
    return Interval(start, end)


def _text(end: Instant | None) -> str:
    return ".." if end is None else str(end).replace("+00:00", "Z")
