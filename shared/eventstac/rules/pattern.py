"""Path patterns: `scenes/{item}/{asset}.tif` as a regular expression with named groups."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

_TIME = r"[T_-]?(?:[01]\d|2[0-3])[-_:]?[0-5]\d(?:[-_:]?[0-5]\d(?:\.\d+)?)?Z?"
_MONTH, _DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_YEAR = r"(?:1[89]|20)\d\d"
_DOY = r"(?:0(?:0[1-9]|[1-9]\d)|[12]\d\d|3(?:[0-5]\d|6[0-6]))"

# What a placeholder of this name stands for where the pattern does not say. The others: no slash, at least one.
KNOWN_GROUPS = {
    "year": _YEAR,
    "month": _MONTH,
    "day": _DAY,
    "doy": _DOY,
    "date": rf"{_YEAR}(?:-{_MONTH}-{_DAY}|_{_MONTH}_{_DAY}|{_MONTH}{_DAY}|{_DOY}|[-_]?{_MONTH})?",
}
for _name in ("datetime", "start", "end"):
    KNOWN_GROUPS[_name] = rf"{KNOWN_GROUPS['date']}(?:{_TIME})?"

ANY_GROUP = r"[^/]+"

ANY_DATE = rf"{KNOWN_GROUPS['datetime']}(?:[+-]\d\d:?\d\d)?"  # what is read without a format

# What strptime's directives stand for; the rest of a format is literal.
_DIRECTIVES = {
    "Y": r"[1-9]\d{3}",
    "y": r"\d\d",
    "m": _MONTH,
    "d": _DAY,
    "j": _DOY,
    "H": r"(?:[01]\d|2[0-3])",
    "M": r"[0-5]\d",
    "S": r"[0-5]\d",
    "f": r"\d{1,6}",
    "b": "(?i:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
    "B": "(?i:January|February|March|April|May|June|July|August|September|October|November|December)",
    "z": r"(?:Z|[+-]\d\d:?\d\d)",
    "%": "%",
}

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class PatternError(ValueError):
    """A pattern that cannot be read: `what` is wrong, and what to write `instead`."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(what)
        self.what = what
        self.instead = instead


@dataclass(frozen=True)
class Pattern:
    """A pattern as it was written, and the regular expression of it; it is about the whole path."""

    text: str
    regex: str
    groups: tuple[str, ...] = field(default=())

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The compiled expression."""
        return re.compile(self.regex, re.DOTALL)

    def match(self, path: str) -> dict[str, str] | None:
        """The named groups of a path that fits, None of another. A group that took no part is left out."""
        found = self.compiled.fullmatch(path)
        if found is None:
            return None
        return {name: value for name, value in found.groupdict().items() if value is not None}


def parse_pattern(text: str, expressions: Mapping[str, str] | None = None) -> Pattern:
    """Read one pattern. `expressions` say what a placeholder of a name stands for (date formats, asset keys).

    Errors: PatternError for a brace that stays open, a bad name, an expression that does not compile.
    """
    if text.startswith("/") or "://" in text:
        raise PatternError(
            f"The pattern {text!r} is not a path within a container",
            "Leave out account, container and the first slash, e.g. scenes/{item}/{asset}.tif; see `container:`",
        )
    if text.startswith("regex:"):
        regex = text.removeprefix("regex:")
    else:
        regex = _Glob(text, {**KNOWN_GROUPS, **(expressions or {})}).regex()
    try:
        compiled = re.compile(regex, re.DOTALL)
    except re.error as error:
        raise PatternError(
            f"The pattern {text!r} is no regular expression: {error}",
            "Mend the expression, or write the pattern with * and {name} and without `regex:`",
        ) from error
    return Pattern(text, regex, tuple(compiled.groupindex))


def glob_regex(text: str) -> str:
    """The expression of a glob without placeholders (braces are literal)."""
    return _Glob(text, None).regex()


def format_regex(strptime_format: str) -> str | None:
    """The expression of the texts that a strptime format reads; None where it has a directive unknown here."""
    regex, rest = "", iter(strptime_format)
    for character in rest:
        if character != "%":
            regex += re.escape(character)
            continue
        directive = _DIRECTIVES.get(next(rest, ""))
        if directive is None:
            return None
        regex += directive
    return regex


class _Glob:
    """Translates one glob: * ? ** [abc] {name} {name:regex} {{ }}."""

    def __init__(self, text: str, expressions: Mapping[str, str] | None) -> None:
        self._text = text
        self._expressions = expressions
        self._at = 0
        self._seen: set[str] = set()

    def regex(self) -> str:
        parts = []
        while self._at < len(self._text):
            parts.append(self._next())
        return "".join(parts)

    def _next(self) -> str:
        if self._takes("**/"):
            return "(?:.*/)?"
        if self._takes("**"):
            return ".*"
        if self._takes("*"):
            return "[^/]*"
        if self._takes("?"):
            return "[^/]"
        if self._text[self._at] == "[":
            return self._character_class()
        if self._expressions is not None:
            if self._takes("{{"):
                return r"\{"
            if self._takes("}}"):
                return r"\}"
            if self._text[self._at] == "{":
                return self._placeholder()
        self._at += 1
        return re.escape(self._text[self._at - 1])

    def _takes(self, token: str) -> bool:
        if not self._text.startswith(token, self._at):
            return False
        self._at += len(token)
        return True

    def _character_class(self) -> str:
        end = self._text.find("]", self._at + 2)
        if end < 0:
            self._at += 1
            return r"\["
        inside = self._text[self._at + 1 : end].replace("\\", "\\\\")
        self._at = end + 1
        negated = inside.startswith("!")
        return f"[^/{inside[1:]}]" if negated else f"[{inside}]"

    def _placeholder(self) -> str:
        start, depth = self._at, 0
        while self._at < len(self._text):
            character = self._text[self._at]
            self._at += 2 if character == "\\" else 1
            depth += {"{": 1, "}": -1}.get(character, 0)
            if depth == 0:
                return self._group(self._text[start + 1 : self._at - 1])
        raise PatternError(
            f"The pattern {self._text!r} opens a brace that stays open", "Close it, or write {{ for a brace"
        )

    def _group(self, inside: str) -> str:
        name, colon, expression = inside.partition(":")
        if not _NAME.fullmatch(name):
            raise PatternError(
                f"{{{inside}}} in the pattern {self._text!r} has no name that a group can have",
                "Use letters, digits and _, e.g. {scene} or {scene:[A-Z]+}",
            )
        if name in self._seen:
            return f"(?P={name})"
        self._seen.add(name)
        if not colon:
            expression = (self._expressions or {}).get(name, ANY_GROUP)
        elif expression == "**":
            expression = ".+"
        return f"(?P<{name}>{expression})"
