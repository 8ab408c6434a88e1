"""Checks that numbers of a date that touch in a path can be told apart."""

from itertools import islice, pairwise

from eventstac.rules.automaton import Automaton, Language, Undecided, literal, shared_texts
from eventstac.rules.document import Document, Path
from eventstac.rules.expressions import TIME_GROUPS, asked_times
from eventstac.rules.model import Rule
from eventstac.rules.pattern import Pattern

_SAID, _OTHER = ("1", "12"), ("11", "2")
_TRIED = 5  # paths in which the two numbers stand: where the first is taken apart otherwise, all mostly are


def check_touching(document: Document, path: Path, rule: Rule) -> None:
    """Note months, days and times by their names that touch and may have one digit: 112 is 1 and 12, or 11 and 2."""
    if not any(date.by_name for date in rule.path_dates):
        return
    made = {change.name for change in rule.changes}
    for pattern in rule.patterns:
        groups = {*pattern.groups, *made}
        is_of_parts = "year" in groups and groups.isdisjoint(("datetime", "date", "doy"))
        asked = asked_times(groups) | ({"month", "day"} if is_of_parts else set())
        for pair in pairwise(("month", "day", *TIME_GROUPS)):
            if not asked.intersection(pattern.groups).difference(made).issuperset(pair):
                continue
            found = _read_in_two_ways(pattern, pair)
            if found is not None:
                one, other = pair
                what = f"In {found!r} the {one} may be 1 and the {other} 12, or 11 and 2"
                instead = (
                    f"Put a separator between them, or leave their expressions out: {{{one}}}{{{other}}}"
                )
                document.mistake((*path, "pattern"), what, instead)


def _read_in_two_ways(pattern: Pattern, pair: tuple[str, str]) -> str | None:
    """A path that has two numbers, and is taken apart into two others; None where none is found."""
    held = {name: [Language(literal(text))] for name, text in zip(pair, _SAID, strict=True)}
    try:
        paths = shared_texts(Automaton.of(pattern.regex, held), Automaton.of(".*"), 1)
        for path in islice(paths, _TRIED):
            groups = pattern.match(path) or {}
            if tuple(groups.get(name) for name in pair) == _OTHER:
                return path
    except (Undecided, ValueError):
        pass
    return None
