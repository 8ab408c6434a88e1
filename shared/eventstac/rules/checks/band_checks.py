"""Checks what a rule says of the bands of an asset: names of STAC 1.0, and a nodata that files are not read by."""

from typing import Any

from eventstac.rules.document import Document, Path
from eventstac.rules.model import AssetRule, Rule

# Fields that eo:bands and raster:bands of STAC 1.0 had without a prefix.
_RENAMED = {
    name: f"{prefix}:{name}"
    for prefix, names in {
        "eo": ("common_name", "center_wavelength", "full_width_half_max", "solar_illumination"),
        "raster": ("scale", "offset", "sampling", "bits_per_sample", "spatial_resolution", "histogram"),
    }.items()
    for name in names
}


def check_bands(document: Document, path: Path, rule: Rule) -> None:
    """Warn of fields that no reader of STAC 1.1 looks for, and of a nodata that the statistics do not heed."""
    for asset in rule.assets:
        where = (*path, "assets", asset.key, "bands")
        for index, band in enumerate(asset.bands):
            for name in sorted(_RENAMED.keys() & band.keys()):
                what = f"`{name}` of a band is a name of STAC 1.0: readers of STAC 1.1 do not look for it"
                document.warn((*where, index, name), what, f"Write `{_RENAMED[name]}`")
        if asset.read == "raster":
            _check_nodata(document, where, asset, rule.reading(asset).get("nodata"))


def _check_nodata(document: Document, path: Path, asset: AssetRule, read_by: Any) -> None:
    """Warn of bands whose nodata is not the one that their files are read by."""
    for index, band in enumerate(asset.bands):
        if "nodata" in band and band["nodata"] != read_by:
            by = "no nodata" if read_by is None else f"{read_by}, that of `read:` or `options:`"
            who = f"The nodata of a band of {asset.key!r} is {band['nodata']}"
            what = f"{who}, but files that state none are read by {by}"
            instead = "Write one nodata for all bands, or `options: {nodata: …}` for the file"
            document.warn((*path, index, "nodata"), what, instead)
            return
