"""Checks what no schema can: groups that have a source, dates that parse, rules that do not overlap."""

from collections.abc import Iterable, Mapping
from typing import Any

from eventstac.common_names import COMMON_NAMES
from eventstac.rules.checks.care_checks import check_care
from eventstac.rules.checks.date_checks import COMPUTED, check_dates
from eventstac.rules.checks.fields import check_fields, warn_of_types
from eventstac.rules.checks.group_checks import check_taken, listed, warn_of_optional
from eventstac.rules.checks.overlap import check_overlaps
from eventstac.rules.checks.reach import check_reach
from eventstac.rules.checks.sidecar_checks import check_sidecar
from eventstac.rules.checks.sizes import check_sizes
from eventstac.rules.document import Document, Path
from eventstac.rules.groups import Template
from eventstac.rules.model import ANY_ASSET, CollectionRules, Rule
from eventstac.rules.pattern import Pattern, too_ambiguous


def check_sense(
    document: Document,
    collections: tuple[CollectionRules, ...],
    ignore: tuple[Pattern, ...] = (),
    *,
    checked: bool = False,
) -> None:
    """Note every mistake of sense in rules that could be read; of `checked` ones, what takes no search."""
    for collection in collections:
        path: Path = ("collections", collection.id)
        _check_names(document, path, collection)
        check_fields(document, path, collection)
        for index, rule in enumerate(collection.rules):
            if rule.patterns:
                groups = _check_rule(document, (*path, "rules", index), rule)
                if not checked:  # a text that was taken before this bound still works, but for what it says
                    check_dates(document, (*path, "rules", index), rule, groups)
                    _check_sidecars(document, (*path, "rules", index), rule)
                    check_sizes(document, (*path, "rules", index), rule)
                    check_care(document, (*path, "rules", index), rule, collection)
    if checked:
        return
    warn_of_types(document, collections)
    check_overlaps(document, collections)
    check_reach(document, collections, ignore)
    for collection in collections:
        for index, rule in enumerate(collection.rules):
            _check_ambiguity(document, ("collections", collection.id, "rules", index, "pattern"), rule)


def _check_names(document: Document, path: Path, collection: CollectionRules) -> None:
    first: dict[str, int] = {}
    for index, rule in enumerate(collection.rules):
        where = (*path, "rules", index, "name")
        if rule.name in first:
            what = (
                f"Two rules of {collection.id!r} are named {rule.name!r} (first in line {first[rule.name]})"
            )
            document.mistake(where, what, "Give this one a name of its own")
        first.setdefault(rule.name, document.line(where))


def _check_rule(document: Document, path: Path, rule: Rule) -> set[str]:
    """Note what of a rule cannot work; gives the groups that every path of it has."""
    groups = _check_groups(document, path, rule)
    check_taken(document, (*path, "item"), rule.item, groups, "The Item id")
    check_taken(document, (*path, "asset"), rule.asset_key, groups, "The asset key")
    warn_of_optional(document, path, rule)
    _check_properties(document, path, rule, groups)
    _check_assets(document, path, rule)
    return groups


def _check_groups(document: Document, path: Path, rule: Rule) -> set[str]:
    """The groups that every path of the rule has, after its changes."""
    each_has = [set(pattern.groups) for pattern in rule.patterns]
    groups = set.intersection(*each_has)
    for change in rule.changes:
        if change.default is None:
            where = (*path, "groups", change.name)
            check_taken(document, where, change.source, groups, f"The group {change.name!r}")
        groups.add(change.name)
    return groups


def _check_ambiguity(document: Document, path: Path, rule: Rule) -> None:
    """Warn of patterns with a name twice that can take apart some long path in too many ways."""
    for pattern in rule.patterns:
        bad = too_ambiguous(pattern)
        if bad is not None:
            what = (
                f"Long paths, as {bad[:20]}…, can be taken apart by {pattern.text!r} in too many ways to try"
            )
            document.warn(
                path, f"{what}: such blobs match no rule", "Let the groups hold less, e.g. {scene:[A-Z0-9]+}"
            )


def _check_properties(document: Document, path: Path, rule: Rule, groups: set[str]) -> None:
    for name, value in rule.properties.items():
        where = (*path, "properties", name)
        if name in COMPUTED:
            document.mistake(
                where, f"`{name}` is not a property to set", "Say where it comes from: `datetime:`"
            )
        if isinstance(value, str):
            check_taken(document, where, Template(value), groups, f"The property {name!r}")
        if isinstance(value, Mapping) and "from" in value:
            source = Template(f"{{{value['from']}}}")
            check_taken(document, where, source, groups, f"The property {name!r}")


def _check_assets(document: Document, path: Path, rule: Rule) -> None:
    keys = {asset.key for asset in rule.assets}
    if keys and not rule.asset_key.groups and rule.asset(rule.asset_key.text) is None:
        what = f"The asset key {rule.asset_key.text!r} is none of the assets"
        document.mistake(
            (*path, "asset"), what, f"Use one of: {listed(keys)}, or put {{asset}} into the pattern"
        )
    open_ended = not keys or ANY_ASSET in keys
    if keys and not any(asset.is_data for asset in rule.assets):
        what = f"The rule {rule.name!r} has no data asset"
        advice = "Give at least one raster the role data: other files make no Item by themselves"
        document.mistake((*path, "assets"), what, advice)
    for index, key in enumerate(rule.require):
        if key not in keys and not open_ended:
            what = f"{key!r} is required but is none of the assets"
            document.mistake((*path, "require", index), what, f"Use one of: {listed(keys)}")
    if rule.footprint_asset is not None and rule.footprint_asset not in keys and not open_ended:
        what = f"{rule.footprint_asset!r} is to give the footprint but is none of the assets"
        document.mistake((*path, "footprint_asset"), what, f"Use one of: {listed(keys)}")
    for asset in rule.assets:
        where = (*path, "assets", asset.key)
        if (asset.read == "sidecar") != (asset.sidecar is not None):
            what = f"The asset {asset.key!r} is read as {asset.read!r}, which does not go with `sidecar:`"
            document.mistake(where, what, "Write both `read: sidecar` and `sidecar:`, or none of them")
        _check_bands(document, (*where, "bands"), asset.bands)
        for name in sorted(asset.extra.keys() & _NOT_EXTRA.keys()):
            what = f"`{name}` is no field to put under `extra:`"
            document.mistake((*where, "extra", name), what, _NOT_EXTRA[name])


def _check_sidecars(document: Document, path: Path, rule: Rule) -> None:
    for asset in rule.assets:
        if asset.sidecar is not None:
            check_sidecar(document, (*path, "assets", asset.key, "sidecar"), asset.sidecar)


# Fields of an asset that come from elsewhere.
_NOT_EXTRA = {
    "href": "Leave it out: an asset is at the blob's own URL",
    "type": "Write `media_type:` beside `extra:`",
    "roles": "Write `roles:` beside `extra:`",
    "title": "Write `title:` beside `extra:`",
    "description": "Write `description:` beside `extra:`",
    "bands": "Write `bands:` beside `extra:`",
    "eo:bands": 'Write `bands:` beside `extra:`: STAC 1.1 has one list, of {name: …, "eo:common_name": …}',
    "raster:bands": 'Write `bands:` beside `extra:`: STAC 1.1 has one list, of {name: …, "raster:scale": …}',
    "created": "Leave it out: it is what the storage says",
    "updated": "Leave it out: it is what the storage says",
}


def _check_bands(document: Document, path: Path, bands: Iterable[Mapping[str, Any]]) -> None:
    for index, band in enumerate(bands):
        common = band.get("eo:common_name")
        if common is not None and common not in COMMON_NAMES:
            what = f"{common!r} is no common name of a band"
            document.mistake((*path, index), what, f"Use one of: {listed(COMMON_NAMES)}")
