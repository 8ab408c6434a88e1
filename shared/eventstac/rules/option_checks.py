"""Checks settings for reading, with which files would be rejected as `bad-options`, or not be read as it says."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from eventstac.raster.options import MAX_TIMEOUT_S, BadOption, parse
from eventstac.rules.document import Document, Path
from eventstac.rules.model import Rule


def check_options(document: Document, path: Path, rule: Rule) -> None:
    """Note options of the rule, and of its assets, that mean nothing, or more than may be."""
    places = [((*path, "read"), rule.options)]
    places += [((*path, "assets", asset.key, "options"), asset.options) for asset in rule.assets]
    for where, options in places:
        try:
            crs = parse(options).crs
        except BadOption as error:
            what = f"The option `{error.key}` is {_shown(error.value)}, so every file is rejected (`bad-options`)"
            document.mistake((*where, *error.key.split(".")), what, f"Write {error.expected}")
        else:
            problem = _problem_of(crs) if crs is not None else None
            if problem is not None:
                what = f"The option `crs` is {crs!r}, {problem}: files that state none are rejected (`bad-options`)"
                document.warn((*where, "crs"), what, "Write a CRS that PROJ knows, as EPSG:4326")
        seconds = options.get("timeout_s", 0)
        if seconds > MAX_TIMEOUT_S:
            what = (
                f"The option `timeout_s` is {seconds}, but no file may take longer than {MAX_TIMEOUT_S:g} s"
            )
            document.mistake((*where, "timeout_s"), what, f"Write {MAX_TIMEOUT_S:g}, or less")


def _shown(value: Any) -> str:
    return repr(dict(value) if isinstance(value, Mapping) else value)


def _problem_of(crs: str) -> str | None:
    """Why no raster has a place by a CRS; None where it has one."""
    if find_spec("pyproj") is None:  # an app that reads no rasters has none: the extractor tells of it
        return None
    pyproj = import_module("pyproj")
    earth = import_module("eventstac.raster.earth")
    try:
        pyproj.CRS.from_user_input(crs)
        earth.earth_crs(crs)
    except pyproj.exceptions.CRSError:
        return "which PROJ does not know"
    except earth.NoEarthCrs as error:
        return f"but {error.what}"
    return None
