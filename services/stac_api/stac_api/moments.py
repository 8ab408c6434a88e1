"""Times within a filter: what CQL2 has, none of the words that PostgreSQL takes for times, too."""

import re
from datetime import date, datetime

from stac_api.errors import BadRequest
from stac_api.intervals import instant

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LOCAL = re.compile(rf"{_DATE.pattern}T\d\d:\d\d:\d\d(?:\.\d+)?", re.ASCII)
# As clients write a plain text beside `datetime`: seconds and offset may be missing.
_PLAIN = re.compile(
    rf"{_DATE.pattern}(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)
_OPEN = ("..", "")


def timestamp_problem(text: object) -> str | None:
    """Why this is no time of RFC 3339; None where it is one. One without an offset is UTC, as in CQL2 text."""
    if not isinstance(text, str):
        return "expected a text such as 2024-01-01T00:00:00Z"
    if _is_short(text):
        return None
    try:
        instant(f"{text}Z" if _LOCAL.fullmatch(text) else text)
    except BadRequest as error:
        return error.description.partition(": ")[2]
    return None


def date_problem(text: object) -> str | None:
    """Why this is no date; None where it is one."""
    try:
        if isinstance(text, str) and _DATE.fullmatch(text):
            date.fromisoformat(text)
            return None
    except ValueError:
        return f"{text!r} is no day that exists"
    return f"{text!r} is no date such as 2024-01-01"


def end_problem(text: object) -> str | None:
    """Why this is no end of an interval: a time, a date or `..`; None where it is one."""
    if text in _OPEN or date_problem(text) is None:
        return None
    return timestamp_problem(text)


def plain_problem(text: str) -> str | None:
    """Why a plain text is nothing to compare with a time; None where it is."""
    return None if _PLAIN.fullmatch(text) else f"{text!r} is no time such as 2024-01-01T00:00:00Z"


def span_problem(value: object) -> str | None:
    """Why this is nothing that a temporal operator takes: a time, `start/end` as one text, or a list of these two."""
    if isinstance(value, str) and "/" not in value:
        return plain_problem(value)
    ends = value.split("/") if isinstance(value, str) else value
    if not isinstance(ends, list):
        return None
    if len(ends) > 2:
        return f"{value!r} has {len(ends)} ends, an interval has two"
    return next((problem for end in ends if isinstance(end, str) and (problem := end_problem(end))), None)


def _is_short(text: str) -> bool:
    """A time whose seconds, offset or `T` are missing, as PostgreSQL reads it and clients write it."""
    try:
        return _PLAIN.fullmatch(text) is not None and datetime.fromisoformat(text) is not None
    except ValueError:
        return False
