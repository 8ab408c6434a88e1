"""Translates a path pattern as people write it (`scenes/{item}/*.tif`) into a regular expression."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from eventstac.rules.expressions import ANY_GROUP

SPECIAL = "*?[]{}"  # before the first and after the last of these a glob is literal

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class PatternError(ValueError):
    """A pattern that cannot be read: `what` is wrong, and what to write `instead`."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(what)
        self.what = what
        self.instead = instead


@dataclass(frozen=True)
class Translated:
    """The expressions of a glob.

    In `regex` a name that stands again is `(?P=name)`. In `free` it is a group of its own, which may hold another
    text; `again` tells which are to hold the same: (name, the name of its repetition).
    """

    regex: str
    free: str
    again: tuple[tuple[str, str], ...]


def translate(text: str, expressions: Mapping[str, str] | None) -> Translated:
    """The expressions of one glob; with None for `expressions` (of placeholders by name) braces are literal.

    Errors: PatternError for a brace that stays open, a bad name, a range the wrong way round.
    """
    glob = _Glob(text, expressions)
    parts = glob.parts()
    regex, free = "".join(regex for regex, _ in parts), "".join(free for _, free in parts)
    return Translated(regex, free, tuple(glob.again))


class _Glob:
    """Translates one glob: * ? ** [abc] {name} {name:regex} {{ }}. A part is the expression, and that which is free."""

    def __init__(self, text: str, expressions: Mapping[str, str] | None) -> None:
        self._text = text
        self._expressions = expressions
        self._at = 0
        self._seen: dict[str, str] = {}
        self.again: list[tuple[str, str]] = []

    def parts(self) -> list[tuple[str, str]]:
        parts = []
        while self._at < len(self._text):
            part = self._next()
            parts.append((part, part) if isinstance(part, str) else part)
        return parts

    def _next(self) -> str | tuple[str, str]:
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
                return self._placeholder(self._expressions)
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
        inside = self._text[self._at + 1 : end]
        self._at = end + 1
        if inside[0] in "!^" and len(inside) > 1:
            return f"[^/{self._members(inside[1:])}]"
        return f"[{self._members(inside)}]"

    def _members(self, inside: str) -> str:
        members, at = "", 0
        while at < len(inside):
            first, last = inside[at], inside[at]
            at += 1
            if inside[at : at + 1] == "-" and at + 1 < len(inside):
                last = inside[at + 1]
                at += 2
            if last < first:
                raise PatternError(
                    f"The range {first}-{last} in the pattern {self._text!r} is the wrong way round",
                    f"Write [{last}-{first}]",
                )
            members += re.escape(first) if first == last else f"{re.escape(first)}-{re.escape(last)}"
        return members.replace("^", r"\^")

    def _placeholder(self, expressions: Mapping[str, str]) -> str | tuple[str, str]:
        start, depth = self._at, 0
        while self._at < len(self._text):
            character = self._text[self._at]
            self._at += 2 if character == "\\" else 1
            depth += {"{": 1, "}": -1}.get(character, 0)
            if depth == 0:
                return self._group(self._text[start + 1 : self._at - 1], expressions)
        raise PatternError(
            f"The pattern {self._text!r} opens a brace that stays open", "Close it, or write {{ for a brace"
        )

    def _group(self, inside: str, expressions: Mapping[str, str]) -> str | tuple[str, str]:
        name, colon, expression = inside.partition(":")
        if not _NAME.fullmatch(name):
            raise PatternError(
                f"{{{inside}}} in the pattern {self._text!r} has no name that a group can have",
                "Use letters, digits and _, e.g. {scene} or {scene:[A-Z]+}",
            )
        if name in self._seen:
            again = f"{name}__again_{len(self.again)}"
            self.again.append((name, again))
            return f"(?P={name})", f"(?P<{again}>{self._seen[name]})"
        if not colon:
            expression = expressions.get(name, ANY_GROUP)
        elif expression == "**":
            expression = ".+"
        # Any text may stand for an expression that holds named groups: two groups cannot have one name.
        self._seen[name] = ".*" if "(?P<" in expression else expression
        return f"(?P<{name}>{expression})"
