"""Reads Bicep files without the compiler, through tree-sitter: what they declare and refer to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tree_sitter
import tree_sitter_bicep

ROOT = Path(__file__).parents[3]
BICEP = ROOT / "infra" / "bicep"
TEMPLATES = sorted(BICEP.rglob("*.bicep"))

_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))


@dataclass(frozen=True)
class Parameter:
    """A parameter of a template."""

    name: str
    described: bool
    required: bool


@cache
def parse(path: Path) -> tree_sitter.Node:
    """The syntax tree of a file.

    The parser knows no parameter files: of one it is given what a template would say, variables with the same values.
    """
    content = path.read_bytes()
    if path.suffix == ".bicepparam":
        content = re.sub(rb"^param ", b"var ", content, flags=re.MULTILINE)
        content = re.sub(rb"^using '[^']*'$", b"", content, flags=re.MULTILINE)
    return _PARSER.parse(content).root_node


def text(node: tree_sitter.Node) -> str:
    """The node's text, a string's without its quotes."""
    content = (node.text or b"").decode()
    return content[1:-1] if node.type == "string" else content


def faults(node: tree_sitter.Node) -> Iterator[str]:
    """What cannot be parsed, by line."""
    if node.type == "ERROR" or node.is_missing:
        yield f"line {node.start_point[0] + 1}: {text(node)[:60]}"
    for child in node.children:
        yield from faults(child)


def nodes(node: tree_sitter.Node, kind: str) -> Iterator[tree_sitter.Node]:
    """All nodes of a kind, in order."""
    if node.type == kind:
        yield node
    for child in node.children:
        yield from nodes(child, kind)


def parameters(path: Path) -> dict[str, Parameter]:
    """The parameters that a template declares."""
    found = {}
    decorated = False
    for node in parse(path).children:
        if node.type == "parameter_declaration":
            name = text(node.named_children[0])
            has_default = any(child.type == "=" for child in node.children)
            nullable = text(node).split("=")[0].rstrip().endswith("?")
            found[name] = Parameter(name, decorated, not has_default and not nullable)
        decorated = node.type == "decorators" and "@description(" in text(node)
    return found


def outputs_described(path: Path) -> dict[str, bool]:
    """The outputs of a template, and whether each is described."""
    found = {}
    decorated = False
    for node in parse(path).children:
        if node.type == "output_declaration":
            found[text(node.named_children[0])] = decorated
        decorated = node.type == "decorators" and "@description(" in text(node)
    return found


def modules(path: Path) -> Iterator[tuple[str, Path, set[str]]]:
    """Each module that a template deploys: its name there, its file, and the parameters that it is given."""
    for node in nodes(parse(path), "module_declaration"):
        name, file = node.named_children[:2]
        given: set[str] = set()
        for entry in nodes(node, "object_property"):
            if text(entry.named_children[0]) == "params":
                given = set(keys(entry.named_children[1]))
                break
        yield text(name), path.parent / text(file), given


def loaded_files(path: Path) -> Iterator[Path]:
    """The files that a template reads when it is compiled, or imports."""
    for call in nodes(parse(path), "call_expression"):
        if text(call.named_children[0]).startswith("load"):
            yield path.parent / text(next(nodes(call, "string")))
    for line in path.read_text().splitlines():
        if line.startswith("import "):
            yield path.parent / line.split("'")[1]


def keys(node: tree_sitter.Node) -> list[str]:
    """The names in an object, without those of objects in it."""
    return [text(child.named_children[0]) for child in node.named_children if child.type == "object_property"]


def variables(path: Path) -> dict[str, tree_sitter.Node]:
    """The values of a template's variables."""
    return {
        text(node.named_children[0]): node.named_children[1]
        for node in nodes(parse(path), "variable_declaration")
    }


def members(path: Path, node: tree_sitter.Node) -> dict[str, tree_sitter.Node]:
    """An object's properties, also where it is the union of several or stands in a variable."""
    if node.type == "object":
        return {
            text(child.named_children[0]): child.named_children[1]
            for child in node.named_children
            if child.type == "object_property"
        }
    if node.type == "identifier":
        return members(path, variables(path)[text(node)])
    if node.type == "call_expression" and text(node.named_children[0]) == "union":
        found: dict[str, tree_sitter.Node] = {}
        for argument in node.named_children[1].named_children:
            found |= members(path, argument)
        return found
    raise AssertionError(f"{path.name}:{node.start_point[0] + 1}: no object: {text(node)[:60]}")
