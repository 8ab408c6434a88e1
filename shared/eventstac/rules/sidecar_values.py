"""Makes a property of what a path finds in a sidecar: tables, types, scales, and values that stand for none."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from eventstac.errors import Rejected
from eventstac.rules.typed import typed, written

Spec = Mapping[str, Any]
Find = Callable[[str], Any]  # the value at a path, None where there is none

SCALING = ("scale", "offset", "modulo")  # what makes a number of a value


def value_at(name: str, how: str | Spec, find: Find) -> Any:
    """What a property becomes; None where the sidecar says nothing. Errors: Rejected `bad-sidecar`."""
    spec: Spec = {"path": how} if isinstance(how, str) else how
    value = found_at(spec["path"], name, find)
    if value is None or value == "" or any(_is_same(value, none) for none in spec.get("missing", ())):
        if spec.get("required"):
            raise Rejected("bad-sidecar", f"the sidecar has no {spec['path']} for {name!r}")
        return None
    if "lookup" in spec:
        value = _looked_up(value, name, spec)
    try:
        return None if value is None else made_of(value, spec)
    except (ValueError, TypeError, OverflowError) as error:
        raise Rejected("bad-sidecar", f"{spec['path']} for {name!r} is {value!r}: {error}") from error


def made_of(value: Any, spec: Spec) -> Any:
    """The value of a property, of what a path or a lookup gave. Raises ValueError, TypeError or OverflowError."""
    return _finite(_scaled(typed(value, spec.get("type")), spec))


def _is_same(value: Any, none: str | float) -> bool:
    """Whether a value is one that stands for none: by its text, or as a number (`-1.00` is -1)."""
    try:
        return written(value) == written(none) or typed(value, "number") == typed(none, "number")
    except (ValueError, TypeError, OverflowError):
        return False


def _looked_up(value: Any, name: str, spec: Spec) -> Any:
    """What a table says for a value, by how JSON writes it (`true`, `1`); None for one that it has not."""
    text = written(value)
    if isinstance(value, float) and value.is_integer() and text not in spec["lookup"]:
        text = str(int(value))
    if text not in spec["lookup"] and spec.get("required"):
        detail = f"{spec['path']} for {name!r} is {text!r}, which is not in its lookup"
        raise Rejected("bad-sidecar", f"{detail}: add it there, or leave out `required:`")
    return spec["lookup"].get(text)


def found_at(path: str, name: str, find: Find) -> Any:
    """The value at a path; an expression that stumbles over this file's content is the file's fault."""
    try:
        value = find(path)
    except Exception as error:
        raise Rejected("bad-sidecar", f"{path} for {name!r} cannot be evaluated: {error}") from error
    return value


def _finite(value: Any) -> Any:
    """The value, where all numbers in it are ones that JSON has. Raises ValueError."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, float) and not isfinite(each):
            raise ValueError(f"{each} is no number of JSON")
        waiting += each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
    return value


def _scaled(value: Any, spec: Spec) -> Any:
    if spec.keys().isdisjoint(SCALING):
        return value
    number = typed(value, "number") if isinstance(value, str) else float(value)
    number = number * spec.get("scale", 1) + spec.get("offset", 0)
    if "modulo" in spec:
        return _rounded(number % spec["modulo"]) % spec["modulo"]  # -1e-14 % 360 is 360 to Python
    return _rounded(number)


def _rounded(number: float) -> float:
    """To twelve digits: more than any metadata file has, and without what binary fractions add."""
    return float(f"{number:.12g}")
