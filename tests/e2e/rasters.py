"""Small real rasters for end-to-end tests."""

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rio_cogeo.cogeo import cog_translate
from rio_cogeo.profiles import DEFLATEProfile


def geotiff(
    seed: int = 0, size: int = 64, resolution_m: float = 30.0, east: float = 500_000, north: float = 4_500_000
) -> bytes:
    """A UTM int16 GeoTIFF of one band: `size` pixels square, 0 as nodata in its first row."""
    pixels: NDArray[np.int16] = np.random.default_rng(seed).integers(1, 4000, (size, size), dtype=np.int16)
    pixels[0] = 0
    transform = Affine(resolution_m, 0, east, 0, -resolution_m, north)
    profile = {"driver": "GTiff", "width": size, "height": size, "count": 1, "dtype": "int16", "nodata": 0}
    with MemoryFile() as memory:
        with memory.open(**profile, crs=CRS.from_epsg(32613), transform=transform) as dataset:
            dataset.write(pixels, 1)
        content: bytes = memory.read()
    return content


def cog(content: bytes) -> bytes:
    """A Cloud Optimized GeoTIFF of a GeoTIFF, made by rio-cogeo as a converter would.

    The profile is this call's own: to copy one, as `cog_profiles.get` does, empties it for a moment, and other
    threads that copy the same one then have an empty one.
    """
    with MemoryFile(content) as source, source.open() as dataset, MemoryFile() as memory:
        cog_translate(dataset, memory.name, DEFLATEProfile(), in_memory=True, quiet=True)
        made: bytes = memory.read()
    return made


def int16_cog(nodata: int, scale: float, offset: float) -> tuple[bytes, NDArray[np.int16]]:
    """A tiled UTM int16 COG with overviews, scale and offset, a tenth of it without data; and its pixels."""
    rows, columns = np.mgrid[0:1024, 0:1024]
    noise = np.random.default_rng(7).integers(-50, 50, (1024, 1024))
    pixels: NDArray[np.int16] = (1500 + rows / 2 + columns / 4 + noise).astype(np.int16)
    pixels[:, :102] = nodata
    transform = Affine(10, 0, 500_000, 0, -10, 5_400_000)
    profile = {
        "driver": "GTiff",
        "width": 1024,
        "height": 1024,
        "count": 1,
        "dtype": "int16",
        "nodata": nodata,
    }
    with MemoryFile() as memory:
        with memory.open(**profile, crs=CRS.from_epsg(32633), transform=transform) as dataset:
            dataset.write(pixels, 1)
            dataset.scales, dataset.offsets = (scale,), (offset,)
        return cog(memory.read()), pixels
