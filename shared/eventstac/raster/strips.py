"""Which strips of a large TIFF stand for all of it: runs of rows, evenly spaced from its top to its bottom."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eventstac.raster.tiff import Directory, Tiff

REQUESTS = 128  # of one image, its planes together
SLAB_BYTES = 128 * 1024  # a request of this size takes hardly longer than one of a row
SAMPLE_BYTES = 64 * 1024 * 1024  # fewer slabs where they would be more
FEWEST = 32  # slabs of an image: with fewer, chance decides what is seen
MOST_OF_THE_FILE = 1 / 4  # otherwise all of it is worth its bytes: they give a hash and exact statistics
_GAP_BYTES = 64 * 1024  # between strips that come in one request all the same

Span = tuple[int, int]  # offset and length


@dataclass(frozen=True)
class Slab:
    """Rows [top, top + rows) of an image, and where their bytes lie."""

    top: int
    rows: int
    spans: tuple[Span, ...]


def slabs_of(structure: Tiff, size: int) -> tuple[Slab, ...]:
    """The slabs to read of a file of `size` bytes; none where reading all of it is better, or the only way."""
    image = structure.main
    if len(structure.directories) > 1 or image.is_tiled or image.strip_rows <= 0:
        return ()
    strips = -(-image.height // image.strip_rows)
    planes, left_over = divmod(len(image.block_offsets), strips)
    if left_over or not planes:
        return ()
    mean_bytes = max(1, image.data_bytes // strips)  # of one strip of all planes
    count = min(REQUESTS // planes, strips // 4, max(FEWEST, SAMPLE_BYTES // mean_bytes))
    if count < FEWEST:
        return ()
    run = max(1, min(SLAB_BYTES // mean_bytes, strips // count // 4))
    slabs = tuple(
        _slab(image, strips, planes, round((index + 0.5) * strips / count - run / 2), run)
        for index in range(count)
    )
    requests = sum(len(slab.spans) for slab in slabs)
    wanted = sum(length for slab in slabs for _, length in slab.spans)
    return slabs if requests <= 2 * REQUESTS and wanted <= size * MOST_OF_THE_FILE else ()


def _slab(image: Directory, strips: int, planes: int, first: int, run: int) -> Slab:
    first = max(0, min(first, strips - run))
    top = first * image.strip_rows
    index = np.arange(first, first + run) + strips * np.arange(planes)[:, np.newaxis]
    offsets, lengths = image.block_offsets[index.ravel()], image.block_bytes[index.ravel()]
    return Slab(top, min(run * image.strip_rows, image.height - top), _joined(offsets, lengths))


def _joined(offsets: NDArray[np.int64], lengths: NDArray[np.int64]) -> tuple[Span, ...]:
    """Blocks as few spans; those without bytes are holes."""
    runs: list[list[int]] = []
    for start, length in sorted(zip(offsets.tolist(), lengths.tolist(), strict=True)):
        if not length:
            continue
        if runs and start - runs[-1][1] <= _GAP_BYTES:
            runs[-1][1] = max(runs[-1][1], start + length)
        else:
            runs.append([start, start + length])
    return tuple((start, end - start) for start, end in runs)
