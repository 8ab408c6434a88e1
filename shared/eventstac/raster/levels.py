"""Reading one level of an image: the overview whose longer side is nearest to 1024 pixels."""

import math
from collections.abc import Iterator

from rasterio.io import DatasetReader

from eventstac.raster.limits import refuse_too_many
from eventstac.raster.opening import Opened
from eventstac.raster.options import Options
from eventstac.raster.sample import SAMPLE_PIXELS, Chunk, Sample, held_by, numpy_types
from eventstac.raster.statistics import all_statistics
from eventstac.raster.tiff import Directory
from eventstac.raster.valid_pixels import alpha_band, valid_pixels

MAX_LEVEL_BYTES = 64 * 1024 * 1024  # of an overview, compressed, that is fetched in one request


def read_level(opened: Opened, options: Options) -> Sample:
    """One overview, or a thinned-out read where there is none."""
    dataset = opened.dataset
    height, width = _level_shape(opened)
    decoded = _decoded_samples(dataset, height, width)
    refuse_too_many(decoded, options)
    _preload(opened, height, width)
    data = dataset.read(out_shape=(dataset.count, height, width))
    valid = valid_pixels(opened, data, options, out_shape=(height, width))

    def passes() -> Iterator[Iterator[Chunk]]:
        while True:
            yield iter([(data, valid)])

    statistics = all_statistics(numpy_types(dataset), passes())
    whole = (height, width) == (dataset.height, dataset.width)
    return Sample(data, valid, held_by(valid, alpha_band(dataset)), statistics, exact=whole)


def _level_shape(opened: Opened) -> tuple[int, int]:
    """Rows and columns of the level whose longer side is nearest to 1024 pixels, by ratio."""
    dataset = opened.dataset
    shapes = [(dataset.height, dataset.width)]
    if opened.tiff is not None:
        shapes += [(d.height, d.width) for d in opened.tiff.overviews if d.width < dataset.width]
    else:
        shapes += [(-(-dataset.height // f), -(-dataset.width // f)) for f in dataset.overviews(1)]
    nearest = min(shapes, key=lambda shape: abs(math.log(max(shape) / SAMPLE_PIXELS)))
    if max(nearest) <= 4 * SAMPLE_PIXELS:
        return nearest
    factor = max(nearest) / SAMPLE_PIXELS
    return max(1, round(nearest[0] / factor)), max(1, round(nearest[1] / factor))


def _decoded_samples(dataset: DatasetReader, height: int, width: int) -> int:
    """How many samples GDAL decodes for a read of this size: those of the smallest level that is large enough."""
    factors = [f for f in (1, *dataset.overviews(1)) if dataset.width / f >= width - 1]
    factor = max(factors, default=1)
    return int((dataset.width // factor) * (dataset.height // factor) * dataset.count)


def _preload(opened: Opened, height: int, width: int) -> None:
    """Fetch a level's blocks, and its mask's, in one request where they lie together."""
    if opened.tiff is None or opened.local:
        return
    levels = [d for d in opened.tiff.directories if (d.height, d.width) == (height, width)]
    spans = sorted(d.data_range() for d in levels if d.data_bytes)
    wanted = sum(d.data_bytes for d in levels)
    if not spans:
        return
    start, end = spans[0][0], max(stop for _, stop in spans)
    if end - start <= min(MAX_LEVEL_BYTES, wanted * 2 + 1024 * 1024):
        opened.ranges.preload(start, end)
        return
    for level in levels:
        _preload_blocks(opened, level)


def _preload_blocks(opened: Opened, level: Directory) -> None:
    """A level that is scattered through the file: its blocks in runs, small gaps included."""
    present = level.block_bytes > 0
    runs: list[list[int]] = []
    for start, length in sorted(zip(level.block_offsets[present], level.block_bytes[present], strict=True)):
        if runs and start - runs[-1][1] <= 256 * 1024 and start + length - runs[-1][0] <= MAX_LEVEL_BYTES:
            runs[-1][1] = max(runs[-1][1], int(start + length))
        else:
            runs.append([int(start), int(start + length)])
    for first, last in runs:
        opened.ranges.preload(first, last)
