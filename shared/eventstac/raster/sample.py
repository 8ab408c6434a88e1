"""The smaller image that stands for the whole one, and what it is joined from."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rasterio.io import DatasetReader

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


def joined_sample(
    dataset: DatasetReader, kept: list[Chunk], statistics: list[BandStatistics], *, exact: bool
) -> Sample:
    """The kept rows of all chunks as one image."""
    data = np.concatenate([chunk[0] for chunk in kept], axis=1)
    valid = tuple(
        _joined([(chunk[0][band], chunk[1][band]) for chunk in kept]) for band in range(dataset.count)
    )
    return Sample(data, valid, statistics, exact, alpha_band(dataset))


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
