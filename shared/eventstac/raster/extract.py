"""Everything a STAC Item needs to know of one raster: `read_raster`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rasterio.io import DatasetReader

from eventstac.blobs import BlobReader
from eventstac.errors import Rejected
from eventstac.raster import thumbnail as thumbnails
from eventstac.raster.band_texts import BandTexts
from eventstac.raster.bands import band_objects, nodata_problem
from eventstac.raster.cog import cog_report
from eventstac.raster.datetime import datetime_problem, datetimes
from eventstac.raster.file import file_fields, media_type
from eventstac.raster.footprint import Footprint, frame_footprint, given_footprint
from eventstac.raster.gdal import grid_names
from eventstac.raster.georeference import Georeference, georeference
from eventstac.raster.opening import Opened, open_raster
from eventstac.raster.options import Options, parse
from eventstac.raster.pixels import read_sample
from eventstac.raster.projection import gsd, projection
from eventstac.raster.sample import Sample
from eventstac.raster.sandbox import SANDBOX, Sandbox
from eventstac.raster.software import software
from eventstac.raster.valid_data import valid_footprint

# What the default domain does not hold, but satellites' products do.
MAX_BANDS = 4096  # a hyperspectral cube has hundreds; each is an object in the Item
_DOMAINS = ("", "IMAGERY", "EXIF", "RPC")


@dataclass(frozen=True)
class RasterRead:
    """What was read: JSON-ready metadata, and a thumbnail with its media type."""

    metadata: dict[str, Any]
    thumbnail: bytes | None = None
    thumbnail_type: str | None = None


def read_raster(
    reader: BlobReader, options: Mapping[str, Any], *, thumbnail: bool = True, sandbox: Sandbox = SANDBOX
) -> RasterRead:
    """Read one raster's metadata and, if wanted, a thumbnail; the same bytes and options give the same answer.

    The file is decoded in a process of its own (`sandbox`), with limits on its time and memory. Raises Rejected with
    the reason why the file cannot be an Item; BlobChanged and Transient of the reader pass.
    """
    seconds = parse(options).timeout_s
    metadata, image, kind = sandbox.read(reader, options, thumbnail=thumbnail, seconds=seconds)
    return RasterRead(metadata, image if kind else None, kind)


def read_in_process(reader: BlobReader, options: Mapping[str, Any], *, thumbnail: bool = True) -> RasterRead:
    """What a worker's process runs for `read_raster`; call it directly only for files that you trust."""
    settings = parse(options)
    with open_raster(reader, settings) as opened:
        dataset = opened.dataset
        _refuse_without_bands(opened)
        georef, footprint, problem, size = _place(dataset, settings)
        bands = band_objects(
            dataset,
            settings.nodata,
            opened.tiff.main if opened.tiff else None,
            BandTexts(dataset, opened.gdal_metadata if opened.tiff else None),
        )
        sample = None if settings.header_only else read_sample(opened, settings)
        if sample is not None:
            _add_statistics(bands, sample)
        if settings.footprint.mode == "valid-data" and settings.footprint.geometry is None:
            try:
                footprint = _of_valid_data(footprint, georef, dataset, sample, settings, size)
            except Rejected as error:
                problem = error  # the frame stays, which is said of it
        cog = cog_report(opened.tiff)
        tags = _tags(dataset)
        metadata: dict[str, Any] = {
            "media_type": media_type(opened.driver, cog, georef is not None),
            "driver": opened.driver,
            "footprint": footprint.geometry if footprint else None,
            "bbox": footprint.bbox if footprint else None,
            "projection": projection(dataset, georef),
            "bands": bands,
            "file": file_fields(reader.look, opened.sha256()),
            "cog": cog,
            "datetimes": datetimes(tags),
            "properties": _properties(tags),
            "statistics_exact": bool(sample and sample.exact),
            "software": dict(software()),
        }
        if size is not None:
            metadata["gsd"] = size
        if problem is not None:
            metadata["footprint_problem"] = _told(problem)
        unheld = nodata_problem(dataset, bands, settings.nodata)
        if unheld is not None:
            metadata["nodata_problem"] = _told(unheld)
        unclear = datetime_problem(tags, metadata["datetimes"])
        if unclear is not None:
            metadata["datetime_problem"] = _told(unclear)
        if thumbnail and sample:
            try:
                image, kind, shape = thumbnails.render(dataset, sample, settings.thumbnail)
            except Rejected as error:
                metadata["thumbnail_problem"] = _told(error)  # no reason to lose the raster
            else:
                return RasterRead({**metadata, "thumbnail_shape": shape}, image, kind)
    return RasterRead(metadata)


def _told(problem: Rejected) -> dict[str, str]:
    return {"reason": problem.reason, "detail": problem.detail}


def _refuse_without_bands(opened: Opened) -> None:
    if opened.dataset.count > MAX_BANDS:
        raise Rejected("too-large", f"the file has {opened.dataset.count} bands; the limit is {MAX_BANDS}")
    if opened.dataset.count:
        return
    inside = ", ".join(grid_names(opened.dataset)) or "nothing"
    raise Rejected(
        "no-bands",
        f"the {opened.driver} file is a container ({inside}): let the rule's option `variable` name one",
    )


def _place(
    dataset: DatasetReader, settings: Options
) -> tuple[Georeference | None, Footprint | None, Rejected | None, float | None]:
    """Where the image lies: from the file, else from the rule, else nowhere if the rule allows that; a pixel's size."""
    given = settings.footprint.geometry
    try:
        georef = georeference(dataset, settings.crs)
        size = gsd(dataset, georef)
        if given is not None:
            return georef, given_footprint(given), None, size
        footprint = frame_footprint(
            georef, dataset.width, dataset.height, _tolerance_m(dataset, size, settings)
        )
    except Rejected as problem:
        if given is not None and problem.reason != "bad-options":
            return None, given_footprint(given), None, None
        if not settings.allow_no_footprint:
            raise
        return None, None, problem, None
    return georef, footprint, None, size


def _add_statistics(bands: list[dict[str, Any]], sample: Sample) -> None:
    for band, statistics in zip(bands, sample.statistics, strict=True):
        stated, histogram = statistics.result()
        if stated:
            band["statistics"] = stated
        if histogram is not None:
            band["raster:histogram"] = histogram


def _of_valid_data(
    frame: Footprint | None,
    georef: Georeference | None,
    dataset: DatasetReader,
    sample: Sample | None,
    settings: Options,
    size: float | None,
) -> Footprint | None:
    """The part of the frame that holds data. Raises Rejected where that cannot be told."""
    if georef is None or frame is None:
        return frame
    if sample is None:
        raise Rejected("no-valid-data", "header_only reads no pixels: where data lie is not known")
    tolerance_m = _tolerance_m(dataset, size, settings)
    if size is not None and settings.footprint.tolerance_m is None:  # the outline is right to a pixel
        tolerance_m = min(tolerance_m, size * dataset.width / sample.data.shape[-1] / 4)
    return valid_footprint(georef, dataset.width, dataset.height, sample, tolerance_m) or frame


def _tolerance_m(dataset: DatasetReader, pixel: float | None, settings: Options) -> float:
    """The rule's, else ten metres or a quarter of a pixel: a finer edge of a coarse grid is only longer.

    Never more than a twentieth of the image's shorter side, or a strip a pixel wide would lie beside its footprint.
    """
    tolerance_m = settings.footprint.tolerance_m or max(10.0, (pixel or 0.0) / 4)
    return tolerance_m if pixel is None else min(tolerance_m, pixel * min(dataset.width, dataset.height) / 20)


def _tags(dataset: DatasetReader) -> dict[str, Mapping[str, str]]:
    found = ((domain, dataset.tags(ns=domain) if domain else dataset.tags()) for domain in _DOMAINS)
    return {domain: tags for domain, tags in found if tags}


def _properties(domains: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Item properties that the file states itself."""
    for tags in domains.values():
        for name in ("CLOUDCOVER", "CLOUD_COVER", "CLOUD_COVERAGE_ASSESSMENT", "CLOUDY_PIXEL_PERCENTAGE"):
            cover = _percentage(tags.get(name))
            if cover is not None:
                return {"eo:cloud_cover": cover}
    return {}


def _percentage(text: str | None) -> float | int | None:
    try:
        value = float((text or "").replace("_", "?").strip().removesuffix("%"))  # to Python 1_0 is ten
    except ValueError:
        return None
    if not math.isfinite(value) or not 0 <= value <= 100:
        return None  # GDAL's IMAGERY domain uses numbers above 100 for "not assessed"
    return int(value) if value == int(value) else value
