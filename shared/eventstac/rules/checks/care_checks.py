"""Checks of what a rule can do without: an Item is composed all the same, and is not what was meant, or not valid."""

import re
from collections.abc import Mapping
from typing import Any

from eventstac.extensions import extensions_of, without_version
from eventstac.rules.anchors import fits_nothing
from eventstac.rules.checks.band_checks import check_bands
from eventstac.rules.checks.constants import check_constants
from eventstac.rules.checks.group_checks import check_taken, listed
from eventstac.rules.checks.link_checks import check_links
from eventstac.rules.checks.option_checks import check_options
from eventstac.rules.checks.unused import check_unused
from eventstac.rules.document import Document, Path
from eventstac.rules.groups import Template, templates_in
from eventstac.rules.identity import safe_id
from eventstac.rules.model import CollectionRules, Rule

# A repetition to Python, a text to RE2; first what may hold one as a text: an escape, a class of characters.
_NO_LEAST = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<found>\{,[0-9]*\})", re.DOTALL)

_STRPTIME = re.compile(r"%[YymdjHMSbB](?![0-9A-Fa-f])")  # %de may be a byte of an address
_CONTAINER = "source"  # that is watched where a deployment names no other


def check_care(document: Document, path: Path, rule: Rule, collection: CollectionRules) -> None:
    """Note groups without a source in texts, values that no Item can have, and settings that say nothing.

    Rules in force are not asked for these: they stay readable where an older version let them pass.
    """
    groups = set.intersection(*(set(pattern.groups) for pattern in rule.patterns))
    groups |= {change.name for change in rule.changes}
    _check_texts(document, path, rule, groups)
    check_links(document, path, rule, groups)
    _warn_of_plain_texts(document, path, rule)
    _check_anchors(document, path, rule)
    _check_repetitions(document, path, rule)
    _warn_of_other_spellings(document, path, rule, collection)
    _check_implied_asset(document, path, rule, collection)
    _check_footprint_asset(document, path, rule)
    check_options(document, path, rule)
    check_bands(document, path, rule)
    _check_extensions(document, path, rule)
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


def _warn_of_plain_texts(document: Document, path: Path, rule: Rule) -> None:
    """Warn of {group} in what a group becomes by its table: it stays as it is written."""
    for change in rule.changes:
        texts: list[tuple[Path, str]] = [
            (("lookup", key), text) for key, text in (change.lookup or {}).items()
        ]
        texts += [] if change.default is None else [(("default",), change.default)]
        for where, text in texts:
            if Template(text).groups:
                what = f"The group {change.name!r} may be the text {text!r}, braces and all: no group is put into it"
                instead = (
                    "Write a lookup and its `default:` with groups in it under `properties:`, with `from:`"
                )
                document.warn((*path, "groups", change.name, *where), what, instead)


def _check_anchors(document: Document, path: Path, rule: Rule) -> None:
    for pattern in rule.patterns:
        if fits_nothing(pattern.regex):
            what = f"No path fits the pattern {pattern.text!r}: `^` stands behind something, or `$` before something"
            document.mistake(
                (*path, "pattern"), what, "Leave `^` and `$` out: a pattern is of the whole path anyway"
            )


def _check_repetitions(document: Document, path: Path, rule: Rule) -> None:
    for pattern in rule.patterns:
        for found in filter(None, (each["found"] for each in _NO_LEAST.finditer(pattern.regex))):
            what = (
                f"{found} in the pattern {pattern.text!r} is no repetition but a text, to what matches paths"
            )
            document.mistake(
                (*path, "pattern"), what, f"Write {{0{found[1:]}, or \\{found[:-1]}\\}} for that text"
            )


def _warn_of_other_spellings(document: Document, path: Path, rule: Rule, collection: CollectionRules) -> None:
    """Warn of what a pattern takes for a text, and is more likely meant otherwise: strptime's letters, a container."""
    containers = {_CONTAINER, *(name for each in collection.rules for name in each.containers)}
    for pattern in rule.patterns:
        letters = _STRPTIME.findall(pattern.text)
        if letters:
            what = f"The pattern {pattern.text!r} has the text {letters[0]}, which stands for no part of a date there"
            groups = "{year}, {month}, {day}, {doy}, {hour}"
            document.warn(
                (*path, "pattern"), what, f"Write groups ({groups}), or a `format:` under `datetime:`"
            )
        first = pattern.text.partition("/")[0]
        if first in containers and first not in (pattern.text, *rule.containers):
            what = f"The pattern {pattern.text!r} begins with {first!r}, which looks like the name of a container"
            instead = f"Leave it out: paths begin within the container; for that one alone write `container: {first}`"
            document.warn((*path, "pattern"), what, instead)


def _check_implied_asset(document: Document, path: Path, rule: Rule, collection: CollectionRules) -> None:
    """Note assets that are asked for though the rule, which names none, has one key, and no rule beside it has them."""
    if rule.assets or rule.asset_key.groups:
        return
    key = _implied_key(rule)
    asked = [
        (document.mistake, (*path, "require", index), each, "is required")
        for index, each in enumerate(rule.require)
    ]
    if rule.footprint_asset is not None:  # the footprint of all others is taken where it is not there
        where = (*path, "footprint_asset")
        asked.append((document.warn, where, rule.footprint_asset, "is to give the footprint"))
    for told, where, name, why in asked:
        if name != key and not any(_may_give(each, name) for each in collection.rules):
            what = f"{name!r} {why}, but the asset key of this rule's files is {key!r}"
            told(where, what, f"Write {key}, or put {{asset}} into the pattern")


def _may_give(rule: Rule, key: str) -> bool:
    if rule.assets:
        return rule.asset(key) is not None
    return bool(rule.asset_key.groups) or _implied_key(rule) == key


def _implied_key(rule: Rule) -> str:
    """The asset key of all files of a rule that names no assets and takes no group for it."""
    return safe_id(rule.asset_key.fill({}))


def _check_extensions(document: Document, path: Path, rule: Rule) -> None:
    """Note versions of an extension whose fields are validated by another; a builder may list that one."""
    from eventstac.validation import profile_urls  # schemas: only where rules are checked

    ours = {without_version(url): url for url in profile_urls()}
    always = set(extensions_of(_surely(rule)))
    for index, url in enumerate(rule.extensions if rule.builder is None else ()):
        listed_one = ours.get(without_version(url), url)
        if listed_one != url:
            told = document.mistake if listed_one in always else document.warn
            whose = "they are" if listed_one in always else "those with a field of it are"
            what = f"{url!r} is not the version that Items are validated by: {whose} rejected"
            told((*path, "stac_extensions", index), what, f"Leave it out: {listed_one} is listed by itself")


def _surely(rule: Rule) -> dict[str, Any]:
    """Of an Item of the rule, the fields that it has whatever its files are."""
    read = dict.fromkeys(("proj:shape", "file:size"))  # of each raster, and one is a data asset
    assets = {"": read} | {
        asset.key: {**asset.extra, "bands": asset.bands} for asset in rule.assets if asset.key in rule.require
    }
    return {"properties": rule.properties, "assets": assets}


def _check_footprint_asset(document: Document, path: Path, rule: Rule) -> None:
    asset = rule.asset(rule.footprint_asset) if rule.footprint_asset is not None else None
    if asset is not None and asset.read != "raster":
        what = (
            f"{rule.footprint_asset!r} is to give the footprint but is read as {asset.read!r}, which has none"
        )
        rasters = {each.key for each in rule.assets if each.read == "raster"}
        document.mistake((*path, "footprint_asset"), what, f"Use a raster, one of: {listed(rasters)}")
