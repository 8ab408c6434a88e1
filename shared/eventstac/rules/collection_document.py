"""Makes the STAC Collection of a collection's rules."""

from collections.abc import Iterable, Mapping
from typing import Any

from eventstac.extensions import EXTENSIONS
from eventstac.rules.groups import fill_all, templates_in
from eventstac.rules.model import ANY_ASSET, AssetRule, CollectionRules
from eventstac.validation.profiles import prefixes_of

STAC_VERSION = "1.1.0"

MIN_FIELDS = 2  # STAC 1.1 wants at least two fields of an Item asset's definition

WORLD = [-180.0, -90.0, 180.0, 90.0]


def collection_document(collection: CollectionRules) -> tuple[dict[str, Any], dict[str, Any]]:
    """The STAC 1.1 Collection without links and item_assets, and what belongs in `collections.private`.

    The extent is the world and all time where the rules do not say: what an empty collection has.
    """
    content: dict[str, Any] = {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": collection.id,
        "description": collection.description or collection.title or collection.id,
        "license": collection.license,
        "extent": {
            "spatial": dict(collection.extent.get("spatial", {"bbox": [WORLD]})),
            "temporal": dict(collection.extent.get("temporal", {"interval": [[None, None]]})),
        },
        "links": [],
    }
    if collection.title:
        content["title"] = collection.title
    if collection.keywords:
        content["keywords"] = list(collection.keywords)
    if collection.providers:
        content["providers"] = [dict(provider) for provider in collection.providers]
    content |= collection.extra
    item_assets = _item_assets(collection)
    content["stac_extensions"] = collection_extensions({**content, "item_assets": item_assets})
    return content, {"item_assets": item_assets}


def collection_extensions(collection: Mapping[str, Any], dropped: Iterable[str] = ()) -> list[str]:
    """The URLs of extensions that a Collection has to list: those listed, those of its fields.

    Without those of `dropped` fields, if no field of theirs is left.
    """
    used = {EXTENSIONS[prefix] for prefix in prefixes_of(collection) if prefix in EXTENSIONS}
    unused = {EXTENSIONS.get(name.partition(":")[0]) for name in dropped} - used
    return sorted({*listed_extensions(collection), *used} - unused)


def listed_extensions(collection: Mapping[str, Any]) -> set[str]:
    """Those that a Collection lists; others may have written anything there."""
    listed = collection.get("stac_extensions")
    return {each for each in listed if isinstance(each, str)} if isinstance(listed, list) else set()


def _item_assets(collection: CollectionRules) -> dict[str, Any]:
    if collection.item_assets is not None:
        return dict(collection.item_assets)
    made = {
        asset.key: _item_asset(asset)
        for rule in collection.rules
        for asset in rule.assets
        if asset.key != ANY_ASSET
    }
    return {key: fields for key, fields in made.items() if len(fields) >= MIN_FIELDS}


def _item_asset(asset: AssetRule) -> dict[str, Any]:
    """What all of an asset's kind have in common: nothing that is made of a path's groups."""
    fields = {
        "title": _common(asset.title) or asset.key,
        "description": _common(asset.description),
        "type": _common(asset.media_type),
        "roles": list(asset.roles),
        "bands": _common([dict(band) for band in asset.bands]),
    }
    extra = {
        name: _common(value)
        for name, value in asset.extra.items()
        if value is None or _common(value) is not None
    }
    return {**{name: value for name, value in fields.items() if value}, **extra}


def _common(value: Any) -> Any:
    """A value as it is for every path, None for one in which a group stands."""
    takes_groups = any(template.groups for _, template in templates_in(value))
    return None if takes_groups else fill_all(value, {})
