"""Reads YAML into plain values that remember the line each of them stands on."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from sys import float_info
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from eventstac.rules.mistakes import Mistake, RulesInvalid
from eventstac.rules.yaml_advice import ALIASES, advice_on

Path = tuple[str | int, ...]

MAX_NODES = 200_000  # a rules file has thousands of values; aliases of aliases of aliases have billions


class _JsonLoader(yaml.SafeLoader):
    """YAML with JSON's scalars only: a date stays text, and `no` and `on` are words."""


_JsonLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_JsonLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


@dataclass
class Document:
    """The values of a YAML file, and the line of each by its path of keys and indexes."""

    file: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)  # how a number or a boolean is written
    mistakes: list[Mistake] = field(default_factory=list)
    wrong: list[Path] = field(default_factory=list)  # where the mistakes are
    gone: frozenset[Path] = frozenset()  # what was left out, as it could not be read
    warnings: list[Mistake] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def at(self, path: Path) -> Any:
        """The value of this path; None where it is not there."""
        value = self.value
        for step in path:
            if isinstance(value, dict):
                value = value.get(str(step))
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def mistake(self, path: Path, what: str, instead: str = "") -> None:
        """Note a mistake at the value of this path."""
        self.wrong.append(path)
        self.mistakes.append(Mistake(self.file, self.line(path), what, instead))

    def is_sound(self, path: Path) -> bool:
        """Whether no mistake is noted at this path or below it."""
        return all(wrong[: len(path)] != path for wrong in self.wrong)

    def is_whole(self, path: Path) -> bool:
        """Whether no mistake is noted at this path of keys or below it, and nothing was left out there."""
        return self.is_sound(path) and all(each[: len(path)] != path for each in self.gone)

    def without(self, paths: Collection[Path]) -> "Document":
        """A document that lacks the values at these paths, with the same mistakes and the lines of what is left."""
        gone = frozenset(paths)
        left = Document(self.file, mistakes=self.mistakes, warnings=self.warnings, gone=gone)
        left.value = self._left(self.value, (), (), gone, left.lines)
        return left

    def _left(
        self, value: Any, path: Path, there: Path, gone: frozenset[Path], lines: dict[Path, int]
    ) -> Any:
        """The value without what is gone; `there` is its new path."""
        lines[there] = self.line(path)
        if isinstance(value, dict):
            return {
                key: self._left(inner, (*path, key), (*there, key), gone, lines)
                for key, inner in value.items()
                if (*path, key) not in gone
            }
        if isinstance(value, list):
            kept = [index for index in range(len(value)) if (*path, index) not in gone]
            return [
                self._left(value[index], (*path, index), (*there, number), gone, lines)
                for number, index in enumerate(kept)
            ]
        return value

    def warn(self, path: Path, what: str, instead: str = "") -> None:
        """Note what may be a mistake at the value of this path."""
        self.warnings.append(Mistake(self.file, self.line(path), what, instead))


def read_document(text: str, file: str) -> Document:
    """Parse one YAML document. Errors: RulesInvalid where it is no YAML; double keys are noted as mistakes."""
    try:
        return _read(text, file)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        what = f"This is not YAML: {error.problem or error.context}"
        raise RulesInvalid([Mistake(file, line, what, advice_on(error, text))]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"A character that YAML does not allow: #x{error.character:04x}"
        raise RulesInvalid([Mistake(file, line, what, "Save the file as UTF-8 without it")]) from error
    except RecursionError as error:
        what, instead = "This is nested far too deep", "Close brackets, and see the examples of docs/rules.md"
        raise RulesInvalid([Mistake(file, 1, what, instead)]) from error


def _read(text: str, file: str) -> Document:
    document = Document(file)
    loader = _JsonLoader(text)
    try:
        node = loader.get_single_node()
        document.value = _Reader(document, loader).read(node, ()) if node is not None else None
    finally:
        loader.dispose()
    return document


_UNSTORABLE = re.compile("[\\x00\\ud800-\\udfff]")  # PostgreSQL keeps no such text

_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}


def _unusable(problem: str, node: Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


class _Reader:
    def __init__(self, document: Document, loader: _JsonLoader) -> None:
        self._document = document
        self._loader = loader
        self._within: list[Node] = []
        self._count = 0

    def read(self, node: Node, path: Path) -> Any:
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        self._count += 1
        if node in self._within or self._count > MAX_NODES:
            raise _unusable(ALIASES, node)
        self._within.append(node)
        try:
            return self._value(node, path)
        finally:
            self._within.pop()

    def _value(self, node: Node, path: Path) -> Any:
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and not node.tag.endswith(":str"):
            self._document.texts[path] = node.value
        return self._scalar(node)

    def _scalar(self, node: Node) -> Any:
        if node.tag not in _SCALARS:
            raise _unusable("a tag that has no meaning here: leave it out", node)
        try:
            value = self._loader.construct_object(node)
        except ValueError as error:
            raise _unusable(f"a value that is none of its tag: {error}", node) from error
        if isinstance(value, str) and _UNSTORABLE.search(value):
            raise _unusable(
                "text with a NUL, or with half of a pair of surrogates: write the character", node
            )
        if isinstance(value, int | float) and not abs(value) <= float_info.max:  # NaN is not, either
            raise _unusable("a number that is not finite, or that no float holds: put it in quotes", node)
        return value

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._document.mistakes.append(
                    Mistake(self._document.file, line, "A key must be a plain word", "Write `name: value`")
                )
                continue
            key = key_node.value
            if _UNSTORABLE.search(key):
                raise _unusable("a key with a NUL or a surrogate", key_node)
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged |= self._merged(value_node, path)
                continue
            if key in values:
                first = self._document.lines[(*path, key)]
                self._document.mistakes.append(
                    Mistake(
                        self._document.file,
                        line,
                        f"`{key}` is here twice (first in line {first})",
                        "Keep one of the two, or give them different names",
                    )
                )
                continue
            self._document.lines[(*path, key)] = line
            values[key] = self.read(value_node, (*path, key))
        return {**values, **{key: value for key, value in merged.items() if key not in values}}

    def _merged(self, node: Node, path: Path) -> dict[str, Any]:
        nodes = node.value if isinstance(node, SequenceNode) else [node]
        found: dict[str, Any] = {}
        for each in nodes:
            value = self.read(each, path)
            found = {**value, **found} if isinstance(value, dict) else found
        return found
