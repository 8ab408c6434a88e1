"""What the placeholders of patterns stand for: dates, any text."""

import re
from collections.abc import Collection
from itertools import takewhile

_TIME = r"[Tt_-]?(?:[01]\d|2[0-3])[-_:]?[0-5]\d(?:[-_:]?[0-5]\d(?:\.\d+)?)?[Zz]?"
_MONTH, _DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_YEAR = r"(?:1[89]|20)\d\d"
_DOY = r"(?:0(?:0[1-9]|[1-9]\d)|[12]\d\d|3(?:[0-5]\d|6[0-6]))"

TIME_GROUPS = ("hour", "minute", "second")  # of a path, each beside those before it
_NAMES = re.compile(r"(?:\{|\(\?P<)([A-Za-z_]\w*)[:}>]", re.ASCII)

# What a placeholder of this name stands for where the pattern does not say. The others: no slash, at least one.
KNOWN_GROUPS = {
    "year": _YEAR,
    "month": _MONTH,
    "day": _DAY,
    "doy": _DOY,
    "hour": r"(?:[01]\d|2[0-3])",
    "minute": r"[0-5]\d",
    "second": r"[0-5]\d",
    "date": rf"{_YEAR}(?:-{_MONTH}-{_DAY}|_{_MONTH}_{_DAY}|{_MONTH}{_DAY}|{_DOY}|[-_]?{_MONTH})?",
}
for _name in ("datetime", "start", "end"):
    KNOWN_GROUPS[_name] = rf"{KNOWN_GROUPS['date']}(?:{_TIME})?"

ANY_GROUP = r"[^/]+"

ANY_DATE = rf"{KNOWN_GROUPS['datetime']}(?:[+-]\d\d:?\d\d)?"  # what one would write without a format


def known_groups(pattern: str, *, timed: bool) -> dict[str, str]:
    """What the placeholders of a pattern stand for, by name: `{second}` of a pair is no time, as it has no hour.

    `timed`: whether a source of the datetime asks for groups by their names.
    """
    times = asked_times(_NAMES.findall(pattern)) if timed else set()
    return {name: regex for name, regex in KNOWN_GROUPS.items() if name not in TIME_GROUPS or name in times}


def asked_times(groups: Collection[str]) -> set[str]:
    """Those of the groups that are the time of the day which others of them say by their names."""
    day = "date" in groups or ("year" in groups and ("doy" in groups or {"month", "day"} <= set(groups)))
    other = "datetime" in groups or ("date" not in groups and {"start", "end"} <= set(groups))
    return set(takewhile(lambda name: name in groups, TIME_GROUPS)) if day and not other else set()
