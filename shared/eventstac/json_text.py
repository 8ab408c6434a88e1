"""JSON text that every reader of ours takes: what is read can be sent and stored again."""

import json
import math
import re
from decimal import Decimal
from typing import Any

import orjson

# A sidecar's values are up to 200 deep, and events wrap them. orjson stops at 254, PostgreSQL and Python far later.
MAX_DEPTH = 250
MAX_DIGITS = 40  # of a whole number: 64 bits have 20


def read_json(text: bytes | str, *, wrapped: int = 0) -> Any:
    """The value of a JSON text (bytes: UTF-8, with or without a byte order mark), to be sent inside `wrapped` others.

    Errors: ValueError for what is no JSON, and for what some parsers take and others do not: NaN and Infinity, numbers
    beyond what a double holds, half a surrogate pair, values more than MAX_DEPTH inside each other.
    """
    read = text if isinstance(text, str) else text.decode("utf-8-sig")
    try:
        value = json.loads(read, parse_constant=_refuse, parse_float=_finite, parse_int=_whole)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    if "\\u" in read:
        json.dumps(value, ensure_ascii=False).encode()
    if read.count("[") + read.count("{") > MAX_DEPTH - wrapped:
        _refuse_deep(value, MAX_DEPTH - wrapped)
    return value


def read_loosely(text: bytes | str) -> Any:
    """Whatever can be made of a text that `read_json` may refuse, to tell what it is about; None for nothing at all."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def write_json(value: Any) -> str:
    """The text of a value, as it is sent: ValueError for what `read_json` would refuse, but for its depth."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    text.encode()
    return text


_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def canonical_json(value: object) -> str:
    """JSON text that is the same for equal values; `Infinity` and `NaN`, which are no JSON, are what they are."""
    try:
        text = orjson.dumps(value, option=_CANONICAL)
    except TypeError:  # a number over 64 bits, half a surrogate pair; ten times as slow
        return _any_json(value)
    if b"null" in text and orjson.loads(text) != value and not _is_finite(value):
        return _any_json(value)  # orjson writes null for what is not finite, so that it could be stored
    return text.decode()


def _any_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _is_finite(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def with_plain_floats(text: str) -> str:
    """A JSON text without exponents of large floats, `1e+16` as `10000000000000000.0`.

    PostgreSQL's jsonb keeps the zero behind the point, and no exponent: it gives back an integer, which from 64 bits on
    is another number to some readers (GDAL) and none to others (orjson).
    """
    return _TEXT_OR_LARGE.sub(_plainly, text) if "e+" in text else text


# As json and orjson write floats of 1e16 and more: whole numbers, all of them. What is in a text stays as it is.
_TEXT_OR_LARGE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|(-?[0-9.]+e\+[0-9]+)')


def _plainly(found: re.Match[str]) -> str:
    return f"{Decimal(found[1]):f}.0" if found[1] else found[0]


_TOO_DEEP = f"its values are more than {MAX_DEPTH} inside each other"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{_short(digits)} is beyond every number of 64 bits")
    return number


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"{_short(digits)} has more than {MAX_DIGITS} digits")
    return int(digits)


def _short(digits: str) -> str:
    return digits if len(digits) <= MAX_DIGITS else f"{digits[:MAX_DIGITS]}…"


def _refuse_deep(value: Any, limit: int) -> None:
    depth, level = 0, [value]
    while level:
        if depth > limit:
            raise ValueError(_TOO_DEEP)
        inside = [each.values() if isinstance(each, dict) else each for each in level]
        level = [each for values in inside for each in values if isinstance(each, dict | list)]
        depth += 1
