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
MANY_FILES = (RIO_STAC, TUNED, TUNED_8, OURS_1, OURS_8)


@dataclass(frozen=True)
class Case:
    """Blobs to extract: what each holds, by which sides, how many alike, and how many others lie in their folder.

    `first`: each pass is the first of a process, after the warm-up. `aims`: how many times as fast as tuned rio-stac
    and as its defaults at 25 ms (None: none is asked).
    """

    name: str
    content: Callable[[], bytes]
    sides: tuple[str, ...] = ONE_FILE
    count: int = 1
    neighbours: int = 0
    first: bool = False
    aims: tuple[float | None, float | None] = (None, None)

    @property
    def folder(self) -> str:
        return re.sub("[^a-z0-9]+", "-", self.name.lower())

    @property
    def blobs(self) -> list[str]:
        return [f"{self.folder}/{number:05}.tif" for number in range(self.count)]


def cases(quick: bool) -> list[Case]:
    """The issue's cases; `quick` has smaller large files and fewer small ones.

    1,000 small files without rio-stac's defaults, which list the folder for each file: so do they in the prefix.
    """

    def small_cog(side: int) -> Callable[[], bytes]:
        return lambda: cog(noise(side), compress="none")

    def compressed(side: int) -> Callable[[], bytes]:
        return lambda: tiff(gradient(side, side), compress="deflate")

    large, striped, tiny, prefix, many = (
        (6000, 6000, 20, 1000, 100) if quick else (12200, 10000, 200, 6000, 1000)
    )
    return [
        Case("small", compressed(500), (*ONE_FILE, PLAIN)),
        *(
            Case(f"first in {code}", partial(in_degrees, code), first=True)
            for code in ("EPSG:4269", "EPSG:4283", "EPSG:6318")
        ),
        Case("37 MB COG", small_cog(3720), aims=(1.3, None)),
        Case(f"{large**2 * 8 // 3 // 10**6} MB COG", small_cog(large), aims=(1.3, None)),
        Case(
            f"{striped**2 * 2 // 10**6} MB striped",
            lambda: tiff(noise(striped), blockysize=1),
            aims=(2.0, 20.0),
        ),
        Case("scene of 19", compressed(512), MANY_FILES, count=19, aims=(4.0, None)),
        Case(
            f"{tiny} tiny of {prefix:,}",
            lambda: tiff(gradient(64, 64)),
            MANY_FILES,
            tiny,
            prefix - tiny,
            aims=(4.0, None),
        ),
        Case(f"{many:,} small", compressed(200), MANY_FILES[1:], count=many),
    ]


def noise(side: int) -> Any:
    """Pixels that do not compress, the same in every run."""
    return np.random.default_rng(1).integers(0, 4000, (side, side), dtype="uint16")


def in_degrees(code: str) -> bytes:
    """A small file in the degrees of a country: NAD83, GDA94, NAD83(2011)."""
    return tiff(gradient(500, 500), compress="deflate", crs=code, transform=from_origin(140, 40, 1e-4, 1e-4))


def upload(service: BlobServiceClient, wanted: list[Case]) -> None:
    """Everything into a new container."""
    container = service.create_container(CONTAINER)
    container.upload_blob(WARM_UP, tiff(gradient(300, 300)))

    def blobs(case: Case) -> Iterator[tuple[str, bytes]]:
        data = case.content()
        yield from ((name, data) for name in case.blobs)
        yield from ((f"{case.folder}/other-{number:05}.txt", b"x") for number in range(case.neighbours))

    with ThreadPoolExecutor(4) as pool:
        for case in wanted:
            list(pool.map(lambda blob: container.upload_blob(*blob), blobs(case)))
