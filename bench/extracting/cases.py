"""The blobs that the sides extract: the issue's cases."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from azure.storage.blob import BlobServiceClient
from rasterio.transform import from_origin

from tests.unit.raster.corpus import cog, gradient, tiff

CONTAINER, WARM_UP = "source", "warm-up/a.tif"
RIO_STAC, TUNED, TUNED_8 = "rio-stac", "rio-stac tuned", "rio-stac tuned, 8 threads"
OURS, PLAIN, OURS_1, OURS_8 = (
    "eventstac",
    "eventstac, no thumbnail",
    "eventstac, 1 thread",
    "eventstac, 8 threads",
)
ONE_FILE = (RIO_STAC, TUNED, OURS)
NATIONAL = ("EPSG:4269", "EPSG:4283", "EPSG:6318")  # NAD83, GDA94, NAD83(2011)
MANY_FILES = (RIO_STAC, TUNED, TUNED_8, OURS_1, OURS_8)


@dataclass(frozen=True)
class Case:
    """Blobs to extract: what each of them holds, by which sides, how many, and how many others lie in their folder.

    `in_turn`: each pass takes the next blob instead of all. `first`: each pass is the first of a process, after the
    warm-up. `aims`: how many times as fast as tuned rio-stac and as its defaults at 25 ms (None: none is asked).
    """

    name: str
    content: Callable[[int], bytes]
    sides: tuple[str, ...] = ONE_FILE
    count: int = 1
    neighbours: int = 0
    in_turn: bool = False
    first: bool = False
    aims: tuple[float | None, float | None] = (None, None)

    @property
    def folder(self) -> str:
        return re.sub("[^a-z0-9]+", "-", self.name.lower())

    @property
    def blobs(self) -> list[str]:
        return [f"{self.folder}/{number:05}.tif" for number in range(self.count)]

    def of_pass(self, number: int) -> list[str]:
        """The blobs that pass `number` extracts."""
        return [self.blobs[number % self.count]] if self.in_turn else self.blobs


def cases(quick: bool) -> list[Case]:
    """The issue's cases; `quick` has smaller large files and fewer small ones.

    Small files lie at places of their own, but for the scene, whose bands have one grid. 1,000 small files without
    rio-stac's defaults, which list the folder for each file: so do they in the prefix.
    """
    large, striped, tiny, prefix, many = (
        (6000, 6000, 20, 1000, 100) if quick else (12200, 10000, 200, 6000, 1000)
    )
    mb = f"{large**2 * 8 // 3 // 10**6} MB COG", f"{striped**2 * 2 // 10**6} MB striped"
    four = (4.0, None)
    return [
        Case("small", partial(small, 500), (*ONE_FILE, PLAIN), count=48, in_turn=True),
        *(Case(f"first in {code}", partial(in_degrees, code), first=True) for code in NATIONAL),
        Case("37 MB COG", partial(small_cog, 3720), aims=(1.3, None)),
        Case(mb[0], partial(small_cog, large), aims=(1.3, None)),
        Case(mb[1], lambda _: tiff(noise(striped), blockysize=1), aims=(2.0, 20.0)),
        Case("scene of 19", lambda _: small(512, 0), MANY_FILES, count=19, aims=four),
        Case(f"{tiny} tiny of {prefix:,}", partial(small, 64), MANY_FILES, tiny, prefix - tiny, aims=four),
        Case(f"{many:,} small", partial(small, 200), MANY_FILES[1:], count=many),
    ]


def small(side: int, number: int) -> bytes:
    """One of many files, each somewhere else."""
    place = from_origin(400_000 + 170 * number, 5_200_000 + 230 * number, 10, 10)
    return tiff(gradient(side, side), compress="deflate", crs="EPSG:32633", transform=place)


def small_cog(side: int, _: int) -> bytes:
    """A COG of pixels that do not compress."""
    return cog(noise(side), compress="none")


def noise(side: int) -> Any:
    """Pixels that do not compress, the same in every run."""
    return np.random.default_rng(1).integers(0, 4000, (side, side), dtype="uint16")


def in_degrees(code: str, _: int) -> bytes:
    """A small file in the degrees of a country."""
    return tiff(gradient(500, 500), compress="deflate", crs=code, transform=from_origin(140, 40, 1e-4, 1e-4))


def upload(service: BlobServiceClient, wanted: list[Case]) -> None:
    """Everything into a new container."""
    container = service.create_container(CONTAINER)
    container.upload_blob(WARM_UP, tiff(gradient(300, 300)))

    def blobs(case: Case) -> Iterator[tuple[str, bytes]]:
        yield from ((name, case.content(number)) for number, name in enumerate(case.blobs))
        yield from ((f"{case.folder}/other-{number:05}.txt", b"x") for number in range(case.neighbours))

    with ThreadPoolExecutor(4) as pool:
        for case in wanted:
            list(pool.map(lambda blob: container.upload_blob(*blob), blobs(case)))
