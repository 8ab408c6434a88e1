"""Reads Item properties out of a sidecar file: JSON with JSONPath, XML with XPath.

The two libraries are imported where they are used: they take 300 ms, and most rules have no sidecar.
"""

import json
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat
from xml.parsers.expat import ExpatError

from eventstac.errors import Rejected
from eventstac.rules.dates import parse_date
from eventstac.rules.sidecar_values import Find, Spec, found_at, value_at
from eventstac.times import to_text

MAX_BYTES = 16 * 1024 * 1024  # metadata files have kilobytes; Sentinel-2's largest has under one MB
# Elements and attributes of XML, or values of JSON: each takes hundreds of bytes of memory, however short its text is.
MAX_PARTS = 250_000
MAX_DEPTH = 200

# The fields of a spec that say when, and what they give.
TIMES = {"datetime": "datetime", "start": "start_datetime", "end": "end_datetime"}


def read_sidecar(data: bytes, spec: Spec) -> dict[str, Any]:
    """The properties that a sidecar gives, by the `sidecar` of a rule's asset (Match.options["sidecar"]).

    A path that finds nothing leaves its property out, unless it is `required`. Where the spec says where they are,
    `datetime`, `start_datetime` and `end_datetime` are among the result, in RFC 3339, UTC.
    Errors: Rejected `bad-sidecar` for a file that is not of the format, or a value that is not of its type.
    """
    if len(data) > MAX_BYTES:
        raise Rejected("bad-sidecar", f"a sidecar of {len(data)} bytes is too large (limit: {MAX_BYTES})")
    find = _json(data) if spec["format"] == "json" else _xml(data, dict(spec.get("namespaces", {})))
    found = {name: value_at(name, how, find) for name, how in spec.get("properties", {}).items()}
    for key, name in TIMES.items():
        if key in spec:
            found |= _times(name, spec[key], find)
    return {name: value for name, value in found.items() if value is not None}


def check_path(path: str, sidecar_format: str, namespaces: Mapping[str, str]) -> str | None:
    """What is wrong with a JSONPath or XPath expression; None for a good one."""
    return _check_jsonpath(path) if sidecar_format == "json" else _check_xpath(path, dict(namespaces))


def _check_jsonpath(path: str) -> str | None:
    import jsonpath

    try:
        jsonpath.compile(path)
    except jsonpath.JSONPathError as error:
        return str(error).splitlines()[0]
    return None


def _check_xpath(path: str, namespaces: dict[str, str]) -> str | None:
    import elementpath

    try:
        elementpath.XPath2Parser(namespaces=namespaces).parse(path)
    except elementpath.ElementPathError as error:
        return str(error)
    return None


def gives_text(xpath: str, namespaces: Mapping[str, str]) -> bool:
    """Whether what an XPath expression finds is text: elements, attributes and the like; False where it may be else."""
    import elementpath

    try:
        token = elementpath.XPath2Parser(namespaces=dict(namespaces)).parse(xpath)
    except elementpath.ElementPathError:
        return False
    while token.symbol in _AROUND and len(token):
        token = token[0] if token.symbol in ("[", "(") else token[-1]
    return token.label == "axis" or (token.symbol == "*" and not len(token)) or token.symbol in _TEXTS


# What an expression finds is what its last part finds; behind the prefix of a name that may be a function.
_AROUND = {"/", "//", "[", "(", ":"}
_TEXTS = {
    "(name)",
    "@",
    ".",
    "..",
    "text",
    "(string)",
    "string",
    "concat",
    "substring",
    "normalize-space",
}


def _json(data: bytes) -> Find:
    import jsonpath

    if sum(data.count(mark) for mark in (b",", b"[", b"{")) > MAX_PARTS:
        raise Rejected("bad-sidecar", f"the sidecar has too many values (limit: {MAX_PARTS})")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Rejected("bad-sidecar", f"the sidecar is no JSON: {error}") from error
    _check_depth(document)

    def find(path: str) -> Any:
        values = jsonpath.findall(path, document)
        return values[0] if values else None

    return find


def _check_depth(document: Any) -> None:
    depth, level = 0, [document] if isinstance(document, dict | list) else []
    while level:
        if depth > MAX_DEPTH:
            detail = f"the sidecar has too many values inside each other (limit: {MAX_DEPTH})"
            raise Rejected("bad-sidecar", detail)
        inside = [each.values() if isinstance(each, dict) else each for each in level]
        level = [value for values in inside for value in values if isinstance(value, dict | list)]
        depth += 1


def _xml(data: bytes, namespaces: dict[str, str]) -> Find:
    import elementpath

    try:
        tree = elementpath.get_node_tree(_tree(data), namespaces)
    except (ExpatError, elementpath.ElementPathError, ValueError, LookupError) as error:
        raise Rejected("bad-sidecar", f"the sidecar is no XML that can be read: {error}") from error

    def find(path: str) -> Any:
        values = elementpath.select(tree, path, namespaces=namespaces)
        first = values[0] if isinstance(values, list) and values else values
        if isinstance(first, list) or (isinstance(first, float) and isnan(first)):
            return None  # number() of what is not there is no number
        return _text(first)

    return find


def _tree(data: bytes) -> ElementTree.Element:
    """The document's root. A document type may be named, but no entity may be declared; nothing else is loaded."""
    built = _Bounded()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = built.element
    parser.EndElementHandler = lambda tag: built.end(_qualified(tag))
    parser.CharacterDataHandler = built.data
    parser.EntityDeclHandler = parser.SkippedEntityHandler = _forbid_entity
    parser.Parse(data, True)
    return built.close()


def _qualified(name: str) -> str:
    return f"{{{name}" if "}" in name else name


def _forbid_entity(name: str, *_: object) -> None:
    raise ValueError(f"the entity {name!r}: entities are forbidden")


class _Bounded(ElementTree.TreeBuilder):
    """Builds a tree that is neither very large nor very deep."""

    def __init__(self) -> None:
        super().__init__()
        self._parts = self._depth = 0

    def element(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins, by the names of expat."""
        self._depth += 1
        self._parts += 1 + len(attributes)
        if self._depth > MAX_DEPTH or self._parts > MAX_PARTS:
            raise Rejected(
                "bad-sidecar",
                f"the sidecar has too many elements or attributes (limit: {MAX_PARTS}), or too many inside each "
                f"other (limit: {MAX_DEPTH})",
            )
        self.start(_qualified(tag), {_qualified(name): value for name, value in attributes.items()})

    def end(self, tag: str, /) -> ElementTree.Element:
        """An element ends."""
        self._depth -= 1
        return super().end(tag)


def _text(found: Any) -> Any:
    """An element's text; attributes, strings, numbers and booleans as XPath gives them."""
    if isinstance(found, ElementTree.Element):
        return "".join(found.itertext()).strip()
    return found if isinstance(found, str | int | float | bool) else str(found)


def _times(name: str, how: str | Spec, find: Find) -> dict[str, str]:
    """A field of the datetime; a `datetime` that is a whole month or year is a start and an end."""
    spec: Spec = {"path": how} if isinstance(how, str) else how
    paths: Sequence[str] = [spec["path"]] if isinstance(spec["path"], str) else spec["path"]
    parts = [found_at(path, name, find) for path in paths]
    if any(part is None or part == "" for part in parts):
        return {}
    try:
        start, end = parse_date("T".join(str(part).strip() for part in parts), spec.get("format"))
    except ValueError as error:
        raise Rejected("bad-sidecar", f"{name} of the sidecar: {error}") from error
    if name == "datetime" and start != end:
        return {"start_datetime": to_text(start), "end_datetime": to_text(end)}
    return {name: to_text(end if name == "end_datetime" else start)}
