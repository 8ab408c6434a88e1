"""Which software read a raster, as the processing extension writes it."""

from functools import cache
from importlib.metadata import version

import pyproj
import rasterio


@cache
def software() -> dict[str, str]:
    """Names and versions: ours, and of the libraries that decide what is read."""
    return {
        "eventstac": version("eventstac"),
        "GDAL": str(rasterio.__gdal_version__),
        "PROJ": str(pyproj.proj_version_str),
    }
