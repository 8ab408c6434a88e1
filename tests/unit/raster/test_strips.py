"""A large striped file is read in slabs of rows: a part of its bytes, and an answer near the exact one."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from eventstac.errors import BlobChanged, Rejected, Transient
from eventstac.raster import opening
from eventstac.raster.extract import read_in_process
from eventstac.raster.strips import FEWEST, MOST_OF_THE_FILE, REQUESTS
from tests.unit.raster.corpus import tiff
from tests.unit.raster.readers import MemoryReader
from tests.unit.raster.test_arriving import rewritten

SAMPLED = {"sample_above_bytes": 0}


def pixels(dtype: str = "uint16", bands: int = 1, rows: int = 2400, columns: int = 600) -> Any:
    """Waves from left to right and from top to bottom, other ones in each band."""
    down, across = np.mgrid[0:rows, 0:columns]
    waves = [np.sin(down / rows * 9 + band) * np.cos(across / columns * 5) for band in range(bands)]
    return (np.stack(waves) * 100 + 110).astype(dtype)


def with_holes() -> Any:
    data = pixels("float32")
    data[:, 1200:1800] = np.nan
    data[:, :, :60] = -1
    return data


LAYOUTS: dict[str, Callable[[], bytes]] = {
    "one row a strip": lambda: tiff(pixels(), blockysize=1),
    "some rows a strip": lambda: tiff(pixels(), blockysize=5),
    "compressed": lambda: tiff(pixels("float32"), compress="deflate", blockysize=4),
    "bands apart": lambda: tiff(pixels("uint16", 3), interleave="band", blockysize=2),
    "bands together": lambda: tiff(pixels("uint8", 4), interleave="pixel", blockysize=2),
    "nodata and NaN": lambda: tiff(with_holes(), nodata=-1, blockysize=1),
    "wide type": lambda: tiff(pixels("int32"), blockysize=3),
    "big": lambda: tiff(pixels(), BIGTIFF="YES", blockysize=1),
    "big-endian": lambda: tiff(pixels(), ENDIANNESS="BIG", blockysize=1),
    "holes": lambda: tiff(pixels() * (pixels() > 150), SPARSE_OK=True, blockysize=1),
}


@pytest.fixture(autouse=True)
def _small_files_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "WHOLE_BYTES", 0)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("header", ["first", "last"])
def test_a_part_of_the_rows_gives_nearly_the_exact_answer(layout: str, header: str, tmp_path: Any) -> None:
    data = LAYOUTS[layout]()
    if header == "last":
        data = rewritten(data, tmp_path)
    reader = MemoryReader(data)
    sampled = read_in_process(reader, SAMPLED).metadata
    exact = read_in_process(MemoryReader(data), {**SAMPLED, "statistics": {"exact": True}}).metadata
    assert (sampled["statistics_exact"], exact["statistics_exact"]) == (False, True)
    assert reader.streams == 0
    assert sum(length for _, length in reader.asked) < len(data) * (MOST_OF_THE_FILE + 0.1) + 2**17
    for guess, truth in zip(sampled["bands"], exact["bands"], strict=True):
        found, right = guess["statistics"], truth["statistics"]
        spread = right["maximum"] - right["minimum"]
        for name in ("minimum", "maximum", "mean", "stddev"):
            assert found[name] == pytest.approx(right[name], abs=spread / 50), name
        assert found["valid_percent"] == pytest.approx(right["valid_percent"], abs=1.5)
        assert right["count"] * 0.01 < found["count"] < right["count"] / 2
    for name in ("footprint", "projection", "cog", "media_type"):
        assert sampled[name] == exact[name]


def test_nothing_is_asked_for_but_the_slabs() -> None:
    reader = MemoryReader(LAYOUTS["one row a strip"]())
    read_in_process(reader, SAMPLED)
    assert FEWEST <= len(reader.asked) <= REQUESTS
    tops = [offset for offset, _ in reader.asked]
    assert tops == sorted(tops)
    steps = np.diff([len(reader.head), *tops, len(reader.data)])  # the slabs before that are here already
    assert steps.max() < 3 * np.median(steps)


def test_the_thumbnail_shows_the_whole_image() -> None:
    data = LAYOUTS["nodata and NaN"]()
    seen = decoded(read_in_process(MemoryReader(data), SAMPLED).thumbnail)
    right = decoded(read_in_process(MemoryReader(data), {"statistics": {"exact": True}}).thumbnail)
    assert max(seen.shape[1:]) == 512
    seen, right = (at_the_same_places(image) for image in (seen, right))
    assert np.abs(seen.astype(int) - right).mean() < 8
    assert np.abs((seen[-1] > 0).mean(axis=1) - (right[-1] > 0).mean(axis=1)).max() < 0.2


def at_the_same_places(image: Any) -> Any:
    rows, columns = (((np.arange(50) + 0.5) * side / 50).astype(int) for side in image.shape[1:])
    return image[:, rows][:, :, columns]


def decoded(image: bytes | None) -> Any:
    assert image is not None
    with warnings.catch_warnings(), MemoryFile(image) as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(driver="PNG") as dataset:
            return dataset.read()


@pytest.mark.parametrize(
    "make",
    [
        lambda: tiff(pixels(), blockysize=2400),
        lambda: tiff(pixels(), blockysize=100),
        lambda: tiff(pixels(), tiled=True, blockxsize=128, blockysize=128),
        lambda: tiff(pixels("uint8", 40), interleave="band", blockysize=1),
    ],
    ids=["one huge strip", "few strips", "tiles", "many bands apart"],
)
def test_where_slabs_would_not_do_all_is_read(make: Callable[[], bytes]) -> None:
    reader = MemoryReader(make())
    metadata = read_in_process(reader, SAMPLED).metadata
    assert reader.streams == 1
    assert metadata["statistics_exact"] is True
    assert metadata["file"]["file:checksum"].startswith("1220")


@pytest.mark.parametrize(
    "options", [{"statistics": {"exact": True}}, {"footprint": {"mode": "valid-data"}}, {}], ids=str
)
def test_where_the_rule_wants_more_or_the_file_is_not_that_large_all_is_read(options: dict[str, Any]) -> None:
    reader = MemoryReader(LAYOUTS["one row a strip"]())
    chosen = SAMPLED if options else {}
    assert read_in_process(reader, {**chosen, **options}).metadata["statistics_exact"] is True
    assert reader.streams == 1


def test_the_checksum_is_then_the_storages_own() -> None:
    reader = MemoryReader(LAYOUTS["one row a strip"](), md5=True)
    assert read_in_process(reader, SAMPLED).metadata["file"]["file:checksum"].startswith("d50110")


@pytest.mark.parametrize("error", [BlobChanged("another"), Transient("away")])
def test_the_storages_error_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        read_in_process(MemoryReader(LAYOUTS["some rows a strip"](), fail=error), SAMPLED)
    assert caught.value is error


def test_a_damaged_strip_is_a_permanent_outcome() -> None:
    data = bytearray(LAYOUTS["compressed"]())
    data[len(data) // 3 : len(data) * 2 // 3] = b"\xff" * (len(data) * 2 // 3 - len(data) // 3)
    with pytest.raises(Rejected, match="does not decode"):
        read_in_process(MemoryReader(bytes(data)), SAMPLED)


def test_more_samples_than_allowed_are_refused() -> None:
    with pytest.raises(Rejected, match="max_pixels"):
        read_in_process(MemoryReader(LAYOUTS["one row a strip"]()), {**SAMPLED, "max_pixels": 1000})
