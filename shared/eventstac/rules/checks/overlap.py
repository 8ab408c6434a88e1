"""Finds two rules that would both match some blob, with a path that shows it."""

from collections.abc import Iterator
from functools import cached_property
from itertools import combinations
from typing import Literal

from eventstac.blob_urls import BlobName
from eventstac.facts import Match
from eventstac.rules.automaton import (
    LIKED,
    Automaton,
    Language,
    Undecided,
    literal,
    share_a_text,
    shared_texts,
)
from eventstac.rules.checks.limits import limits_of
from eventstac.rules.document import Document, Path
from eventstac.rules.loaded import match_rule
from eventstac.rules.model import CollectionRules, Rule
from eventstac.rules.pattern import Pattern, RepeatingPattern, literal_ends

TURNS = 4  # how many ways are gone through each pair of states in search of a path that both match
TRIED = 40  # paths of these

_NARROW = "Narrow one of the two patterns, e.g. {name:[a-z]+} for {name}, or give them different containers"


class Way:
    """One pattern of a rule: all paths that the rule matches by it and maybe more, and those that one would write."""

    def __init__(self, rule: Rule, pattern: Pattern) -> None:
        self.pattern = pattern
        self._rule = rule

    @cached_property
    def loose(self) -> Automaton:
        """Of all paths that the rule matches by this pattern, and maybe more. Raises Undecided."""
        return Automaton.of(self.pattern.regex, limits_of(self._rule, self.pattern, loose=True))

    @cached_property
    def plain(self) -> Automaton:
        """Of the paths that anybody would write. Raises Undecided."""
        return Automaton.of(self.pattern.regex, limits_of(self._rule, self.pattern, loose=False))

    def repeating(self, path: str) -> Automaton:
        """Of paths in which a name holds the same text again: that which it holds first in a path that does not."""
        if not isinstance(self.pattern, RepeatingPattern):
            return self.plain
        limits = {name: list(each) for name, each in limits_of(self._rule, self.pattern, loose=False).items()}
        for name, text in self.pattern.held(path).items():
            limits.setdefault(name, []).append(Language(literal(text)))
        return Automaton.of(self.pattern.regex, limits)


class Placed:
    """A rule with its place in the file."""

    def __init__(self, path: Path, collection: CollectionRules, rule: Rule) -> None:
        self.path, self.collection, self.rule = path, collection, rule
        self.ways = tuple(Way(rule, pattern) for pattern in rule.patterns)

    def matches(self, name: BlobName) -> bool:
        """Whether the rule matches a blob that there can be."""
        there_can_be = name.is_addressable and name.path.strip("/") != ""
        return there_can_be and isinstance(match_rule(self.collection, self.rule, name), Match)


def check_overlaps(document: Document, collections: tuple[CollectionRules, ...]) -> None:
    """Note each pair of rules that overlap, with a path that both match, and warn of those that are not decided.

    Rules with a mistake are left out: nobody knows what they are to match.
    """
    placed = [
        Placed(("collections", collection.id, "rules", index, "pattern"), collection, rule)
        for collection in collections
        for index, rule in enumerate(collection.rules)
        if document.is_sound(("collections", collection.id, "rules", index))
    ]
    for earlier, later in combinations(placed, 2):
        found = shared_path(earlier, later)
        who = f"{earlier.rule.name!r} (line {document.line(earlier.path)}) and {later.rule.name!r}"
        if isinstance(found, BlobName):
            document.mistake(later.path, f"The rules {who} both match {found.path!r}", _NARROW)
        elif found == "not decided":
            what = f"Whether the rules {who} can match the same path is not decided: the first would have it"
            document.warn(later.path, what, _NARROW)


def shared_path(one: Placed, other: Placed) -> BlobName | Literal["not decided"] | None:
    """A path that both rules match; None where there is none, "not decided" where neither could be found."""
    containers = _shared_containers(one.rule, other.rule)
    if not containers:
        return None
    undecided = False
    for first in one.ways:
        for second in other.ways:
            if _ends_differ(first.pattern, second.pattern):
                continue
            try:
                for path in _paths(first, second):
                    name = BlobName("https://account.blob.core.windows.net", containers[0], path)
                    if one.matches(name) and other.matches(name):
                        return name
                    undecided = True
            except Undecided:
                undecided = True
    return "not decided" if undecided else None


def _paths(first: Way, second: Way) -> Iterator[str]:
    """Paths that both may match, the likeliest first; none means that both match none. Raises Undecided."""
    if not share_a_text(first.loose, second.loose):
        return
    tried: set[str] = set()
    repeats = any(isinstance(each.pattern, RepeatingPattern) for each in (first, second))
    for kind in ("plain", "loose"):
        for liked in LIKED:
            left, right = getattr(first, kind), getattr(second, kind)
            for path in _some(shared_texts(left, right, TURNS, liked), tried):
                yield path
                if repeats:
                    again = shared_texts(first.repeating(path), second.repeating(path), 1)
                    yield from _some(again, tried)


def _some(paths: Iterator[str], tried: set[str]) -> Iterator[str]:
    for number, path in enumerate(paths):
        if number >= TRIED:
            return
        if path not in tried:
            tried.add(path)
            yield path


def _shared_containers(one: Rule, other: Rule) -> list[str]:
    if not one.containers or not other.containers:
        return list(one.containers or other.containers or ("container",))
    return sorted(set(one.containers) & set(other.containers))


def _ends_differ(one: Pattern, other: Pattern) -> bool:
    """Whether two globs begin or end so that no path is of both: cheap to compare, and mostly enough."""
    (begin, end), (other_begin, other_end) = literal_ends(one.text), literal_ends(other.text)
    return not (
        (begin.startswith(other_begin) or other_begin.startswith(begin))
        and (end.endswith(other_end) or other_end.endswith(end))
    )
