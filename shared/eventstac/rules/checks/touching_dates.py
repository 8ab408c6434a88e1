"""Checks that numbers of a date that touch in a path can be told apart."""

from itertools import islice, takewhile

from eventstac.rules.automaton import Automaton, Language, Undecided, literal, shared_texts
from eventstac.rules.checks.joined_dates import is_explicit, sources_of, template_of
from eventstac.rules.document import Document, Path
from eventstac.rules.expressions import asked_times
from eventstac.rules.groups import PATH_GROUPS
from eventstac.rules.model import Rule
from eventstac.rules.pattern import Pattern

_PAIRS = (
    ("month", "day"),
    ("day", "month"),
    ("day", "hour"),
    ("doy", "hour"),
    ("hour", "minute"),
    ("minute", "second"),
)
_READINGS = ("1", "12"), ("11", "2")
_PADDED = (("01", "12"), ("001", "12"))
_TRIED = 5  # paths in which the two numbers stand: where the first is taken apart otherwise, all mostly are


def check_touching(document: Document, path: Path, rule: Rule) -> None:
    """Note numbers of a date that touch and may have one digit: 112 is 1 and 12, or 11 and 2.

    Only warns where they are told apart if they have leading zeros, as they may have in all paths.
    """
    for pattern in rule.patterns:
        for one, other in _asked_pairs(rule, pattern):
            found = _read_in_two_ways(pattern, (one, other))
            if found is not None:
                what = f"In {found!r} the {one} may be 1 and the {other} 12, or 11 and 2"
                instead = "Let each take one number of digits, as [0-9]{2}, or put a separator between them"
                is_told_apart = any(_misread(pattern, (one, other), said) == [] for said in _PADDED)
                (document.warn if is_told_apart else document.mistake)((*path, "pattern"), what, instead)


def _asked_pairs(rule: Rule, pattern: Pattern) -> list[tuple[str, str]]:
    """The pairs of which one says when by its name, or apart from the other in a template that is read as a date.

    Where 1 and 12 are taken for 11 and 2, each is another. What a glob has no expression for is of one length, or any
    text.
    """
    made = {change.name for change in rule.changes}
    named = _asked_by_name(rule, {*pattern.groups, *made})
    templates = [
        template_of(rule, index)
        for index, change in enumerate(rule.changes)
        if change.lookup is None and any(sources_of(rule, pattern, change.name))
    ]
    return [
        (one, other)
        for one, other in _PAIRS
        if made.isdisjoint((one, other))
        and is_explicit(pattern, one)
        and is_explicit(pattern, other)
        and (
            not named.isdisjoint((one, other))
            or any(
                not {one, other}.isdisjoint(each.groups) and f"{{{one}}}{{{other}}}" not in each.text
                for each in templates
            )
        )
    ]


def _asked_by_name(rule: Rule, groups: set[str]) -> set[str]:
    """The groups that `parse_parts` reads; with a day of the year, month and day must agree with it."""
    if not any(date.by_name for date in rule.path_dates):
        return set()
    days = takewhile(groups.__contains__, ("month", "day"))
    parts = {"doy", "month", "day"} if "doy" in groups else {*days}
    is_of_parts = "year" in groups and not any(groups.issuperset(names) for names in PATH_GROUPS[:-1])
    return asked_times(groups) | (parts if is_of_parts else set())


def _read_in_two_ways(pattern: Pattern, pair: tuple[str, str]) -> str | None:
    """A path that has two numbers, and is taken apart into two others; None where none is found."""
    for said, other in (_READINGS, _READINGS[::-1]):
        for path, taken in _misread(pattern, pair, said) or ():
            if taken == other:
                return path
    return None


def _misread(
    pattern: Pattern, pair: tuple[str, str], said: tuple[str, str]
) -> list[tuple[str, tuple[str | None, ...]]] | None:
    """Paths that have two numbers and are taken apart into others, with these; None where no path has the numbers."""
    held = {name: [Language(literal(text))] for name, text in zip(pair, said, strict=True)}
    try:
        paths = [*islice(shared_texts(Automaton.of(pattern.regex, held), Automaton.of(".*"), 1), _TRIED)]
        taken = [pattern.match(path) or {} for path in paths]
    except (Undecided, ValueError):
        return None
    found = [(path, tuple(map(groups.get, pair))) for path, groups in zip(paths, taken, strict=True)]
    return [each for each in found if each[1] != said] if found else None
