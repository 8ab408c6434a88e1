"""Whether an Item's properties are what its Collection's queryables say, so that pgstac can compare and index them."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from eventstac.rules.model import Queryable

COLUMNS = frozenset({"id", "geometry", "collection", "datetime", "start_datetime", "end_datetime"})

# A B-tree takes entries of 2,704 bytes, their header included.
LONGEST_SORTED_BYTES = 2600

_FROM_ROOT = frozenset({"assets", "links", "bbox", "stac_version", "stac_extensions", "properties"})
_DATE = r"\d{4}-\d{2}-\d{2}"
_DATETIME = re.compile(
    rf"{_DATE}([Tt ]\d{{2}}:\d{{2}}(:\d{{2}}(\.\d+)?)?([Zz]|[+-](0\d|1[0-5]):?[0-5]\d)?)?", re.ASCII
)
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
_NOT_ZERO = re.compile(r"^[^eE]*[1-9]")
_SHOWN = 60  # characters of a value in a message


def plain_name(name: str) -> str:
    """A queryable's name as pgstac keeps it: without `properties.`."""
    while name.startswith("properties."):
        name = name.removeprefix("properties.")
    return name


def keys_of(name: str) -> list[str]:
    """Where in an Item the property of a queryable is."""
    keys = plain_name(name).split(".")
    return keys if keys[0] in _FROM_ROOT else ["properties", *keys]


def misfits(item: Mapping[str, Any], queryables: Iterable[Queryable], collection: str) -> list[str]:
    """What of an Item does not fit the queryables of its Collection, and how to mend each."""
    found = []
    for queryable in queryables:
        value: Any = item
        for key in keys_of(queryable.name):
            value = value.get(key) if isinstance(value, Mapping) else None
        wrong = misfit(value, queryable)
        if wrong:
            found.append(
                f"{'.'.join(keys_of(queryable.name))}: {wrong}, as the queryable {queryable.name!r} of collection "
                f"{collection!r} wants it. {how_to_mend(queryable)}"
            )
    return found


def misfit(value: Any, queryable: Queryable) -> str | None:
    """What is wrong with a value, None where it fits (one that is not there does)."""
    if value is None:
        return None
    match queryable.type:
        case "number" | "integer":  # both compared as numbers of eight bytes
            fits = _number(value) is not None
        case "datetime":
            fits = isinstance(value, str) and _is_datetime(value)
        case _:  # compared as text, whatever it is
            fits = True
    if not fits:
        return f"{_shown(value)} is no {_KINDS[queryable.type]}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if queryable.sortable and len(text.encode(errors="surrogatepass")) > LONGEST_SORTED_BYTES:
        return f"{_shown(value)} is longer than the {LONGEST_SORTED_BYTES:,} bytes that can be sorted by"
    return None


def how_to_mend(queryable: Queryable) -> str:
    """What to do about a value that does not fit."""
    if queryable.type in _KINDS:
        return "Mend the value in the file, its sidecar or the rule, or declare the queryable as string"
    return "Shorten the value in the file, its sidecar or the rule, or leave `sortable` out of the queryable"


_KINDS = {
    "number": "number",
    "integer": "number",
    "datetime": "date and time such as 2024-05-01T12:00:00Z",
}


def _number(value: Any) -> float | None:
    """The number that PostgreSQL reads in a value, a text or not; None where it reads none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    if number == 0 and isinstance(value, str) and _NOT_ZERO.search(value):
        return None  # too small for PostgreSQL, which does not round it to zero
    return number if math.isfinite(number) else None


def _is_datetime(text: str) -> bool:
    if not _DATETIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except ValueError:  # an integer of thousands of digits
        return "this number"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
