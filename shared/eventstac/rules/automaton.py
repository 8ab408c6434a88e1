"""Finds a text that two regular expressions both match, by walking both automata at once."""

import importlib
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from eventstac.rules.characters import Ranges, ranges_of, shared_character

# The standard library has no public parser of its own expressions; what this module finds is checked by matching.
_parser: Any = importlib.import_module("re._parser")
_code: Any = importlib.import_module("re._constants")

MAX_PAIRS = 300_000  # pairs of states; patterns of paths have hundreds
MAX_COPIES = 64  # a repetition is unrolled up to here, and a loop beyond

_REFERENCE = re.compile(r"\(\?P=(\w+)\)")


def common_text(first: str, second: str) -> str | None:
    """A short text that both expressions match in full, None where there is none (or finding it takes too long).

    Look-around is taken as if it always held, and what a back-reference repeats is guessed: the caller matches the
    text to be sure.
    """
    text = _walk(_Automaton.of(first, {}), _Automaton.of(second, {}))
    repeated = [_REFERENCE.findall(regex) for regex in (first, second)]
    if text is None or not any(repeated):
        return text
    fixed = [_captured(regex, text) for regex in (first, second)]
    return _walk(_Automaton.of(first, fixed[0]), _Automaton.of(second, fixed[1]))


def group_fits(regex: str, group: str, expression: str) -> bool:
    """Whether what a named group of an expression stands for can be a text that another expression matches."""
    whole = _Automaton.of(regex, {})
    part = _Automaton(groups=whole.groups)
    part.start = part.state()
    part.end = part.sequence(whole.groups[whole.numbers[group]], part.start)
    return _walk(part, _Automaton.of(expression, {})) is not None


def _captured(regex: str, text: str) -> dict[str, str]:
    """What the groups that are repeated would hold, were they not to repeat."""
    names = set(_REFERENCE.findall(regex))
    found = re.fullmatch(_REFERENCE.sub(".+", regex), text, re.DOTALL)
    return {name: found[name] for name in names if found and found[name]}


def _walk(left: "_Automaton", right: "_Automaton") -> str | None:
    start = (left.start, right.start)
    came_from: dict[tuple[int, int], tuple[tuple[int, int], str] | None] = {start: None}
    waiting = deque([start])
    while waiting and len(came_from) < MAX_PAIRS:
        here = waiting.popleft()
        if here == (left.end, right.end):
            return _text(came_from, here)
        for there, character in _steps(left, right, here):
            if there in came_from:
                continue
            came_from[there] = (here, character)
            (waiting.append if character else waiting.appendleft)(there)
    return None


def _text(came_from: dict[tuple[int, int], tuple[tuple[int, int], str] | None], here: tuple[int, int]) -> str:
    characters = []
    step = came_from[here]
    while step is not None:
        characters.append(step[1])
        step = came_from[step[0]]
    return "".join(reversed(characters))


def _steps(
    left: "_Automaton", right: "_Automaton", here: tuple[int, int]
) -> Iterator[tuple[tuple[int, int], str]]:
    one, other = here
    for there in left.free[one]:
        yield (there, other), ""
    for there in right.free[other]:
        yield (one, there), ""
    for ranges, there in left.taking[one]:
        for others, beyond in right.taking[other]:
            character = shared_character(ranges, others)
            if character:
                yield (there, beyond), character


@dataclass
class _Automaton:
    """States by number: `free` steps take no character, `taking` steps one of some ranges."""

    free: list[list[int]] = field(default_factory=list)
    taking: list[list[tuple[Ranges, int]]] = field(default_factory=list)
    groups: dict[int, Any] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    fixed: dict[int, str] = field(default_factory=dict)
    start: int = 0
    end: int = 0

    @classmethod
    def of(cls, regex: str, fixed: Mapping[str, str]) -> "_Automaton":
        """The automaton of an expression whose groups of these names hold these texts."""
        made = cls()
        parsed = _parser.parse(regex)
        made.numbers = parsed.state.groupdict
        made.fixed = {made.numbers[name]: text for name, text in fixed.items()}
        made.start = made.state()
        made.end = made.sequence(parsed, made.start)
        return made

    def state(self) -> int:
        """A new state."""
        self.free.append([])
        self.taking.append([])
        return len(self.free) - 1

    def _takes(self, ranges: Ranges, at: int) -> int:
        there = self.state()
        self.taking[at].append((ranges, there))
        return there

    def sequence(self, parsed: Iterable[tuple[Any, Any]], at: int) -> int:
        """Add parsed operations after a state; returns the state they end in."""
        for operation, argument in parsed:
            at = self._operation(operation, argument, at)
        return at

    def _operation(self, operation: Any, argument: Any, at: int) -> int:
        if operation in (_code.LITERAL, _code.NOT_LITERAL, _code.ANY, _code.IN):
            return self._takes(ranges_of(operation, argument), at)
        if operation is _code.SUBPATTERN:
            self.groups[argument[0]] = argument[3]
            return self._group(argument[0], argument[3], at)
        if operation is _code.GROUPREF:
            return self._group(argument, self.groups[argument], at)
        if operation is _code.ATOMIC_GROUP:
            return self.sequence(argument, at)
        if operation is _code.BRANCH:
            return self._branch(argument[1], at)
        if operation in (_code.MAX_REPEAT, _code.MIN_REPEAT, _code.POSSESSIVE_REPEAT):
            least, most, repeated = argument
            return self._repeat(least, most, repeated, at)
        return at  # anchors and look-around take no character

    def _group(self, number: int | None, parsed: Any, at: int) -> int:
        if number is None or number not in self.fixed:
            return self.sequence(parsed, at)
        for character in self.fixed[number]:
            at = self._takes(((ord(character), ord(character)),), at)
        return at

    def _branch(self, alternatives: list[Any], at: int) -> int:
        end = self.state()
        for alternative in alternatives:
            self.free[self.sequence(alternative, at)].append(end)
        return end

    def _repeat(self, least: int, most: Any, repeated: Any, at: int) -> int:
        for _ in range(min(least, MAX_COPIES)):
            at = self.sequence(repeated, at)
        end = self.state()
        self.free[at].append(end)
        if most is _code.MAXREPEAT or most - least > MAX_COPIES:
            # A state of its own: what may be skipped at `at` may not be skipped after a turn.
            loop = self.state()
            self.free[at].append(loop)
            self.free[self.sequence(repeated, loop)].append(loop)
            self.free[loop].append(end)
            return end
        for _ in range(most - least):
            at = self.sequence(repeated, at)
            self.free[at].append(end)
        return end
