"""Route templates of HTTP triggers, as the host matches them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote
from uuid import UUID

from infra.local.functions_host.errors import AppRefused

_SEGMENT = re.compile(r"\{(?P<all>\*{1,2})?(?P<name>[A-Za-z_]\w*)(?::(?P<kind>[a-z]+))?(?P<optional>\?)?\}")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


_KINDS: dict[str, Callable[[str], bool]] = {
    "int": lambda text: re.fullmatch(r"-?\d{1,10}", text) is not None,
    "long": lambda text: re.fullmatch(r"-?\d{1,19}", text) is not None,
    "alpha": lambda text: text.isalpha(),
    "bool": lambda text: text.lower() in {"true", "false"},
    "guid": _is_uuid,
}


@dataclass(frozen=True)
class _Part:
    """One segment: a literal (`name` is empty), a parameter, an optional one, or the rest of the path."""

    literal: str
    name: str
    kind: str | None
    optional: bool
    rest: bool

    @property
    def rank(self) -> int:
        """Literals go before constrained parameters, those before free ones, the rest of a path comes last."""
        return 0 if self.literal else 3 if self.rest else 2 if self.kind is None else 1


@dataclass(frozen=True)
class Route:
    """A template; `rank` orders routes so that the most specific is tried first."""

    template: str
    parts: tuple[_Part, ...]

    @property
    def rank(self) -> tuple[int, ...]:
        """Compare with other routes: the lower goes first."""
        return (*(part.rank for part in self.parts), -1)

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters of a raw (percent-encoded) path, or None where it is another route's."""
        segments = [segment for segment in path.strip("/").split("/") if segment]
        found: dict[str, str] = {}
        for part in self.parts:
            if part.rest:
                found[part.name] = unquote("/".join(segments))
                return found
            if not segments:
                if part.optional:
                    continue
                return None
            text = unquote(segments.pop(0))
            if part.literal:
                if text.lower() != part.literal.lower():
                    return None
            elif part.kind and not _KINDS[part.kind](text):
                return None
            else:
                found[part.name] = text
        return None if segments else found


def parse(template: str, where: str) -> Route:
    """Read a template such as `api/items/{id:int}/{*rest}`. Raises AppRefused for what is not understood."""
    segments = [segment for segment in template.strip("/").split("/") if segment]
    parts = tuple(_part(segment, where) for segment in segments)
    if any(part.rest for part in parts[:-1]):
        raise AppRefused(f"{where}: in the route {template!r} a {{*…}} must be the last segment.")
    return Route(template.strip("/"), parts)


def _part(segment: str, where: str) -> _Part:
    match = _SEGMENT.fullmatch(segment)
    if match is None:
        if "{" in segment or "}" in segment:
            raise AppRefused(f"{where}: the route segment {segment!r} is not understood; use {{name}} alone.")
        return _Part(segment, "", None, False, False)
    if match["kind"] and match["kind"] not in _KINDS:
        raise AppRefused(
            f"{where}: the route constraint {match['kind']!r} is none of {', '.join(sorted(_KINDS))}."
        )
    return _Part("", match["name"], match["kind"], bool(match["optional"]), bool(match["all"]))
