"""Times within a filter: what CQL2 has, none of the words that PostgreSQL takes for times, too."""

import re
from datetime import date, datetime
from typing import Any

from stac_api import instants
from stac_api.errors import BadRequest
from stac_api.instants import for_postgresql, for_python

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LOCAL = re.compile(rf"{_DATE.pattern}T\d\d:\d\d:\d\d(?:\.\d+)?", re.ASCII)
# As clients write a plain text beside `datetime`: seconds and offset may be missing.
_PLAIN = re.compile(
    rf"{_DATE.pattern}(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)
_OPEN = ("..", "")
_TIMES = ("timestamp", "date")  # each the one member of a node


def timestamp_problem(text: object) -> str | None:
    """Why this is no time of RFC 3339; None where it is one. One without an offset is UTC, as in CQL2 text."""
    if not isinstance(text, str):
        return "expected a text such as 2024-01-01T00:00:00Z"
    if _is_short(text):
        return None
    try:
        instants.parse(f"{text}Z" if _LOCAL.fullmatch(text) else text)
    except BadRequest as error:
        return error.description.partition(": ")[2]
    return None


def date_problem(text: object) -> str | None:
    """Why this is no date; None where it is one."""
    try:
        if isinstance(text, str) and _DATE.fullmatch(text):
            date.fromisoformat(for_python(text))
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


def operand(value: Any) -> Any:
    """What a temporal operator takes, as PostgreSQL reads it; a date stays the whole day."""
    if isinstance(value, list):
        return [operand(end) for end in value]
    if isinstance(value, str) and "/" in value:
        ends = value.split("/")
        told = operand(ends)
        # As it was written, or page tokens of older releases would not fit.
        return value if told == ends else told
    if isinstance(value, str):
        told = for_postgresql(value)
        return {"date": told} if told != value and _DATE.fullmatch(value) else told
    if isinstance(value, dict) and "interval" in value:
        return {"interval": operand(value["interval"])}
    if isinstance(value, dict):
        return {name: for_postgresql(text) if name in _TIMES else text for name, text in value.items()}
    return value


def _is_short(text: str) -> bool:
    """A time whose seconds, offset or `T` are missing, as PostgreSQL reads it and clients write it."""
    try:
        return _PLAIN.fullmatch(text) is not None and datetime.fromisoformat(for_python(text)) is not None
    except ValueError:
        return False
