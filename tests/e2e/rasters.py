"""Small real rasters for end-to-end tests."""

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import MemoryFile


def geotiff(seed: int = 0, size: int = 64, resolution_m: float = 30.0) -> bytes:
    """A UTM int16 GeoTIFF of one band: `size` pixels square, 0 as nodata in its first row."""
    pixels: NDArray[np.int16] = np.random.default_rng(seed).integers(1, 4000, (size, size), dtype=np.int16)
    pixels[0] = 0
    transform = Affine(resolution_m, 0, 500000, 0, -resolution_m, 4500000)
    profile = {"driver": "GTiff", "width": size, "height": size, "count": 1, "dtype": "int16", "nodata": 0}
    with MemoryFile() as memory:
        with memory.open(**profile, crs=CRS.from_epsg(32613), transform=transform) as dataset:
            dataset.write(pixels, 1)
        content: bytes = memory.read()
    return content
