"""Checks that a group that is joined of others, and read as a date, is the date that these say."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice, product

from eventstac.rules.automaton import Automaton, Undecided, literal, share_a_text, shared_texts
from eventstac.rules.dates import READ_TIMES, parse_date_with_time, parse_parts
from eventstac.rules.document import Document, Path
from eventstac.rules.expressions import TIME_GROUPS
from eventstac.rules.groups import PATH_GROUPS, GroupChange, PathDate, Template, change_groups
from eventstac.rules.model import Rule
from eventstac.rules.pattern import Pattern
from eventstac.rules.spans import Interval

# Texts that are tried, as far as a group may hold them: of all numbers of digits that a date has, and whole dates.
_NUMBERS = ("2024", "12", "1", "2", "01")
_DATES = ("20240115", "2024123", "202401", "2024-01-15")
_MOST_TRIED = 4_000  # ways to put them together: five groups of any digits have 3,125

_DIRECTIVES = {"year": "%Y", "month": "%m", "day": "%d", "doy": "%j", "hour": "%H", "minute": "%M"}
_NAMED = tuple(name for names in PATH_GROUPS for name in names if name != "year")
_ZONE = re.compile(r"[+-][0-9]{2}:?[0-9]{2}$")
_NUMBER = re.compile("[0-9]")
_TOUCHING = re.compile(r"\}(?=\{[A-Za-z_])")
_DAY = re.compile(r"(?P<year>[0-9]{4})[-_/.](?P<month>[0-9]{1,2})[-_/.](?P<day>[0-9]{1,2})(?![0-9])")
_LASTING = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


def joined(groups: set[str], *, timed: bool = True) -> tuple[str, str] | None:
    """The template of all groups that say by their names when something is, and the format by which it is read.

    None where they say no month. With separators and a format numbers mean the same with as many digits as they have.
    """
    days = (("year", "doy"), ("year", "month", "day"), ("year", "month"))
    names = next((each for each in days if groups.issuperset(each)), None)
    if names is None:
        return None
    template = "-".join(f"{{{name}}}" for name in names)
    read = "-".join(_DIRECTIVES[name] for name in names)
    if not timed or names[-1] == "month" or "hour" not in groups:
        return template, read
    if "minute" not in groups:
        return f"{template}T{{hour}}", f"{read}T%H"
    return f"{template}T{{hour}}:{{minute}}", f"{read}T%H:%M"


def source_text(group: str, text_format: str, duration: str | None) -> str:
    """A source of the datetime as one writes it."""
    lasting = "" if duration is None else f", duration: {duration}"
    return f'{{group: {group}, format: "{text_format}"{lasting}}}'


def check_joined(document: Document, path: Path, rule: Rule) -> None:
    """Note groups made by a template that some texts of its groups make another time than they say.

    As `{year}{month}{day}`, where 2024, 1 and 15 are 2024115, the day 115 of the year.
    """
    sources = [replace(date, start=name, end=name) for date in rule.path_dates for name in _taken_by(date)]
    for index, change in enumerate(rule.changes):
        if change.lookup is not None or _ZONE.search(change.source.text):
            continue  # by a zone the day of UTC may be the one before
        for source in dict.fromkeys(each for each in sources if each.start == change.name):
            found = (_misread(_Making.of(rule, index, each), source) for each in rule.patterns)
            example = next((each for each in found if each), None)
            if example is not None:
                what = f"The group {change.name!r} may be another time than its groups say: {example}"
                document.mistake((*path, "groups", change.name), what, _instead(change, source))
                break


def _taken_by(date: PathDate) -> tuple[str, ...]:
    if date.value is not None:
        return ()
    return _NAMED if date.by_name else (date.start, date.end)


def _instead(change: GroupChange, source: PathDate) -> str:
    """What to write instead of a template; where it has more than groups that are known by their names, in general."""
    one = joined({*change.source.groups})
    if (
        one is None
        or {*Template(one[0]).groups} != {*change.source.groups}
        or _NUMBER.search(change.source.text)
    ):
        return (
            "Put - between the parts of a date in its template and : between those of a time, as {a}-{b}-{c}T{d}:{e}, "
            "or let each group take one number of digits, as [0-9]{2}"
        )
    return (
        f"Write `template: '{one[0]}'` and `datetime: [{source_text(change.name, one[1], source.duration)}]`"
    )


@dataclass(frozen=True)
class _Making:
    """How a group is made of those of a pattern.

    `said` are the groups whose texts are part of its own, `before` the changes that make these, `texts` what is tried.
    """

    change: GroupChange
    said: set[str]
    before: tuple[GroupChange, ...]
    texts: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, rule: Rule, index: int, pattern: Pattern) -> "_Making":
        change = rule.changes[index]
        taken, said = {*change.source.groups}, {*change.source.groups}
        before: tuple[GroupChange, ...] = ()
        for each in reversed(rule.changes[:index]):
            if each.name in taken:
                before = (each, *before)
                taken.update(each.source.groups)
                if each.lookup is None and each.name in said:
                    said.update(each.source.groups)
        bases = (name for name in pattern.groups if name in taken)
        return cls(change, said, before, {name: _texts_of(pattern, name, before) for name in bases})


def _texts_of(pattern: Pattern, group: str, changes: Sequence[GroupChange]) -> list[str]:
    """Texts that a group of a pattern may hold: numbers, dates, what a table has."""
    keys = (key for change in changes if change.source.groups == (group,) for key in change.lookup or ())
    texts = [*_NUMBERS, *(_DATES if group in _NAMED else ()), *islice(keys, len(_NUMBERS))]
    try:
        held = Automaton.of_group(pattern.regex, group)
        some = [text for text in texts if share_a_text(held, Automaton.of(literal(text)))]
        return some or list(islice(shared_texts(held, Automaton.of("[0-9]+"), 1), 1))
    except Undecided:
        return []


def _misread(making: _Making, source: PathDate) -> str | None:
    """An example of groups that are joined to a text that is read as another time; None where none is found."""
    template = making.change.source
    for tried in islice(product(*making.texts.values()), _MOST_TRIED):
        try:
            groups = change_groups(dict(zip(making.texts, tried, strict=True)), making.before)
            apart = Template(_TOUCHING.sub("}-", template.text)).fill(groups)
            text = making.change.apply(groups)
            read = source.read({source.start: text})
        except (LookupError, ValueError):
            continue
        named = {name: groups[name] for name in making.said if name in groups}
        meant = (*_by_names(named), *_by_separators(apart))
        if read and any(not first <= read[0] < last for first, last in meant):
            parts = ", ".join(f"{name} {groups[name]!r}" for name in dict.fromkeys(template.groups))
            return f"{parts} make {text!r}, which is read as {read[0]:%Y-%m-%d %H:%M}"
    return None


def _by_names(groups: Mapping[str, str]) -> Iterator[Interval]:
    """When groups say by their names that something is; nothing where they do not."""
    times = [name for name in TIME_GROUPS if name in groups]
    with suppress(ValueError, OverflowError):
        found = parse_date_with_time(groups["date"], groups) if "date" in groups else parse_parts(groups)
        if found is not None and all(re.fullmatch(READ_TIMES[name], groups[name]) for name in times):
            yield found[0], max(found[1], found[0] + _LASTING[["day", *times][-1]])


def _by_separators(text: str) -> Iterator[Interval]:
    """The day that a text begins with, where its year, month and day are apart."""
    apart = _DAY.match(text)
    with suppress(ValueError, OverflowError):
        day = parse_parts(apart.groupdict()) if apart else None
        if day is not None:
            yield day[0], day[0] + _LASTING["day"]
