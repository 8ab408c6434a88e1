"""Makes invalid documents for tests: a valid one with one field changed."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

ITEMS = Path(__file__).parent / "items" / "valid"
REMOVED: Any = object()
BROKEN: tuple[Any, ...] = (5, "five", {}, [])


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


def damaged(value: Any) -> Iterator[Any]:
    """A JSON value, and every copy of it with one member, at any depth, left out, added or of another type."""
    yield value
    if isinstance(value, dict):
        yield {**value, "unknown": 1}
        for key, child in value.items():
            yield {other: kept for other, kept in value.items() if other != key}
            yield from ({**value, key: broken} for broken in BROKEN)
            yield from ({**value, key: broken} for broken in damaged(child))
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from ([*value[:number], broken, *value[number + 1 :]] for broken in damaged(child))
