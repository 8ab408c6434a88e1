"""The core schemas of STAC 1.1.0, as the installed pystac ships them."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from eventstac.validation.schemas import Validator, compile_draft7

_FOLDERS = ("stac-spec/v1.1.0", "geojson")


@cache
def item_validator() -> Validator:
    """For Items, with GeoJSON and the common metadata."""
    return compile_draft7(_documents()["item.json"], _retrieve)


@cache
def collection_validator() -> Validator:
    """For Collections."""
    return compile_draft7(_documents()["collection.json"], _retrieve)


def _retrieve(uri: str) -> dict[str, Any]:
    """The document for a reference, by its base name.

    The `$id` of common.json reads `…/commonjson`, so full addresses do not serve.
    """
    name = uri.rstrip("#").rsplit("/", 1)[-1]
    try:
        return _documents()[name]
    except KeyError:
        raise LookupError(f"pystac ships no schema for {uri}") from None


@cache
def _documents() -> dict[str, dict[str, Any]]:
    root = files("pystac.validation") / "jsonschemas"
    return {
        entry.name: json.loads(entry.read_text(encoding="utf-8"))
        for folder in _FOLDERS
        for entry in root.joinpath(folder).iterdir()
        if entry.name.endswith(".json")
    }
