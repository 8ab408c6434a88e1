"""What is read, against gdalinfo of the system's GDAL: another build, and none of our code."""

import json
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eventstac.raster.extract import read_in_process
from tests.unit.raster.corpus import PLACES, Place, at, cog, gradient, tiff
from tests.unit.raster.readers import MemoryReader

PROGRAM = shutil.which("gdalinfo") or "gdalinfo"
TYPES = {
    "Byte": "uint8",
    "UInt16": "uint16",
    "Int16": "int16",
    "UInt32": "uint32",
    "Int32": "int32",
    "Float32": "float32",
    "Float64": "float64",
    "CInt16": "cint16",
    "CInt32": "cint32",
    "CFloat32": "cfloat32",
    "CFloat64": "cfloat64",
}


def gdalinfo(folder: Path, data: bytes, *options: str) -> dict[str, Any]:
    path = folder / "a.tif"
    path.write_bytes(data)
    assert shutil.which(PROGRAM), "there is no gdalinfo: `make setup` installs it (Debian's package gdal-bin)"
    done = subprocess.run(
        [PROGRAM, "-json", *options, str(path)],
        check=True,
        capture_output=True,
        text=True,
        env={"GDAL_PAM_ENABLED": "NO"},
    )
    return dict(json.loads(done.stdout))


def checkered(dtype: str, nodata: float | None) -> np.ndarray:
    """Values that differ, a tenth of them without data."""
    pixels = np.random.default_rng(7).integers(1, 120, (90, 110)).astype(dtype)
    if nodata is not None:
        pixels[::10] = nodata
    return pixels


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("uint8", None),
        ("uint8", 0),
        ("uint16", 65535),
        ("int16", -32768),
        ("uint32", None),
        ("int32", -1),
        ("float32", -9999),
        ("float32", math.nan),
        ("float64", 1e20),
    ],
)
def test_statistics_type_and_nodata_are_those_of_gdalinfo(
    tmp_path: Path, dtype: str, nodata: float | None
) -> None:
    data = tiff(checkered(dtype, nodata), nodata=nodata)
    (band,) = read_in_process(MemoryReader(data), {}).metadata["bands"]
    (said,) = gdalinfo(tmp_path, data, "-stats")["bands"]
    assert band["data_type"] == TYPES[said["type"]]
    assert ("nodata" in band) == ("noDataValue" in said)
    if nodata is not None:
        assert float(band["nodata"]) == pytest.approx(float(said["noDataValue"]), nan_ok=True)
    statistics, tags = band["statistics"], said["metadata"][""]
    for ours, theirs in (
        ("minimum", "MINIMUM"),
        ("maximum", "MAXIMUM"),
        ("mean", "MEAN"),
        ("stddev", "STDDEV"),
    ):
        assert statistics[ours] == pytest.approx(float(tags[f"STATISTICS_{theirs}"]), rel=1e-6)
    assert statistics["valid_percent"] == pytest.approx(float(tags["STATISTICS_VALID_PERCENT"]), abs=0.01)


@pytest.mark.parametrize("kind", ["CInt16", "CInt32", "CFloat32", "CFloat64"])
def test_complex_types_are_named_as_gdal_names_them(tmp_path: Path, kind: str) -> None:
    (tmp_path / "real.tif").write_bytes(tiff(gradient(20, 30)))
    names = [str(tmp_path / "real.tif"), str(tmp_path / "complex.tif")]
    subprocess.run(["gdal_translate", "-q", "-ot", kind, *names], check=True)
    data = (tmp_path / "complex.tif").read_bytes()
    (said,) = gdalinfo(tmp_path, data)["bands"]
    (band,) = read_in_process(MemoryReader(data), {}).metadata["bands"]
    assert band["data_type"] == TYPES[said["type"]]
    assert band["statistics"] == {"count": 600, "valid_percent": 100}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_shape_and_transform_are_those_of_gdalinfo(tmp_path: Path, place: Place) -> None:
    data = at(place)
    projection = read_in_process(MemoryReader(data), {}, thumbnail=False).metadata["projection"]
    said = gdalinfo(tmp_path, data)
    assert projection["proj:shape"] == said["size"][::-1]
    c, a, b, f, d, e = said["geoTransform"]
    assert projection["proj:transform"][:6] == pytest.approx([a, b, c, d, e, f])
    corners = np.array(
        [said["cornerCoordinates"][name] for name in ("upperLeft", "lowerLeft", "lowerRight", "upperRight")]
    )
    west, south, east, north = projection["proj:bbox"]
    pixel = abs(a) + abs(b) + abs(d) + abs(e)  # gdalinfo rounds corners of rotated images
    assert [west, south] == pytest.approx(corners.min(axis=0), abs=pixel * 1e-3)
    assert [east, north] == pytest.approx(corners.max(axis=0), abs=pixel * 1e-3)


def test_overviews_are_those_of_gdalinfo(tmp_path: Path) -> None:
    data = cog(gradient(2100, 1700))
    said = gdalinfo(tmp_path, data)
    metadata = read_in_process(MemoryReader(data), {}).metadata
    assert metadata["cog"]["valid"]
    assert said["metadata"]["IMAGE_STRUCTURE"]["LAYOUT"] == "COG"
    assert said["bands"][0]["overviews"]
