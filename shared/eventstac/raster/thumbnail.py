"""A small PNG or WebP of an image, from the pixels that were read for its statistics."""

import struct
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile

from eventstac.errors import Rejected
from eventstac.raster.options import ThumbnailOptions
from eventstac.raster.sample import Sample

Bytes8 = NDArray[np.uint8]

WEBP_QUALITY = 80  # of 100: a third of the PNG's size on real scenes, and no block to be seen

PERCENTILES_OF = 32 * 1024  # values: enough for a percentile that nobody can tell from the exact one
PNG_LEVEL = 1  # of ISA-L: a quarter of the time of zlib's Huffman codes alone, and no larger
_FLOAT32_RANGE = (-1e38, 1e38)  # sums of a few such values still fit
_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}  # PNG: grey, grey and alpha, RGB, RGB and alpha


def render(dataset: DatasetReader, sample: Sample, options: ThumbnailOptions) -> tuple[bytes, str, list[int]]:
    """An image of at most `options.size` pixels, its media type, height and width; what says nothing is transparent.

    Raises Rejected where the rule wants bands that the file has not.
    """
    pixels = _pixels(dataset, sample, options)
    encoded = (webp(pixels), "image/webp") if options.format == "webp" else (png(pixels), "image/png")
    return *encoded, list(pixels.shape[:2])


def _pixels(dataset: DatasetReader, sample: Sample, options: ThumbnailOptions) -> Bytes8:
    """Rows x columns x (grey, grey and alpha, RGB, or RGB and alpha)."""
    bands = _chosen(dataset, options)
    step = max(1, -(-max(sample.data.shape[1:]) // options.size))
    palette = _palette(dataset, bands[0]) if len(bands) == 1 else None
    if palette is not None:
        indexes, valid = sample.data[bands[0]][::step, ::step], sample.valid[bands[0]]
        colours = palette[np.clip(indexes, 0, len(palette) - 1).astype(np.intp)]
        layers = [colours[..., i] for i in range(3)]
        # Of the same pixel as the colour: classes have no mean, and a neighbour's would be shown as nodata's colour.
        alpha = colours[..., 3] if valid is None else np.where(valid[::step, ::step], colours[..., 3], 0)
    else:
        layers = [_grey(sample, band, step, dataset, options) for band in bands]
        if dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES":
            layers = [255 - layer for layer in layers]  # of scans and plans: 0 is paper, not ink
        alpha = _opacity([sample.valid[band] for band in bands], layers[0].shape, step)
    if (alpha < 255).any():
        layers = [np.where(alpha > 0, layer, 0).astype(np.uint8) for layer in layers] + [alpha]
    return np.stack(layers, axis=-1)


def _opacity(valid: list[NDArray[np.bool_] | None], shape: tuple[int, ...], step: int) -> Bytes8:
    """Transparent where no band says anything: a dark pixel whose blue happens to be the nodata value is none."""
    known = [mask for mask in valid if mask is not None]
    if len(known) < len(valid):
        return np.full(shape, 255, np.uint8)
    return np.where(_thinned_mask(np.logical_or.reduce(known), step), 255, 0).astype(np.uint8)


def png(pixels: Bytes8) -> bytes:
    """Encode rows x columns x (1 to 4) bytes; the same pixels give the same bytes on machines with SSE 4.2."""
    rows, columns, channels = pixels.shape
    flat = pixels.reshape(rows, columns * channels)
    # Each row as differences to the one above (filter 2): it halves most images and costs one subtraction.
    filtered = np.empty((rows, 1 + flat.shape[1]), np.uint8)
    filtered[:, 0], filtered[0, 1:] = 2, flat[0]
    np.subtract(flat[1:], flat[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", columns, rows, 8, _COLOUR_TYPE[channels], 0, 0, 0)
    body = isal_zlib.compress(filtered, PNG_LEVEL)
    chunks = [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def webp(pixels: Bytes8) -> bytes:
    """Encode the same with GDAL's WebP driver, lossy; WebP has no grey, so that is written as RGB."""
    rows, columns, channels = pixels.shape
    colours = pixels[..., :1].repeat(3, axis=-1) if channels < 3 else pixels[..., :3]
    bands = np.moveaxis(colours, -1, 0)
    if channels in (2, 4):
        bands = np.concatenate([bands, pixels[..., -1][np.newaxis]])
    profile = {"driver": "WEBP", "width": columns, "height": rows, "count": len(bands), "dtype": "uint8"}
    with MemoryFile() as memory:
        with memory.open(**profile, QUALITY=WEBP_QUALITY) as image:
            image.write(bands)
        return bytes(memory.read())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", isal_zlib.crc32(kind + data))


def _chosen(dataset: DatasetReader, options: ThumbnailOptions) -> list[int]:
    """0-based bands: the rule's, else red, green and blue by their colours, else the first that is no alpha."""
    if options.bands:
        if not all(1 <= band <= dataset.count for band in options.bands):
            has = f"{dataset.count} band{'s' if dataset.count > 1 else ''}"
            raise Rejected(
                "no-such-band",
                f"the rule's thumbnail.bands is {list(options.bands)}, and the file has {has}: it has no thumbnail. "
                "Name bands of the file, or move `thumbnail` to the `options` of the assets that have these",
            )
        return [band - 1 for band in options.bands]
    colours = list(dataset.colorinterp)
    wanted = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    if all(colour in colours for colour in wanted):
        return [colours.index(colour) for colour in wanted]
    return [next((i for i, colour in enumerate(colours) if colour != ColorInterp.alpha), 0)]


def _palette(dataset: DatasetReader, band: int) -> Bytes8 | None:
    if dataset.colorinterp[band] != ColorInterp.palette:
        return None
    try:
        table = dataset.colormap(band + 1)
    except (ValueError, RasterioError):
        return None
    colours = np.zeros((max(table) + 1, 4), np.uint8)
    for index, colour in table.items():
        colours[index] = colour
    return colours


def _grey(sample: Sample, band: int, step: int, dataset: DatasetReader, options: ThumbnailOptions) -> Bytes8:
    """One band as 0..255; 8-bit colours as they are, everything else stretched between two percentiles."""
    pixels: Any = sample.data[band]
    valid = sample.valid[band]
    if pixels.dtype.kind == "c":
        pixels = np.abs(pixels)
    if pixels.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # a NaN may be a signalling one
            pixels = np.clip(np.nan_to_num(pixels.astype(np.float64)), *_FLOAT32_RANGE)
    values = _thinned(pixels.astype(np.float32), valid, step)
    colour = dataset.colorinterp[band] in (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if options.stretch is None or (sample.data.dtype == np.uint8 and colour):
        return np.clip(np.nan_to_num(values), 0, 255).astype(np.uint8)
    known = pixels.ravel() if valid is None else pixels[valid]
    if not known.size:
        return np.zeros(values.shape, np.uint8)
    # An odd step: an even one would meet the same columns of every row.
    low, high = _percentiles(known[:: known.size // PERCENTILES_OF | 1], options.stretch)
    if not high > low:
        low, high = float(known.min()), float(known.max())
    if not high > low:
        return np.full(values.shape, 128, np.uint8)
    if pixels.dtype.kind == "f":
        values = values.astype(np.float64)  # a difference of two float32 may not fit one
    grey = np.clip(values, low, high)
    grey -= low
    grey *= 255.0 / (high - low)
    return np.minimum(grey, 255, out=grey).astype(np.uint8)


def _percentiles(values: NDArray[Any], wanted: tuple[float, float]) -> tuple[float, float]:
    """What np.percentile gives, for a third of its time: values that are no floats become ones in between."""
    places = [(values.size - 1) * (each / 100) for each in wanted]
    around = [(int(place), min(int(place) + 1, values.size - 1)) for place in places]
    ordered = np.partition(values, sorted({index for pair in around for index in pair}))
    low, high = (
        float(ordered[below]) + (float(ordered[above]) - float(ordered[below])) * (place - below)
        for place, (below, above) in zip(places, around, strict=True)
    )
    return low, high


def _thinned(values: NDArray[np.float32], valid: NDArray[np.bool_] | None, step: int) -> NDArray[np.float32]:
    """Means of step x step pixels, of the valid ones only."""
    if step == 1:
        return values
    count: NDArray[np.float32]
    if valid is None:
        rows, columns = (_sums(np.ones(side, np.float32), step) for side in values.shape)
        count = np.multiply.outer(rows, columns)
    else:
        count = np.maximum(_block_sums(valid.astype(np.float32), step), np.float32(1))
        values = np.where(valid, values, np.float32(0))
    with np.errstate(over="ignore", invalid="ignore"):
        mean: NDArray[np.float32] = _block_sums(values, step) / count
    return mean


def _block_sums(values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Sums of step x step pixels; those at the far edges may be of fewer."""
    return np.ascontiguousarray(_sums(np.ascontiguousarray(_sums(values, step).T), step).T)


def _sums(values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Sums of `step` rows; whole rows at a time, which is many times faster than numpy's reduceat."""
    total = values[::step].copy()
    for first in range(1, step):
        part = values[first::step]
        total[: len(part)] += part
    return total


def _thinned_mask(valid: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    if step == 1:
        return valid
    rows, columns = (np.arange(-(-side // step)) * step for side in valid.shape)
    any_valid: NDArray[np.bool_] = np.logical_or.reduceat(np.logical_or.reduceat(valid, rows, 0), columns, 1)
    return any_valid
