"""Path patterns: which paths they match, and the named groups of these.

Patterns are matched by RE2, in a time that is linear in the path: no rules file and no name of a blob may keep an app
busy. What RE2 has not (look-around, references) is refused; a name that stands twice in a glob, which needs a
reference, is matched by `eventstac.rules.repeating`, within a number of steps.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import re2

from eventstac.rules.expressions import known_groups
from eventstac.rules.glob import SPECIAL, PatternError, translate
from eventstac.rules.repeating import Program, TooAmbiguous, compile_program

# Instructions of a compiled expression: RE2 takes at most so many steps for each byte of a path. Ready rules have
# hundreds, a lookup of a thousand names 7,000.
MAX_PROGRAM = 20_000

LONGEST_PATH = 1024  # characters: Azure's limit

_OPTIONS = re2.Options()
_OPTIONS.dot_nl = True
_OPTIONS.log_errors = False


@dataclass(frozen=True)
class Pattern:
    """A pattern as it was written, and the regular expression of it; it is about the whole path."""

    text: str
    regex: str
    groups: tuple[str, ...] = field(default=())

    def match(self, path: str) -> dict[str, str] | None:
        """The named groups of a path that fits, None of another. A group that took no part is left out."""
        first, last = self._literal_ends
        if not (path.startswith(first) and path.endswith(last)):
            return None
        return self._groups_of(path)

    @property
    def is_literal(self) -> bool:
        """Whether it is a glob of one text."""
        return self._literal_ends == (self.text, self.text)

    def _groups_of(self, path: str) -> dict[str, str] | None:
        return _found(self._compiled, self._numbers, path)

    @cached_property
    def _compiled(self) -> Any:
        return compiled(self.regex)

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return numbers_of(self._compiled)

    @cached_property
    def _literal_ends(self) -> tuple[str, str]:
        """What every path of a glob begins and ends with: far cheaper to compare, and mostly enough."""
        return literal_ends(self.text)


@dataclass(frozen=True)
class RepeatingPattern(Pattern):
    """A glob in which a name stands twice, for the same text; `free` and `again` are those of `Translated`."""

    free: str = ""
    again: tuple[tuple[str, str], ...] = ()

    def _groups_of(self, path: str) -> dict[str, str] | None:
        """As of any pattern. Raises TooAmbiguous, a ValueError, where that takes too many steps."""
        found = _found(self._compiled, self._numbers, path)
        if found is None:
            return None
        # What is found first of all, and holds the same twice, is found first of what holds the same twice.
        if any(found.get(name) != found.get(again) for name, again in self.again):
            return self._program.match(path)
        return {name: value for name, value in found.items() if name in self.groups}

    @cached_property
    def _compiled(self) -> Any:
        return compiled(self.free)

    def held(self, path: str) -> Mapping[str, str]:
        """What the names that stand twice hold first, in a path that may hold something else again."""
        found = _found(self._compiled, self._numbers, path) or {}
        return {name: found[name] for name, _ in self.again if name in found}

    @cached_property
    def _program(self) -> Program:
        return compile_program(self.regex)


def parse_pattern(text: str, expressions: Mapping[str, str] | None = None, *, timed: bool = False) -> Pattern:
    """Read one pattern. `expressions` say what a placeholder of a name stands for (date formats, asset keys).

    `timed`: whether groups that are a time of the day by their names are asked for the datetime.

    Errors: PatternError for a brace that stays open, a bad name, an expression that does not compile or that cannot be
    matched in bounded time.
    """
    if text.startswith("/") or "://" in text:
        raise PatternError(
            f"The pattern {text!r} is not a path within a container",
            "Leave out account, container and the first slash, e.g. scenes/{item}/{asset}.tif; see `container:`",
        )
    if text.startswith("regex:"):
        regex = text.removeprefix("regex:")
        return Pattern(text, regex, _checked(text, regex, regex))
    glob = translate(text, {**known_groups(text, timed=timed), **(expressions or {})})
    groups = _checked(text, glob.regex, glob.free)
    if not glob.again:
        return Pattern(text, glob.regex, groups)
    try:
        compile_program(glob.regex)
    except ValueError as error:
        raise PatternError(
            f"The pattern {text!r} cannot be matched with a name twice: {error}", _PLAIN
        ) from error
    return RepeatingPattern(text, glob.regex, groups, glob.free, glob.again)


def parse_glob(text: str) -> Pattern:
    """A glob without placeholders (braces are literal). Errors: PatternError."""
    regex = translate(text, None).regex
    _checked(text, regex, regex)
    return Pattern(text, regex)


_PLAIN = (
    "Write it without look-around, references, atomic groups and \\Z, "
    "which cannot be matched in bounded time; see docs/rules.md"
)


def _checked(text: str, regex: str, free: str) -> tuple[str, ...]:
    """The names of the groups. PatternError for what is no expression, or none that RE2 matches."""
    try:
        with warnings.catch_warnings():
            # [[ and the like: other engines read them otherwise.
            warnings.simplefilter("error", FutureWarning)
            names = tuple(re.compile(regex, re.DOTALL).groupindex)
    except (re.error, FutureWarning, OverflowError, RecursionError) as error:
        raise PatternError(
            f"The pattern {text!r} is no regular expression: {error}",
            "Mend the expression, or write the pattern with * and {name} and without `regex:`",
        ) from error
    try:
        size = compiled(free).programsize
    except re2.error as error:
        what = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise PatternError(
            f"The pattern {text!r} cannot be matched in bounded time: {what}", _PLAIN
        ) from error
    if size > MAX_PROGRAM:
        raise PatternError(
            f"The pattern {text!r} is too large: {size} instructions (limit: {MAX_PROGRAM})",
            "Repeat less often, e.g. + for {1,500}, or write several rules",
        )
    return names


def numbers_of(compiled: Any) -> Mapping[str, int]:
    """The groups of an expression by name."""
    return {name.decode(): number for name, number in compiled.groupindex.items()}


def compiled(regex: str) -> Any:
    """An expression that RE2 matches with the options of patterns."""
    return re2.compile(regex.encode(), _OPTIONS)


def _found(compiled: Any, numbers: Mapping[str, int], path: str) -> dict[str, str] | None:
    encoded = path.encode()
    found = compiled.fullmatch(encoded)
    if found is None:
        return None
    spans = {name: found.span(number) for name, number in numbers.items()}
    return {name: encoded[start:end].decode() for name, (start, end) in spans.items() if start >= 0}


def literal_ends(text: str) -> tuple[str, str]:
    """What every path that a pattern matches begins and ends with."""
    if text.startswith("regex:"):
        return "", ""
    places = [at for at, character in enumerate(text) if character in SPECIAL]
    if not places:
        return text, text
    last = places[-1] + 1
    return text[: places[0]], text[last:].removeprefix("/" if text[:last].endswith("**") else "")


def too_ambiguous(pattern: Pattern) -> str | None:
    """A path of 1,024 characters that cannot be matched in a bounded number of steps; None where none was found."""
    if not isinstance(pattern, RepeatingPattern):
        return None
    begin, end = literal_ends(pattern.text)
    for piece in dict.fromkeys([*(each for each in pattern.text if each in "_-./ "), "a"]):
        for filling in (piece, f"a{piece}", f"{piece}a/"):
            path = begin + filling * ((LONGEST_PATH - len(begin + end)) // len(filling)) + end
            try:
                pattern.match(path)
            except TooAmbiguous:
                return path
    return None
