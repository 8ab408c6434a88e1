"""The fields of one asset, from what was read and what the rule says."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from eventstac.common_names import are_numbered, may_be
from eventstac.compose.media_types import stored_media_type
from eventstac.compose.shown import Shown
from eventstac.errors import Rejected
from eventstac.facts import Finding
from eventstac.rules import AssetRule

SOFTWARE = "processing:software"
_LIFTED = ("gsd", SOFTWARE)
OF_THE_FILE = ("data_type", "nodata")  # of a band: what the file says of them stands over what a rule says
_FILE_EXTENSION_FIELDS = ("file:size", "file:checksum")


def asset_of(shown: Shown, *, is_cog: bool) -> dict[str, Any]:
    """A STAC asset object; what belongs on the Item where all agree is still on it."""
    metadata = shown.finding.metadata or {}
    storage = shown.finding.storage or {}
    rule = _filled(shown)
    found = metadata.get("media_type")
    # A COG is another file than the one that the rule tells of.
    stated = (found, rule.media_type) if is_cog else (rule.media_type, found)
    media_type = next(filter(None, (*stated, stored_media_type(shown))), None)
    roles = list(shown.roles)
    if is_cog and "cloud-optimized" not in roles:
        roles.append("cloud-optimized")
    fields: dict[str, Any] = {
        "href": shown.fact.url,
        "type": media_type,
        "title": rule.title,
        "description": rule.description,
        "roles": roles or None,
        "created": storage.get("created"),
        "updated": storage.get("last_modified"),
        "gsd": metadata.get("gsd"),
        "bands": _bands(metadata, rule.bands) or None,
        **{name: (metadata.get("file") or {}).get(name) for name in _FILE_EXTENSION_FIELDS},
        **(metadata.get("projection") or {}),
        "eventstac:statistics": _approximate(metadata),
        "eventstac:footprint": "frame" if shown.finding.whole_frame else None,
        SOFTWARE: metadata.get("software") or None,
        **_provenance(shown),
        **rule.extra,
    }
    if shown.kept:
        fields["eventstac:unreadable"] = f"{shown.fact.finding.reason}: {shown.fact.finding.detail}"
    return {name: value for name, value in fields.items() if value is not None or name == "proj:code"}


def thumbnail_of(drawn: Finding) -> dict[str, Any]:
    """The asset of the thumbnail that was drawn of a raster: a picture, to the STAC extension without a CRS.

    Its pixels' transform is said all the same: some readers (pystac) take a code of null for the Item's, and would take
    the Item's transform for it, too.
    """
    url, metadata = drawn.thumbnail or "", drawn.metadata or {}
    shape = metadata.get("thumbnail_shape")
    transform = _stretched(metadata.get("projection") or {}, shape) if shape else None
    return {
        "href": url,
        "type": "image/webp" if url.endswith(".webp") else "image/png",
        "roles": ["thumbnail"],
        "proj:code": None,
        **({"proj:shape": shape} if shape else {}),
        **({"proj:transform": transform} if transform else {}),
    }


def _stretched(projection: Mapping[str, Any], shape: Sequence[int]) -> list[float] | None:
    """A grid's transform for so many rows and columns in its place, None where it has none."""
    rows, columns = projection.get("proj:shape") or (0, 0)
    transform = projection.get("proj:transform")
    if not transform or not rows or not columns:
        return None
    down, across = rows / shape[0], columns / shape[1]
    a, b, left, d, e, top = transform[:6]
    return [a * across, b * down, left, d * across, e * down, top]


def _filled(shown: Shown) -> AssetRule:
    """What the rule says of the asset, with the groups of the path. Errors: Rejected `bad-asset` for one it lacks."""
    try:
        return shown.asset.filled(shown.fact.match.groups)
    except KeyError as error:
        raise Rejected(
            "bad-asset",
            f"{shown.fact.url}: the rule {shown.rule.name!r} cannot give the asset {shown.asset.key!r} its fields: the "
            f"path gives no {error.args[0]!r}",
        ) from error


def _approximate(metadata: Mapping[str, Any]) -> str | None:
    """Said of statistics that are not of every pixel."""
    counted = any("statistics" in band for band in metadata.get("bands") or ())
    return "approximate" if counted and not metadata.get("statistics_exact", True) else None


def _provenance(shown: Shown) -> dict[str, Any]:
    """Which version of the blob was read, and what a COG was made from."""
    finding, claim = shown.finding, shown.fact.claim
    return {
        "eventstac:etag": finding.etag or None,
        "eventstac:version_id": (finding.storage or {}).get("version_id"),
        "eventstac:source": claim.source_url if claim else None,
        "eventstac:source_etag": (claim.source_etag or None) if claim else None,
    }


def lift_common(
    assets: Mapping[str, dict[str, Any]], keys: Sequence[str], by_rule: Mapping[str, Container[str]]
) -> dict[str, Any]:
    """Move what all data assets agree on to the Item: `proj:*`, `gsd` and the software; returns the Item's part.

    It is the Item's for the other assets too, whose files say the same: a mask of the same grid has no gsd of its own
    beside what the rule says of the Item's. What a rule says of such an asset (fields `by_rule`, of each) stays on it;
    what it says of all data assets alike is the Item's. Where another raster would get a place that is not its own by
    it, the place stays on the data assets.
    """
    chosen = [assets[key] for key in keys]
    others = [asset for key, asset in assets.items() if key not in keys and "proj:shape" in asset]
    common = {
        name: value
        for name, value in sorted(next(iter(chosen), {}).items())
        if (name.startswith("proj:") or name in _LIFTED)
        and all(name in asset and asset[name] == value for asset in chosen)
        and (name in _LIFTED or all(_overrides(asset, name, value) for asset in others))
    }
    for key, asset in assets.items():
        for name, value in common.items():
            if key in keys or (asset.get(name) == value and name not in by_rule.get(key, ())):
                asset.pop(name, None)
    return common


def _overrides(raster: Mapping[str, Any], name: str, value: Any) -> bool:
    """Whether the Item's `proj:*` field is not taken for that of a raster that has another, or none.

    Of all these only a code can be null. pystac takes that for the Item's code: the raster gets no place by it unless
    it has a transform.
    """
    if name == "proj:code":
        return value is None or raster.get(name) is not None or "proj:transform" not in raster
    return name in raster


def _bands(metadata: Mapping[str, Any], by_rule: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the rule says of each band over what the file says; how its numbers are stored the file knows."""
    read: Sequence[Mapping[str, Any]] = metadata.get("bands") or ()
    if not (read and by_rule):
        return [dict(band) for band in read or by_rule]
    pairs = [
        (dict(found), by_rule[index] if index < len(by_rule) else {}) for index, found in enumerate(read)
    ]
    is_numbered = are_numbered([str(said.get("name") or found.get("name") or "") for found, said in pairs])
    for number, (found, said) in enumerate(pairs, 1):
        if _is_another(found, said.get("name"), number, is_numbered):
            del found["eo:common_name"]
    stored = [{name: found[name] for name in OF_THE_FILE if name in found} for found, _ in pairs]
    shown = [{**found, **said, **kept} for (found, said), kept in zip(pairs, stored, strict=True)]
    if "nodata_problem" in metadata:  # what a band's type cannot hold is not its nodata either
        for band, kept in zip(shown, stored, strict=True):
            if "nodata" not in kept:
                band.pop("nodata", None)
    return shown


def _is_another(found: Mapping[str, Any], name: str | None, number: int, is_numbered: bool) -> bool:
    """Whether the rule's name of a band leaves it no common name of the file's."""
    common = found.get("eo:common_name")
    if not (common and name) or name == found.get("name"):
        return False
    return not may_be(common, name, number, is_numbered=is_numbered)
