"""The one read of an image's pixels, from which statistics, the mask and the thumbnail are made."""

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from eventstac.errors import Rejected
from eventstac.raster.bands import nodata_of
from eventstac.raster.opening import Opened, plain, ran_out_of_memory
from eventstac.raster.options import Options
from eventstac.raster.statistics import BandStatistics, Pixels, Valid, all_statistics
from eventstac.raster.strips import Slab
from eventstac.raster.tiff import Directory

SAMPLE_PIXELS = 1024  # the longer side of the image that an approximation is made from
CHUNK_BYTES = 8 * 1024 * 1024  # decoded at a time; counting values takes four times as much again
MAX_BLOCK_BYTES = 256 * 1024 * 1024  # GDAL decodes a block as a whole; larger ones are refused
MAX_LEVEL_BYTES = 64 * 1024 * 1024  # of an overview, compressed, that is fetched in one request

Chunk = tuple[Pixels, tuple[Valid | None, ...]]


@dataclass
class Sample:
    """A smaller image of the whole: (bands, rows, columns), the valid pixels of each band, and the statistics."""

    data: Pixels
    valid: tuple[Valid | None, ...]
    statistics: list[BandStatistics] = field(default_factory=list)
    exact: bool = False
    alpha: int | None = None

    @property
    def data_masks(self) -> tuple[Valid | None, ...]:
        """The valid pixels of the bands that hold data: all but the one that says how opaque they are."""
        return tuple(mask for band, mask in enumerate(self.valid) if band != self.alpha)


def read_sample(opened: Opened, options: Options) -> Sample:
    """Read every pixel where all bytes are here and the limit allows it, else slabs, or a level near 1024 pixels.

    Raises Rejected `too-large` for what cannot be read within the limits, `bad-raster` for blocks that do not decode,
    and the reader's own error where the storage failed.
    """
    dataset = opened.dataset
    _refuse_huge_blocks(dataset)
    samples = dataset.width * dataset.height * dataset.count
    try:
        if opened.slabs:
            return _read_slabs(opened, options)
        if (
            opened.local
            and samples <= options.max_pixels
            and (options.exact_statistics or _is_cheap(opened, samples))
        ):
            return _read_all(opened, options)
        opened.await_rows(None)
        return _read_level(opened, options)
    except RasterioError as error:
        if opened.ranges.error is not None:
            raise opened.ranges.error from error
        if ran_out_of_memory(error):
            raise Rejected(
                "too-large", f"there is not enough memory for a block of the image: {plain(error)}"
            ) from error
        raise Rejected(
            "bad-raster",
            f"the header is right, but a block of the image does not decode: {plain(error.__cause__ or error)}",
        ) from error


def _is_cheap(opened: Opened, samples: int) -> bool:
    """Exact statistics for free: nothing to fetch, and no overview that would spare decoding very much."""
    return not opened.dataset.overviews(1) or samples <= 64_000_000


def _refuse_huge_blocks(dataset: DatasetReader) -> None:
    rows, columns = max(dataset.block_shapes, key=lambda shape: shape[0] * shape[1])
    width = sum(_itemsize(name) for name in dataset.dtypes)
    if rows * columns * width > MAX_BLOCK_BYTES:
        raise Rejected(
            "too-large",
            f"one block of the image has {columns} x {rows} pixels, {rows * columns * width} bytes decoded; the "
            f"limit is {MAX_BLOCK_BYTES}: write the file with tiles (gdal_translate -of COG)",
        )


def _itemsize(dtype: str) -> int:
    return 4 if dtype == "complex_int16" else np.dtype(dtype).itemsize


def _read_all(opened: Opened, options: Options) -> Sample:
    """Every pixel, a strip of blocks at a time as they arrive; every n-th pixel is kept for the thumbnail."""
    dataset = opened.dataset
    step = max(1, math.ceil(max(dataset.width, dataset.height) / SAMPLE_PIXELS))
    kept: list[Chunk] = []

    def passes() -> Iterator[Iterator[Chunk]]:
        yield _strips(opened, options, step, kept)
        yield _strips(opened, options, step, None)

    statistics = all_statistics(_numpy_types(dataset), passes())
    return _sample(dataset, kept, statistics, exact=True)


def _slab(opened: Opened, slab: Slab, options: Options) -> Chunk:
    window = Window(0, slab.top, opened.dataset.width, slab.rows)
    data = opened.dataset.read(window=window)
    return data, _valid(opened, data, options, window=window)


def _sample(
    dataset: DatasetReader, kept: list[Chunk], statistics: list[BandStatistics], *, exact: bool
) -> Sample:
    data = np.concatenate([chunk[0] for chunk in kept], axis=1)
    valid = tuple(
        _joined([(chunk[0][band], chunk[1][band]) for chunk in kept]) for band in range(dataset.count)
    )
    return Sample(data, valid, statistics, exact, _alpha(dataset))


def _read_slabs(opened: Opened, options: Options) -> Sample:
    """Rows from all over the image, as they come; of each slab as many are kept as the smaller image has there."""
    dataset, slabs = opened.dataset, opened.slabs
    samples = dataset.width * dataset.count * sum(slab.rows for slab in slabs)
    if samples > options.max_pixels:
        raise _too_many(samples, options)
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
        statistics = all_statistics(_numpy_types(dataset), iter([first(), again]))
    return _sample(dataset, kept, statistics, exact=False)


def _joined(parts: list[tuple[Pixels, Valid | None]]) -> Valid | None:
    """The valid pixels of all parts together; None where every pixel of every part is."""
    if all(valid is None for _, valid in parts):
        return None
    return np.concatenate([np.ones(data.shape, bool) if valid is None else valid for data, valid in parts])


def _strips(opened: Opened, options: Options, step: int, kept: list[Chunk] | None) -> Iterator[Chunk]:
    dataset = opened.dataset
    block_rows = max(shape[0] for shape in dataset.block_shapes)
    row_bytes = dataset.width * sum(_itemsize(name) for name in dataset.dtypes)
    rows = max(1, CHUNK_BYTES // max(1, row_bytes))
    rows = (
        max(block_rows, rows // block_rows * block_rows) if row_bytes * block_rows < 8 * CHUNK_BYTES else rows
    )
    for top in range(0, dataset.height, rows):
        window = Window(0, top, dataset.width, min(rows, dataset.height - top))
        opened.await_rows(min(top + rows, dataset.height))
        data = dataset.read(window=window)
        valid = _valid(opened, data, options, window=window)
        if kept is not None:
            first = -top % step
            kept.append(
                (
                    data[:, first::step, ::step].copy(),
                    tuple(v if v is None else v[first::step, ::step].copy() for v in valid),
                )
            )
        yield data, valid


def _read_level(opened: Opened, options: Options) -> Sample:
    """One overview, or a thinned-out read where there is none."""
    dataset = opened.dataset
    height, width = _level_shape(opened)
    decoded = _decoded_samples(dataset, height, width)
    if decoded > options.max_pixels:
        raise _too_many(decoded, options)
    _preload(opened, height, width)
    data = dataset.read(out_shape=(dataset.count, height, width))
    valid = _valid(opened, data, options, out_shape=(height, width))

    def passes() -> Iterator[Iterator[Chunk]]:
        while True:
            yield iter([(data, valid)])

    statistics = all_statistics(_numpy_types(dataset), passes())
    whole = (height, width) == (dataset.height, dataset.width)
    return Sample(data, valid, statistics, exact=whole, alpha=_alpha(dataset))


def _too_many(samples: int, options: Options) -> Rejected:
    return Rejected(
        "too-large",
        f"reading the image would decode {samples} samples; the limit max_pixels is {options.max_pixels}: give the "
        "file overviews (gdaladdo), raise the limit, or let the rule ask for header_only",
    )


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


def _numpy_type(name: str) -> str:
    return "complex64" if name in ("complex_int16", "complex_int32") else name


def _numpy_types(dataset: DatasetReader) -> tuple[np.dtype[Any], ...]:
    return tuple(np.dtype(_numpy_type(name)) for name in dataset.dtypes)


def _valid(opened: Opened, data: Pixels, options: Options, **read: Any) -> tuple[Valid | None, ...]:
    """Which pixels of each band say something: nodata, alpha and mask, and for floats finite numbers only."""
    dataset = opened.dataset
    main = opened.tiff.main if opened.tiff else None
    alpha = _alpha(dataset)
    shared = None if alpha is None else data[alpha] > 0
    masks: list[Valid | None] = []
    for index, flags in enumerate(dataset.mask_flag_enums):
        if index == alpha:
            masks.append(None)
            continue
        pixels = data[index]
        valid: Valid | None = None
        nodata = nodata_of(dataset, index, options.nodata, main)
        if nodata is not None:
            valid = _unlike(pixels, nodata)
        if shared is None and MaskFlags.per_dataset in flags:
            shared = dataset.read_masks(index + 1, **read) > 0
        if shared is not None:
            valid = shared if valid is None else valid & shared
        if pixels.dtype.kind in "fc":
            finite = np.isfinite(pixels)
            if not finite.all():
                valid = finite if valid is None else valid & finite
        masks.append(valid)
    return tuple(masks)


def _alpha(dataset: DatasetReader) -> int | None:
    """The band (0-based) that says how opaque the others are: GDAL leaves it out where a nodata value is stated too."""
    colours = dataset.colorinterp
    mixed = ColorInterp.alpha in colours and {*colours} != {ColorInterp.alpha}
    return colours.index(ColorInterp.alpha) if mixed else None


def _unlike(pixels: Pixels, nodata: float) -> Valid:
    if isinstance(nodata, float) and math.isnan(nodata):
        return ~np.isnan(pixels)
    if pixels.dtype.kind == "f":
        with np.errstate(over="ignore"):
            stored = pixels.dtype.type(nodata)  # -3.4e38 in a text tag is meant as the float32 nearest to it
        near = np.isclose(pixels, stored, rtol=1e-6, atol=0) if abs(nodata) > 1e30 else pixels == stored
        different: Valid = ~near
        return different
    unlike: Valid = pixels != pixels.dtype.type(nodata)
    return unlike
