"""Images that are too large to be read, and what to do about them."""

import numpy as np
from rasterio.io import DatasetReader

from eventstac.errors import Rejected
from eventstac.raster.options import Options

MAX_BLOCK_BYTES = 256 * 1024 * 1024  # GDAL decodes a block as a whole; larger ones are refused


def refuse_huge_blocks(dataset: DatasetReader) -> None:
    """Raise Rejected `too-large` where one block is more than is decoded at once."""
    rows, columns = max(dataset.block_shapes, key=lambda shape: shape[0] * shape[1])
    width = pixel_bytes(dataset)
    if rows * columns * width > MAX_BLOCK_BYTES:
        raise Rejected(
            "too-large",
            f"one block of the image has {columns} x {rows} pixels, {rows * columns * width} bytes decoded; the "
            f"limit is {MAX_BLOCK_BYTES}: write the file with tiles (gdal_translate -of COG)",
        )


def refuse_too_many(samples: int, options: Options) -> None:
    """Raise Rejected `too-large` where more samples would be decoded than the rule allows."""
    if samples <= options.max_pixels:
        return
    raise Rejected(
        "too-large",
        f"reading the image would decode {samples} samples; the limit max_pixels is {options.max_pixels}: give the "
        "file overviews (gdaladdo), raise the limit, or let the rule ask for header_only",
    )


def pixel_bytes(dataset: DatasetReader) -> int:
    """How many bytes one pixel of all bands takes, decoded."""
    return sum(_itemsize(name) for name in dataset.dtypes)


def _itemsize(dtype: str) -> int:
    return 4 if dtype == "complex_int16" else np.dtype(dtype).itemsize
