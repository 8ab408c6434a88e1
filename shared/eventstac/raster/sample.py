"""The smaller image that stands for the whole one, and what it is joined from."""

from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from eventstac.raster.statistics import BandStatistics, Pixels, Valid
from eventstac.raster.valid_pixels import alpha_band

SAMPLE_PIXELS = 1024  # the longer side of the image that an approximation is made from
_MOST_STRAYS = 0.01  # of the pixels that hold data: the most that are taken for strays in the fill

Chunk = tuple[Pixels, tuple[Valid | None, ...]]


@dataclass
class Sample:
    """A smaller image of the whole: (bands, rows, columns), the valid pixels of each band, and the statistics.

    `held`: the pixels that hold data, None where all do; where all of the image was read, those where enough do.
    """

    data: Pixels
    valid: tuple[Valid | None, ...]
    held: Valid | None
    statistics: list[BandStatistics] = field(default_factory=list)
    exact: bool = False


def held_by(valid: tuple[Valid | None, ...], alpha: int | None) -> Valid | None:
    """The pixels that are valid in any band that holds data, not the one that says how opaque they are; None: all."""
    found = [mask for band, mask in enumerate(valid) if band != alpha]
    masks = [mask for mask in found if mask is not None]
    return reduce(np.logical_or, masks) if len(masks) == len(found) else None


class Thinned:
    """Every n-th column and row of an image, taken from windows in any order."""

    def __init__(self, dataset: DatasetReader, step: int) -> None:
        self._step, self._alpha = step, alpha_band(dataset)
        self._narrow = min(dataset.height, dataset.width)
        shape = (-(-dataset.height // step), -(-dataset.width // step))
        self._data = np.zeros((dataset.count, *shape), np.result_type(*numpy_types(dataset)))
        self._valid: list[Valid | None] = [None] * dataset.count
        self._held = np.zeros(shape, np.uint32)  # how many of the pixels that each stands for hold data

    def keep(self, window: Window, data: Pixels, valid: tuple[Valid | None, ...]) -> None:
        """Take of a window what stays; `valid`: of its bands."""
        step = self._step
        rows, columns = slice(-window.row_off % step, None, step), slice(-window.col_off % step, None, step)
        kept = data[:, rows, columns]
        top, left = -(-window.row_off // step), -(-window.col_off // step)
        place = slice(top, top + kept.shape[1]), slice(left, left + kept.shape[2])
        self._data[:, *place] = kept
        for band, mask in enumerate(valid):
            if mask is not None:
                all_valid = self._valid[band]
                if all_valid is None:
                    all_valid = self._valid[band] = np.ones(self._data.shape[1:], bool)
                all_valid[place] = mask[rows, columns]
        self._count(window, held_by(valid, self._alpha))

    def _count(self, window: Window, held: Valid | None) -> None:
        """Count of a window the pixels that hold data, also those beside the ones that stay."""
        step, sizes = self._step, self._sizes(window)
        (top, above), (left, before) = divmod(window.row_off, step), divmod(window.col_off, step)
        high, wide = sizes.shape
        place = self._held[top : top + high, left : left + wide]
        if held is None:
            place += sizes
            return
        whole = np.zeros((high * step, wide * step), bool)
        whole[above:, before:][: window.height, : window.width] = held
        rows = whole.reshape(high, step, -1).sum(axis=1, dtype=np.uint32)
        for column in range(step):  # much sooner done than a sum over so few at a time
            place += rows[:, column::step]

    def _sizes(self, window: Window) -> NDArray[np.uint32]:
        """For how many pixels of a window each of those stands that are kept."""
        rows, columns = (
            np.bincount(np.arange(first, first + length) // self._step - first // self._step)
            for first, length in ((window.row_off, window.height), (window.col_off, window.width))
        )
        return np.outer(rows, columns).astype(np.uint32)

    def sample(self, statistics: list[BandStatistics]) -> Sample:
        """What was kept, as that which stands for the whole image."""
        return Sample(self._data, tuple(self._valid), self._without_strays(), statistics, exact=True)

    def _without_strays(self) -> Valid:
        """Where data lie: a strip of one pixel, at any slope, has 2 n + 1 in 3 n by 3 n; a stray pixel is alone there.
        (A strip across an image that is narrower than that has as many as the image is wide.)

        Fewer has a strip at its ends, or a ragged edge: they lie beside such a place. Where those left out are too many
        to be strays, any pixel counts: data may be that sparse.
        """
        count = self._held
        many = (count > 0) & (around(count) > min(2 * self._step, self._narrow - 1))
        kept = (count > 0) & around(many)
        return kept if count[~kept].sum() <= _MOST_STRAYS * count.sum() else count > 0


def around(cells: NDArray[Any]) -> NDArray[Any]:
    """The sum of each cell and the eight around it; of truths, whether any of them is."""
    padded: NDArray[Any] = np.pad(cells, 1)
    rows: NDArray[Any] = padded[:-2] + padded[1:-1] + padded[2:]
    around: NDArray[Any] = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return around


def joined_sample(dataset: DatasetReader, kept: list[Chunk], statistics: list[BandStatistics]) -> Sample:
    """The kept rows of all chunks as one image."""
    data = np.concatenate([chunk[0] for chunk in kept], axis=1)
    valid = tuple(
        _joined([(chunk[0][band], chunk[1][band]) for chunk in kept]) for band in range(dataset.count)
    )
    return Sample(data, valid, held_by(valid, alpha_band(dataset)), statistics, exact=False)


def _joined(parts: list[tuple[Pixels, Valid | None]]) -> Valid | None:
    """The valid pixels of all parts together; None where every pixel of every part is."""
    if all(valid is None for _, valid in parts):
        return None
    return np.concatenate([np.ones(data.shape, bool) if valid is None else valid for data, valid in parts])


def numpy_types(dataset: DatasetReader) -> tuple[np.dtype[Any], ...]:
    """What the bands' pixels are once they are read: complex integers become floats."""
    return tuple(np.dtype(_numpy_type(name)) for name in dataset.dtypes)


def _numpy_type(name: str) -> str:
    return "complex64" if name in ("complex_int16", "complex_int32") else name
