"""Compiles JSON Schemas once and turns their errors into problems; never reaches for the network."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import jsonschema_rs
import orjson

from eventstac.validation.problems import Problem, path_of, short

Validator = jsonschema_rs.Draft7Validator | jsonschema_rs.Draft202012Validator
# Also whole pairs, and an escaped backslash before "u0000".
_MAYBE_UNSTORABLE = re.compile(r"\\u(0000|d[89a-f])")

_MOST_ERRORS = 100  # of one document: who mends these learns of the others
_ENTRIES = (100, 20, 10)  # of a list, of a list in it, and further inside
_MOST_LEVELS = 200  # of a document that is wrong: the validator writes no error of one with more than 254
_TOO_DEEP = "the document is nested too deeply, or holds itself"
_GROUPS = ("assets", "item_assets")

_MORE = re.compile(r"(?<= is not one of ).* or \d+ other candidates$")
_CHOICES = jsonschema_rs.ValidationErrorKind.AnyOf | jsonschema_rs.ValidationErrorKind.OneOfNotValid

Retriever = Callable[[str], dict[str, Any]]


def compile_draft7(schema: dict[str, Any], retrieve: Retriever) -> Validator:
    """A validator for a schema of the STAC specification (draft 7)."""
    return jsonschema_rs.Draft7Validator(schema, retriever=retrieve, validate_formats=True)


def compile_2020(schema: dict[str, Any], retrieve: Retriever) -> Validator:
    """A validator for a schema of our own (draft 2020-12)."""
    return jsonschema_rs.Draft202012Validator(schema, retriever=retrieve, validate_formats=True)


def schema_problems(validator: Validator, document: dict[str, Any], schema: str) -> Iterator[Problem]:
    """What a schema says of a document; a failed choice is told by its nearest alternative.

    Of long lists the first entries only: to tell of each of 100,000 that are wrong takes a minute.
    """
    if validator.is_valid(document):
        return
    if is_deeper_than(document, _MOST_LEVELS):
        where = next(key for key, part in document.items() if is_deeper_than(part, _MOST_LEVELS - 1))
        message = (
            f"something is wrong, and it is nested too deeply to say what: at most {_MOST_LEVELS} levels"
        )
        yield Problem(path_of([where]), message, schema)
        return
    begun = _beginnings(document)
    errors = list(islice(validator.iter_errors(begun), _MOST_ERRORS))
    for error in errors:
        for nearest in _nearest(error):
            yield Problem(path_of(nearest.instance_path), short(_said(nearest)), schema)
    if not errors:
        message = f"an entry after the first {_ENTRIES[0]} of a list, or of the assets, is wrong"
        yield Problem("", message, schema)


def is_deeper_than(value: Any, levels: int) -> bool:
    """Whether more than so many objects and lists lie one in another; without recursion."""
    layer = [value]
    for _ in range(levels):
        layer = [
            child
            for each in layer
            if isinstance(each, dict | list | tuple)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not layer:
            return False
    return any(isinstance(each, dict | list | tuple) for each in layer)


def json_problem(document: Any, *, any_text: bool = False) -> Problem | None:
    """The first reason why a document is not JSON: NaN, an infinity, a date object, a key that is no text.

    Unless `any_text`, nor is a NUL character or half a surrogate pair: JSON may have them, a database may not.
    """
    try:
        text = json.dumps(document, allow_nan=False)
        if _has_text_keys(document):  # json.dumps makes text of other keys, and is silent about it
            suspicious = not any_text and _MAYBE_UNSTORABLE.search(text)
            found = _not_json(document, ()) if suspicious else None
            return Problem(path_of(found[0]), found[1], "json") if found else None
        place, reason = _not_json(document, ()) or ((), "a key is no text")
    except RecursionError:
        place, reason = (), _TOO_DEEP
    except (ValueError, TypeError):
        try:
            place, reason = _not_json(document, ()) or ((), "the document is no JSON")
        except RecursionError:
            place, reason = (), _TOO_DEEP
    return Problem(path_of(place), reason, "json")


def _unstorable(text: str) -> bool:
    return "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text)


def _has_text_keys(value: Any) -> bool:
    """Whether all keys are text; looks into lists of objects only, since coordinates have no keys."""
    try:
        orjson.dumps(value)  # refuses other keys, in a tenth of the time
    except TypeError:
        return _all_keys_are_text(value)
    return True


def _all_keys_are_text(value: Any) -> bool:
    """The same, step by step, where something else is unusual."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _all_keys_are_text(child) for key, child in value.items())
    if isinstance(value, list | tuple) and any(isinstance(child, dict) for child in value):
        return all(_all_keys_are_text(child) for child in value)
    return True


def _nearest(error: jsonschema_rs.ValidationError) -> list[jsonschema_rs.ValidationError]:
    """The errors of the alternative that the document came closest to, else the error itself.

    Closest is the one whose errors lie deepest in the document: a polygon with a broken ring fails "Polygon" in
    its coordinates and every other type at its name.
    """
    kind = error.kind
    if not isinstance(kind, _CHOICES):
        return [error]
    own = len(error.instance_path)
    branches = [[leaf for inner in branch for leaf in _nearest(inner)] for branch in kind.context]
    deepest = max(
        (min(len(leaf.instance_path) for leaf in branch) for branch in branches if branch), default=0
    )
    if deepest <= own:
        return [error]
    chosen = [branch for branch in branches if branch and _depth(branch) == deepest]
    named = [branch for branch in chosen if not any(_is_name(leaf) for leaf in branch)]
    candidates = sorted(named or chosen, key=len)
    if len(candidates) > 1 and len(candidates[0]) == len(candidates[1]):
        return [error]
    return candidates[0]


def _said(error: jsonschema_rs.ValidationError) -> str:
    """What is wrong, in words; of a value that is of no kind that may stand there, which kinds may."""
    if isinstance(error.kind, _CHOICES):
        kinds = [_taken_by(branch, error.instance_path) for branch in error.kind.context]
        if all(kinds):
            words = dict.fromkeys(word for each in kinds for word in each)
            return f"{json.dumps(error.instance, ensure_ascii=False)} is none of: {', '.join(words)}"
    if _MORE.search(error.message):  # but for two or three
        options = ", ".join(_kinds(error))
        return _MORE.sub(lambda _: options, error.message)
    return error.message


def _taken_by(branch: list[jsonschema_rs.ValidationError], place: Sequence[str | int]) -> list[str]:
    """What an alternative takes at this place: its list rather than the type of all on it; none where it says more."""
    kinds = [list(_kinds(each)) if each.instance_path == place else [] for each in branch]
    lists = [words for each, words in zip(branch, kinds, strict=True) if "options" in each.kind.as_dict()]
    return [word for words in lists or kinds for word in words] if all(kinds) else []


def _kinds(error: jsonschema_rs.ValidationError) -> Iterator[str]:
    """What an alternative takes, where it says so by a type or a list."""
    kind = error.kind.as_dict()
    yield from (f"{'an' if name[0] in 'aio' else 'a'} {name}" for name in kind.get("types", ()))
    yield from (json.dumps(option, ensure_ascii=False) for option in kind.get("options", ()))


def _beginnings(value: Any, level: int = 0, *, shorten: bool = False) -> Any:
    """The document with at most so many entries in its lists and among its assets."""
    most = _ENTRIES[min(level, len(_ENTRIES) - 1)]
    if isinstance(value, list):
        return [_beginnings(child, level + 1) for child in value[:most]]
    if isinstance(value, dict):
        children = islice(value.items(), most) if shorten else value.items()
        return {key: _beginnings(child, level, shorten=key in _GROUPS) for key, child in children}
    return value


def _depth(branch: list[jsonschema_rs.ValidationError]) -> int:
    return min(len(leaf.instance_path) for leaf in branch)


def _is_name(error: jsonschema_rs.ValidationError) -> bool:
    kinds = jsonschema_rs.ValidationErrorKind
    return isinstance(error.kind, kinds.Constant | kinds.Enum)


def _not_json(value: Any, place: tuple[str | int, ...]) -> tuple[tuple[str | int, ...], str] | None:
    if isinstance(value, str):
        return (place, "text has a NUL character or half a surrogate pair") if _unstorable(value) else None
    if value is None or isinstance(value, bool | int):
        return None
    if isinstance(value, float):
        finite = value == value and value not in (float("inf"), float("-inf"))
        return None if finite else (place, f"{value} is no JSON number: leave the field out, or write text")
    children: list[tuple[Any, Any]]
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list | tuple):
        children = list(enumerate(value))
    else:
        return place, f"{type(value).__name__} is no JSON type"
    for key, child in children:
        if isinstance(value, dict) and not isinstance(key, str):
            return place, f"the key {key!r} is no text"
        if isinstance(key, str) and _unstorable(key):
            return place, f"the key {key!r} has a NUL character or half a surrogate pair"
        found = _not_json(child, (*place, key))
        if found:
            return found
    return None
