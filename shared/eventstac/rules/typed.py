"""Turns text of paths and sidecars into the type that a rule declares."""

import json
import math
from collections.abc import Callable
from typing import Any

_OF_ASCII = ("number", "integer", "boolean")

_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _read[T: (int, float)](kind: Callable[[Any], T], value: Any, name: str) -> T:
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{value!r} is no {name}") from None  # Python's own words are for programmers


def written(value: Any) -> str:
    """A value as text, as JSON writes it: `true`, `NaN`, and text as it is."""
    return json.dumps(value) if isinstance(value, bool | float) else str(value)


def typed(value: Any, kind: str | None) -> Any:
    """The value as string, number, integer or boolean; as it is for None. ValueError or TypeError where it is none."""
    if kind in _OF_ASCII and isinstance(value, str) and not value.isascii():
        raise ValueError(f"{value!r} is written in other digits or letters than 0-9 and a-z")
    if kind in ("number", "integer") and isinstance(value, str) and "_" in value:
        raise ValueError(f"{value!r} has a _, which is of no number")  # but Python's own
    if kind is not None and isinstance(value, dict | list):
        raise ValueError(f"a list or an object is no {kind}")
    if kind in ("number", "integer") and isinstance(value, bool):
        raise ValueError(f"true or false is no {kind}")
    match kind:
        case "number":
            number = _read(float, value, "number")
            if not math.isfinite(number):
                raise ValueError(f"{value!r} is not finite")
            return number
        case "integer":
            if isinstance(value, float) and not value.is_integer():
                raise ValueError(f"{value!r} is no whole number")
            return _read(int, value, "whole number")
        case "boolean":
            word = str(value).strip().lower()
            if word not in _WORDS:
                raise ValueError(f"{value!r} is not true or false")
            return _WORDS[word]
        case "string":
            return written(value)
        case _:
            return value
