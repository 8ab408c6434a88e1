"""Checks of what a rule can do without: an Item is composed all the same, and is not what was meant, or not valid."""

from collections.abc import Mapping

from eventstac.rules.constants import check_constants
from eventstac.rules.document import Document, Path
from eventstac.rules.group_checks import check_taken, listed
from eventstac.rules.groups import Template, templates_in
from eventstac.rules.model import CollectionRules, Rule
from eventstac.rules.unused import check_unused


def check_care(document: Document, path: Path, rule: Rule, collection: CollectionRules) -> None:
    """Note groups without a source in texts, values that no Item can have, and settings that say nothing.

    Rules in force are not asked for these: they stay readable where an older version let them pass.
    """
    groups = set.intersection(*(set(pattern.groups) for pattern in rule.patterns))
    groups |= {change.name for change in rule.changes}
    _check_texts(document, path, rule, groups)
    _check_footprint_asset(document, path, rule)
    check_unused(document, path, rule)
    check_constants(document, path, rule, collection)


def _check_texts(document: Document, path: Path, rule: Rule, groups: set[str]) -> None:
    for name, value in rule.properties.items():
        who = f"The property {name!r}"
        is_source = isinstance(value, Mapping) and "from" in value
        taken = {each: value[each] for each in ("lookup", "default") if each in value} if is_source else value
        for steps, template in templates_in(taken):
            if steps:  # a text that is the whole property is checked with it
                check_taken(document, (*path, "properties", name, *steps), template, groups, who)
    for asset in rule.assets:
        for place, template in templates_in(asset.texts):
            who = f"The {place[0]} of the asset {asset.key!r}"
            check_taken(document, (*path, "assets", asset.key, *place), template, groups, who)
        for index, role in enumerate(asset.roles):
            if Template(role).groups or Template(role).stray:
                what = f"{role!r} is no role: roles take no groups"
                document.mistake(
                    (*path, "assets", asset.key, "roles", index), what, "Write a word, as data or mask"
                )


def _check_footprint_asset(document: Document, path: Path, rule: Rule) -> None:
    asset = rule.asset(rule.footprint_asset) if rule.footprint_asset is not None else None
    if asset is not None and asset.read != "raster":
        what = (
            f"{rule.footprint_asset!r} is to give the footprint but is read as {asset.read!r}, which has none"
        )
        rasters = {each.key for each in rule.assets if each.read == "raster"}
        document.mistake((*path, "footprint_asset"), what, f"Use a raster, one of: {listed(rasters)}")
