"""What the catalog must show, from the blobs that the storage holds at the end, and from nothing else."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from rasterio.errors import RasterioIOError
from rasterio.io import MemoryFile
from rasterio.warp import transform_bounds

from tests.e2e.user import User

_ONE_MEAN = 1e-6  # relative; the pixels are so few that statistics are exact
_ONE_PLACE = 1e-5  # degrees: a metre


@dataclass(frozen=True)
class Raster:
    """What anybody can tell of a blob by opening it; None of the fields comes from our own code."""

    href: str
    size: int
    shape: tuple[int, int]
    mean: float
    bounds: tuple[float, float, float, float]


@dataclass(frozen=True)
class Storage:
    """The blobs of a run by asset place (Item, asset key): None for one that is no raster; and the COGs."""

    sources: Mapping[tuple[str, str], Raster | None]
    cogs: Mapping[tuple[str, str], Raster | None]


def storage_of(user: User, prefix: str) -> Storage:
    """Read every blob of the Items whose ids begin with a prefix."""
    return Storage(
        dict(_read(user, "source", f"scenes/{prefix}", skip=1)), dict(_read(user, "cogs", prefix, skip=0))
    )


def _read(
    user: User, container: str, prefix: str, skip: int
) -> Iterator[tuple[tuple[str, str], Raster | None]]:
    client = user.storage.get_container_client(container)
    for name in client.list_blob_names(name_starts_with=prefix):
        item, file = str(name).split("/")[skip:]
        blob = client.get_blob_client(name)
        yield (item, file.removesuffix(".tif")), _raster(blob.url, blob.download_blob().readall())


def _raster(href: str, content: bytes) -> Raster | None:
    try:
        with MemoryFile(content) as memory, memory.open() as dataset:
            pixels = dataset.read(1)
            valid = pixels[pixels != dataset.nodata]
            bounds = transform_bounds(dataset.crs, "OGC:CRS84", *dataset.bounds)
            return Raster(href, len(content), (dataset.height, dataset.width), float(np.mean(valid)), bounds)
    except RasterioIOError:
        return None


def differences(storage: Storage, items: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the Items show otherwise than the storage has it; a sentence for each."""
    expected: dict[str, dict[str, Raster]] = {}
    for (item, asset), raster in storage.sources.items():
        if raster is not None:
            expected.setdefault(item, {})[asset] = raster
    found = [f"{item}: the storage has it, the catalog has not" for item in expected.keys() - items.keys()]
    found += [f"{item}: the catalog has it, the storage has not" for item in items.keys() - expected.keys()]
    for item in sorted(expected.keys() & items.keys()):
        found += _of_item(item, expected[item], storage, items[item])
    return sorted(found)


def _of_item(
    item: str, sources: Mapping[str, Raster], storage: Storage, shown: Mapping[str, Any]
) -> Iterator[str]:
    assets = {key: asset for key, asset in shown["assets"].items() if key != "thumbnail"}
    # A COG that was made from what its source is not any more may be hidden or shown: that depends on what was seen
    # of the source in between (docs/decisions/0002).
    made = {
        f"{asset}_cog": raster
        for (of, asset), raster in storage.cogs.items()
        if of == item and asset in sources and raster is not None
    }
    same = {key for key, raster in made.items() if raster.mean == sources[key.removesuffix("_cog")].mean}
    for key in sorted(assets.keys() - sources.keys() - made.keys()):
        yield f"{item}: asset {key} is shown, and there is no such blob"
    for key in sorted((sources.keys() | same) - assets.keys()):
        yield f"{item}: asset {key} is not shown, and the blob is there"
    around = _around(raster.bounds for raster in sources.values())
    if not _is_same_place(around, shown["bbox"]):
        yield f"{item}: the bbox is {shown['bbox']}, not {around}"
    for key in sorted((sources.keys() | made.keys()) & assets.keys()):
        raster = sources[key] if key in sources else made[key]
        for told in _of_asset(raster, assets[key], shown["properties"]):
            yield f"{item}: asset {key} {told}"


def collection_differences(collection: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a Collection says otherwise than all its Items do; a sentence for each."""
    items = list(items)
    [told], [interval] = (
        collection["extent"]["spatial"]["bbox"][:1],
        collection["extent"]["temporal"]["interval"][:1],
    )
    around, times = _around(item["bbox"] for item in items), sorted(_times(items))
    found = []
    if not _is_same_place(around, told):
        found.append(f"{collection['id']}: its extent is {told}, and its Items are within {around}")
    if [datetime.fromisoformat(end) for end in interval] != [times[0], times[-1]]:
        found.append(
            f"{collection['id']}: its interval is {interval}, and its Items are of {times[0]} to {times[-1]}"
        )
    return found


def _times(items: Iterable[Mapping[str, Any]]) -> Iterator[datetime]:
    for item in items:
        for name in ("start_datetime", "datetime", "end_datetime"):
            if item["properties"].get(name):
                yield datetime.fromisoformat(item["properties"][name])


def _around(boxes: Iterable[Sequence[float]]) -> tuple[float, float, float, float]:
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _is_same_place(mine: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) < _ONE_PLACE for a, b in zip(mine, other, strict=True))


def _of_asset(raster: Raster, asset: Mapping[str, Any], properties: Mapping[str, Any]) -> Iterator[str]:
    if asset["href"] != raster.href:
        yield f"has the href {asset['href']}, not {raster.href}"
    if asset.get("file:size") != raster.size:
        yield f"has the size {asset.get('file:size')}, not {raster.size}"
    shape = tuple(asset.get("proj:shape") or properties.get("proj:shape") or ())
    if shape != raster.shape:
        yield f"has the shape {shape}, not {raster.shape}"
    mean = asset["bands"][0]["statistics"]["mean"]
    if abs(mean - raster.mean) > _ONE_MEAN * abs(raster.mean):
        yield f"has the mean {mean}, not {raster.mean}"
