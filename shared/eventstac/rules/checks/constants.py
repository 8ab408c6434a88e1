"""Finds values of a rule that no valid Item can have, by validating an Item that has them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventstac.extensions import extensions_of
from eventstac.rules.checks.date_checks import COMPUTED
from eventstac.rules.checks.sidecar_samples import ANYTHING, sidecar_samples
from eventstac.rules.document import Document, Path
from eventstac.rules.groups import fill_all, templates_in
from eventstac.rules.model import ANY_ASSET, AssetRule, CollectionRules, Rule
from eventstac.rules.queryables import misfits

_SAMPLES: Mapping[str, tuple[str, Any]] = {
    "string": ("text", "text"),
    "number": ("a number with decimals", 0.5),
    "integer": ("a whole number", 1),
    "boolean": ("true or false", True),
}
_NOT_OF_TYPE = "is not of type"
_NO_FIELD = "Additional properties are not allowed"
_REJECTED = "Items with it are rejected"
_RING = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
_SHOWN = 60  # characters of a value in a message


@dataclass(frozen=True)
class _Value:
    """A value that a rule gives: its place in the Item and in the rules file, and how to call it in a message.

    A `sample` stands for values of its kind: it can tell only that there is no such field, or one of another type.
    """

    place: tuple[str, ...]
    where: Path
    value: Any
    sample: str = ""
    source: str = "{from: GROUP, type: …}"  # how a value of another type is asked for

    @property
    def name(self) -> str:
        return (
            self.place[-1]
            if self.place[0] == "properties"
            else f"{self.place[-1]}` of the asset `{self.place[1]}"
        )

    @property
    def shown(self) -> str:
        text = json.dumps(self.value, ensure_ascii=False, default=str)
        return self.sample or f"`{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}`"


def check_constants(document: Document, path: Path, rule: Rule, collection: CollectionRules) -> None:
    """Note the values with which an Item of the rule would be rejected as `invalid-item`; a builder may mend them."""
    if rule.builder is not None:
        return
    constants = [*_properties(path, rule), *_assets(path, rule)]
    together = _problems(constants, rule, collection)
    for value in constants if together else ():
        others = [each for each in constants if each is not value]
        _note(document, value, together - _problems(others, rule, collection))
    for value in [*_possible(path, rule), *_of_sidecars(document, path, rule)]:
        _note(document, value, _problems([value], rule, collection))


def _note(document: Document, value: _Value, found: Iterable[tuple[str, str]]) -> None:
    problems = {_inside(value, path) + message for path, message in found}
    if value.sample:
        told = (_NO_FIELD,) if value.sample == ANYTHING else (_NO_FIELD, _NOT_OF_TYPE)
        problems = {problem for problem in problems if any(each in problem for each in told)}
        instead = f"Write {value.source} with the type of the field, or a `lookup:` of such values"
        if any(_NO_FIELD in problem for problem in problems):
            what = f"`{value.name}` is no field that its extension has: {'; '.join(sorted(problems))}"
            document.mistake(value.where, what, f"{_REJECTED}: write the name of one")
            return
    else:
        instead = f"{_REJECTED}: write what the field takes, or leave it out"
    if problems:
        what = f"`{value.name}` cannot be {value.shown}: {'; '.join(sorted(problems))}"
        document.mistake(value.where, what, instead)


def _inside(value: _Value, path: str) -> str:
    """Which part of a value a problem is about, before what it is: its key, and its place in a list (from 1)."""
    whole = "/".join(value.place)
    steps = path.removeprefix(f"{whole}/").split("/") if path.startswith(f"{whole}/") else []
    named = "".join(f"[{int(step) + 1}]" if step.isdecimal() else f".{step}" for step in steps)
    return f"{value.place[-1]}{named}: " if steps else ""


def _properties(path: Path, rule: Rule) -> Iterator[_Value]:
    """The properties that are the same for every Item."""
    for name, value in rule.properties.items():
        if name not in COMPUTED and not _is_source(value) and not _takes_groups(value):
            yield _Value(("properties", name), (*path, "properties", name), fill_all(value, {}))


def _possible(path: Path, rule: Rule) -> Iterator[_Value]:
    """The values that a property may have, and a sample of those that are made of groups."""
    for name, value in rule.properties.items():
        place, where = ("properties", name), (*path, "properties", name)
        if name in COMPUTED:
            continue
        if isinstance(value, str) and _takes_groups(value):
            yield _Value(place, where, _SAMPLES["string"][1], "text")
        if not _is_source(value):
            continue
        if "lookup" not in value:
            kind, sample = _SAMPLES[value.get("type", "string")]
            yield _Value(place, where, sample, kind)
            continue
        table = [((*where, "lookup", key), each) for key, each in value["lookup"].items()]
        table += [((*where, "default"), value["default"])] if "default" in value else []
        yield from (_Value(place, at, fill_all(each, {})) for at, each in table if not _takes_groups(each))


def _of_sidecars(document: Document, path: Path, rule: Rule) -> Iterator[_Value]:
    """What the sidecars may give that the rule's own properties do not stand over."""
    for asset in rule.assets:
        where = (*path, "assets", asset.key, "sidecar")
        for name, at, value, kind in sidecar_samples(document, where, asset.sidecar or {}):
            if name not in COMPUTED and name not in rule.properties:
                yield _Value(("properties", name), at, value, kind, "{path: …, type: …}")


def _assets(path: Path, rule: Rule) -> Iterator[_Value]:
    for asset in rule.assets:
        place, where = ("assets", _key(asset)), (*path, "assets", asset.key)
        for name, value in asset.extra.items():
            if (
                name not in _ELSEWHERE
                and not _takes_groups(value)
                and (value is not None or name == "proj:code")
            ):
                at = (*where, "gsd") if name == "gsd" else (*where, "extra", name)
                yield _Value((*place, name), at, fill_all(value, {}))
        if asset.bands and not _takes_groups(asset.bands):
            yield _Value((*place, "bands"), (*where, "bands"), fill_all(asset.bands, {}))


_ELSEWHERE = (
    "href", "type", "roles", "title", "description", "bands", "eo:bands", "raster:bands", "created", "updated",
)  # fmt: skip


def _is_source(value: Any) -> bool:
    return isinstance(value, Mapping) and "from" in value


def _takes_groups(value: Any) -> bool:
    return any(template.groups or template.stray for _, template in templates_in(value))


def _key(asset: AssetRule) -> str:
    return "any" if asset.key == ANY_ASSET else asset.key


def _problems(values: Sequence[_Value], rule: Rule, collection: CollectionRules) -> set[tuple[str, str]]:
    """What is wrong with an Item of these values, and where."""
    from eventstac.validation import validate_item  # schemas: only where rules are checked

    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": "item",
        "collection": collection.id,
        "geometry": {"type": "Polygon", "coordinates": [_RING]},
        "bbox": [0.0, 0.0, 1.0, 1.0],
        "properties": {"datetime": "2024-05-01T00:00:00Z"},
        "links": [{"rel": "collection", "href": f"../{collection.id}", "type": "application/json"}],
        "assets": {
            key: {"href": "https://account.blob.core.windows.net/source/file"}
            for key in [*map(_key, rule.assets), "data"]
        },
    }
    for each in values:
        holder = item
        for step in each.place[:-1]:
            holder = holder[step]
        holder[each.place[-1]] = each.value
    item["stac_extensions"] = extensions_of(item)
    found = {(str(problem.path), problem.message) for problem in validate_item(item)}
    return found | {("", misfit) for misfit in misfits(item, collection.queryables, collection.id)}
