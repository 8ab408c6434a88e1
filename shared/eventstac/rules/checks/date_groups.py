"""Checks that the groups of a pattern that say when by their names are enough, and are asked."""

import re
from collections.abc import Iterator
from functools import lru_cache

from eventstac.rules.automaton import Automaton, Undecided, share_a_text
from eventstac.rules.checks.group_checks import filled_texts
from eventstac.rules.checks.unused import is_covered
from eventstac.rules.dates import READ_DATE, READ_TIMES
from eventstac.rules.document import Document, Path
from eventstac.rules.expressions import asked_times
from eventstac.rules.groups import PathDate
from eventstac.rules.model import Rule
from eventstac.rules.pattern import Pattern

_ENDS = {"start": "end", "end": "start"}
_TIMES = ("hour", "minute", "time", "hh", "hhmm", "hhmmss")
_ANY_TIME = "[Tt_-]?[0-9]{1,2}(?:[-_:]?[0-9]{2}){0,2}[Zz]?"
# {hh} is no hour in h{hh}v{vv} or {hh}{v}, a tile, or beside other polarisations.
_HH = r"(?:\{hh(?::(?:[^{}]|\{[^{}]*\})*)?\}|\(\?P<hh>[^()]*\))"
_IN_TILE = re.compile(rf"h{_HH}v|{_HH}[._-]?(?:\{{|\(\?P<)v[:}}>]", re.IGNORECASE)
_BESIDE_HH = {"vv", "hv", "vh"}
# What goes on where a source takes the year, or only the beginning.
_PARTS = dict.fromkeys(("month", "day", "doy"), "[0-9]{1,3}")
_LAST = {"end": READ_DATE}
_ONE_GROUP = (
    "Put {hour}, or {hour}{minute}, beside {date} or {year}, {month} and {day}, or make one group of both: "
    '`groups: {stamp: {template: "{date}T{time}"}}` and `datetime: [{group: stamp, format: "%Y%m%dT%H%M"}]`'
)


def check_date_groups(document: Document, path: Path, rule: Rule) -> bool:
    """Note groups that are to be of a date by their names, but of no datetime; whether there is such a mistake.

    Only warns of those that the rule has another use for, and where there is another date, or another source of one:
    an Item has a datetime then. `{year}/{month}` beside `{date}` say the same once more.
    """
    _warn_of_times(document, path, rule)
    used = {
        name for where, _, template in filled_texts(rule) if where != ("item",) for name in template.groups
    }
    used |= {name for date in rule.path_dates for name in (date.start, date.end)}
    used |= {name for change in rule.changes for name in change.source.groups}
    if not _asked_by_name(rule):
        _warn_of_left_out(document, path, rule, used)
        return False
    used |= {*rule.item.groups}
    given = [{*pattern.groups, *(change.name for change in rule.changes)} for pattern in rule.patterns]
    found = {each for groups in given for each in _idle(groups)}
    needed = rule.datetime_sources == ("path",) and not any(
        date.value is not None or date.may_read(groups) for date in rule.path_dates for groups in given
    )
    for name, why, instead in sorted(found):
        told = document.mistake if needed and name not in used else document.warn
        told((*path, "pattern"), f"The group {name!r} {why}", instead)
    return needed and any(name not in used for name, _, _ in found)


def may_hold(pattern: Pattern, group: str, expression: str) -> bool:
    """Whether a group of a pattern can be a text of an expression."""
    try:
        return share_a_text(Automaton.of_group(pattern.regex, group), _texts_of(expression))
    except Undecided:
        return True


@lru_cache(maxsize=64)  # a file's rules ask for the same few, and those of dates are large
def _texts_of(expression: str) -> Automaton:
    return Automaton.of(expression)


def _asked_by_name(rule: Rule) -> bool:
    return any(date.by_name for date in rule.path_dates)


def _reads_a_day(date: PathDate, groups: set[str]) -> bool:
    """Whether what is read is at most a day: `{datetime}`, or `{start}` and `{end}`, may have a time themselves."""
    if date.start:
        return {date.start, date.end}.isdisjoint(("datetime", "start", "end"))
    return "datetime" not in groups and ("date" in groups or not _ENDS.keys() <= groups)


def _warn_of_asked(document: Document, path: Path, pattern: Pattern, asked: set[str]) -> None:
    """Warn of groups that are asked for the time of a day, but by their expressions are none, or not always."""
    for name in sorted(asked.intersection(pattern.groups)):
        if not may_hold(pattern, name, READ_TIMES[name]):
            what = f"The group {name!r} can never be a day's {name}: it says nothing of the datetime"
        elif _is_more(pattern, name):
            what = (
                f"The group {name!r} takes texts that are no day's {name}: those say nothing of the datetime"
            )
        else:
            continue
        document.warn(path, what, f"Leave its expression out: {{{name}}}, or give it another name")


def _is_more(pattern: Pattern, name: str) -> bool:
    try:
        return not is_covered(Automaton.of_group(pattern.regex, name), Automaton.of(READ_TIMES[name]))
    except Undecided:
        return False


def _warn_of_times(document: Document, path: Path, rule: Rule) -> None:
    """Warn of groups that are a time by their names, and leave the midnight of the day that others say."""
    taken = {name for change in rule.changes for name in change.source.groups}
    taken |= {name for date in rule.path_dates for name in (date.start, date.end)}
    changed = {change.name for change in rule.changes}
    warned = set()
    for pattern in rule.patterns:
        groups = {*pattern.groups, *changed}
        asked = asked_times(groups) if _asked_by_name(rule) else set()
        _warn_of_asked(document, (*path, "pattern"), pattern, asked - changed)
        dates = [date for date in rule.path_dates if date.value is None and date.may_read(groups)]
        if not all(_reads_a_day(date, groups) and "%H" not in (date.format or "") for date in dates):
            continue
        given = {name for name in _TIMES if name in groups and dates} - asked - taken
        if _BESIDE_HH & groups or _IN_TILE.search(pattern.text):
            given.discard("hh")
        warned |= {name for name in given if name in changed or may_hold(pattern, name, _ANY_TIME)}
    for name in sorted(warned):
        what = f"The group {name!r} is a time by its name, but is not asked for the datetime, which is that of a day"
        document.warn((*path, "pattern"), what, _ONE_GROUP)


def _warn_of_left_out(document: Document, path: Path, rule: Rule, used: set[str]) -> None:
    """Warn of what only is in the pattern, or the id, as part of a date, of which the first source takes another part.

    It is no part that is left out where the source says itself that a whole year is meant, or stands in for another.
    """
    if rule.datetime_sources[:1] != ("path",):
        return
    date = rule.path_dates[0]
    if date.duration is not None:
        parts, whole = _LAST, f"`datetime: [{{start: {date.start}, end: end}}]`"
    elif date.start == date.end == "year":
        parts, whole = (
            _PARTS,
            "`datetime: [path]`, or `[{group: year, duration: P1Y}]` where all of the year is meant",
        )
    else:
        return
    for name in sorted(parts.keys() - used):
        if any(name in each.groups and may_hold(each, name, parts[name]) for each in rule.patterns):
            what = f"The group {name!r} is part of a date by its name, but no source of the datetime takes it"
            instead = f"Write {whole}, or give the group another name where it is something else"
            document.warn((*path, "pattern"), what, instead)


def _idle(groups: set[str]) -> Iterator[tuple[str, str, str]]:
    """The groups that say nothing of a date, why, and what to write instead."""
    dated = next((name for name in ("datetime", "date") if name in groups), None)
    if dated:
        for name in sorted(_ENDS.keys() & groups):
            instead = f"Give one of the two another name, or write `datetime: [{{group: {dated}}}]`"
            yield name, f"is not asked for the datetime, as {{{dated}}} is", instead
    elif not _ENDS.keys() <= groups:
        for name, other in _lacking(groups):
            alone = (
                "`datetime: [{group: start, duration: P8D}]`"
                if name == "start"
                else "`datetime:` without `path`"
            )
            instead = f"Put {{{other}}} into the pattern, too, or write {alone}"
            yield name, f"gives no datetime without {{{other}}}", instead


def _lacking(groups: set[str]) -> Iterator[tuple[str, str]]:
    """The groups to which others are lacking, and which."""
    yield from ((name, other) for name, other in _ENDS.items() if name in groups)
    if "year" not in groups:
        yield from ((name, "year") for name in ("month", "day", "doy") if name in groups)
    elif "day" in groups and groups.isdisjoint(("month", "doy")):
        yield "day", "month"
