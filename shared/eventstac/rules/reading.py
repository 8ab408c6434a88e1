"""Makes the rules of a document that has the right shape, noting what cannot be read."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eventstac.common_names import COMMON_NAMES
from eventstac.rules.anchors import asks_for_backslash
from eventstac.rules.area import read_area
from eventstac.rules.document import Document, Path
from eventstac.rules.formats import format_regex
from eventstac.rules.glob import PatternError
from eventstac.rules.groups import GroupChange, PathDate, Template
from eventstac.rules.model import ANY_ASSET, AssetRule, CollectionRules, Queryable, Rule
from eventstac.rules.pattern import Pattern, parse_glob, parse_pattern

DEFAULT_SOURCES = ("path", "sidecar", "file", "last-modified")


def read_collections(document: Document) -> tuple[CollectionRules, ...]:
    """Every collection of the document; mistakes are noted there."""
    return tuple(
        _collection(document, collection_id, values or {})
        for collection_id, values in document.value["collections"].items()
    )


def read_ignore(document: Document, path: Path) -> tuple[Pattern, ...]:
    """The patterns under `ignore` of the mapping at `path`."""
    values: Any = document.value
    for step in path:
        values = values[step]
    return _patterns(document, (*path, "ignore"), (values or {}).get("ignore", ()), {})


def _collection(document: Document, collection_id: str, values: Mapping[str, Any]) -> CollectionRules:
    path: Path = ("collections", collection_id)
    return CollectionRules(
        id=collection_id,
        title=values.get("title"),
        description=values.get("description"),
        license=values.get("license", "other"),
        providers=tuple(values.get("providers", ())),
        keywords=tuple(values.get("keywords", ())),
        extent=values.get("extent", {}),
        summaries=tuple(values.get("summaries", ())),
        item_assets=values.get("item_assets"),
        queryables=tuple(Queryable(name, **each) for name, each in values.get("queryables", {}).items()),
        extra=_extra(values),
        ignore=read_ignore(document, path),
        rules=tuple(
            _rule(document, (*path, "rules", index), each)
            for index, each in enumerate(values.get("rules", ()))
        ),
        partition_trunc=values.get("partition_trunc"),
    )


def _extra(values: Mapping[str, Any]) -> dict[str, Any]:
    """A Collection's other fields, with the extensions that it names beside them."""
    extra, named = values.get("extra", {}), values.get("stac_extensions", [])
    listed = extra.get("stac_extensions", [])
    if not named or not isinstance(listed, list):
        return dict(extra)
    return {**extra, "stac_extensions": list(dict.fromkeys([*listed, *named]))}


def _rule(document: Document, path: Path, values: Mapping[str, Any]) -> Rule:
    assets = tuple(
        _asset(document, (*path, "assets", key), key, each or {})
        for key, each in values.get("assets", {}).items()
    )
    dates, sources = _datetime(values.get("datetime"))
    expressions, timed = _expressions(assets, dates, values), any(date.by_name for date in dates)
    patterns = _patterns(document, (*path, "pattern"), values["pattern"], expressions, timed=timed)
    container = values.get("container", ())
    return Rule(
        name=values["name"],
        patterns=patterns,
        containers=(container,) if isinstance(container, str) else tuple(container),
        changes=tuple(_change(name, each) for name, each in values.get("groups", {}).items()),
        item=Template(values.get("item", "{item}")),
        asset_key=Template(values.get("asset", _only_asset(assets, patterns))),
        assets=assets,
        require=tuple(values.get("require", ())),
        cog=values.get("cog", "add"),
        datetime_sources=sources,
        path_dates=dates,
        nominal_datetime=values.get("nominal_datetime"),
        footprint_asset=values.get("footprint_asset"),
        geometry=read_area(document, (*path, "geometry"), values["geometry"])
        if "geometry" in values
        else None,
        keep_last_good=values.get("keep_last_good", False),
        properties=values.get("properties", {}),
        links=tuple(values.get("links", ())),
        options=values.get("read", {}),
        builder=values.get("builder"),
        extensions=tuple(values.get("stac_extensions", ())),
    )


def _only_asset(assets: tuple[AssetRule, ...], patterns: tuple[Pattern, ...]) -> str:
    """The asset key where the rule does not say: the {asset} group, or the one asset, or "data"."""
    if any("asset" in pattern.groups for pattern in patterns):
        return "{asset}"
    named = [asset.key for asset in assets if asset.key != ANY_ASSET]
    return named[0] if len(named) == 1 else "data"


def _patterns(
    document: Document,
    path: Path,
    texts: str | list[str],
    expressions: Mapping[str, str],
    *,
    timed: bool = False,
) -> tuple[Pattern, ...]:
    return _read_each(document, path, texts, lambda text: parse_pattern(text, expressions, timed=timed))


def _read_each(
    document: Document, path: Path, texts: str | Sequence[str], read: Callable[[str], Pattern]
) -> tuple[Pattern, ...]:
    single = isinstance(texts, str)
    found = []
    for index, text in enumerate([texts] if isinstance(texts, str) else texts):
        where = path if single else (*path, index)
        try:
            found.append(read(text))
        except PatternError as error:
            document.mistake(where, error.what, error.instead)
            continue
        if "\\" in text and asks_for_backslash(found[-1].regex):
            what = f"The pattern {text!r} asks for a backslash, which no name of a blob has: it matches none"
            document.warn(where, what, "Write / for that of a folder, and [*] for a star itself")
    return tuple(found)


def _expressions(
    assets: tuple[AssetRule, ...], dates: tuple[PathDate, ...], values: Mapping[str, Any]
) -> dict[str, str]:
    """What placeholders stand for by what the rest of the rule says: date formats, lookups, the assets it names."""
    found = _date_expressions(dates)
    for name, change in values.get("groups", {}).items():
        if change.keys() == {"lookup"}:
            found[name] = f"(?:{'|'.join(re.escape(key) for key in change['lookup'])})"
    changed = "asset" in values.get("groups", {}) or "asset" in values
    if assets and not changed and all(asset.key != ANY_ASSET for asset in assets):
        found["asset"] = "|".join(f"(?:{glob.regex})" for asset in assets for glob in asset.match)
        found["asset"] = f"(?:{found['asset']})"
    return found


def _date_expressions(dates: tuple[PathDate, ...]) -> dict[str, str]:
    """What the groups of dates stand for: a text of any format that they are read by."""
    formats: dict[str, list[str | None]] = {}
    for date in dates:
        for group in dict.fromkeys((date.start, date.end)):
            formats.setdefault(group, []).append(format_regex(date.format) if date.format else None)
    return {
        group: "|".join(f"(?:{each})" for each in expressions)
        for group, expressions in formats.items()
        if group and all(expressions)
    }


def _asset(document: Document, path: Path, key: str, values: Mapping[str, Any]) -> AssetRule:
    globs = values.get("match", () if key == ANY_ASSET else (key,))
    read = values.get("read", "sidecar" if "sidecar" in values else "raster")
    gsd = {"gsd": values["gsd"]} if "gsd" in values else {}
    return AssetRule(
        key=key,
        roles=tuple(values.get("roles", _ROLES[read])),
        title=values.get("title"),
        description=values.get("description"),
        media_type=values.get("media_type"),
        bands=tuple(_band(each) for each in values.get("bands", ())),
        extra={**gsd, **values.get("extra", {})},
        read=read,
        sidecar=values.get("sidecar"),
        match=_read_each(document, (*path, "match"), globs, parse_glob),
        options=values.get("options", {}),
    )


_ROLES = {"raster": ("data",), "sidecar": ("metadata",), "file": ()}


def _band(value: str | dict[str, Any]) -> dict[str, Any]:
    """A band object; a bare word is its name, and its common name where it is one of eo's."""
    if not isinstance(value, str):
        return value
    return {"name": value, "eo:common_name": value} if value in COMMON_NAMES else {"name": value}


def _change(name: str, values: Mapping[str, Any]) -> GroupChange:
    source = values.get("template", f"{{{values.get('from', name)}}}")
    lookup = values.get("lookup")
    table = None if lookup is None else {key: _text(value) for key, value in lookup.items()}
    return GroupChange(name, Template(source), values.get("transform"), table, values.get("default"))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _datetime(values: list[Any] | None) -> tuple[tuple[PathDate, ...], tuple[str, ...]]:
    if values is None:
        return (PathDate(),), DEFAULT_SOURCES
    dates, sources = [], []
    for value in values:
        if isinstance(value, str):
            sources.append(value)
            if value == "path":
                dates.append(PathDate())
            continue
        sources.append("path")
        start, end = value.get("group", value.get("start", "")), value.get("group", value.get("end", ""))
        dates.append(PathDate(start, end, value.get("format"), value.get("value"), value.get("duration")))
    return tuple(dates), tuple(dict.fromkeys(sources))
