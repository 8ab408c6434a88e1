"""A file that is read while it arrives gives the same answers as one that is there."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from eventstac.errors import BlobChanged, EventstacError, Rejected, Transient
from eventstac.raster import arriving, opening
from eventstac.raster.arriving import Arriving
from eventstac.raster.extract import read_in_process
from tests.unit.raster.corpus import gradient, tiff
from tests.unit.raster.readers import MemoryReader

CHUNK_BYTES = 32 * 1024


class GrudgingReader(MemoryReader):
    """Streams no byte that nobody waits for, rounded up to a chunk; `ends` is how the stream ends."""

    def __init__(self, data: bytes, ends: EventstacError | int | None = None) -> None:
        super().__init__(data)
        self.ends = ends
        self.allowed = 0
        self.closed = False
        self.changed = threading.Condition()

    def allow(self, end: int) -> None:
        with self.changed:
            self.allowed = max(self.allowed, end)
            self.changed.notify_all()

    def is_allowed(self, start: int) -> bool:
        return self.allowed > start

    def stream(self, chunk_bytes: int = 4 * 1024 * 1024) -> Iterator[bytes]:
        try:
            for start in range(0, len(self.data), CHUNK_BYTES):
                with self.changed:
                    assert self.changed.wait_for(partial(self.is_allowed, start), 30)
                yield self.data[start : start + CHUNK_BYTES]
                if start > len(self.data) // 2 and self.ends is not None:
                    if isinstance(self.ends, EventstacError):
                        raise self.ends
                    return
        finally:
            self.closed = True


@pytest.fixture(autouse=True)
def _everything_streams_and_little_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    wait, close = Arriving.wait, Arriving.close

    def wait_for_what_is_allowed(self: Arriving, end: int) -> None:
        if isinstance(self._reader, GrudgingReader):
            self._reader.allow(end + arriving.READ_AHEAD_BYTES)
        wait(self, end)

    def close_what_waits(self: Arriving) -> None:
        if isinstance(self._reader, GrudgingReader):
            self._reader.allow(len(self._reader.data))
        close(self)

    monkeypatch.setattr(opening, "WHOLE_BYTES", 0)
    monkeypatch.setattr(arriving, "READ_AHEAD_BYTES", 8 * 1024)
    monkeypatch.setattr(Arriving, "wait", wait_for_what_is_allowed)
    monkeypatch.setattr(Arriving, "close", close_what_waits)


def rewritten(data: bytes, tmp_path: Path) -> bytes:
    """With its header at the end: what GDAL does to a file that gets more metadata."""
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(NOTE="x" * 5000)
        dataset.nodata = 7
    return path.read_bytes()


def pixels(dtype: str, bands: int = 1) -> Any:
    return gradient(700, 800, dtype, bands)


LAYOUTS: dict[str, Callable[[], bytes]] = {
    "one row a strip": lambda: tiff(pixels("uint16"), blockysize=1),
    "many rows a strip": lambda: tiff(pixels("uint16"), blockysize=64),
    "one strip": lambda: tiff(pixels("uint16"), blockysize=700),
    "tiles": lambda: tiff(pixels("uint16"), tiled=True, blockxsize=128, blockysize=128),
    "compressed": lambda: tiff(pixels("float32"), compress="deflate", blockysize=16),
    "bands apart": lambda: tiff(pixels("uint8", 3), interleave="band", blockysize=8),
    "bands together": lambda: tiff(pixels("uint8", 3), interleave="pixel", blockysize=8),
    "bands apart in tiles": lambda: tiff(
        pixels("uint16", 3), interleave="band", tiled=True, blockxsize=64, blockysize=64
    ),
    "wide type": lambda: tiff(pixels("float64"), blockysize=1),
    "big": lambda: tiff(pixels("int32"), BIGTIFF="YES", blockysize=2),
    "big-endian": lambda: tiff(pixels("uint16"), ENDIANNESS="BIG", blockysize=1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("header", ["first", "last"])
def test_every_layout_gives_the_same_answer(
    layout: str, header: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = LAYOUTS[layout]()
    if header == "last":
        data = rewritten(data, tmp_path)
    reader = GrudgingReader(data)
    assert reader.look.size > len(reader.head)
    while_arriving = read_in_process(reader, {})
    assert reader.closed
    monkeypatch.setattr(opening, "WHOLE_BYTES", len(data))
    assert while_arriving == read_in_process(MemoryReader(data), {})


def test_rows_are_read_before_the_rest_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = GrudgingReader(LAYOUTS["one row a strip"]())
    monkeypatch.setattr("eventstac.raster.rows.CHUNK_BYTES", 64 * 1024)
    had: list[int] = []
    wait = Arriving.wait

    def noted(self: Arriving, end: int) -> None:
        wait(self, end)
        had.append(self._there)

    monkeypatch.setattr(Arriving, "wait", noted)
    read_in_process(reader, {})
    assert len(set(had)) > 5
    assert had[0] < len(reader.data) / 4


@pytest.mark.parametrize("error", [Transient("away"), BlobChanged("another one")])
@pytest.mark.parametrize("layout", ["one row a strip", "one strip"])
def test_the_storages_error_is_raised(error: EventstacError, layout: str) -> None:
    with pytest.raises(type(error), match=str(error)):
        read_in_process(GrudgingReader(LAYOUTS[layout](), error), {})


def test_a_stream_that_ends_early_is_no_answer() -> None:
    with pytest.raises(Transient, match="bytes of"):
        read_in_process(GrudgingReader(LAYOUTS["one row a strip"](), 1), {})


def test_a_damaged_block_ends_the_stream() -> None:
    data = bytearray(tiff(np.random.default_rng(1).random((700, 800)), compress="lzw", blockysize=16))
    data[300_000:500_000] = b"\xff" * 200_000
    reader = GrudgingReader(bytes(data))
    with pytest.raises(Rejected, match="does not decode"):
        read_in_process(reader, {})
    assert reader.closed


def test_fewer_pixels_than_there_are_are_read_when_all_is_there() -> None:
    reader = GrudgingReader(tiff(pixels("uint16"), tiled=True, blockxsize=128, blockysize=128))
    result = read_in_process(reader, {"max_pixels": 700 * 800})
    assert result.metadata["statistics_exact"]
    assert np.isfinite(result.metadata["bands"][0]["statistics"]["mean"])
