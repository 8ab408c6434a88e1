"""Checks a rules file against its JSON Schema, in words that say what to write instead."""

import difflib
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from eventstac.rules.document import Document

# In a checkout contracts/ stands beside shared/; a package that is deployed has it inside eventstac.
_PLACES = (
    Path(__file__).parent.parent / "contracts" / "rules",
    Path(__file__).parents[3] / "contracts" / "rules",
)


@cache
def rules_schema() -> dict[str, Any]:
    """The JSON Schema of the rules file. Errors: FileNotFoundError where contracts/ is not deployed."""
    for place in _PLACES:
        file = place / "collections.schema.json"
        if file.is_file():
            schema: dict[str, Any] = json.loads(file.read_text())
            return schema
    raise FileNotFoundError(
        f"contracts/rules/collections.schema.json is in none of {[str(p) for p in _PLACES]}"
    )


def check_schema(document: Document) -> None:
    """Note every place where the document is not of the schema's shape."""
    for error in _validator().iter_errors(document.value):
        _note(document, error)


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(rules_schema())


def _note(document: Document, error: jsonschema_rs.ValidationError) -> None:
    path = tuple(error.instance_path)
    name = str(path[-1]) if path else "the file"
    kind = error.kind.as_dict()
    match error.kind.name:
        case "additionalProperties":
            known = _known(error)
            for unexpected in kind["unexpected"]:
                document.mistake(
                    (*path, unexpected), f"`{unexpected}` is not known here", _nearest(unexpected, known)
                )
        case "required":
            document.mistake(path, f"`{name}` has no `{kind['property']}`", f"Add `{kind['property']}:`")
        case "enum":
            options = [str(option) for option in kind["options"]]
            what = f"`{name}` cannot be {_shown(error.instance)}"
            document.mistake(path, what, f"Write one of {', '.join(options)}")
        case "type":
            types = " or ".join(_TYPES.get(each, each) for each in kind["types"])
            document.mistake(path, f"`{name}` cannot be {_shown(error.instance)}", f"Write {types}")
        case "propertyNames":
            document.mistake(
                (*path, str(error.instance)) if isinstance(error.instance, str) else path,
                f"A name under `{name}` cannot be used: {kind['error'].message}",
                "Use letters, digits, `.`, `_` and `-`",
            )
        case "anyOf":
            _note_alternatives(document, error, kind)
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
    """Of several shapes, tell about the one that was meant: that of the same type, else all."""
    nearest = [
        errors for errors in kind["context"] if errors and all(each.kind.name != "type" for each in errors)
    ]
    if len(nearest) == 1:
        for each in nearest[0]:
            path = tuple(error.instance_path) + tuple(each.instance_path)[len(error.instance_path) :]
            _note_at(document, each, path)
        return
    name = str(error.instance_path[-1]) if error.instance_path else "the file"
    wanted = dict.fromkeys(
        each.message.partition(" is not ")[2] for errors in kind["context"] for each in errors
    )
    document.mistake(
        tuple(error.instance_path),
        f"`{name}` cannot be {_shown(error.instance)}",
        f"Write what is {' or '.join(each for each in wanted if each)}",
    )


def _note_at(document: Document, error: jsonschema_rs.ValidationError, path: tuple[str | int, ...]) -> None:
    before = len(document.mistakes)
    _note(document, error)
    for index in range(before, len(document.mistakes)):
        mistake = document.mistakes[index]
        if mistake.line == 1 and document.line(path) != 1:
            document.mistakes[index] = type(mistake)(
                mistake.file, document.line(path), mistake.what, mistake.instead
            )


def _known(error: jsonschema_rs.ValidationError) -> list[str]:
    """The property names of the schema that the error is about, found by its path in the schema."""
    found: Any = rules_schema()
    for step in list(error.schema_path)[:-1]:
        if isinstance(found, dict) and "$ref" in found and str(step) not in found:
            found = rules_schema()["$defs"][found["$ref"].rpartition("/")[2]]
        if step == "$ref":
            found = rules_schema()["$defs"][found["$ref"].rpartition("/")[2]]
            continue
        found = found[step]
    return sorted(found.get("properties", {})) if isinstance(found, dict) else []


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"Did you mean `{near[0]}`?".removesuffix("?") + "?"
    return f"Known here: {', '.join(known)}" if known else "Remove it"


def _described(error: jsonschema_rs.ValidationError) -> str:
    return "See docs/rules.md for what may stand here"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text if len(text) <= 60 else text[:57] + '…'}`"
