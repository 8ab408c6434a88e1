"""Matches an expression in which a name stands for the same text twice, in a bounded number of steps.

It goes through the ways to match in the order of Python's `re`, and never twice through the same place with the same
text to repeat. What still takes more than `MAX_STEPS` is refused.
"""

import importlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from eventstac.rules.characters import Ranges, ranges_of

_parser: Any = importlib.import_module("re._parser")  # the standard library's own parser has no public place
_code: Any = importlib.import_module("re._constants")

MAX_STEPS = 10_000  # 0.1 s; a path of 1,024 characters takes some thousands where its groups end at slashes
MAX_PROGRAM = 20_000


class TooAmbiguous(ValueError):
    """A path that may be taken apart in too many ways to try them."""


# What an instruction does: take a character, go on in two places (the first is preferred), note a place of the path,
# take what a group holds, end. Its arguments are ranges, places of the program, slots and groups.
Instruction = tuple[str, Any, Any]


@dataclass
class Program:
    """A compiled expression: instructions, and the numbers of its groups."""

    instructions: list[Instruction] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    repeated: set[int] = field(default_factory=set)

    def match(self, path: str) -> dict[str, str] | None:
        """The named groups of a path that fits, None of another. Raises TooAmbiguous."""
        slots = (-1,) * (2 * max(self.names.values(), default=0) + 2)
        waiting = [(0, 0, slots)]
        been: set[tuple[int, int, tuple[str, ...]]] = set()
        steps = 0
        while waiting:
            at, reached, slots = waiting.pop()
            place = (at, reached, self._held(path, slots))
            if place in been:
                continue
            been.add(place)
            steps += 1
            if steps > MAX_STEPS:
                raise TooAmbiguous(
                    "it can be taken apart in too many ways: let the groups of the pattern hold less"
                )
            what, one, other = self.instructions[at]
            if what == "end":
                if reached == len(path):
                    return self._groups(path, slots)
            elif what == "take":
                if reached < len(path) and _is_in(ord(path[reached]), one):
                    waiting.append((at + 1, reached + 1, slots))
            elif what == "split":
                waiting += [(other, reached, slots), (one, reached, slots)]
            elif what == "note":
                waiting.append((at + 1, reached, (*slots[:one], reached, *slots[one + 1 :])))
            elif slots[2 * one + 1] >= 0:
                text = path[slots[2 * one] : slots[2 * one + 1]]
                if path.startswith(text, reached):
                    waiting.append((at + 1, reached + len(text), slots))
        return None

    def _held(self, path: str, slots: tuple[int, ...]) -> tuple[str, ...]:
        """What tells two visits of a place apart: what is to be repeated, or where it begins."""
        return tuple(
            path[slots[2 * group] : slots[2 * group + 1]]
            if slots[2 * group + 1] >= 0
            else f"/{slots[2 * group]}"
            for group in self.repeated
        )

    def _groups(self, path: str, slots: tuple[int, ...]) -> dict[str, str]:
        spans = {name: (slots[2 * number], slots[2 * number + 1]) for name, number in self.names.items()}
        return {name: path[start:end] for name, (start, end) in spans.items() if end >= 0}

    def add(self, parsed: Iterable[tuple[Any, Any]], *, fold: bool) -> None:
        """Add parsed operations. ValueError for those that are none of a path's."""
        for operation, argument in parsed:
            if operation in (_code.LITERAL, _code.NOT_LITERAL, _code.ANY, _code.IN):
                self._put("take", ranges_of(operation, argument, fold=fold))
            elif operation is _code.SUBPATTERN:
                self._group(*argument, fold=fold)
            elif operation is _code.GROUPREF:
                self.repeated.add(argument)
                self._put("again", argument)
            elif operation is _code.BRANCH:
                self._branch(argument[1], fold=fold)
            elif operation in (_code.MAX_REPEAT, _code.MIN_REPEAT):
                self._repeat(*argument, fold=fold, greedy=operation is _code.MAX_REPEAT)
            else:
                raise ValueError(f"{str(operation).lower()} is not taken here")

    def _put(self, what: str, one: Any = None, other: Any = None) -> int:
        if len(self.instructions) >= MAX_PROGRAM:
            raise ValueError(f"it has more than {MAX_PROGRAM} instructions")
        self.instructions.append((what, one, other))
        return len(self.instructions) - 1

    def _group(self, number: int | None, more: int, less: int, parsed: Any, *, fold: bool) -> None:
        ignore_case = _parser.SRE_FLAG_IGNORECASE
        fold = bool((fold or more & ignore_case) and not less & ignore_case)
        if number is None:
            self.add(parsed, fold=fold)
            return
        self._put("note", 2 * number)
        self.add(parsed, fold=fold)
        self._put("note", 2 * number + 1)

    def _branch(self, alternatives: list[Any], *, fold: bool) -> None:
        ends = []
        for alternative in alternatives[:-1]:
            split = self._put("split")
            self.add(alternative, fold=fold)
            ends.append(self._put("split"))
            self.instructions[split] = ("split", split + 1, len(self.instructions))
        self.add(alternatives[-1], fold=fold)
        for end in ends:
            self.instructions[end] = ("split", len(self.instructions), len(self.instructions))

    def _repeat(self, least: int, most: Any, parsed: Any, *, fold: bool, greedy: bool) -> None:
        for _ in range(least):
            self.add(parsed, fold=fold)
        if most is _code.MAXREPEAT:
            split = self._put("split")
            self.add(parsed, fold=fold)
            self._put("split", split, split)
            self._splits([split], greedy=greedy)
            return
        splits = []
        for _ in range(most - least):
            splits.append(self._put("split"))
            self.add(parsed, fold=fold)
        self._splits(splits, greedy=greedy)

    def _splits(self, splits: list[int], *, greedy: bool) -> None:
        """Let each of these turn be taken or left."""
        end = len(self.instructions)
        for split in splits:
            self.instructions[split] = ("split", split + 1, end) if greedy else ("split", end, split + 1)


def compile_program(regex: str) -> Program:
    """The program of an expression. ValueError for one with look-around, anchors or far too many instructions."""
    parsed = _parser.parse(regex)
    program = Program(names=dict(parsed.state.groupdict))
    program.add(parsed, fold=bool(parsed.state.flags & _parser.SRE_FLAG_IGNORECASE))
    program.instructions.append(("end", None, None))
    return program


def _is_in(character: int, ranges: Ranges) -> bool:
    return any(low <= character <= high for low, high in ranges)
