"""The rules, read: collections, their rules, and the assets of these."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from sys import float_info
from typing import Any, Literal
from urllib.parse import quote

from eventstac.rules.groups import GroupChange, PathDate, Template, change_groups, fill_all, templates_in
from eventstac.rules.pattern import Pattern
from eventstac.rules.typed import typed

Json = Mapping[str, Any]

Read = Literal["raster", "sidecar", "file"]

_NO_NUMBERS = ("nan", "inf", "-inf")  # what a nodata may be beside a number

ANY_ASSET = "*"  # stands for every asset key that the rule does not name


@dataclass(frozen=True)
class AssetRule:
    """What is known by rule about one asset of an Item.

    `bands` are STAC 1.1 band objects (name, eo:common_name, …), `extra` other fields of the asset (gsd among them).
    `match` are the globs of what the {asset} group says for it. `sidecar` is the spec that
    `eventstac.rules.sidecar.read_sidecar` takes, None for other kinds. `options` are settings for reading.
    """

    key: str
    roles: tuple[str, ...] = ()
    title: str | None = None
    description: str | None = None
    media_type: str | None = None
    bands: tuple[Json, ...] = ()
    extra: Json = field(default_factory=dict)
    read: Read = "raster"
    sidecar: Json | None = None
    match: tuple[Pattern, ...] = ()
    options: Json = field(default_factory=dict)

    @property
    def is_data(self) -> bool:
        """Whether an Item can stand on it: a raster with the role data."""
        return self.read == "raster" and "data" in self.roles

    @property
    def nodata(self) -> int | float | str | None:
        """The nodata that all of its bands state; None where one states none, or another."""
        stated: list[Any] = [band.get("nodata") for band in self.bands] or [None]
        is_number = type(stated[0]) in (int, float) and abs(stated[0]) <= float_info.max
        is_one = is_number or stated[0] in _NO_NUMBERS
        return stated[0] if is_one and all(each == stated[0] for each in stated) else None

    @property
    def texts(self) -> dict[str, Any]:
        """Its fields in which groups of the path may stand, by the names that they have in the rules file."""
        return {
            "title": self.title,
            "description": self.description,
            "media_type": self.media_type,
            "bands": list(self.bands),
            "extra": dict(self.extra),
        }

    def filled(self, groups: Mapping[str, str]) -> "AssetRule":
        """What it says of the asset of one path. Raises KeyError for a group that the path has not."""
        if self._is_plain:
            return self
        texts = fill_all(self.texts, groups)
        return replace(self, **{**texts, "bands": tuple(texts["bands"])})

    @cached_property
    def _is_plain(self) -> bool:
        return all(
            "{" not in template.text and "}" not in template.text for _, template in templates_in(self.texts)
        )


@dataclass(frozen=True)
class Rule:
    """One rule: which paths it is for, and what the Items made of them are like.

    `assets` are in the order in which an Item shows them. `datetime_sources` are tried in order: "path",
    "sidecar", "file" (what the raster itself says) and "last-modified"; `path_dates` say how the path gives one.
    `nominal_datetime` says which moment of a period is its datetime: None for none.
    `geometry` (GeoJSON, EPSG:4326) or the footprint of `footprint_asset` is the Item's geometry; with neither it is
    the union of the data assets' footprints. `extensions` are URLs of STAC extensions that the Items list beside those
    that their fields show, `links` further links of theirs.
    """

    name: str
    patterns: tuple[Pattern, ...] = ()
    containers: tuple[str, ...] = ()
    changes: tuple[GroupChange, ...] = ()
    item: Template = field(default_factory=lambda: Template("{item}"))
    asset_key: Template = field(default_factory=lambda: Template("{asset}"))
    assets: tuple[AssetRule, ...] = ()
    require: tuple[str, ...] = ()
    cog: Literal["add", "replace"] = "add"
    datetime_sources: tuple[str, ...] = ("path", "sidecar", "file", "last-modified")
    path_dates: tuple[PathDate, ...] = ()
    nominal_datetime: Literal["start", "middle", "end"] | None = None
    footprint_asset: str | None = None
    geometry: Json | None = None
    keep_last_good: bool = False
    properties: Json = field(default_factory=dict)
    links: tuple[Json, ...] = ()
    options: Json = field(default_factory=dict)
    builder: str | None = None
    extensions: tuple[str, ...] = ()

    def asset(self, key: str) -> AssetRule | None:
        """What the rule says about an asset key: by its name, else by "*"; None where it says nothing."""
        by_key = {asset.key: asset for asset in self.assets}
        return by_key.get(key) or by_key.get(ANY_ASSET)

    def properties_for(self, groups: Mapping[str, str]) -> dict[str, Any]:
        """The Item properties that this rule gives, for the groups of a match.

        Raises ValueError where a group's text is not of the type that the rule declares, LookupError where a lookup
        does not have it.
        """
        return {name: _property(value, groups) for name, value in self.properties.items()}

    def links_for(self, groups: Mapping[str, str]) -> list[dict[str, str]]:
        """The Item links that this rule gives, for the groups of a match. Raises KeyError for a missing one."""
        return [_link(link, groups) for link in self.links]

    def reading(self, asset: AssetRule) -> dict[str, Any]:
        """The settings by which an asset of this rule is read."""
        options = {**self.options, **asset.options}
        if asset.read == "raster" and asset.nodata is not None:
            options.setdefault("nodata", asset.nodata)
        if self.geometry is not None or self.footprint_asset not in (None, asset.key):
            options.setdefault("allow_no_footprint", True)  # the Item's geometry comes from elsewhere
        if asset.sidecar is not None:
            options["sidecar"] = asset.sidecar
        return options

    def groups_for(self, found: Mapping[str, str]) -> dict[str, str]:
        """The path's groups after the rule's changes. Raises LookupError for what a lookup does not have."""
        return change_groups(found, self.changes)


@dataclass(frozen=True)
class Queryable:
    """A property that searches may filter by, with its type; `sortable` ones are indexed."""

    name: str
    type: Literal["string", "number", "integer", "boolean", "datetime"]
    sortable: bool = False
    title: str | None = None
    description: str | None = None

    @property
    def definition(self) -> dict[str, Any]:
        """The JSON Schema of the property, as pgstac and the API show it."""
        kind = {"type": "string", "format": "date-time"} if self.type == "datetime" else {"type": self.type}
        shown = {"title": self.title or self.name, "description": self.description}
        return {**{key: value for key, value in shown.items() if value}, **kind}


@dataclass(frozen=True)
class CollectionRules:
    """One collection: its own fields, and the rules of its Items.

    `extent` has the parts that override what is kept current from the Items ("spatial", "temporal", STAC's form).
    `summaries` are the names of the Item properties that are summed up. `item_assets` is None where it is to be made
    from the rules. `extra` are further Collection fields, taken over as they are. `partition_trunc` ("month", "year",
    "none") says how pgstac divides the Items by date; None: as it is.
    """

    id: str
    title: str | None = None
    description: str | None = None
    license: str = "other"
    providers: tuple[Json, ...] = ()
    keywords: tuple[str, ...] = ()
    extent: Json = field(default_factory=dict)
    summaries: tuple[str, ...] = ()
    item_assets: Json | None = None
    queryables: tuple[Queryable, ...] = ()
    extra: Json = field(default_factory=dict)
    ignore: tuple[Pattern, ...] = ()
    rules: tuple[Rule, ...] = ()
    partition_trunc: str | None = None

    def rule(self, name: str) -> Rule | None:
        """The rule of this name, None where the rules have none (any more)."""
        return next((rule for rule in self.rules if rule.name == name), None)


def _link(link: Json, groups: Mapping[str, str]) -> dict[str, str]:
    """A link with the groups in its texts; in its address what has another meaning there, or none, is encoded."""
    filled = {name: Template(text).fill(groups) for name, text in link.items()}
    encoded = {name: quote(text) for name, text in groups.items()}
    head, brace, rest = link["href"].partition("}")
    if head.startswith("{"):  # that group is the beginning of an address itself
        filled["href"] = Template(head + brace).fill(groups) + Template(rest).fill(encoded)
    else:
        filled["href"] = Template(link["href"]).fill(encoded)
    return filled


def _property(value: Any, groups: Mapping[str, str]) -> Any:
    if not isinstance(value, Mapping) or "from" not in value:
        return fill_all(value, groups)
    text = groups[value["from"]]
    if "lookup" not in value:
        return typed(text, value.get("type", "string"))
    if text not in value["lookup"] and "default" not in value:
        raise LookupError(f"{text!r} is not in the lookup of a property")
    return fill_all(value["lookup"].get(text, value.get("default")), groups)
