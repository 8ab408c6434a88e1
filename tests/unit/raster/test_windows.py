"""In which windows an image is read: each block is decoded once, however wide the image is."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from eventstac.raster import rows
from eventstac.raster.extract import read_in_process
from eventstac.raster.rows import CHUNK_BYTES, MOST_BYTES, windows_of
from tests.unit.raster.corpus import gradient, tiff
from tests.unit.raster.readers import MemoryReader

VALID_DATA = {"footprint": {"mode": "valid-data"}}
SHAPES = [
    (12_000, 1024, (512, 512), 16),
    (6000, 2048, (512, 512), 16),
    (1000, 1000, (256, 256), 300 * 4),
    (50_000, 700, (256, 256), 12),
    (3000, 40, (512, 512), 4),
    (9000, 5000, (1, 9000), 6),
    (9000, 5000, (700, 9000), 12),
    (70_000, 3, (1, 70_000), 4096),
]


@pytest.mark.parametrize(("width", "height", "block", "each"), SHAPES)
def test_windows_cover_every_pixel_once_and_stay_small(
    width: int, height: int, block: tuple[int, int], each: int
) -> None:
    windows = list(windows_of(width, height, [block], each))
    assert sum(w.width * w.height for w in windows) == width * height
    assert len({(w.col_off, w.row_off) for w in windows}) == len(windows)
    assert all(w.col_off + w.width <= width and w.row_off + w.height <= height for w in windows)
    assert all(w.width * w.height * each <= MOST_BYTES for w in windows)
    assert len(windows) <= 2 * width * height * each / CHUNK_BYTES + height / block[0] * width / block[1] + 1


@pytest.mark.parametrize(("width", "height", "block", "each"), SHAPES)
def test_each_block_lies_in_one_window_unless_it_is_too_large_itself(
    width: int, height: int, block: tuple[int, int], each: int
) -> None:
    """A row of tiles above 64 MB was decoded again for every 8 MB of it: 20 s for what takes 4."""
    high, across = block
    decoded = [
        place
        for w in windows_of(width, height, [block], each)
        for place in product(
            range(w.row_off // high, -(-(w.row_off + w.height) // high)),
            range(w.col_off // across, -(-(w.col_off + w.width) // across)),
        )
    ]
    parts = min(high, height) * min(across, width) * each / MOST_BYTES
    assert len(decoded) <= len(set(decoded)) * max(1, round(2 * parts))


@pytest.mark.parametrize("most", [100_000, 20_000, 3000])
def test_a_wide_image_read_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    def mask(dataset: Any) -> None:
        valid = gradient(300, 1500, "uint8")[0] > 9
        valid[71:, 500:] = False
        valid[131:134] = valid[:, 1101] = True
        dataset.write_mask(valid)

    data = gradient(300, 1500, "float32", bands=3)
    data[1, 40:90, 700:1200] = np.nan
    written = tiff(data, mask, tiled=True, blockxsize=64, blockysize=64)
    whole = read_in_process(MemoryReader(written), VALID_DATA)
    monkeypatch.setattr(rows, "CHUNK_BYTES", most // 8)
    monkeypatch.setattr(rows, "MOST_BYTES", most)
    parts = read_in_process(MemoryReader(written), VALID_DATA)
    assert parts.thumbnail == whole.thumbnail
    assert parts.metadata["footprint"] == whole.metadata["footprint"]
    assert whole.metadata["footprint"] != read_in_process(MemoryReader(written), {}).metadata["footprint"]
    for one, other in zip(parts.metadata["bands"], whole.metadata["bands"], strict=True):
        assert one["statistics"] == pytest.approx(other["statistics"], rel=1e-12)
        assert one["raster:histogram"] == other["raster:histogram"]


@pytest.mark.parametrize("width", [700, 1500], ids=["as it is", "thinned"])
def test_a_window_without_any_mask_is_valid_data(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    data = gradient(300, width, "float32")
    data[0, 131:170] = np.nan
    written = tiff(data, blockysize=1)
    whole = read_in_process(MemoryReader(written), VALID_DATA).metadata["footprint"]
    monkeypatch.setattr(rows, "CHUNK_BYTES", data[0, :11].nbytes)
    assert read_in_process(MemoryReader(written), VALID_DATA).metadata["footprint"] == whole
    assert len(whole["coordinates"]) == 2
