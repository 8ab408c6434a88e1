"""Which STAC extensions an Item uses, from the prefixes of its fields."""

from collections.abc import Iterator, Mapping
from typing import Any

_BASE = "https://stac-extensions.github.io"

# The released version of each, as the extension's own repository and those who write it have it in 2026. Extensions
# whose fields have no prefix (timestamps, version, …) are named by a rule's `stac_extensions:`.
_VERSIONS = {
    "auth": "authentication/v1.1.0",
    "cf": "cf/v0.2.0",
    "classification": "classification/v2.0.0",
    "cube": "datacube/v2.3.0",
    "eo": "eo/v2.0.0",
    "file": "file/v2.1.0",
    "goes": "goes/v1.0.0",
    "grid": "grid/v1.1.0",
    "label": "label/v1.0.1",
    "landsat": "landsat/v2.0.0",
    "mgrs": "mgrs/v1.0.0",
    "order": "order/v1.1.0",
    "pc": "pointcloud/v2.0.0",
    "processing": "processing/v1.2.0",
    "product": "product/v1.0.0",
    "proj": "projection/v2.0.0",
    "raster": "raster/v2.0.0",
    "s1": "sentinel-1/v0.2.0",
    "s2": "sentinel-2/v1.0.0",
    "s3": "sentinel-3/v0.2.0",
    "sar": "sar/v1.3.0",
    "sat": "sat/v1.1.0",
    "sci": "scientific/v1.0.0",
    "ssys": "ssys/v1.1.0",
    "storage": "storage/v2.0.0",
    "table": "table/v1.2.0",
    "view": "view/v1.1.0",
    "xarray": "xarray-assets/v1.0.0",
}

EXTENSIONS = {prefix: f"{_BASE}/{version}/schema.json" for prefix, version in _VERSIONS.items()}


def extensions_of(item: Mapping[str, Any], stated: Any = ()) -> Any:
    """The URLs of the extensions whose fields the Item has and of those that are stated, sorted.

    One that is stated is listed in the version that is stated.

    What is stated and is no list of texts stays as it is: validation tells of it.
    """
    if not isinstance(stated, list | tuple) or not all(isinstance(url, str) for url in stated):
        return stated
    prefixes = {name.partition(":")[0] for name in _names(item) if ":" in name}
    ours = {EXTENSIONS[prefix] for prefix in prefixes if prefix in EXTENSIONS}
    named = {without_version(url) for url in stated}
    return sorted({*stated, *(url for url in ours if without_version(url) not in named)})


def without_version(url: str) -> str:
    """An extension's address without its version."""
    return url.removesuffix("/schema.json").rpartition("/")[0]


def _names(item: Mapping[str, Any]) -> Iterator[str]:
    yield from item["properties"]
    for asset in item["assets"].values():
        yield from asset
        for band in asset.get("bands", ()):
            yield from band
