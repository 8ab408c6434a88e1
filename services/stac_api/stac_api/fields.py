"""The `fields` parameter: which members of each Item the answer holds (STAC API Fields extension 1.0.0)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from stac_api.errors import BadRequest

# The last line is of Collections; an Item that has such a member at its top keeps it.
_DEFAULT = (
    "type", "stac_version", "id", "collection", "geometry", "bbox", "links", "assets",
    "properties.datetime", "properties.start_datetime", "properties.end_datetime",
    "title", "description", "license", "extent",
)  # fmt: skip
_ALWAYS = ("type", "stac_version", "id", "collection")  # without these no client knows what it holds
_MOST_NAMES = 500  # each is sought in every Item
_LONGEST_NAME = 1_000

Path = tuple[str, ...]


@dataclass(frozen=True)
class Fields:
    """What to keep: `include` None means everything. A path is in one of them only; both are in order."""

    include: tuple[Path, ...] | None
    exclude: tuple[Path, ...]

    def apply(self, item: dict[str, Any]) -> dict[str, Any]:
        """A copy of the Item (or Collection) with only what was asked for."""
        kept = item if self.include is None else _only(item, self.include)
        return _without(kept, self.exclude, self.include or ())


def from_text(text: str) -> Fields:
    """Read `id,+properties.datetime,-geometry`."""
    include, exclude = [], []
    for part in text.split(","):
        name = part.strip()
        if name.startswith("-"):
            exclude.append(name[1:])
        elif name.lstrip("+"):
            include.append(name.lstrip("+"))
    return _fields(include, exclude, complete=not include and bool(exclude))


def from_json(value: object) -> Fields:
    """Read `{"include": […], "exclude": […]}`; an absent `include` beside an `exclude` means everything else."""
    if not isinstance(value, dict):
        raise BadRequest("fields", 'expected {"include": […], "exclude": […]}')
    include, exclude = (_names(value.get(name)) for name in ("include", "exclude"))
    return _fields(include, exclude, complete="include" not in value and bool(exclude))


def _names(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BadRequest("fields", "include and exclude are arrays of texts")
    return value


def _fields(include: Sequence[str], exclude: Sequence[str], *, complete: bool) -> Fields:
    """A path in both is kept."""
    if len(include) + len(exclude) > _MOST_NAMES:
        raise BadRequest("fields", f"{len(include) + len(exclude)} names, at most {_MOST_NAMES}")
    if any(len(name) > _LONGEST_NAME for name in (*include, *exclude)):
        raise BadRequest("fields", f"a name of more than {_LONGEST_NAME:,} characters")
    asked = {tuple(name.split(".")) for name in include}
    always: set[Path] = {(name,) for name in _ALWAYS}
    dropped = {tuple(name.split(".")) for name in exclude} - always
    if complete:
        return Fields(None, tuple(sorted(dropped)))
    kept = (asked or _least(dropped)) | always
    return Fields(tuple(sorted(kept)), tuple(sorted(dropped - kept)))


def _least(dropped: set[Path]) -> set[Path]:
    """What an Item has by default, less what is dropped with all its parts."""
    paths = (tuple(name.split(".")) for name in _DEFAULT)
    return {path for path in paths if not any(path[:end] in dropped for end in range(1, len(path) + 1))}


def _only(value: dict[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """What `paths` name, which are in order."""
    kept: dict[str, Any] = {}
    for path in paths:
        if path[0] not in value:
            continue
        inner = value[path[0]]
        if len(path) == 1:
            kept[path[0]] = inner
        elif isinstance(inner, dict):
            part = _only(inner, [path[1:]])
            if part:
                kept[path[0]] = _merged(kept.get(path[0], {}), part)
    return kept


def _merged(into: Any, part: dict[str, Any]) -> dict[str, Any]:
    merged = dict(into)
    for name, value in part.items():
        inner = merged.get(name)
        merged[name] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def _without(value: dict[str, Any], paths: Iterable[Path], spared: Iterable[Path]) -> dict[str, Any]:
    kept = dict(value)
    for path in paths:
        if path[0] not in kept:
            continue
        inner = kept[path[0]]
        if len(path) > 1:
            if isinstance(inner, dict):
                kept[path[0]] = _without(inner, [path[1:]], _below(spared, path[0]))
        elif isinstance(inner, dict) and (part := _only(inner, _below(spared, path[0]))):
            kept[path[0]] = part
        else:
            del kept[path[0]]
    return kept


def _below(paths: Iterable[Path], name: str) -> list[Path]:
    return [path[1:] for path in paths if path[0] == name and len(path) > 1]
