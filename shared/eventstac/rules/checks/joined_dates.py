"""Checks that a group that is joined of numbers, and read as a date, is the date that these say."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import islice, product, takewhile

from eventstac.rules.automaton import Automaton, Undecided, literal, share_a_text, shared_texts
from eventstac.rules.checks.join_advice import what_to_write
from eventstac.rules.dates import READ_TIMES, parse_date_with_time, parse_local, parse_parts
from eventstac.rules.document import Document, Path
from eventstac.rules.expressions import TIME_GROUPS
from eventstac.rules.groups import PATH_GROUPS, GroupChange, PathDate, Template
from eventstac.rules.model import Rule
from eventstac.rules.pattern import Pattern
from eventstac.rules.spans import Interval

# Tried as far as a group may be them: a year, and other numbers of as many digits as dates have.
_YEAR, _NUMBERS = "2024", ("12", "1", "2", "01", "101", "001")
_NO_NUMBER = "(?s:.*)[^0-9](?s:.*)"
_MOST_TRIED = 1_000  # ways to put them together
_WIDTHS = (2, 3)  # digits of a month, a day, a time; of a day of the year
_LONGEST = 200  # characters of a template: no date is longer

_TOUCHING = re.compile(r"\}(?=\{[A-Za-z_])")
_EXPRESSION = re.compile(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}|\(\?P<(\w+)>[^()]*\)")
_DAY = re.compile(r"(?P<year>[0-9]{4})[-_/.](?P<month>[0-9]{1,2})[-_/.](?P<day>[0-9]{1,2})(?![0-9])")
_LASTING = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_DIGITS = "Let each of its groups take one number of digits, as [0-9]{2}"


def check_joined(document: Document, path: Path, rule: Rule) -> None:
    """Note groups made by a template that some numbers of its groups make another time than they say.

    As `{year}{month}{day}`, where 2024, 1 and 15 are 2024115, the day 115 of the year. Where the numbers may have
    leading zeros in all paths it only warns, and nothing is said of groups of any text, or where a format decides.
    """
    for index, change in enumerate(rule.changes):
        if change.lookup is not None:
            continue
        found = [each for pattern in rule.patterns if (each := _misread(rule, index, pattern)) is not None]
        if found:
            worst = min(found, key=lambda each: each.is_padded)
            joining = _joining(rule, index)
            what = f"The group {joining.name!r} may be another time than its groups say: {worst.example}"
            instead = _DIGITS if worst.is_split else what_to_write(joining, worst.source)
            told = document.warn if worst.is_padded else document.mistake
            told((*path, "groups", joining.name), what, instead)


def sources_of(rule: Rule, pattern: Pattern, name: str) -> Iterator[PathDate]:
    """The sources of the datetime that read a group of a pattern's paths."""
    groups = {*pattern.groups, *(change.name for change in rule.changes)}
    named = next((names for names in PATH_GROUPS[:-1] if groups.issuperset(names)), ())
    for date in rule.path_dates:
        if date.value is None and name in (named if date.by_name else (date.start, date.end)):
            yield date


def template_of(rule: Rule, index: int) -> Template:
    """What a group is made of, by groups of a pattern and of lookups."""
    text = rule.changes[index].source.text
    for each in reversed(rule.changes[:index]):
        if each.lookup is None and len(text) <= _LONGEST:
            text = text.replace(f"{{{each.name}}}", each.source.text)
    return Template(text)


def is_explicit(pattern: Pattern, group: str) -> bool:
    """Whether a pattern itself says what a group stands for."""
    return f"{{{group}:" in pattern.text or f"(?P<{group}>" in pattern.text


def _joining(rule: Rule, index: int) -> GroupChange:
    """The change that joins what another may only take as it is."""
    change = rule.changes[index]
    for each in reversed(rule.changes[:index]):
        if each.lookup is None and change.source.text == f"{{{each.name}}}":
            change = each
    return change


@dataclass(frozen=True)
class _Misread:
    """Numbers that are read as another time by a source; `is_padded` where others with leading zeros are not.

    `is_split` where they touch in the path as they do in the text, and may be taken apart otherwise.
    """

    example: str
    source: PathDate
    is_padded: bool
    is_split: bool


def _misread(rule: Rule, index: int, pattern: Pattern) -> _Misread | None:
    name, template = rule.changes[index].name, template_of(rule, index)
    sources = [each for each in sources_of(rule, pattern, name) if each.format is None]
    if not sources or len(template.text) > _LONGEST:
        return None
    tables = {change.name: change for change in rule.changes[:index] if change.lookup is not None}
    if not any(group in tables or is_explicit(pattern, group) for group in template.groups):
        return None  # the numbers that groups are by their names have one length
    texts = {group: _texts_of(pattern, group, tables.get(group)) for group in template.groups}
    if not all(short for short, _ in texts.values()):
        return None
    first = template.groups[0]
    if _YEAR in texts[first][0]:
        texts[first] = (_YEAR,), (_YEAR,)
    in_one_piece = template.text in _EXPRESSION.sub(r"{\1\2}", pattern.text)
    is_split = in_one_piece and any(len({*map(len, short)}) > 1 for short, _ in texts.values())
    for is_padded in (False, True):
        tried = tuple((group, short if is_padded else full) for group, (short, full) in texts.items())
        for source in dict.fromkeys(sources):
            begins = PathDate(name, name, duration=source.duration)
            example = _example(template.text, tried, begins, in_one_piece)
            if example is not None:
                return _Misread(example, source, is_padded or is_split, is_split)
    return None


def _texts_of(
    pattern: Pattern, group: str, table: GroupChange | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Numbers that a group may be, and those that are not short where they may have leading zeros; none of any text."""
    if table is not None:
        values = tuple(dict.fromkeys((table.lookup or {}).values()))
        return (values, values) if all(re.fullmatch("[0-9]+", each) for each in values) else ((), ())
    if group not in pattern.groups:
        return (), ()
    try:
        held = Automaton.of_group(pattern.regex, group)
        if share_a_text(held, _of(_NO_NUMBER)):
            return (), ()
        texts = tuple(text for text in (*_NUMBERS, _YEAR) if _holds(held, text))
        shortest = islice(shared_texts(held, _of("[0-9]+"), 1), 1)
        texts += tuple(each for each in shortest if all(len(each) < len(text) for text in texts))
    except Undecided:
        return (), ()
    padded = (width for width in _WIDTHS if _holds(held, "1".zfill(width)))
    width = next((width for width in padded if not _holds(held, "1".zfill(width + 1))), 0)
    return texts, tuple(text for text in texts if len(text) >= width)


def _holds(held: Automaton, text: str) -> bool:
    return share_a_text(held, _of(literal(text)))


@lru_cache(maxsize=32)  # the same few for all groups
def _of(regex: str) -> Automaton:
    return Automaton.of(regex)


@lru_cache(maxsize=256)  # the patterns of a rule mostly have the same groups
def _example(
    template: str, texts: tuple[tuple[str, tuple[str, ...]], ...], source: PathDate, in_one_piece: bool
) -> str | None:
    """Groups that are joined to a text that is read as another time; None where none are found.

    What is in one piece in the path, too, is told apart by names alone: the path says no more than the text.
    """
    names = [name for name, _ in texts]
    for tried in islice(product(*(each for _, each in texts)), _MOST_TRIED):
        groups = dict(zip(names, tried, strict=True))
        text = Template(template).fill(groups)
        try:
            source.read({source.start: text})
            read = parse_local(text)
        except ValueError:
            continue
        meant = [*_by_names(groups)]
        if not in_one_piece:
            meant += _by_separators(Template(_TOUCHING.sub("}-", template)).fill(groups))
        if any(not first <= read < last for first, last in meant):
            parts = ", ".join(f"{name} {each!r}" for name, each in groups.items())
            return f"{parts} make {text!r}, which is read as {read:%Y-%m-%d %H:%M}"
    return None


def _by_names(groups: Mapping[str, str]) -> Iterator[Interval]:
    """When groups say by their names that something is; nothing where they do not."""
    times = [*takewhile(lambda name: name in groups, TIME_GROUPS)]
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
