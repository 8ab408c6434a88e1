"""Makes invalid documents for tests: a valid one with one field changed."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

ITEMS = Path(__file__).parent / "items" / "valid"
REMOVED: Any = object()
BROKEN: tuple[Any, ...] = (5, "five", {}, [])
# What JSON can be where something else belongs, and what nearly belongs: schemas take more than code may expect.
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 1e308, 2**63, "", "a", "a/b", "80", "\0", "a" * 3_000, "http://[", "%zz",
    "2016-12-31T23:59:60Z", "2016-12-31T24:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    [], [None], [1], ["a"], [[]], [{}], [[0, 0]], [0, 0, 1, 1], [0, 0, 0, 1, 1, 1], [1e308] * 6,
    ["2016-12-31T23:59:60Z", None], ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"],
    {}, {"": None}, {"a": 1}, {"a": []}, {"href": 5}, {"minimum": "a", "maximum": {}},
    {"type": "Point", "coordinates": []}, {"type": "MultiPoint", "coordinates": []},
    {"type": "MultiPolygon", "coordinates": [[[]]]}, {"type": "GeometryCollection", "geometries": []},
)  # fmt: skip


def valid_item(name: str = "scene") -> dict[str, Any]:
    """One of our valid Items."""
    item: dict[str, Any] = json.loads((ITEMS / f"{name}.json").read_text())
    return item


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a document with the field at `a/b/0/c` set to a value, or left out for REMOVED."""
    copy = deepcopy(document)
    *parents, last = path.split("/")
    holder: Any = copy
    for part in parents:
        holder = holder[int(part)] if isinstance(holder, list) else holder[part]
    key: Any = int(last) if isinstance(holder, list) else last
    if value is REMOVED:
        del holder[key]
    elif isinstance(holder, list) and key == len(holder):
        holder.append(value)
    else:
        holder[key] = value
    return copy


def damaged(value: Any, broken: tuple[Any, ...] = BROKEN) -> Iterator[Any]:
    """A JSON value, and every copy of it with one member, at any depth, left out, added or one of `broken`."""
    yield value
    if isinstance(value, dict):
        yield {**value, "unknown": 1}
        for key, child in value.items():
            yield {other: kept for other, kept in value.items() if other != key}
            yield from ({**value, key: odd} for odd in broken)
            yield from ({**value, key: odd} for odd in damaged(child, broken))
    elif isinstance(value, list):
        for number, child in enumerate(value):
            odd_children = (*broken, *damaged(child, broken))
            yield from ([*value[:number], odd, *value[number + 1 :]] for odd in odd_children)
