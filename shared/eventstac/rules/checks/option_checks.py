"""Checks settings for reading, with which files would be rejected as `bad-options`, or not be read as it says."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from eventstac.raster.options import MAX_TIMEOUT_S, BadOption, parse
from eventstac.rules.area import AREA, read_area
from eventstac.rules.document import Document, Path
from eventstac.rules.model import ANY_ASSET, AssetRule, Rule

_NOT_BY_CRS = (
    "Write the CRS of the files on the Earth, as EPSG:4326, or `footprint.geometry` or `allow_no_footprint`"
)


def check_options(document: Document, path: Path, rule: Rule) -> None:
    """Note options of the rule, and of its assets, that mean nothing, or more than may be."""
    places = [((*path, "read"), rule.options, rule.reading(_of_the_footprint(rule)))]
    places += [
        ((*path, "assets", asset.key, "options"), asset.options, rule.reading(asset)) for asset in rule.assets
    ]
    for where, options, all_of_them in places:
        try:
            asked = parse(options)
        except BadOption as error:
            what = f"The option `{error.key}` is {_shown(error.value)}, so every file is rejected (`bad-options`)"
            document.mistake((*where, *error.key.split(".")), what, f"Write {error.expected}")
        else:
            if asked.crs is not None:
                _check_crs(document, (*where, "crs"), asked.crs, all_of_them)
            if asked.footprint.geometry is not None:
                _check_geometry(document, (*where, "footprint", "geometry"), asked.footprint.geometry)
        seconds = options.get("timeout_s", 0)
        if seconds > MAX_TIMEOUT_S:
            what = (
                f"The option `timeout_s` is {seconds}, but no file may take longer than {MAX_TIMEOUT_S:g} s"
            )
            document.mistake((*where, "timeout_s"), what, f"Write {MAX_TIMEOUT_S:g}, or less")


def _shown(value: Any) -> str:
    return repr(dict(value) if isinstance(value, Mapping) else value)


def _of_the_footprint(rule: Rule) -> AssetRule:
    """The asset whose place on the Earth is asked for; what the rule says of all where any may be it."""
    key = rule.footprint_asset or ANY_ASSET
    return next((asset for asset in rule.assets if asset.key == key), AssetRule(key))


def _check_geometry(document: Document, path: Path, geometry: Mapping[str, Any]) -> None:
    if geometry.get("type") in ("Polygon", "MultiPolygon") and "coordinates" in geometry:
        read_area(document, path, geometry)
    else:
        document.mistake(
            path, "`geometry` is no area: it has no Polygon's or MultiPolygon's `coordinates`", AREA
        )


def _check_crs(document: Document, path: Path, crs: str, options: Mapping[str, Any]) -> None:
    """Warn of a CRS by which no raster has a place, where one is asked for."""
    if find_spec("pyproj") is None:  # an app that reads no rasters has none: the extractor tells of it
        return
    pyproj = import_module("pyproj")
    earth = import_module("eventstac.raster.earth")
    placeless = options.get("allow_no_footprint")
    elsewhere = placeless or options.get("footprint", {}).get("geometry")
    become = "have no footprint" if placeless else "are rejected"
    try:
        pyproj.CRS.from_user_input(crs)
        earth.earth_crs(crs)
    except pyproj.exceptions.CRSError:
        what = f"which PROJ does not know: files that state none {become} (`bad-options`)"
        document.warn(
            path, f"The option `crs` is {crs!r}, {what}", "Write a CRS that PROJ knows, as EPSG:4326"
        )
    except earth.NoEarthCrs as error:
        if not elsewhere:
            what = f"but {error.what}: files that state none are rejected (`{error.reason}`)"
            document.warn(path, f"The option `crs` is {crs!r}, {what}", _NOT_BY_CRS)
