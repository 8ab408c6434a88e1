"""CQL2 text as a tree, with the numbers of its geometries as they are written.

`cql2` 0.6.0 reads an eighth of those with 16 digits one bit off, and none that has an exponent: it gets whole numbers
in their stead, that of each position.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import cql2

QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"")
_GEOMETRY = re.compile(
    rf"{QUOTED.pattern}|\b(?:multi)?(?:point|linestring|polygon)(?:\s*(?:zm|z|m))?\s*(\([-+\s0-9.,()e]*\))",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\s(),]+")
NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?"  # one way to read each: texts may be long
_NUMBER = re.compile(NUMBER, re.IGNORECASE)
_PLAIN = re.compile(r"[-+]?[0-9][0-9.]{,8}")  # what the parser reads right, and is no stand-in
_FIRST = 1_000_000_000


def parse(text: str) -> Any:
    """The text as CQL2 JSON. Raises whatever the parser raises of it."""
    numbers: list[float] = []

    def stand_in(number: re.Match[str]) -> str:
        if _PLAIN.fullmatch(number[0]) or not _NUMBER.fullmatch(number[0]):
            return number[0]
        numbers.append(float(number[0]))
        return str(_FIRST + len(numbers) - 1)

    def replaced(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        return found[0].removesuffix(found[1]) + _WORD.sub(stand_in, found[1])

    standing = _GEOMETRY.sub(replaced, text)
    if standing == text:
        return cql2.parse_text(text).to_json()
    with suppress(Exception):  # what is wrong is told in the client's words
        tree = cql2.parse_text(standing).to_json()
        for geometry in _geometries(tree):
            geometry["coordinates"] = _exact(geometry["coordinates"], numbers)
        return tree
    return cql2.parse_text(text).to_json()


def _geometries(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:  # not by recursion: what is nested too deeply is told so later
        node = waiting.pop()
        if isinstance(node, dict) and "coordinates" in node:
            yield node
        elif isinstance(node, dict | list):
            waiting += node.values() if isinstance(node, dict) else node


def _exact(value: Any, numbers: list[float]) -> Any:
    if isinstance(value, list):
        return [_exact(member, numbers) for member in value]
    place = int(value) - _FIRST
    return numbers[place] if 0 <= place < len(numbers) else value
