"""Damaged TIFFs: an answer or a rejection with a reason, never a crash, never over the limits."""

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from eventstac.errors import Rejected
from eventstac.raster.extract import read_raster
from tests.unit.raster.corpus import cog, gradient, tiff, with_gcps
from tests.unit.raster.readers import MemoryReader

TILES: dict[str, Any] = {"tiled": True, "blockxsize": 32, "blockysize": 32}
SEEDS = {
    "striped": tiff(gradient(60, 70)),
    "tiled deflate": tiff(gradient(100, 100), compress="deflate", **TILES),
    "lzw float": tiff(gradient(50, 50, "float32"), compress="lzw", nodata=-1, predictor=3),
    "cog": cog(gradient(600, 600, "uint8", 3), compress="deflate"),
    "bigtiff": tiff(gradient(60, 70), bigtiff="YES"),
    "jpeg": tiff(
        gradient(64, 64, "uint8", 3),
        compress="jpeg",
        photometric="ycbcr",
        tiled=True,
        blockxsize=32,
        blockysize=32,
    ),
    "gcps": with_gcps([(0, 0, 10, 50), (0, 120, 11, 50), (100, 0, 10, 49), (100, 120, 11, 49)]),
}
ROUNDS = 40
LIMIT_S = 20  # far above what any takes, far below the limit of the extraction itself


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


@pytest.mark.parametrize("damage", [cut, flip_anywhere, flip_the_header])
@pytest.mark.parametrize("name", SEEDS)
def test_a_damaged_tiff_is_read_or_rejected(name: str, damage: Callable[[bytes, Generator], bytes]) -> None:
    random = np.random.default_rng(list(SEEDS).index(name))
    for number in range(ROUNDS):
        data = damage(SEEDS[name], random)
        began = time.monotonic()
        outcome = read_or_reason(data)
        assert outcome not in ("crashed", "timed-out"), f"{name} {number}: {outcome}"
        assert time.monotonic() - began < LIMIT_S


def read_or_reason(data: bytes) -> str:
    try:
        result = read_raster(MemoryReader(data), {"timeout_s": LIMIT_S, "max_pixels": 50_000_000})
    except Rejected as error:
        return error.reason
    return json.dumps(result.metadata, allow_nan=False)
