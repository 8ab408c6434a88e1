"""Which STAC extensions an Item uses, from the prefixes of its fields."""

from collections.abc import Iterator, Mapping
from typing import Any

_BASE = "https://stac-extensions.github.io"

EXTENSIONS = {
    "eo": f"{_BASE}/eo/v2.0.0/schema.json",
    "file": f"{_BASE}/file/v2.1.0/schema.json",
    "landsat": f"{_BASE}/landsat/v2.0.0/schema.json",
    "mgrs": f"{_BASE}/mgrs/v1.0.0/schema.json",
    "grid": f"{_BASE}/grid/v1.1.0/schema.json",
    "processing": f"{_BASE}/processing/v1.2.0/schema.json",
    "proj": f"{_BASE}/projection/v2.0.0/schema.json",
    "raster": f"{_BASE}/raster/v2.0.0/schema.json",
    "s2": f"{_BASE}/sentinel-2/v1.0.0/schema.json",
    "sat": f"{_BASE}/sat/v1.1.0/schema.json",
    "sci": f"{_BASE}/scientific/v1.0.0/schema.json",
    "view": f"{_BASE}/view/v1.0.0/schema.json",
}


def extensions_of(item: Mapping[str, Any]) -> list[str]:
    """The URLs of the extensions whose fields the Item has, sorted."""
    prefixes = {name.partition(":")[0] for name in _names(item) if ":" in name}
    return sorted(EXTENSIONS[prefix] for prefix in prefixes if prefix in EXTENSIONS)


def _names(item: Mapping[str, Any]) -> Iterator[str]:
    yield from item["properties"]
    for asset in item["assets"].values():
        yield from asset
        for band in asset.get("bands", ()):
            yield from band
