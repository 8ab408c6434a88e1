"""Checks what no schema can: groups that have a source, dates that parse, rules that do not overlap."""

from collections.abc import Iterable, Mapping
from typing import Any

from eventstac.rules.automaton import Automaton, Undecided, share_a_text
from eventstac.rules.common_names import COMMON_NAMES
from eventstac.rules.document import Document, Path
from eventstac.rules.expressions import ANY_DATE, format_regex
from eventstac.rules.fields import check_fields
from eventstac.rules.groups import PathDate, Template
from eventstac.rules.model import ANY_ASSET, CollectionRules, Rule
from eventstac.rules.overlap import check_overlaps
from eventstac.rules.pattern import Pattern, too_ambiguous
from eventstac.rules.sidecar import check_path

DIRECTIVES = "%Y %y %m %d %j %b %B %H %M %S %f %z"  # of strptime: those that a format may have

_COMPUTED = {"datetime", "start_datetime", "end_datetime", "created", "updated"}


def check_sense(
    document: Document, collections: tuple[CollectionRules, ...], *, checked: bool = False
) -> None:
    """Note every mistake of sense in rules that could be read; of `checked` ones, what takes no search."""
    for collection in collections:
        path: Path = ("collections", collection.id)
        _check_names(document, path, collection)
        check_fields(document, path, collection)
        for index, rule in enumerate(collection.rules):
            if rule.patterns:
                _check_rule(document, (*path, "rules", index), rule)
    if not checked and not document.mistakes:
        check_overlaps(document, collections)
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


def _check_rule(document: Document, path: Path, rule: Rule) -> None:
    groups = _check_groups(document, path, rule)
    _check_taken(document, (*path, "item"), rule.item, groups, "The Item id")
    _check_taken(document, (*path, "asset"), rule.asset_key, groups, "The asset key")
    _check_datetime(document, path, rule, groups)
    _check_properties(document, path, rule, groups)
    _check_assets(document, path, rule)


def _check_groups(document: Document, path: Path, rule: Rule) -> set[str]:
    """The groups that every path of the rule has, after its changes."""
    each_has = [set(pattern.groups) for pattern in rule.patterns]
    groups = set.intersection(*each_has)
    for change in rule.changes:
        if change.default is None:
            where = (*path, "groups", change.name)
            _check_taken(document, where, change.source, groups, f"The group {change.name!r}")
        groups.add(change.name)
    return groups


def _check_taken(document: Document, path: Path, template: Template, groups: set[str], who: str) -> None:
    if template.stray:
        what = f"{who} has a brace that is part of no group: {template.text!r}"
        document.mistake(path, what, f"Write {{name}} for a group, or {template.stray * 2} for a brace")
    for name in template.groups:
        if name not in groups:
            document.mistake(
                path,
                f"{who} needs a group {name!r} that the pattern does not give",
                f"Put {{{name}}} into the pattern (all of them), or use one of: {_listed(groups)}",
            )


def _check_datetime(document: Document, path: Path, rule: Rule, groups: set[str]) -> None:
    for pattern in rule.patterns:
        _check_dates_can_be(document, (*path, "pattern"), rule, pattern)
    written = document_value(document, path).get("datetime") or []
    for index, source in enumerate(written):
        where = (*path, "datetime", index)
        if not isinstance(source, Mapping):
            continue
        for key in ("group", "start", "end"):
            if key in source:
                _check_taken(document, where, Template(f"{{{source[key]}}}"), groups, "The datetime")
        if "format" in source:
            _check_format(document, where, source["format"])
        if "value" in source:
            _check_value(document, where, source["value"])


def _check_dates_can_be(document: Document, path: Path, rule: Rule, pattern: Pattern) -> None:
    """Note groups that are to be dates but whose expression no date fits."""
    changed = {change.name for change in rule.changes}
    named = {name: None for name in ("date", "datetime", "start", "end")}
    for date in rule.path_dates:
        wanted = {date.start: date.format, date.end: date.format} if date.start else named
        for group, text in wanted.items():
            expression = format_regex(text) if text else ANY_DATE
            if date.value or expression is None or group in changed or group not in pattern.groups:
                continue
            if not _fits(pattern, group, expression):
                kind = f"a date of the format {text!r}" if text else "a date"
                what = f"The group {group!r} can never be {kind}"
                document.mistake(
                    path, what, f"Leave its expression out: {{{group}}}, or name another `format:`"
                )


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


def _fits(pattern: Pattern, group: str, expression: str) -> bool:
    try:
        return share_a_text(Automaton.of_group(pattern.regex, group), Automaton.of(expression))
    except Undecided:
        return True


def _check_value(document: Document, path: Path, text: str) -> None:
    try:
        PathDate(value=text).read({})
    except ValueError as error:
        document.mistake(path, f"{text!r} cannot be a datetime: {error}", "Write YYYY-MM-DD, or START/END")


def _check_format(document: Document, path: Path, text: str) -> None:
    if format_regex(text) is None or "%" not in text:
        what = f"No date can be read with the format {text!r}"
        document.mistake(path, what, f"Use strptime's directives: {DIRECTIVES}")
    elif not ("%Y" in text or "%y" in text):
        document.mistake(
            path, f"The format {text!r} has no year", "Add %Y, or take a group that has the year too"
        )


def _check_properties(document: Document, path: Path, rule: Rule, groups: set[str]) -> None:
    for name, value in rule.properties.items():
        where = (*path, "properties", name)
        if name in _COMPUTED:
            document.mistake(
                where, f"`{name}` is not a property to set", "Say where it comes from: `datetime:`"
            )
        if isinstance(value, str):
            _check_taken(document, where, Template(value), groups, f"The property {name!r}")
        if isinstance(value, Mapping) and "from" in value:
            source = Template(f"{{{value['from']}}}")
            _check_taken(document, where, source, groups, f"The property {name!r}")


def _check_assets(document: Document, path: Path, rule: Rule) -> None:
    keys = {asset.key for asset in rule.assets}
    if keys and not rule.asset_key.groups and rule.asset(rule.asset_key.text) is None:
        what = f"The asset key {rule.asset_key.text!r} is none of the assets"
        document.mistake(
            (*path, "asset"), what, f"Use one of: {_listed(keys)}, or put {{asset}} into the pattern"
        )
    open_ended = not keys or ANY_ASSET in keys
    if keys and not any(asset.read == "raster" and "data" in asset.roles for asset in rule.assets):
        what = f"The rule {rule.name!r} has no data asset"
        document.mistake((*path, "assets"), what, "Give at least one raster the role data")
    for index, key in enumerate(rule.require):
        if key not in keys and not open_ended:
            what = f"{key!r} is required but is none of the assets"
            document.mistake((*path, "require", index), what, f"Use one of: {_listed(keys)}")
    if rule.footprint_asset is not None and rule.footprint_asset not in keys and not open_ended:
        what = f"{rule.footprint_asset!r} is to give the footprint but is none of the assets"
        document.mistake((*path, "footprint_asset"), what, f"Use one of: {_listed(keys)}")
    for asset in rule.assets:
        where = (*path, "assets", asset.key)
        if (asset.read == "sidecar") != (asset.sidecar is not None):
            what = f"The asset {asset.key!r} is read as {asset.read!r}, which does not go with `sidecar:`"
            document.mistake(where, what, "Write both `read: sidecar` and `sidecar:`, or none of them")
        if asset.sidecar is not None:
            _check_sidecar(document, (*where, "sidecar"), asset.sidecar)
        _check_bands(document, (*where, "bands"), asset.bands)
        for name in sorted(asset.extra.keys() & _NOT_EXTRA.keys()):
            what = f"`{name}` is no field to put under `extra:`"
            document.mistake((*where, "extra", name), what, _NOT_EXTRA[name])


# Fields of an asset that come from elsewhere.
_NOT_EXTRA = {
    "href": "Leave it out: an asset is at the blob's own URL",
    "type": "Write `media_type:` beside `extra:`",
    "roles": "Write `roles:` beside `extra:`",
    "title": "Write `title:` beside `extra:`",
    "description": "Write `description:` beside `extra:`",
    "bands": "Write `bands:` beside `extra:`",
    "created": "Leave it out: it is what the storage says",
    "updated": "Leave it out: it is what the storage says",
}


def _check_bands(document: Document, path: Path, bands: Iterable[Mapping[str, Any]]) -> None:
    for index, band in enumerate(bands):
        common = band.get("eo:common_name")
        if common is not None and common not in COMMON_NAMES:
            what = f"{common!r} is no common name of a band"
            document.mistake((*path, index), what, f"Use one of: {_listed(COMMON_NAMES)}")


def document_value(document: Document, path: Path) -> Any:
    """The plain value at a path of the document."""
    value = document.value
    for step in path:
        value = value[step]
    return value


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _check_sidecar(document: Document, path: Path, spec: Mapping[str, Any]) -> None:
    namespaces = spec.get("namespaces", {})
    written: list[tuple[Path, Any]] = [
        (("properties", name), how) for name, how in spec.get("properties", {}).items()
    ]
    written += [((name,), spec[name]) for name in ("datetime", "start", "end") if name in spec]
    for steps, how in written:
        paths = how["path"] if isinstance(how, Mapping) else how
        for each in [paths] if isinstance(paths, str) else paths:
            problem = check_path(each, spec["format"], namespaces)
            if problem is not None:
                kind = "JSONPath" if spec["format"] == "json" else "XPath"
                what = f"{each!r} is no {kind} expression: {problem}"
                document.mistake((*path, *steps), what, _EXPRESSIONS[kind])
        if isinstance(how, Mapping) and "format" in how:
            _check_format(document, (*path, *steps), how["format"])


_EXPRESSIONS = {
    "JSONPath": "Write e.g. $.LANDSAT_METADATA_FILE.IMAGE_ATTRIBUTES.CLOUD_COVER",
    "XPath": "Write e.g. //n1:General_Info/CLOUD_COVER, with n1 under `namespaces:`",
}
