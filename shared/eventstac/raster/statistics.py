"""Statistics of bands: exact over every pixel where the bytes are here, else of one overview."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
Valid = NDArray[np.bool_]

BUCKETS = 10
# Values: bincount widens them to 64 bits, which then still fit a processor's cache.
COUNTED_AT_ONCE = 256 * 1024


@dataclass
class BandStatistics:
    """Collects one band chunk by chunk; the histogram of wide types takes a second pass (`wants_second_pass`)."""

    dtype: np.dtype[Any]
    pixels: int = 0
    count: int = 0
    minimum: Any = None
    maximum: Any = None
    # Of 64-bit integers the mean is counted from their first minimum: a float has 53 bits, and loses them far from 0.
    _origin: int = 0
    _mean: float = 0.0
    _squares: float = 0.0
    _counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    _buckets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BUCKETS, np.int64))

    @property
    def _is_narrow(self) -> bool:
        return self.dtype.kind in "iu" and self.dtype.itemsize <= 2

    @property
    def _is_wide_integer(self) -> bool:
        return self.dtype.kind in "iu" and self.dtype.itemsize == 8

    @property
    def wants_second_pass(self) -> bool:
        """Whether `add_histogram` must see every chunk again, the range being known only now."""
        return self.count > 0 and not self._is_narrow and self.dtype.kind != "c"

    def add(self, data: Pixels, valid: Valid | None) -> None:
        """Take one chunk in; `valid` is False for pixels that say nothing (None: all say something)."""
        self.pixels += data.size
        if self._is_narrow:
            self._add_narrow(data, valid)
            return
        values = data.ravel() if valid is None else data[valid]
        if data.dtype.kind in "fc":
            finite = np.isfinite(values)
            if not finite.all():
                values = values[finite]
        if not values.size:
            return
        if self.dtype.kind == "c":
            self.count += values.size
            return
        self._merge(values)

    def _add_narrow(self, data: Pixels, valid: Valid | None) -> None:
        """8 and 16 bits: one count per value gives everything, exactly and five times faster."""
        unsigned = data.view(f"u{self.dtype.itemsize}")
        values = unsigned.ravel() if valid is None else unsigned[valid]
        for start in range(0, values.size, COUNTED_AT_ONCE):
            more, fewer = np.bincount(values[start : start + COUNTED_AT_ONCE]), self._counts
            if more.size < fewer.size:
                more, fewer = fewer, more
            more[: fewer.size] += fewer
            self._counts = more
        self.count += values.size

    def _merge(self, values: Pixels) -> None:
        low, high = values.min(), values.max()
        if self._is_wide_integer and self.minimum is None:
            self._origin = int(low)
        self.minimum = low if self.minimum is None else min(self.minimum, low)
        self.maximum = high if self.maximum is None else max(self.maximum, high)
        # Chan's combination of two samples' means and squared deviations: no difference of large sums.
        with np.errstate(over="ignore", invalid="ignore"):
            wide = (
                _counted_from(self._origin, values) if self._origin else values.astype(np.float64, copy=False)
            )
            mean = float(wide.mean())
            squares = float(((wide - mean) ** 2).sum())
            total = self.count + values.size
            delta = mean - self._mean
            self._mean += delta * values.size / total
            self._squares += squares + delta * delta * self.count * values.size / total
        self.count = total

    def add_histogram(self, data: Pixels, valid: Valid | None) -> None:
        """Second pass: sort one chunk's values into the buckets between minimum and maximum."""
        values = data.ravel() if valid is None else data[valid]
        if data.dtype.kind == "f":
            values = values[np.isfinite(values)]
        if values.size:
            counted = _counted_from(int(self.minimum), values) if self._is_wide_integer else values
            self._buckets += _bucket_counts(counted, self._edges())

    def _edges(self) -> NDArray[np.float64]:
        """Between minimum and maximum; of 64-bit integers, counted from the minimum."""
        low, high = float(self.minimum), float(self.maximum)
        if self._is_wide_integer:
            low, high = 0.0, float(int(self.maximum) - int(self.minimum))
        if low == high:
            low, high = low - 0.5, high + 0.5
        with np.errstate(over="ignore"):
            # Halves first: the range of the widest floats does not fit one.
            return 2 * np.linspace(low / 2, high / 2, BUCKETS + 1)

    def result(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """STAC's `statistics` object (numbers in the file's own units), and `raster:histogram` or None."""
        if self.pixels == 0:
            return {}, None
        percent = round(100.0 * self.count / self.pixels, 4)
        if self.count == 0:
            return {"valid_percent": 0}, None
        if self.dtype.kind == "c":
            return {"count": self.count, "valid_percent": _short(percent)}, None
        if self._is_narrow:
            self._from_counts()
        stated = {
            "minimum": _number(self.minimum),
            "maximum": _number(self.maximum),
            "mean": _far(self._origin, self._mean, round) if self._origin else _number(self._mean),
            "stddev": _number(
                np.sqrt(np.maximum(0.0, self._squares) / self.count)
            ),  # NaN where they overflowed
            "count": self.count,
            "valid_percent": _short(percent),
        }
        return {k: v for k, v in stated.items() if v is not None}, self._histogram()

    def _from_counts(self) -> None:
        unsigned = np.flatnonzero(self._counts)
        values = unsigned.astype(f"u{self.dtype.itemsize}").view(self.dtype).astype(np.int64)
        weights = self._counts[unsigned]
        self.minimum, self.maximum = int(values.min()), int(values.max())
        self._mean = int((values * weights).sum()) / self.count
        self._squares = float((weights * (values - self._mean) ** 2).sum())
        self._buckets = _bucket_counts(values, self._edges(), weights)

    def _histogram(self) -> dict[str, Any] | None:
        edges = self._edges()
        low, high = _number(edges[0]), _number(edges[-1])
        if self._is_wide_integer:
            least = int(self.minimum)
            low, high = _far(least, edges[0], math.floor), _far(least, edges[-1], math.ceil)
            if least < int(self.maximum) and abs(int(self.maximum)) >= 2**52:
                high = int(self.maximum)
        if low is None or high is None or not self._buckets.any():
            return None
        return {"count": BUCKETS, "min": low, "max": high, "buckets": [int(n) for n in self._buckets]}


def _bucket_counts(
    values: Pixels, edges: NDArray[np.float64], weights: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """How many values lie in each half-open bucket, the last one closed."""
    index = np.clip(np.searchsorted(edges, values.astype(np.float64), side="right") - 1, 0, BUCKETS - 1)
    return np.bincount(index, weights=weights, minlength=BUCKETS).astype(np.int64)


def _counted_from(origin: int, values: Pixels) -> NDArray[np.float64]:
    """How far 64-bit integers are from one of them: exactly, where they are less than 2**53 apart."""
    least, most = int(values.min()) - origin, int(values.max()) - origin
    if least < -(2**63) or most >= 2**63:
        return values.astype(np.float64) - float(origin)
    # Differences modulo 2**64 are right whatever the sign.
    return (values.view(np.uint64) - np.uint64(origin % 2**64)).view(np.int64).astype(np.float64)


def _far(origin: int, distance: float, to_integer: Callable[[Fraction], int]) -> float | int:
    """A number so far from an integer: a float where that is finer than integers are, else an integer."""
    exact = origin + Fraction(distance)
    return float(exact) if abs(exact) < 2**52 else to_integer(exact)


def _short(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _number(value: Any) -> float | int | None:
    """A JSON number: integers stay integers, floats in the digits of their own type; None for what JSON has not."""
    if isinstance(value, np.float32) and not (value.is_integer() and abs(value) < 2**53):
        value = float(str(value))  # the shortest text, not its 17 digits as a double; integers have no other
    if isinstance(value, (int, np.integer)):
        return int(value)
    return float(value) if math.isfinite(value) else None


def all_statistics(
    dtypes: tuple[np.dtype[Any], ...], passes: Iterator[Iterator[tuple[Pixels, tuple[Valid | None, ...]]]]
) -> list[BandStatistics]:
    """Statistics of every band from chunks (bands, rows, columns), each with its bands' valid pixels.

    `passes` gives an iterator of chunks each time it is asked: once or twice.
    """
    bands = [BandStatistics(dtype) for dtype in dtypes]
    for data, valid in next(passes):
        for band, pixels, mask in zip(bands, data, valid, strict=True):
            band.add(pixels.astype(band.dtype, copy=False), mask)
    again = [band.wants_second_pass for band in bands]
    if any(again):
        for data, valid in next(passes):
            for band, pixels, mask, wanted in zip(bands, data, valid, again, strict=True):
                if wanted:
                    band.add_histogram(pixels.astype(band.dtype, copy=False), mask)
    return bands
