"""Checks a rules file against its JSON Schema, in words that say what to write instead."""

import difflib
import json
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import jsonschema_rs

from eventstac.contracts import read_contract
from eventstac.rules.document import Document, Path


@cache
def rules_schema() -> dict[str, Any]:
    """The JSON Schema of the rules file. Errors: FileNotFoundError where contracts/ is not deployed."""
    return read_contract("rules/collections.schema.json")


def check_schema(document: Document) -> None:
    """Note every place where the document is not of the schema's shape."""
    for error in _validator().iter_errors(document.value):
        _note(document, error)


def _path(document: Document, error: jsonschema_rs.ValidationError) -> Path:
    """Where the error is: the validator takes a key that looks like a number for an index."""
    path: list[str | int] = []
    value = document.value
    for step in error.instance_path:
        key: str | int = step
        if isinstance(value, dict) and isinstance(step, int):
            key = next(
                (each for each in (str(step), *value) if each in value and _is_number(each, step)), step
            )
        path.append(key)
        value = value[key]
    return tuple(path)


def _is_number(key: str, number: int) -> bool:
    return key.isascii() and key.removeprefix("+").isdecimal() and int(key) == number


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(rules_schema())


def _note(document: Document, error: jsonschema_rs.ValidationError) -> None:
    path = _path(document, error)
    name = _named(path)
    kind = error.kind.as_dict()
    match error.kind.name:
        case "additionalProperties":
            known = _known(error)
            for unexpected in kind["unexpected"]:
                instead = _nearest(unexpected, known, document.at(path))
                document.mistake((*path, unexpected), f"`{unexpected}` is not known here", instead)
        case "required":
            if _is_told_of(error):
                document.wrong.append(path)
                return
            document.mistake(path, f"`{name}` has no `{kind['property']}`", f"Add `{kind['property']}:`")
        case "enum":
            options = [_word(option) for option in kind["options"]]
            what = f"`{name}` cannot be {_shown(error.instance)}"
            document.mistake(path, what, f"Write one of {', '.join(options)}")
        case "type":
            if _note_flat(document, path, kind["types"]):
                return
            types = [_TYPES.get(each, each) for each in kind["types"]]
            what = f"`{name}` cannot be {_shown(error.instance)}"
            document.mistake(path, what, _instead_of(document, path, error.instance, types, [error]))
        case "propertyNames":
            wrong = kind["error"].instance
            what = f"{wrong!r} under `{name}` is no name that can be used"
            instead = "Use letters, digits, `.`, `_` and `-`, a letter or digit first, 255 characters at most"
            document.mistake((*path, wrong), what, instead)
        case "anyOf":
            _note_alternatives(document, error, kind)
        case "pattern":
            document.mistake(path, f"`{name}` cannot be {_shown(error.instance)}", _described(error))
        case _:
            document.mistake(path, f"`{name}` is not right: {error.message}", _described(error))


_TYPES = {
    "object": "a mapping (`key: value` lines, indented)",
    "array": "a list (`- value` lines)",
    "string": "text",
    "null": "nothing",
    "boolean": "true or false",
    "number": "a number",
    "integer": "a whole number",
}


def _note_alternatives(
    document: Document, error: jsonschema_rs.ValidationError, kind: dict[str, Any]
) -> None:
    """Of several shapes, tell about the one that was meant, else about all."""
    path = _path(document, error)
    meant = [
        errors
        for errors in kind["context"]
        if errors and not any(_rules_out(each, error.instance_path) for each in errors)
    ]
    if meant:
        for each in min(meant, key=len):
            _note(document, each)
        return
    shapes = [each for errors in kind["context"] for each in errors]
    words = [word for each in shapes for word in _expected(each)]
    what = f"`{_named(path)}` cannot be {_shown(error.instance)}"
    document.mistake(path, what, _instead_of(document, path, error.instance, words, shapes))


def _instead_of(
    document: Document,
    path: Path,
    value: Any,
    words: Sequence[str],
    shapes: Sequence[jsonschema_rs.ValidationError],
) -> str:
    """What to write instead of a value: itself in quotes, where YAML took a text for something else."""
    if path[-1:] == ("crs",) and type(value) is int:
        return f"Write EPSG:{value}"
    if _TYPES["string"] in words and path in document.texts and value is not None:
        texts = [each for each in shapes if _TYPES["string"] in _expected(each)]
        if any(jsonschema_rs.is_valid(_schema_at(each), document.texts[path]) for each in texts):
            return f"Put it in quotes: '{document.texts[path]}'"
        return _described(texts[0])
    if _TYPES["string"] in words and isinstance(value, dict) and list(value.values()) == [None]:
        return f"Put it in quotes: '{{{next(iter(value))}}}'"
    return f"Write {' or '.join(dict.fromkeys(words))}"


def _note_flat(document: Document, path: Path, types: list[str]) -> bool:
    """Note once that a list of lists was written as one list; whether it was."""
    inside = document.at(path[:-1])
    if types != ["array"] or not isinstance(inside, list) or any(isinstance(each, list) for each in inside):
        return False
    if path[-1] == 0:
        what = f"`{_named(path[:-1])}` cannot be {_shown(inside)}"
        document.mistake(
            path[:-1], what, f"Write a list of lists: {json.dumps([inside], ensure_ascii=False)}"
        )
    return True


def _rules_out(error: jsonschema_rs.ValidationError, path: list[str | int]) -> bool:
    """Whether the value is of another kind altogether than this shape."""
    return error.instance_path == path and error.kind.name in ("type", "enum")


def _expected(error: jsonschema_rs.ValidationError) -> list[str]:
    kind = error.kind.as_dict()
    if error.kind.name == "enum":
        return [_word(option) for option in kind["options"]]
    return [_TYPES.get(each, each) for each in kind.get("types", ())]


def _word(option: str | None) -> str:
    return "null" if option is None else option


def _named(path: tuple[str | int, ...]) -> str:
    """What to call a value: its key, or its place in the list of a key (from 1)."""
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        return f"{_named(path[:-1])}[{path[-1] + 1}]"
    return path[-1]


def _known(error: jsonschema_rs.ValidationError) -> list[str]:
    """The names that may stand where the error is."""
    return sorted(_schema_at(error).get("properties", {}))


def _is_told_of(error: jsonschema_rs.ValidationError) -> bool:
    """Whether all names where one is missing are unknown: each of them is told, with what to write instead."""
    there, schema = error.instance, _schema_at(error)
    if not isinstance(there, dict) or schema.get("additionalProperties") is not False:
        return False
    return bool(there) and there.keys().isdisjoint(_known(error))


def _schema_at(error: jsonschema_rs.ValidationError) -> dict[str, Any]:
    """The part of the schema that the error is about."""
    found: Any = rules_schema()
    for step in list(error.schema_path)[:-1]:
        found = rules_schema()["$defs"][found["$ref"].rpartition("/")[2]] if step == "$ref" else found[step]
    return found if isinstance(found, dict) else {}


_BOUNDS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to"}


def _described(error: jsonschema_rs.ValidationError) -> str:
    schema = _schema_at(error)
    text = str(schema.get("description", ""))
    if text:
        return f"What may stand here: {text.removesuffix('.')}"
    bounds = [f"{word} {schema[name]:g}" for name, word in _BOUNDS.items() if name in schema]
    return f"Write a number {' '.join(bounds)}" if bounds else "docs/rules.md says what may stand here"


def _nearest(name: str, known: list[str], there: Collection[str]) -> str:
    """What to write instead of a name that is not known: none that is there already."""
    place = next((each for each in ("extra", "properties") if each in known), None)
    if ":" in name and place:  # a field of an extension, and no field of rules has such a name
        return f"Write it under `{place}:`"
    if name == "links" and "item_assets" in known:
        return "Write it under `extra:`"
    if name in ("start", "end") and known == ["format", "path"]:  # of a sidecar's `datetime`
        return f"Write `{name}:` beside `datetime:`, under `sidecar:`"
    outer, _, inner = name.partition(".")
    if inner and outer in known:  # as docs/rasters.md names what stands inside another
        return f"Write `{outer}: {{{inner}: …}}`"
    near = difflib.get_close_matches(name, [each for each in known if each not in there], n=1, cutoff=0.55)
    if near:
        return f"Write `{near[0]}`"
    return f"Known here: {', '.join(known)}" if known else "Remove it"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text if len(text) <= 60 else text[:57] + '…'}`"
