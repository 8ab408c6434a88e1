"""Footprints of files as they come, rio-stac's and ours, as a table: `python -m bench.extract_files`.

Real rasters, scenes that control points or polynomials place, valid data, other formats, and files that have no place
on the Earth or end too early. What is right comes from pyproj, from the polynomials, or from how a file was made.
"""

import argparse
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rio_stac
import shapely
from rasterio.transform import Affine

from bench.extract_answers import ANY_TIME
from eventstac.errors import EventstacError, Rejected
from eventstac.raster.extract import read_raster
from tests.unit.raster.corpus import Place, cog, gradient, jpeg2000, netcdf, netcdf4, tiff
from tests.unit.raster.readers import MemoryReader
from tests.unit.raster.real import OTHER_WHEELS, WHEELS, real_rasters
from tests.unit.raster.scenes import CAMERAS, SWATHS, Points, swath
from tests.unit.raster.test_footprint import seen_points, unseen_points


@dataclass(frozen=True)
class File:
    """A file, and what is right: the points that it shows and does not show, or why it must be refused."""

    name: str
    data: bytes
    seen: Points | None = None
    unseen: Points | None = None
    refused: str = ""
    options: tuple[tuple[str, Any], ...] = ()


def placed(name: str, data: bytes, place: Place, **options: Any) -> File:
    """A file that shows what a place shows."""
    return File(name, data, seen_points(place), unseen_points(place), options=tuple(options.items()))


def files() -> Iterator[File]:
    """All of them."""
    for name, (place, _) in SWATHS.items():
        yield placed(name, swath(name), place)
    for name, camera in CAMERAS.items():
        yield File(name, camera.scene(), *camera.points())
    yield from _valid_data()
    utm = Place("", "EPSG:32633", Affine(10, 0, 399960, 0, -10, 5000040), 80, 64)
    yield placed("jpeg 2000, GeoJP2 and GMLJP2", jpeg2000(), utm)
    for boxes in ("GeoJP2", "GMLJP2"):
        yield placed(f"jpeg 2000, {boxes} alone", jpeg2000(boxes=boxes), utm)
    grid = Place("", "EPSG:32633", Affine(10, 0, 399960, 0, -10, 5000040), 60, 40)
    yield placed("netcdf 4", netcdf4(), grid)
    degrees = Place("", "EPSG:4326", Affine(0.1, 0, 0, 0, -0.1, 34), 60, 40)
    yield placed("netcdf whose axes name no CRS, which a rule gives", netcdf(), degrees, crs="EPSG:4326")
    yield File("netcdf whose axes name no CRS", netcdf(), refused="no-crs")
    yield File("png", tiff(gradient(64, 64, "uint8", 3), driver="PNG"), refused="no-crs")
    yield from _nowhere()
    yield from _ended_early()
    yield from _real()


def _valid_data() -> Iterator[File]:
    rows, columns = slice(100, 300), slice(50, 150)
    inner = Place("", "EPSG:32633", Affine(1000, 0, 399960 + 50_000, 0, -1000, 5000040 - 100_000), 100, 200)
    frame = Affine(1000, 0, 399960, 0, -1000, 5000040)
    data = np.zeros((400, 400), "uint16")
    data[rows, columns] = 7
    wanted = {"footprint": {"mode": "valid-data"}}
    yield placed(
        "valid data by nodata", tiff(data, nodata=0, crs="EPSG:32633", transform=frame), inner, **wanted
    )

    def masked(dataset: Any) -> None:
        dataset.write_mask((data > 0).astype("uint8") * 255)

    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        with_mask = tiff(np.full((400, 400), 7, "uint16"), masked, crs="EPSG:32633", transform=frame)
    yield placed("valid data by a mask", with_mask, inner, **wanted)
    opaque = np.stack([np.full((400, 400), 7, "uint8"), (data > 0).astype("uint8") * 255])
    with_alpha = tiff(opaque, crs="EPSG:32633", transform=frame, photometric="MINISBLACK", alpha="YES")
    yield placed("valid data by alpha", with_alpha, inner, **wanted)


def _nowhere() -> Iterator[File]:
    image = gradient(50, 60)
    planets = {
        "mars, in degrees": "+proj=longlat +a=3396190 +b=3376200 +no_defs",
        "mars, equirectangular": "+proj=eqc +lat_ts=0 +lon_0=0 +a=3396190 +b=3396190 +units=m",
        "the moon around its pole": "+proj=stere +lat_0=-90 +lon_0=0 +a=1737400 +b=1737400 +units=m",
    }
    for name, crs in planets.items():
        step = 0.01 if "degrees" in name else 100
        yield File(
            name, tiff(image, crs=crs, transform=Affine(step, 0, 10, 0, -step, 5)), refused="not-earth"
        )
    site = 'LOCAL_CS["site grid",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
    yield File(
        "a local CRS", tiff(image, crs=site, transform=Affine(1, 0, 0, 0, -1, 50)), refused="local-crs"
    )
    yield File("no CRS", tiff(image, crs=None, transform=Affine(10, 0, 4e5, 0, -10, 5e6)), refused="no-crs")
    yield File("no CRS and no transform", tiff(image, crs=None, transform=None), refused="no-crs")
    bare = tiff(image, crs="EPSG:32633", transform=None)
    yield File("a CRS and no transform", bare, refused="no-georeference")


def _ended_early() -> Iterator[File]:
    striped, tiles = tiff(gradient(900, 900)), cog(gradient(2000, 2000), compress="deflate")
    yield File("truncated: the last strips", striped[: len(striped) * 3 // 4], refused="truncated")
    yield File("truncated: the full resolution of a COG", tiles[: len(tiles) * 3 // 4], refused="truncated")
    yield File("truncated: jpeg 2000", jpeg2000(400, 500)[:-20000], refused="truncated")
    yield File("truncated: netcdf", netcdf()[:-3000], refused="truncated")
    png = tiff(gradient(300, 300, "uint8", 3), driver="PNG")
    yield File("truncated: png", png[: len(png) // 2], refused="truncated")


def _real() -> Iterator[File]:
    """What four packages ship. Where a file has a CRS and a transform, pyproj says what it shows."""
    for name, data in sorted((real_rasters(WHEELS) | real_rasters(OTHER_WHEELS)).items()):
        with on_disk(data) as path:
            try:
                with rasterio.open(path) as dataset:
                    crs, transform = dataset.crs, dataset.transform
                    width, height, bands = dataset.width, dataset.height, dataset.count
            except rasterio.errors.RasterioIOError:
                continue  # a time series without a grid
        if not bands:
            continue  # several grids or none: a rule has to name one
        if crs is None or transform.is_identity:
            yield File(name, data, refused="no-crs" if crs is None else "no-georeference")
            continue
        yield placed(name, data, Place("", crs.to_wkt(version="WKT2_2019"), transform, width, height))


@contextmanager
def on_disk(data: bytes) -> Iterator[Path]:
    """A file of some content; GDAL goes by its suffix where two drivers open a format."""
    suffix = ".nc" if data.startswith((b"CDF", b"\x89HDF")) else ".tif"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"blob{suffix}"
        path.write_bytes(data)
        yield path


def rio_footprint(file: File, **options: Any) -> Any:
    """rio-stac's, from a file on the disk, as netCDF needs it; with statistics where bytes are missing."""
    if file.refused == "truncated":
        options["with_raster"] = True
    with on_disk(file.data) as path, rasterio.open(path) as dataset:
        return rio_stac.create_stac_item(dataset, input_datetime=ANY_TIME, id="a", **options).geometry


def our_footprint(file: File) -> Any:
    """Ours, as the rule asks."""
    return read_raster(MemoryReader(file.data), dict(file.options)).metadata["footprint"]


WAYS: dict[str, Callable[[File], Any]] = {
    "rio-stac": rio_footprint,
    "rio-stac, 21 points": lambda file: rio_footprint(file, geom_densify_pts=21, geom_precision=7),
    "eventstac": our_footprint,
}


def verdict(way: Callable[[File], Any], file: File) -> str:
    """Right, wrong, or refused: which is right where a file has no place on the Earth, or not all of its bytes."""
    try:
        region = shapely.geometry.shape(way(file))
    except Rejected as error:
        return f"right: {error.reason}" if error.reason == file.refused else f"refused: {error.reason}"
    except EventstacError as error:
        return f"fails ({type(error).__name__})"
    except Exception as error:  # noqa: BLE001  (whatever the other one raises is its answer)
        return ("no footprint" if file.refused else "fails") + f" ({type(error).__name__})"
    if file.refused:
        bounds = ", ".join(f"{value:.4g}" for value in region.bounds)
        return (
            "wrong (a footprint as if nothing was missing)"
            if file.refused == "truncated"
            else f"wrong (made up: {bounds})"
        )
    if not region.is_valid:
        return "wrong (invalid)"
    assert file.seen is not None
    assert file.unseen is not None
    recall = float(shapely.intersects_xy(region, *file.seen).mean())
    wrongly = shapely.contains_xy(region, *file.unseen)
    extra = float(wrongly.mean()) if wrongly.size else 0.0
    return (
        "right" if recall > 0.999 and extra < 0.002 else f"wrong (holds {recall:.1%}, {extra:.1%} too much)"
    )


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    warnings.simplefilter("ignore")
    print("| file | " + " | ".join(WAYS) + " |\n|---|---|---|---|")
    for file in files():
        print(
            f"| {file.name} | " + " | ".join(verdict(way, file) for way in WAYS.values()) + " |", flush=True
        )


if __name__ == "__main__":
    main()
