"""Damaged files: an answer or a rejection with a reason, never a crash, never over the limits."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.random import Generator

from eventstac.errors import Rejected
from eventstac.raster.extract import read_raster
from eventstac.raster.memory import LEAST_MB, MB
from eventstac.raster.sandbox import Sandbox
from tests.unit.raster.corpus import cog, gradient, jpeg2000, netcdf, netcdf4, tiff, with_gcps, with_rpcs
from tests.unit.raster.readers import MemoryReader

TILES: dict[str, Any] = {"tiled": True, "blockxsize": 32, "blockysize": 32}
CORNERS = [
    (0.0, 0.0, 10.0, 50.0),
    (0.0, 120.0, 11.0, 50.0),
    (100.0, 0.0, 10.0, 49.0),
    (100.0, 120.0, 11.0, 49.0),
]


def with_a_mask() -> bytes:
    def finish(dataset: Any) -> None:
        dataset.write_mask(np.eye(64, dtype="uint8") * 255)
        dataset.build_overviews([2])

    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        return tiff(gradient(64, 64), finish, **TILES)


def with_colours() -> bytes:
    def finish(dataset: Any) -> None:
        dataset.write_colormap(1, {value: (value, 0, 255 - value, 255) for value in range(256)})
        dataset.update_tags(TIFFTAG_DATETIME="2020:01:02 03:04:05", TITLE="x" * 200)
        dataset.update_tags(ns="IMAGERY", CLOUDCOVER="12")

    return tiff(gradient(50, 50, "uint8"), finish)


SEEDS = {
    "striped": tiff(gradient(60, 70)),
    "tiled deflate": tiff(gradient(100, 100), compress="deflate", **TILES),
    "lzw float": tiff(gradient(50, 50, "float32"), compress="lzw", nodata=-1, predictor=3),
    "cog": cog(gradient(600, 600, "uint8", 3), compress="deflate"),
    "bigtiff": tiff(gradient(60, 70), bigtiff="YES"),
    "jpeg": tiff(gradient(64, 64, "uint8", 3), compress="jpeg", photometric="ycbcr", **TILES),
    "gcps": with_gcps(CORNERS),
    "rpcs": with_rpcs(),
    "mask and overview": with_a_mask(),
    "palette and tags": with_colours(),
    "bands one after the other": tiff(gradient(40, 40, "int32", 5), interleave="band", compress="zstd"),
    "lerc": tiff(gradient(50, 50, "float64"), compress="lerc_zstd", **TILES),
    "lzma": tiff(gradient(50, 50), compress="lzma"),
    "webp": tiff(gradient(64, 64, "uint8", 4), compress="webp", **TILES),
    "one bit, fax": tiff(gradient(64, 64, "uint8") % 2, compress="ccittfax4", nbits=1),
    "complex": tiff(gradient(30, 30, "complex64"), compress="packbits"),
    "64 bits": tiff(gradient(30, 30, "int64"), nodata=7),
    "jpeg 2000": jpeg2000(),
    "png": tiff(gradient(64, 64, "uint8", 3), driver="PNG"),
    "netcdf": netcdf(),
    "netcdf 4": netcdf4(),
}
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "20"))  # of each damage to each seed; 320 are 20,000 cases
LIMIT_BYTES = LEAST_MB * MB  # the least that a setting may say
CODE_BYTES = 100 * MB  # of libraries, which are read from their files: not writable, so not limited
LIMIT_S = 60  # far above what any takes, far below the limit of the extraction itself


def cut(data: bytes, random: Generator) -> bytes:
    return data[: random.integers(1, len(data))]


def flip_anywhere(data: bytes, random: Generator) -> bytes:
    damaged = np.frombuffer(data, np.uint8).copy()
    where = random.integers(4, len(damaged), 8)
    damaged[where] ^= (1 << random.integers(0, 8, 8)).astype(np.uint8)
    return damaged.tobytes()


def flip_the_header(data: bytes, random: Generator) -> bytes:
    damaged = np.frombuffer(data, np.uint8).copy()
    where = random.integers(4, min(len(damaged), 600), 4)
    damaged[where] = random.integers(0, 256, 4)
    return damaged.tobytes()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(LIMIT_BYTES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "eventstac.raster.sandbox.MAX_READS", 1_000_000
        )  # one decoder for all: it tells the most
        yield sandbox
    sandbox.close()


@pytest.mark.parametrize("damage", [cut, flip_anywhere, flip_the_header])
@pytest.mark.parametrize("name", SEEDS)
def test_a_damaged_file_is_read_or_rejected(
    name: str, damage: Callable[[bytes, Generator], bytes], sandbox: Sandbox
) -> None:
    random = np.random.default_rng(list(SEEDS).index(name))
    for number in range(ROUNDS):
        data = damage(SEEDS[name], random)
        began = time.monotonic()
        outcome = read_or_reason(data, sandbox)
        assert outcome not in ("crashed", "killed", "timed-out"), f"{name} {number}: {outcome}"
        assert most_memory_bytes(sandbox) < LIMIT_BYTES + CODE_BYTES, f"{name} {number}"
        assert time.monotonic() - began < LIMIT_S


def most_memory_bytes(sandbox: Sandbox) -> int:
    """The most that the decoder ever held, its code included; it is still the one that read the file."""
    (worker,) = sandbox._idle
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def read_or_reason(data: bytes, sandbox: Sandbox) -> str:
    options = {"timeout_s": LIMIT_S, "max_pixels": 50_000_000, "allow_no_footprint": True}
    try:
        result = read_raster(MemoryReader(data), options, sandbox=sandbox)
    except Rejected as error:
        return error.reason
    return json.dumps(result.metadata, allow_nan=False)
