"""Regular expressions as automata: what two of them both match, found by walking both at once."""

import importlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eventstac.rules.characters import (
    ANY,
    Ranges,
    before_transform,
    ranges_of,
    shared_character,
    shared_ranges,
)

# The standard library has no public parser of its own expressions; what this module finds is checked by matching.
_parser: Any = importlib.import_module("re._parser")
_code: Any = importlib.import_module("re._constants")

_ANCHORS = {
    **dict.fromkeys((_code.AT_BEGINNING, _code.AT_BEGINNING_STRING), "^"),
    **dict.fromkeys((_code.AT_END, _code.AT_END_STRING), "$"),
}

MAX_PAIRS = 300_000  # pairs of states; patterns of paths have hundreds
MAX_COPIES = 64  # a repetition is unrolled up to here, and a loop beyond
LIKED = ("a1A0_-. ", "10aA_-. ", "Ab2_-.")  # characters that make a text easy to read, the best first


class Undecided(Exception):
    """Two automata are too large to tell whether they share a text."""


@dataclass(frozen=True)
class Language:
    """The texts that an expression matches after transforms ("lower", "upper"), applied in this order."""

    regex: str
    transforms: tuple[str, ...] = ()


Limits = Mapping[str, Sequence[Language]]  # which texts the groups of an expression may hold, by name

NO_TEXT = Language(r"[^\s\S]")


def literal(text: str) -> str:
    """The expression of one text."""
    return "".join(f"\\U{ord(character):08x}" for character in text)


def share_a_text(*automata: "Automaton") -> bool:
    """Whether there is a text that all of them match. Raises Undecided.

    Goes on with the first character that there is: of large ones that share texts, as most do, it sees few places.
    """
    seen: set[tuple[int, ...]] = set()
    ways = [iter([tuple(each.start for each in automata)])]
    while ways:
        place = next((each for each in ways[-1] if each not in seen), None)
        if place is None:
            ways.pop()
            continue
        if len(seen) >= MAX_PAIRS:
            raise Undecided
        seen.add(place)
        reached = list(zip(automata, place, strict=True))
        if all(each.accepts(state) for each, state in reached):
            return True
        ways.append(_places_after([each.steps(state) for each, state in reached]))
    return False


def _places_after(
    steps: Sequence[Sequence[tuple[Ranges, int]]], taken: Ranges = ANY, place: tuple[int, ...] = ()
) -> Iterator[tuple[int, ...]]:
    """Where one character leads by a step of each, one place after the other."""
    if not steps:
        yield place
        return
    for ranges, there in steps[0]:
        shared = shared_ranges(taken, ranges) if place else ranges
        if shared:
            yield from _places_after(steps[1:], shared, (*place, there))


def shared_texts(left: "Automaton", right: "Automaton", turns: int, liked: str = LIKED[0]) -> Iterator[str]:
    """Texts that both match, short ones first, going at most so many times through each pair of states.

    None at all means that there is none. Raises Undecided where that takes too long to know.
    """
    # A place is a pair of states, the place that it was reached from (by number), and the character on the way.
    places: list[tuple[tuple[int, int], int, str]] = [((left.start, right.start), -1, "")]
    visits: Counter[tuple[int, int]] = Counter({places[0][0]: 1})
    waiting = deque([0])
    while waiting:
        number = waiting.popleft()
        (one, other), _, _ = places[number]
        if left.accepts(one) and right.accepts(other):
            yield _text(places, number)
        steps = right.steps(other)
        for ranges, there in left.steps(one):
            for others, beyond in steps:
                pair = (there, beyond)
                if visits[pair] >= turns:
                    continue
                character = shared_character(ranges, others, liked)
                if not character:
                    continue
                if len(places) >= MAX_PAIRS:
                    raise Undecided
                visits[pair] += 1
                places.append((pair, number, character))
                waiting.append(len(places) - 1)


def _text(places: list[tuple[tuple[int, int], int, str]], number: int) -> str:
    characters = []
    while number >= 0:
        _, number, character = places[number]
        characters.append(character)
    return "".join(reversed(characters))


@dataclass
class Automaton:
    """States by number: `free` steps take no character, `taking` steps one of some ranges.

    Anchors are taken as if they always held (`anchors` says which of the free steps are `^` or `$`), and what a group
    repeats as anything that the group may hold: it matches all that the expression matches, and maybe more.
    """

    free: list[list[int]] = field(default_factory=list)
    taking: list[list[tuple[Ranges, int]]] = field(default_factory=list)
    groups: dict[int, Any] = field(default_factory=dict)
    limits: dict[int, "list[Automaton]"] = field(default_factory=dict)
    anchors: dict[tuple[int, int], str] = field(default_factory=dict)
    start: int = 0
    end: int = 0
    _reach: dict[int, tuple[bool, list[tuple[Ranges, int]]]] = field(default_factory=dict)

    @classmethod
    def of(cls, regex: str, limits: Limits | None = None) -> "Automaton":
        """The automaton of an expression whose groups hold texts of all of these languages only. Raises Undecided."""
        made = cls()
        parsed = _parser.parse(regex)
        made.limits = {
            parsed.state.groupdict[name]: [cls.of_language(each) for each in languages]
            for name, languages in (limits or {}).items()
        }
        made.start = made.state()
        fold = bool(parsed.state.flags & _parser.SRE_FLAG_IGNORECASE)
        made.end = _Builder(made, fold=fold).sequence(parsed, made.start)
        return made

    @classmethod
    def of_language(cls, language: Language) -> "Automaton":
        """The automaton of the texts that are of a language."""
        made = cls.of(language.regex)
        for transform in reversed(language.transforms):
            made.taking = [
                [(before_transform(ranges, transform), there) for ranges, there in steps]
                for steps in made.taking
            ]
        return made

    @classmethod
    def of_group(cls, regex: str, group: str) -> "Automaton":
        """The automaton of what a named group of an expression stands for."""
        whole = _parser.parse(regex)
        builder = _Builder(cls(), fold=bool(whole.state.flags & _parser.SRE_FLAG_IGNORECASE))
        builder.made.state()
        builder.sequence(whole, 0)
        made = cls(groups=builder.made.groups)
        made.start = made.state()
        made.end = _Builder(made, fold=builder.fold).sequence(made.groups[whole.state.groupdict[group]], 0)
        return made

    def state(self) -> int:
        """A new state."""
        self.free.append([])
        self.taking.append([])
        return len(self.free) - 1

    def accepts(self, state: int) -> bool:
        """Whether a text may end in a state."""
        return self._reached(state)[0]

    def steps(self, state: int) -> list[tuple[Ranges, int]]:
        """The steps that take a character from a state, and from those that it leads to without one."""
        return self._reached(state)[1]

    def _reached(self, state: int) -> tuple[bool, list[tuple[Ranges, int]]]:
        known = self._reach.get(state)
        if known is None:
            reached, waiting = {state}, [state]
            while waiting:
                for there in self.free[waiting.pop()]:
                    if there not in reached:
                        reached.add(there)
                        waiting.append(there)
            steps = dict.fromkeys(step for each in sorted(reached) for step in self.taking[each])
            known = self._reach[state] = (self.end in reached, list(steps))
        return known

    def within(self, other: "Automaton") -> "Automaton":
        """The automaton of what both match. Raises Undecided."""
        made = Automaton()
        made.end = made.state()
        made.start = made.state()
        numbers: dict[tuple[int, int], int] = {(self.start, other.start): made.start}
        waiting = [(self.start, other.start)]
        while waiting:
            here = one, two = waiting.pop()
            number = numbers[here]
            if self.accepts(one) and other.accepts(two):
                made.free[number].append(made.end)
            for ranges, there in self.steps(one):
                for others, beyond in other.steps(two):
                    shared = shared_ranges(ranges, others)
                    if not shared:
                        continue
                    if (there, beyond) not in numbers:
                        if len(numbers) >= MAX_PAIRS:
                            raise Undecided
                        numbers[there, beyond] = made.state()
                        waiting.append((there, beyond))
                    made.taking[number].append((shared, numbers[there, beyond]))
        return made


@dataclass
class _Builder:
    """Adds parsed operations to an automaton; `repeats` says whether they may be gone through several times."""

    made: Automaton
    fold: bool
    repeats: bool = False

    def sequence(self, parsed: Iterable[tuple[Any, Any]], at: int) -> int:
        """Add operations after a state; returns the state they end in."""
        for operation, argument in parsed:
            at = self._operation(operation, argument, at)
        return at

    def _operation(self, operation: Any, argument: Any, at: int) -> int:
        if operation in (_code.LITERAL, _code.NOT_LITERAL, _code.ANY, _code.IN):
            return self._takes(ranges_of(operation, argument, fold=self.fold), at)
        if operation is _code.SUBPATTERN:
            number, more, less, parsed = argument
            self.made.groups[number] = parsed
            ignore_case = _parser.SRE_FLAG_IGNORECASE
            fold = bool((self.fold or more & ignore_case) and not less & ignore_case)
            return self._group(number, parsed, at, fold=fold)
        if operation is _code.GROUPREF:
            return self._group(argument, self.made.groups[argument], at, fold=self.fold)
        if operation is _code.BRANCH:
            return self._branch(argument[1], at)
        if operation in (_code.MAX_REPEAT, _code.MIN_REPEAT):
            least, most, repeated = argument
            inner = _Builder(self.made, fold=self.fold, repeats=self.repeats or most > 1)
            return inner._repeat(least, most, repeated, at)
        return self._anchor(argument, at)

    def _anchor(self, kind: Any, at: int) -> int:
        """It takes no character."""
        if kind not in _ANCHORS:
            return at
        there = self.made.state()
        self.made.free[at].append(there)
        self.made.anchors[at, there] = _ANCHORS[kind]
        return there

    def _takes(self, ranges: Ranges, at: int) -> int:
        there = self.made.state()
        self.made.taking[at].append((ranges, there))
        return there

    def _group(self, number: int | None, parsed: Any, at: int, *, fold: bool) -> int:
        limits = self.made.limits.get(number, []) if number is not None else []
        # Of a group that is gone through several times only the last text counts.
        if not limits or self.repeats:
            return _Builder(self.made, fold=fold, repeats=self.repeats).sequence(parsed, at)
        part = Automaton(groups=self.made.groups, limits=self.made.limits)
        part.start = part.state()
        part.end = _Builder(part, fold=fold).sequence(parsed, part.start)
        for limit in limits:
            part = part.within(limit)
        return self._copy(part, at)

    def _copy(self, part: Automaton, at: int) -> int:
        first = len(self.made.free)
        for free, taking in zip(part.free, part.taking, strict=True):
            self.made.free.append([there + first for there in free])
            self.made.taking.append([(ranges, there + first) for ranges, there in taking])
        self.made.free[at].append(part.start + first)
        return part.end + first

    def _branch(self, alternatives: list[Any], at: int) -> int:
        end = self.made.state()
        for alternative in alternatives:
            # A state of its own: a loop that begins an alternative does not go on in another.
            begin = self.made.state()
            self.made.free[at].append(begin)
            self.made.free[self.sequence(alternative, begin)].append(end)
        return end

    def _repeat(self, least: int, most: Any, repeated: Any, at: int) -> int:
        for _ in range(min(least, MAX_COPIES)):
            at = self.sequence(repeated, at)
        end = self.made.state()
        self.made.free[at].append(end)
        if most is _code.MAXREPEAT or most - least > MAX_COPIES:
            # A state of its own: what may be skipped at `at` may not be skipped after a turn.
            loop = self.made.state()
            self.made.free[at].append(loop)
            self.made.free[self.sequence(repeated, loop)].append(loop)
            self.made.free[loop].append(end)
            return end
        for _ in range(most - least):
            at = self.sequence(repeated, at)
            self.made.free[at].append(end)
        return end
