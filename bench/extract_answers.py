"""Which answers are right, wrong or missing, rio-stac's and ours, as two tables: `python -m bench.extract_answers`.

The first has places whose footprints are hard, the second files whose contents are. What is right is worked out here
from how each file was made, or by pyproj; neither side's code has a part in it.
"""

import argparse
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import rio_stac
import shapely
from rasterio.io import MemoryFile

from eventstac.raster.extract import read_in_process
from tests.unit.raster.corpus import PLACES, Place, at, cog, gradient, tiff
from tests.unit.raster.readers import MemoryReader
from tests.unit.raster.test_footprint import seen_points, unseen_points

ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def of_rio_stac(data: bytes, **options: Any) -> dict[str, Any]:
    """rio-stac's Item with all its extensions."""
    with MemoryFile(data) as memory, memory.open() as dataset:
        return dict(
            rio_stac.create_stac_item(
                dataset, id="a", with_proj=True, with_raster=True, with_eo=True, **options
            ).to_dict(include_self_link=False, transform_hrefs=False)
        )


def rio_footprint(data: bytes, **options: Any) -> Any:
    """Its footprint alone, so that an extension's failure does not count against it."""
    with MemoryFile(data) as memory, memory.open() as dataset:
        return rio_stac.create_stac_item(dataset, input_datetime=ANY_TIME, id="a", **options).geometry


FOOTPRINTS: dict[str, Callable[[bytes], Any]] = {
    "rio-stac": rio_footprint,
    "rio-stac, 21 points": lambda data: rio_footprint(data, geom_densify_pts=21, geom_precision=7),
    "eventstac": lambda data: read_in_process(MemoryReader(data), {}).metadata["footprint"],
}


def footprint_verdict(way: Callable[[bytes], Any], place: Place, data: bytes) -> str:
    """Whether a polygon holds what the image shows, and nothing else."""
    try:
        region = shapely.geometry.shape(way(data))
    except Exception as error:  # noqa: BLE001  (whatever the other one raises is its answer)
        return f"fails ({type(error).__name__})"
    if not region.is_valid:
        return "wrong (invalid)"
    recall = float(shapely.intersects_xy(region, *seen_points(place)).mean())
    wrongly = shapely.contains_xy(region, *unseen_points(place))  # none for an image of the whole world
    extra = float(wrongly.mean()) if wrongly.size else 0.0
    word = "right" if recall > 0.999 and extra < 0.002 else "wrong"
    return word if word == "right" else f"wrong (holds {recall:.1%}, {extra:.1%} too much)"


@dataclass(frozen=True)
class Content:
    """A file whose contents are hard, and what is right to say of it (None: nothing may be said)."""

    name: str
    data: bytes
    right: dict[str, Any]


def rio_answers(data: bytes) -> dict[str, Any]:
    """What rio-stac says, in the words of `Content.right`; with no time given, as one would for a file with a time."""
    item = of_rio_stac(data)
    asset = item["assets"]["asset"]
    band = asset.get("raster:bands", [{}])[0]
    histogram = band.get("histogram", {})
    return _answers(item["properties"].get("datetime"), asset["type"], band, histogram) | {
        "scale": band.get("scale"),
        "offset": band.get("offset"),
        "code": item["properties"].get("proj:code") or item["properties"].get("proj:epsg"),
        "shape": item["properties"].get("proj:shape"),
        "cloud cover": item["properties"].get("eo:cloud_cover"),
    }


def our_answers(data: bytes) -> dict[str, Any]:
    """The same from our metadata; a time that no tag gives is not made up here, but taken from the storage later."""
    metadata = read_in_process(MemoryReader(data), {"allow_no_footprint": True}).metadata
    times, band = metadata["datetimes"], metadata["bands"][0]
    answers = _answers(
        times[0]["start"] if times else None, metadata["media_type"], band, band.get("raster:histogram", {})
    )
    return answers | {
        "scale": band.get("raster:scale"),
        "offset": band.get("raster:offset"),
        "code": metadata["projection"].get("proj:code"),
        "shape": metadata["projection"].get("proj:shape"),
        "cloud cover": metadata["properties"].get("eo:cloud_cover"),
    }


def _answers(time: Any, media_type: Any, band: dict[str, Any], histogram: dict[str, Any]) -> dict[str, Any]:
    buckets = histogram.get("buckets", [])
    return {
        **{name: band.get("statistics", {}).get(name) for name in ("minimum", "maximum", "mean", "stddev")},
        "valid percent": band.get("statistics", {}).get("valid_percent"),
        "nodata": band.get("nodata"),
        "type": band.get("data_type"),
        "unit": band.get("unit"),
        "buckets": (histogram.get("count") == len(buckets)) if buckets else None,
        "counted": sum(buckets) if buckets else None,
        "media type": str(media_type),
        "time": time,
    }


def content_verdict(way: Callable[[bytes], dict[str, Any]], content: Content) -> str:
    """Whether all that is asked of a file is right, else what is said instead."""
    try:
        answers = way(content.data)
    except Exception as error:  # noqa: BLE001  (whatever the other one raises is its answer)
        return f"fails ({type(error).__name__})"
    wrong = [
        f"{name}: {_short(answers[name])}"
        for name, right in content.right.items()
        if not _alike(answers[name], right)
    ]
    return f"wrong ({'; '.join(wrong)})" if wrong else "right"


def _alike(said: Any, right: Any) -> bool:
    if isinstance(right, datetime):
        moment = datetime.fromisoformat(str(said)) if said else None
        return moment is not None and (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) == right
    if isinstance(right, float) and isinstance(said, (int, float)):
        return math.isclose(said, right, rel_tol=1e-3, abs_tol=1e-6)
    return bool(said == right)


def _short(value: Any) -> str:
    text = "nothing" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def statistics_of(valid: Any) -> dict[str, Any]:
    """Minimum, maximum, mean and standard deviation of valid values, worked out by numpy in double precision."""
    wide = np.asarray(valid, np.float64)
    values = {"minimum": wide.min(), "maximum": wide.max(), "mean": wide.mean(), "stddev": wide.std()}
    return {name: float(value) for name, value in values.items()}


def contents() -> list[Content]:
    """Files that are hard to describe, each with what is right."""
    plain = gradient(100, 100)
    rng = np.random.default_rng(5)
    floats = rng.normal(0, 1, (1, 100, 100)).astype("float32")
    gaps = floats.copy()
    gaps[0, :20] = np.nan
    infinite = floats.copy()
    infinite[0, 0, :5], infinite[0, 1, :5] = np.inf, -np.inf
    half = plain.copy()
    half[0, :50] = 0
    geotiff, optimized = (
        "image/tiff; application=geotiff",
        "image/tiff; application=geotiff; profile=cloud-optimized",
    )
    halves = (rng.normal(100, 20, (1, 100, 100))).astype("float16")
    colours = rng.integers(0, 5, (1, 60, 60)).astype("uint8")

    def tagged(namespace: str | None = None, **tags: str) -> bytes:
        return tiff(plain, lambda dataset: dataset.update_tags(ns=namespace, **tags))

    def scaled(dataset: Any) -> None:
        dataset.scales, dataset.offsets, dataset.units = (0.1,), (-5.0,), ("K",)

    def masked(dataset: Any) -> None:
        mask = np.full((100, 100), 255, "uint8")
        mask[:25] = 0
        dataset.write_mask(mask)

    def opaque_below(rows: int) -> Any:
        alpha = np.full((1, 100, 100), 255, "uint16")
        alpha[0, :rows] = 0
        return np.concatenate([plain, alpha])

    def painted(dataset: Any) -> None:
        dataset.write_colormap(1, {value: (value * 50, 9, 9, 255) for value in range(5)})

    everything = {"valid percent": 100.0}
    return [
        Content("no nodata, no mask", tiff(plain), statistics_of(plain) | everything),
        Content("histogram", tiff(plain), {"buckets": True, "counted": 10_000}),
        Content(
            "half is nodata",
            tiff(half, nodata=0),
            statistics_of(half[0, 50:]) | {"valid percent": 50.0, "nodata": 0},
        ),
        Content(
            "nodata of NaN",
            tiff(gaps, nodata=math.nan),
            statistics_of(gaps[0, 20:]) | {"valid percent": 80.0, "nodata": "nan"},
        ),
        Content(
            "NaN that no nodata value names",
            tiff(gaps),
            statistics_of(gaps[0, 20:]) | {"valid percent": 80.0},
        ),
        Content(
            "infinities",
            tiff(infinite),
            statistics_of(infinite[np.isfinite(infinite)]) | {"valid percent": 99.9},
        ),
        Content(
            "all is nodata",
            tiff(np.zeros((50, 50), "uint8"), nodata=0),
            {"valid percent": 0, "minimum": None, "mean": None},
        ),
        Content(
            "an internal mask", tiff(plain, masked), statistics_of(plain[0, 25:]) | {"valid percent": 75.0}
        ),
        Content(
            "an alpha band",
            tiff(opaque_below(30), photometric="MINISBLACK", alpha="YES"),
            statistics_of(plain[0, 30:]) | {"valid percent": 70.0},
        ),
        Content("scale, offset and unit", tiff(plain, scaled), {"scale": 0.1, "offset": -5.0, "unit": "K"}),
        Content("complex numbers", tiff(floats.astype("complex64")), {"type": "cfloat32"}),
        Content("pairs of integers", tiff(plain.astype("int16"), dtype="complex_int16"), {"type": "cint16"}),
        Content("float16", tiff(halves), statistics_of(halves) | {"type": "float16"}),
        Content(
            "64-bit integers of one value",
            tiff(np.full((20, 20), 2**60 + 1, "int64")),
            {"minimum": 2**60 + 1, "type": "int64"},
        ),
        Content(
            "one value everywhere",
            tiff(np.full((20, 20), 7, "uint16")),
            {"minimum": 7, "maximum": 7, "stddev": 0.0},
        ),
        Content(
            "the widest floats",
            tiff(np.array([[3e38, -3e38]] * 2, "float32")),
            {"minimum": -3e38, "maximum": 3e38},
        ),
        Content("a colour table", tiff(colours, painted), {"type": "uint8"} | everything),
        Content(
            "8-bit colours",
            tiff(gradient(60, 60, "uint8", 3), photometric="RGB"),
            {"type": "uint8"} | everything,
        ),
        Content(
            "a large image",
            cog(gradient(3000, 3000)),
            {"minimum": float(gradient(3000, 3000).min()), "maximum": float(gradient(3000, 3000).max())},
        ),
        Content("a GeoTIFF", tiff(plain), {"media type": geotiff}),
        Content("a COG", cog(gradient(900, 900)), {"media type": optimized}),
        Content(
            "the TIFF's own time",
            tagged(TIFFTAG_DATETIME="2020:01:02 03:04:05"),
            {"time": datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)},
        ),
        Content(
            "an acquisition's time",
            tagged("IMAGERY", ACQUISITIONDATETIME="2020-01-02T03:04:05Z"),
            {"time": datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)},
        ),
        Content("no time", tiff(plain), {"time": None}),
        Content("clouds", tagged("IMAGERY", CLOUDCOVER="12.5"), {"cloud cover": 12.5}),
        Content("no CRS", tiff(plain, crs=None, transform=None), {"shape": [100, 100], "code": None}),
    ]


def main() -> None:
    """Print both tables."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    warnings.simplefilter("ignore")
    print("| place | " + " | ".join(FOOTPRINTS) + " |\n|---|---|---|---|")
    for place in PLACES:
        data = at(place)
        verdicts = [footprint_verdict(way, place, data) for way in FOOTPRINTS.values()]
        print(f"| {place.name} | " + " | ".join(verdicts) + " |", flush=True)
    print("\n| contents | rio-stac | eventstac |\n|---|---|---|")
    for content in contents():
        verdicts = [content_verdict(way, content) for way in (rio_answers, our_answers)]
        print(f"| {content.name} | " + " | ".join(verdicts) + " |", flush=True)


if __name__ == "__main__":
    main()
