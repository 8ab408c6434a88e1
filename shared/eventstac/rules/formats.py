"""Reads dates by a strptime format, strictly: only texts that can mean no other day."""

import re
from collections.abc import Mapping
from functools import cache

from eventstac.rules.spans import Interval, span_of

DIRECTIVES = "%Y %y %m %d %j %b %B %H %M %S %f %z"  # those that a format may have

_SHORT = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONG = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

# Of each directive: the part of a date that it is, the texts that one would write, and those that are read.
_PARTS: Mapping[str, tuple[str, str, str]] = {
    "Y": ("year", r"[1-9]\d{3}", "[0-9]{4}"),
    "y": ("year", r"\d\d", "[0-9]{2}"),
    "m": ("month", "(?:0[1-9]|1[0-2])", "[0-9]{1,2}"),
    "b": ("month", f"(?i:{'|'.join(_SHORT)})", f"(?i:{'|'.join(_SHORT)})"),
    "B": ("month", f"(?i:{'|'.join(_LONG)})", f"(?i:{'|'.join(_LONG)})"),
    "d": ("day", r"(?:0[1-9]|[12]\d|3[01])", "[0-9]{1,2}"),
    "j": ("doy", r"(?:0(?:0[1-9]|[1-9]\d)|[12]\d\d|3(?:[0-5]\d|6[0-6]))", "[0-9]{1,3}"),
    "H": ("hour", r"(?:[01]\d|2[0-3])", "[0-9]{1,2}"),
    "M": ("minute", r"[0-5]\d", "[0-9]{1,2}"),
    "S": ("second", r"[0-5]\d", "[0-9]{1,2}"),
    "f": ("fraction", r"\d{1,6}", "[0-9]{1,6}"),
    "z": ("zone", r"(?:Z|[+-]\d\d:?\d\d)", "(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})"),
}
_NUMBERS = "YymdjHMSf"
# How many digits a number has that touches another: else 2024115 were the 5th of November, and the 15th of January.
# A fraction may touch the seconds with any number of them: satellites write tenths.
_WIDTHS = {"m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "j": 3, "f": 6}

_SPACE = r"[\s\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"  # for `str`


def format_regex(strptime_format: str) -> str | None:
    """The expression of the texts that one would write by a format; None where it has a directive unknown here."""
    pieces = _pieces(strptime_format)
    if pieces is None:
        return None
    return "".join(_PARTS[name][1] if is_part else re.escape(name) for name, is_part in pieces)


def read_by_format(strptime_format: str) -> str | None:
    """The expression of all texts that are read by a format; None for a directive unknown here."""
    return _reading(strptime_format, named=False)


def _pieces(strptime_format: str) -> list[tuple[str, bool]] | None:
    """The directives of a format (their letters, and True) and the characters between them."""
    pieces, rest = [], iter(strptime_format)
    for character in rest:
        if character != "%":
            pieces.append((character, False))
            continue
        letter = next(rest, "")
        if letter != "%" and letter not in _PARTS:
            return None
        pieces.append((letter, letter != "%"))
    return pieces


def _reading(strptime_format: str, *, named: bool) -> str | None:
    pieces = _pieces(strptime_format)
    if pieces is None:
        return None
    regex = ""
    for index, (text, is_part) in enumerate(pieces):
        if not is_part:
            regex += f"{_SPACE}+" if text.isspace() else f"(?i:{re.escape(text)})"
            continue
        before = index > 0 and _ends_in_digits(*pieces[index - 1])
        after = index + 1 < len(pieces) and _begins_with_digits(*pieces[index + 1])
        touches = after if text == "f" else before or after
        read = f"[0-9]{{{_WIDTHS[text]}}}" if touches and text in _WIDTHS else _PARTS[text][2]
        regex += f"(?P<{_PARTS[text][0]}>{read})" if named else read
    return regex


def _begins_with_digits(text: str, is_part: bool) -> bool:
    return text in _NUMBERS if is_part else text.isdecimal()


def _ends_in_digits(text: str, is_part: bool) -> bool:
    return text in _NUMBERS + "z" if is_part else text.isdecimal()


def format_problem(strptime_format: str) -> tuple[str, str] | None:
    """What is wrong with a format, and what to write instead; None for a good one."""
    pieces = _pieces(strptime_format)
    letters = [letter for letter, is_part in pieces or () if is_part]
    who = f"The format {strptime_format!r}"
    if not letters:
        return (
            f"No date can be read with the format {strptime_format!r}",
            f"Use strptime's directives: {DIRECTIVES}",
        )
    names = [_PARTS[letter][0] for letter in letters]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        found = " and ".join(f"%{letter}" for letter in letters if _PARTS[letter][0] == twice)
        what = f"{who} has the {_called(twice)} twice ({found})"
        return what, "Keep one, or take a group that has the date once"
    if "year" not in names:
        return f"{who} has no year", "Add %Y, or take a group that has the year too"
    if "doy" in names and not {"month", "day"}.isdisjoint(names):
        return f"{who} has a day of the year beside a month or day", "Keep %j alone, or %m and %d"
    for name, needed in _NEEDS.items():
        if name in names and not any(needed_name in names for needed_name in needed):
            minutes = needed == ("month",) and "minute" in names
            advice = "%M is minutes: write %m for the month" if minutes else _ADVICE[needed[0]]
            return (
                f"{who} has {'an' if name == 'hour' else 'a'} {_called(name)} but no {_called(needed[0])}",
                advice,
            )
    return None


# What means nothing without another; the first of these is told to be missing.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "day": ("month",),
    "minute": ("hour",),
    "second": ("minute",),
    "fraction": ("second",),
    "zone": ("hour",),
    "hour": ("day", "doy"),
}
_ADVICE = {
    "month": "Add %m (or %b), or write %j for the day of the year",
    "hour": "Add %H; %M is minutes, %m the month",
    "minute": "Add %M",
    "second": "Add %S",
    "day": "Add %d (or %j), or leave the time out",
}


def _called(name: str) -> str:
    return {"doy": "day of the year", "fraction": "fraction of a second", "zone": "time zone"}.get(name, name)


@cache
def _compiled(strptime_format: str) -> re.Pattern[str]:
    problem = format_problem(strptime_format)
    if problem is not None:
        raise ValueError(". ".join(problem))
    return re.compile(_reading(strptime_format, named=True) or "")


def parse_by_format(text: str, strptime_format: str) -> Interval:
    """The instant, as (t, t), that a text names by a format; of a format without a day, the whole month or year.

    %y is of 1969 to 2068. Raises ValueError, with a message for people, where the text does not match.
    """
    found = _compiled(strptime_format).fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} does not match the format {strptime_format!r}, or is no date by it alone")
    parts = found.groupdict()
    if len(parts["year"]) == 2:
        parts["year"] = f"{'19' if parts['year'] >= '69' else '20'}{parts['year']}"
    if not parts.get("month", "0").isdigit():
        parts["month"] = str(_SHORT.index(parts["month"][:3].capitalize()) + 1)
    try:
        return span_of(parts)
    except ValueError as error:
        raise ValueError(f"{text!r} is no date: {error}") from error
