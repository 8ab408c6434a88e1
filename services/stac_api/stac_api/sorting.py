"""The `sortby` parameter: by which properties, in which direction."""

from dataclasses import dataclass

from stac_api.errors import BadRequest

MAX_KEYS = 8  # beyond that a page token, which carries each key's value, outgrows a URL


@dataclass(frozen=True)
class SortKey:
    """One property to sort by; `field` is a queryable's name, with or without the prefix `properties.`."""

    field: str
    descending: bool = False

    def __str__(self) -> str:
        """As the query string spells it."""
        return f"{'-' if self.descending else ''}{self.field}"


DEFAULT = (SortKey("datetime", descending=True),)  # where nothing is asked for


def from_text(text: str) -> tuple[SortKey, ...]:
    """Read `+eo:cloud_cover,-datetime`. A blank is a plus that the query string's decoding ate."""
    keys = []
    for part in text.split(","):
        field = part.strip()
        descending = field.startswith("-")
        keys.append(_key(field.lstrip("+") if not descending else field[1:], descending))
    return _checked(keys)


def from_json(value: object) -> tuple[SortKey, ...]:
    """Read `[{"field": …, "direction": "asc"|"desc"}]`."""
    if not isinstance(value, list):
        raise BadRequest("sortby", 'expected an array of {"field": …, "direction": "asc" or "desc"}')
    keys = []
    for entry in value:
        if not isinstance(entry, dict) or not isinstance(entry.get("field"), str):
            raise BadRequest("sortby", 'an entry is not {"field": …, "direction": …}')
        direction = entry.get("direction", "asc")
        if direction not in ("asc", "desc"):
            raise BadRequest("sortby", f"direction {direction!r} is neither asc nor desc")
        keys.append(_key(entry["field"], direction == "desc"))
    return _checked(keys)


def _key(field: str, descending: bool) -> SortKey:
    name = field.strip().removeprefix("properties.")
    if not name or name == "properties" or "\0" in name:
        raise BadRequest("sortby", f"{field!r} names no property")
    if name == "geometry":
        raise BadRequest("sortby", "geometries have no order")
    return SortKey(name, descending)


def _checked(keys: list[SortKey]) -> tuple[SortKey, ...]:
    if len(keys) > MAX_KEYS:
        raise BadRequest("sortby", f"{len(keys)} fields, at most {MAX_KEYS}")
    if len({key.field for key in keys}) < len(keys):
        raise BadRequest("sortby", "a field is named twice")
    return tuple(keys)
