"""Reads what a path or a sidecar says about time: instants of UTC, or whole months and years.

A text is taken apart by its separators, and only in a form in which it can mean nothing else: what might be another
day as well (2024115 by %Y%m%d, 2024-01-01T12-05) is refused, so that somebody sees it.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from itertools import takewhile

from eventstac.rules.expressions import TIME_GROUPS
from eventstac.rules.formats import parse_by_format
from eventstac.rules.spans import Interval, span_of

_YEAR = "(?P<year>[0-9]{4})"
# With nothing between the numbers: not any digits (0930 is rather a time), nor a month of a year nobody has data of
# (six digits may as well be day, month and year).
_PLAIN_YEAR = "(?P<year>[12][0-9]{3})"
_MONTH, _DAY, _WEEK = (f"(?P<{name}>[0-9]{{2}})" for name in ("month", "day", "week"))
_DOY = "(?P<doy>[0-9]{3})"
_WEEKDAY = "(?P<weekday>[1-7])"

_WHOLE = {  # years, months and weeks, each form with a text of it
    _PLAIN_YEAR: "2024",
    f"{_YEAR}[-_](?P<month>[0-9]{{1,2}})": "2024-01",
    f"(?P<year>(?:1[89]|20)[0-9]{{2}}){_MONTH}": "202401",
    f"{_YEAR}-?W{_WEEK}": "2024-W01",
}
_COMPACT_DAY = f"{_PLAIN_YEAR}{_MONTH}{_DAY}"
_DAYS = (
    f"{_YEAR}-(?P<month>[0-9]{{1,2}})-(?P<day>[0-9]{{1,2}})",
    f"{_YEAR}_(?P<month>[0-9]{{1,2}})_(?P<day>[0-9]{{1,2}})",
    f"{_YEAR}/(?P<month>[0-9]{{1,2}})/(?P<day>[0-9]{{1,2}})",
    rf"{_YEAR}\.(?P<month>[0-9]{{1,2}})\.(?P<day>[0-9]{{1,2}})",
    f"{_YEAR}[-_]{_MONTH}{_DAY}",
    _COMPACT_DAY,
    f"{_YEAR}[-_]{_DOY}",
    f"{_PLAIN_YEAR}{_DOY}",
    f"{_YEAR}-W{_WEEK}-{_WEEKDAY}",
    f"{_YEAR}W{_WEEK}{_WEEKDAY}",
)

_HOUR, _MINUTE, _SECOND = (f"(?P<{name}>[0-9]{{2}})" for name in ("hour", "minute", "second"))
_SECONDS = f"{_SECOND}(?:[.,](?P<fraction>[0-9]+))?"
_COLONS, _COLONS_S = f"(?P<hour>[0-9]{{1,2}}):{_MINUTE}", f":{_SECONDS}"
_OFFSET = "[0-9]{2}(?::?[0-9]{2})?"
_EAST = rf"(?P<zone>[Zz]|\+{_OFFSET})?"  # behind a minus there may be the end of a range as well
_ZONE = f"(?P<zone>[Zz]|[+-]{_OFFSET})?"
# After a T as in ISO 8601; hour-minute, which it takes for an hour and a zone, is left out, and so is hhmm-ss.
_TIMES = (
    f"[Tt]{_HOUR}{_EAST}",
    f"[Tt]{_COLONS}(?:{_COLONS_S})?{_ZONE}",
    rf"[Tt]{_HOUR}{_MINUTE}(?P<zone>[Zz]|\+{_OFFSET}|-[0-9]{{2}}:?[0-9]{{2}})?",
    f"[Tt]{_HOUR}{_MINUTE}{_SECONDS}{_ZONE}",
    f"[Tt]{_HOUR}-{_MINUTE}-{_SECONDS}(?P<zone>[Zz])?",
    f"[Tt]{_HOUR}_{_MINUTE}(?:_{_SECONDS})?(?P<zone>[Zz])?",
    f" {_COLONS}{_COLONS_S}{_ZONE}",
    f" {_COLONS}{_EAST}",
    f"_{_COLONS}(?:{_COLONS_S})?{_EAST}",
    f"[-_]{_HOUR}{_MINUTE}(?:{_SECONDS})?{_EAST}",
    f"[-_]{_HOUR}-{_MINUTE}(?:-{_SECONDS})?(?P<zone>[Zz])?",
    f"[-_]{_HOUR}_{_MINUTE}(?:_{_SECONDS})?(?P<zone>[Zz])?",
)
_COMPACT_TIME = f"{_HOUR}{_MINUTE}(?:{_SECONDS})?{_EAST}"  # right after YYYYMMDD

_ZULU = "(?P<zone>[Zz])?"
# Every form: what a text begins with, and what may follow it. No text is of two.
FORMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    *((whole, ("",)) for whole in _WHOLE),
    *((day, (_ZULU, *_TIMES, *((_COMPACT_TIME,) if day == _COMPACT_DAY else ()))) for day in _DAYS),
)
_COMPILED = tuple(
    (re.compile(first), tuple(re.compile(rest) for rest in following)) for first, following in FORMS
)

# The texts of groups `hour`, `minute` and `second` that are read: a forecast's 036 is no hour, nor is its 006.
READ_TIMES = {"hour": "(?:[01]?[0-9]|2[0-3])", **dict.fromkeys(("minute", "second"), "[0-5]?[0-9]")}

_KNOWN = "YYYY-MM-DD, YYYYMMDD, YYYYDDD, with time or without, YYYY-MM, YYYY; give others a `format:`"


def without_names(regex: str) -> str:
    """The expression with its groups unnamed: a name may stand but once in a larger one."""
    return re.sub(r"\(\?P<\w+>", "(?:", regex)


# All texts that are read without a format: those with a day, and the others, each form with a text of it.
READ_DAY = without_names(
    f"(?:(?:{'|'.join(_DAYS)})(?:{'|'.join((_ZULU, *_TIMES))})|{_COMPACT_DAY}{_COMPACT_TIME})"
)
READ_WHOLE = {without_names(form): text for form, text in _WHOLE.items()}
READ_DATE = f"(?:{'|'.join((READ_DAY, *READ_WHOLE))})"


def parse_date(text: str, strptime_format: str | None = None) -> Interval:
    """The instant, as (t, t), or the interval (a week, a month, a year) that a text names; UTC where it has no zone.

    Without a format: ISO 8601 dates and times, also without separators or with _ for them; YYYYDDD.
    Raises ValueError, with a message for people, where it is none.
    """
    if strptime_format is not None:
        return parse_by_format(text, strptime_format)
    return _span(text, _parts_of(text))


def parse_local(text: str) -> datetime:
    """What a clock shows when a date without a format begins, whatever its zone. Raises ValueError."""
    return _span(text, {**_parts_of(text), "zone": None})[0]


def parse_date_with_time(text: str, groups: Mapping[str, str]) -> Interval:
    """As `parse_date` without a format, at the time of groups `hour`, `minute`, `second` where the text has none."""
    parts = _parts_of(text)
    if parts.get("hour") or parts.keys().isdisjoint(("day", "doy", "weekday")):
        return _span(text, parts)
    time = _time_of(groups)
    return _span(" ".join((text, *time.values())), {**parts, **time})


def _parts_of(text: str) -> dict[str, str | None]:
    """The numbers of a date by name. Raises ValueError, with a message for people, where it is none."""
    for first, following in _COMPILED:
        start = first.match(text)
        if start is None:
            continue
        for rest in following:
            end = rest.fullmatch(text, start.end())
            if end is not None:
                return {**start.groupdict(), **end.groupdict()}
    raise ValueError(f"{text!r} is no date that is known ({_KNOWN})")


def parse_parts(groups: Mapping[str, str]) -> Interval | None:
    """The date of groups `year`, `month`, `day` (or `doy`, which must agree with them), as far as there are any.

    A day has the time of groups `hour`, `minute`, `second`, as far as there are any. Raises ValueError.
    """
    if "year" not in groups:
        return None
    names = ("year", "doy") if "doy" in groups else ("year", "month", "day")
    parts: dict[str, str] = {}
    for name in names:
        if name not in groups:
            break
        if not _PARTS[name].fullmatch(groups[name]):
            raise ValueError(f"{groups[name]!r} is no date's {_CALLED.get(name, name)}")
        parts[name] = groups[name]
    if "day" in parts or "doy" in parts:
        parts |= _time_of(groups)
    found = _span("-".join(parts.values()), parts)
    for name in ("month", "day") if "doy" in parts else ():
        text = groups.get(name, "")
        if _PARTS[name].fullmatch(text) and int(text) != getattr(found[0], name):
            raise ValueError(f"{groups['doy']!r} is no date's day of the year beside the {name} {text!r}")
    return found


def _time_of(groups: Mapping[str, str]) -> dict[str, str]:
    """The groups of a time, up to the first that is missing or can be none of a day (036, of a forecast)."""
    return {name: groups[name] for name in takewhile(lambda name: _says_time(name, groups), TIME_GROUPS)}


def _says_time(name: str, groups: Mapping[str, str]) -> bool:
    return _PARTS[name].fullmatch(groups.get(name, "")) is not None


_PARTS = {
    name: re.compile(regex)
    for name, regex in {
        "year": "[0-9]{4}",
        "month": "[0-9]{1,2}",
        "day": "[0-9]{1,2}",
        "doy": "[0-9]{1,3}",
        **READ_TIMES,
    }.items()
}
_CALLED = {"doy": "day of the year"}


def _span(text: str, parts: Mapping[str, str | None]) -> Interval:
    try:
        return span_of(parts)
    except ValueError as error:
        raise ValueError(f"{text!r} is no date: {error}") from error
