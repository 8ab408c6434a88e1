"""Reading rows of an image at its full size as they arrive: all of them, or slabs from all over it."""

import math
from collections.abc import Iterator
from contextlib import closing

import numpy as np
from rasterio.windows import Window

from eventstac.raster.limits import pixel_bytes, refuse_too_many
from eventstac.raster.opening import Opened
from eventstac.raster.options import Options
from eventstac.raster.sample import SAMPLE_PIXELS, Chunk, Sample, joined_sample, numpy_types
from eventstac.raster.statistics import all_statistics
from eventstac.raster.strips import Slab
from eventstac.raster.valid_pixels import valid_pixels

CHUNK_BYTES = 8 * 1024 * 1024  # decoded at a time; counting values takes four times as much again
KEPT_BYTES = 96 * 1024 * 1024  # of all bands of the smaller image, which is joined from its parts: twice that


def read_all(opened: Opened, options: Options) -> Sample:
    """Every pixel, a strip of blocks at a time as they arrive; every n-th pixel is kept for the thumbnail."""
    dataset = opened.dataset
    step = math.ceil(max(dataset.width, dataset.height) / SAMPLE_PIXELS)
    step = max(step, math.ceil(math.sqrt(dataset.width * dataset.height * pixel_bytes(dataset) / KEPT_BYTES)))
    kept: list[Chunk] = []

    def passes() -> Iterator[Iterator[Chunk]]:
        yield _strips(opened, options, step, kept)
        yield _strips(opened, options, step, None)

    statistics = all_statistics(numpy_types(dataset), passes())
    return joined_sample(dataset, kept, statistics, exact=True)


def _strips(opened: Opened, options: Options, step: int, kept: list[Chunk] | None) -> Iterator[Chunk]:
    dataset = opened.dataset
    block_rows = max(shape[0] for shape in dataset.block_shapes)
    row_bytes = dataset.width * pixel_bytes(dataset)
    rows = max(1, CHUNK_BYTES // max(1, row_bytes))
    rows = (
        max(block_rows, rows // block_rows * block_rows) if row_bytes * block_rows < 8 * CHUNK_BYTES else rows
    )
    for top in range(0, dataset.height, rows):
        window = Window(0, top, dataset.width, min(rows, dataset.height - top))
        opened.await_rows(min(top + rows, dataset.height))
        data = dataset.read(window=window)
        valid = valid_pixels(opened, data, options, window=window)
        if kept is not None:
            first = -top % step
            kept.append(
                (
                    data[:, first::step, ::step].copy(),
                    tuple(v if v is None else v[first::step, ::step].copy() for v in valid),
                )
            )
        yield data, valid


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
    return joined_sample(dataset, kept, statistics, exact=False)


def _slab(opened: Opened, slab: Slab, options: Options) -> Chunk:
    window = Window(0, slab.top, opened.dataset.width, slab.rows)
    data = opened.dataset.read(window=window)
    return data, valid_pixels(opened, data, options, window=window)
