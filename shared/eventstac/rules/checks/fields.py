"""Checks the fields of a Collection that pgstac, or a reader, could not take."""

from collections.abc import Mapping, Sequence
from typing import Any

from eventstac.rules.document import Document, Path
from eventstac.rules.model import CollectionRules, Queryable
from eventstac.rules.queryables import COLUMNS, plain_name
from eventstac.times import from_text

LONGEST_NAME = 255  # characters of a queryable's name

_OWN_PLACE = ("title", "description", "license", "keywords", "providers", "extent", "item_assets")
_MADE = ("id", "type", "stac_version")

# What the members of `extra` that have a meaning must be, and what to write.
_SHAPES: Mapping[str, tuple[type, type, str]] = {
    "summaries": (dict, object, "a mapping of names to values or ranges"),
    "assets": (dict, dict, "a mapping of keys to assets"),
    "links": (list, dict, "a list of links, each with `rel` and `href`"),
    "stac_extensions": (list, str, "a list of addresses"),
}

_FLAT, _HIGH = 4, 6  # numbers of a box, without heights and with them


def check_fields(document: Document, path: Path, collection: CollectionRules) -> None:
    """Note names that are reserved, and shapes that nobody could read."""
    _check_queryables(document, (*path, "queryables"), collection)
    _check_extra(document, (*path, "extra"), collection.extra)
    for index, box in enumerate(collection.extent.get("spatial", {}).get("bbox", ())):
        _check_box(document, (*path, "extent", "spatial", "bbox", index), box)
    for index, interval in enumerate(collection.extent.get("temporal", {}).get("interval", ())):
        _check_interval(document, (*path, "extent", "temporal", "interval", index), interval)


def _check_queryables(document: Document, path: Path, collection: CollectionRules) -> None:
    first: dict[str, str] = {}
    for queryable in collection.queryables:
        name, where = queryable.name, (*path, queryable.name)
        plain = plain_name(name)
        if plain in COLUMNS:
            what = f"{name!r} can be searched and sorted by anyway"
            document.mistake(where, what, "Leave it out of `queryables:`")
        if plain == "properties" or not all(plain.split(".")) or len(plain) > LONGEST_NAME:
            what = f"{name!r} is no name of a property"
            document.mistake(where, what, f"Write it as in the Item, {LONGEST_NAME} characters at most")
        if plain in first:
            what = f"{name!r} is the same property as {first[plain]!r}"
            document.mistake(where, what, "Keep one of the two")
        first.setdefault(plain, name)


def warn_of_types(document: Document, collections: Sequence[CollectionRules]) -> None:
    """Warn of a property that is text in one Collection and a number or a time in another.

    pgstac compares it as text in a search over both.
    """
    first: dict[str, tuple[str, Queryable]] = {}
    for collection in collections:
        for queryable in collection.queryables:
            plain = plain_name(queryable.name)
            other, said = first.setdefault(plain, (collection.id, queryable))
            if _compared_as(said) != _compared_as(queryable):
                where = ("collections", collection.id, "queryables", queryable.name)
                what = (
                    f"{plain!r} is {queryable.type} here and {said.type} in {other!r}: a search over both compares it "
                    "as text"
                )
                document.warn(
                    where, what, "Give it one type, or name one of the Collections in such searches"
                )


def _compared_as(queryable: Queryable) -> str:
    return {"integer": "number", "boolean": "string"}.get(queryable.type, queryable.type)


def _check_extra(document: Document, path: Path, extra: Mapping[str, Any]) -> None:
    for name, value in extra.items():
        where = (*path, name)
        if name in _OWN_PLACE:
            document.mistake(
                where, f"`{name}` has a place of its own", f"Write `{name}:` beside `extra:`, not under it"
            )
        if name in _MADE:
            document.mistake(where, f"`{name}` cannot be set", "Leave it out: it is made by itself")
        if name in _SHAPES:
            outer, inner, wanted = _SHAPES[name]
            members = value.values() if isinstance(value, dict) else value
            fits = isinstance(value, outer) and all(isinstance(each, inner) for each in members)
            if fits and name == "links":
                fits = all(isinstance(link.get(key), str) for link in value for key in ("rel", "href"))
            if not fits:
                document.mistake(where, f"`{name}` cannot be this", f"Write {wanted}")


def _check_box(document: Document, path: Path, box: list[float]) -> None:
    if len(box) not in (_FLAT, _HIGH) or not _on_earth(*_corners(box)):
        what = f"{box} is no box on the Earth"
        document.mistake(path, what, "Write [west, south, east, north] in degrees, south first")


def _corners(box: list[float]) -> list[float]:
    """West, south, east and north of a box with or without heights."""
    half = len(box) // 2
    return [*box[:2], *box[half : half + 2]]


def _on_earth(west: float, south: float, east: float, north: float) -> bool:
    return max(abs(west), abs(east)) <= 180 and -90 <= south <= north <= 90


def _check_interval(document: Document, path: Path, interval: list[str | None]) -> None:
    try:
        start, end = (from_text(each) if each is not None else None for each in interval)
    except ValueError as error:
        document.mistake(
            path, f"{interval} is no interval: {error}", "Write [2024-05-01T00:00:00Z, null], say"
        )
        return
    if start and end and start > end:
        document.mistake(path, f"{interval} ends before it begins", "Write the earlier one first")
