"""Reading an image at its full size as it arrives: all of it, or slabs from all over it."""

import math
from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
from rasterio.windows import Window

from eventstac.raster.limits import pixel_bytes, refuse_too_many
from eventstac.raster.opening import Opened
from eventstac.raster.options import Options
from eventstac.raster.sample import SAMPLE_PIXELS, Chunk, Sample, Thinned, joined_sample, numpy_types
from eventstac.raster.statistics import all_statistics
from eventstac.raster.strips import Slab
from eventstac.raster.valid_pixels import valid_pixels

CHUNK_BYTES = 8 * 1024 * 1024  # decoded at a time; counting values takes four times as much again
MOST_BYTES = 8 * CHUNK_BYTES  # where blocks are larger; no more than GDAL's own cache holds
KEPT_BYTES = 96 * 1024 * 1024  # of all bands of the smaller image, which is joined from its parts: twice that


def read_all(opened: Opened, options: Options) -> Sample:
    """Every pixel, some blocks at a time as they arrive; every n-th pixel is kept for the thumbnail."""
    dataset = opened.dataset
    step = math.ceil(max(dataset.width, dataset.height) / SAMPLE_PIXELS)
    step = max(step, math.ceil(math.sqrt(dataset.width * dataset.height * pixel_bytes(dataset) / KEPT_BYTES)))
    thinned = Thinned(dataset, step)

    def passes() -> Iterator[Iterator[Chunk]]:
        yield _windows(opened, options, thinned)
        yield _windows(opened, options, None)

    statistics = all_statistics(numpy_types(dataset), passes())
    return thinned.sample(statistics)


def _windows(opened: Opened, options: Options, thinned: Thinned | None) -> Iterator[Chunk]:
    dataset = opened.dataset
    for window in windows_of(dataset.width, dataset.height, dataset.block_shapes, pixel_bytes(dataset)):
        opened.await_rows(window.row_off + window.height)
        data = dataset.read(window=window)
        valid = valid_pixels(opened, data, options, window=window)
        if thinned is not None:
            thinned.keep(window, data, valid)
        yield data, valid


def windows_of(
    width: int, height: int, block_shapes: Sequence[tuple[int, int]], each_bytes: int
) -> Iterator[Window]:
    """All of an image in windows, so that each block is decoded once: GDAL keeps too few for the next rows of a wide
    image to find them again. Rows of blocks where one is small enough, else neighbouring blocks of a row.

    `each_bytes`: of one pixel of all bands. A block that is too large itself is decoded again for every MOST_BYTES.
    """
    high = min(height, max(shape[0] for shape in block_shapes))
    across = min(width, max(shape[1] for shape in block_shapes))
    if width * high * each_bytes <= MOST_BYTES:
        columns = width
        high *= max(1, CHUNK_BYTES // (width * high * each_bytes))
        rows = high
    else:
        columns = across * max(1, CHUNK_BYTES // (across * high * each_bytes))
        columns = min(columns, max(1, MOST_BYTES // each_bytes))
        rows = min(high, max(1, MOST_BYTES // (columns * each_bytes)))
    for top in range(0, height, high):
        bottom = min(top + high, height)
        for left in range(0, width, columns):
            for first in range(top, bottom, rows):
                yield Window(left, first, min(columns, width - left), min(rows, bottom - first))


def read_slabs(opened: Opened, options: Options) -> Sample:
    """Rows from all over the image, as they come; of each slab as many are kept as the smaller image has there."""
    dataset, slabs = opened.dataset, opened.slabs
    samples = dataset.width * dataset.count * sum(slab.rows for slab in slabs)
    refuse_too_many(samples, options)
    factor = max(1.0, max(dataset.width, dataset.height) / SAMPLE_PIXELS)
    height, width = (max(1, round(side / factor)) for side in (dataset.height, dataset.width))
    columns = ((np.arange(width) + 0.5) * factor).astype(np.intp).clip(max=dataset.width - 1)
    places = (np.arange(height) + 0.5) * len(slabs) / height  # of the smaller image's rows, in slabs
    kept: list[Chunk] = []

    def first() -> Iterator[Chunk]:
        for index, slab in enumerate(slabs):
            for _ in slab.spans:
                next(coming)
            data, valid = _slab(opened, slab, options)
            rows = ((places[places.astype(np.intp) == index] - index) * slab.rows).astype(np.intp)
            chosen = np.ix_(rows, columns)
            kept.append((data[:, *chosen], tuple(v if v is None else v[chosen] for v in valid)))
            yield data, valid

    again = (_slab(opened, slab, options) for slab in slabs)
    with closing(opened.ranges.preload_each([span for slab in slabs for span in slab.spans])) as coming:
        statistics = all_statistics(numpy_types(dataset), iter([first(), again]))
    return joined_sample(dataset, kept, statistics)


def _slab(opened: Opened, slab: Slab, options: Options) -> Chunk:
    window = Window(0, slab.top, opened.dataset.width, slab.rows)
    data = opened.dataset.read(window=window)
    return data, valid_pixels(opened, data, options, window=window)
