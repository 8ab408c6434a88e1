"""The smaller image that stands for the whole one, and what it is joined from."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rasterio.io import DatasetReader
from rasterio.windows import Window

from eventstac.raster.statistics import BandStatistics, Pixels, Valid
from eventstac.raster.valid_pixels import alpha_band

SAMPLE_PIXELS = 1024  # the longer side of the image that an approximation is made from

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


class Thinned:
    """Every n-th column and row of an image, taken from windows in any order."""

    def __init__(self, dataset: DatasetReader, step: int) -> None:
        self._dataset, self._step = dataset, step
        shape = (-(-dataset.height // step), -(-dataset.width // step))
        self._data = np.zeros((dataset.count, *shape), np.result_type(*numpy_types(dataset)))
        self._valid: list[Valid | None] = [None] * dataset.count

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

    def sample(self, statistics: list[BandStatistics]) -> Sample:
        """What was kept, as that which stands for the whole image."""
        return Sample(self._data, tuple(self._valid), statistics, exact=True, alpha=alpha_band(self._dataset))


def joined_sample(dataset: DatasetReader, kept: list[Chunk], statistics: list[BandStatistics]) -> Sample:
    """The kept rows of all chunks as one image."""
    data = np.concatenate([chunk[0] for chunk in kept], axis=1)
    valid = tuple(
        _joined([(chunk[0][band], chunk[1][band]) for chunk in kept]) for band in range(dataset.count)
    )
    return Sample(data, valid, statistics, exact=False, alpha=alpha_band(dataset))


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
