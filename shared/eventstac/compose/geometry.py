"""The Item's geometry and bbox, from the footprints of its data assets."""

from collections.abc import Mapping, Sequence
from typing import Any

import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from eventstac.bbox import bbox_of_parts
from eventstac.compose.shown import Shown
from eventstac.errors import Rejected

_DECIMALS = 7  # about a centimetre: what the footprints themselves are given to

_RING = 4  # positions that a ring has at least


def geometry_of(data_assets: Sequence[Shown], sources: Sequence[Shown]) -> tuple[dict[str, Any], list[float]]:
    """The geometry (GeoJSON, RFC 7946 winding, split at the antimeridian) and bbox (west > east across 180).

    The rule's own geometry, or the footprint of its designated asset (any raster of the `sources`), or the union of
    all. Rejected `no-footprint` where no file says where on the Earth it is, `bad-footprint` where what is said is no
    area.
    """
    try:
        return _geometry_of(data_assets, sources)
    except (shapely.errors.ShapelyError, ValueError, TypeError, LookupError) as error:
        raise Rejected(
            "bad-footprint",
            f"the footprints of {', '.join(shown.fact.url for shown in data_assets)} make no geometry: {error}. "
            "Give the rule a `geometry:` or a `footprint_asset:`",
        ) from error


def _geometry_of(
    data_assets: Sequence[Shown], sources: Sequence[Shown]
) -> tuple[dict[str, Any], list[float]]:
    given = next((shown.rule.geometry for shown in data_assets if shown.rule.geometry), None)
    footprints = [given] if given else _footprints(data_assets, sources)
    if any(footprint != footprints[0] for footprint in footprints):
        distinct = {shapely.to_wkb(shape(dict(footprint))): footprint for footprint in footprints}
        footprints = [distinct[key] for key in sorted(distinct)]
    else:
        footprints = footprints[:1]
    if len(footprints) == 1:
        geometry = dict(footprints[0])
    else:
        geometry = _canonical(shapely.union_all([shape(dict(footprint)) for footprint in footprints]))
    return geometry, bbox_of(geometry)


def bbox_of(geometry: Mapping[str, Any]) -> list[float]:
    """West, south, east, north; west > east where the geometry crosses the antimeridian (RFC 7946, 5.2)."""
    if geometry["type"] == "Polygon":  # it has one side of 180 only: its bbox is that of its exterior
        (exterior, *_) = geometry["coordinates"]
        if len(exterior) >= _RING:
            longitudes, latitudes = zip(*(position[:2] for position in exterior), strict=True)
            return bbox_of_parts([(min(longitudes), min(latitudes), max(longitudes), max(latitudes))])
    if geometry["type"] != "MultiPolygon":
        raise ValueError(f"a {geometry['type']} is no area")
    return bbox_of_parts(part.bounds for part in shapely.get_parts(shape(dict(geometry))))


def _footprints(data_assets: Sequence[Shown], sources: Sequence[Shown]) -> list[Mapping[str, Any]]:
    wanted = sorted({shown.rule.footprint_asset for shown in data_assets if shown.rule.footprint_asset})
    designated = [shown for shown in sources if shown.key in wanted and shown.fact.match.read == "raster"]
    footprints = [
        footprint
        for shown in designated or data_assets
        if (footprint := (shown.finding.metadata or {}).get("footprint"))
    ]
    if not footprints:
        problems = {
            str(problem.get("detail"))
            for shown in designated or data_assets
            if (problem := (shown.finding.metadata or {}).get("footprint_problem"))
        }
        who = f"the footprint_asset {' or '.join(wanted)} has no" if designated else "no data asset has a"
        detail = "; ".join(sorted(problems)) or f"{who} footprint"
        if wanted and not designated:
            detail += f", and the footprint_asset {' or '.join(wanted)} is not there"
        other = "another" if wanted else "a"
        raise Rejected("no-footprint", f"{detail}. Give the rule a `geometry:` or {other} `footprint_asset:`")
    return footprints


def _canonical(union: BaseGeometry) -> dict[str, Any]:
    rounded = shapely.set_precision(union, 10**-_DECIMALS)
    polygons = [part for part in shapely.get_parts(shapely.normalize(rounded)) if part.geom_type == "Polygon"]
    turned = [shapely.orient_polygons(polygon) for polygon in polygons]
    whole = turned[0] if len(turned) == 1 else shapely.MultiPolygon(turned)
    geometry: dict[str, Any] = _lists(mapping(whole))
    return geometry


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _lists(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_lists(inner) for inner in value]
    return round(value, _DECIMALS) if isinstance(value, float) else value
