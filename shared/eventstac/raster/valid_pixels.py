"""Which pixels of each band say something: nodata, alpha and mask, and for floats finite numbers only."""

import math
import warnings
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NodataShadowWarning
from rasterio.io import DatasetReader

from eventstac.raster.bands import nodata_of
from eventstac.raster.opening import Opened
from eventstac.raster.options import Options
from eventstac.raster.statistics import Pixels, Valid


def valid_pixels(opened: Opened, data: Pixels, options: Options, **read: Any) -> tuple[Valid | None, ...]:
    """The valid pixels of each band of `data` (bands, rows, columns); None where all are. `read`: how it was read."""
    dataset = opened.dataset
    main = opened.tiff.main if opened.tiff else None
    alpha = alpha_band(dataset)
    shared = _of_all_bands(dataset, data, alpha, read)
    masks: list[Valid | None] = []
    for index, flags in enumerate(dataset.mask_flag_enums):
        if index == alpha:
            masks.append(None)
            continue
        pixels = data[index]
        valid: Valid | None = None
        nodata = nodata_of(dataset, index, options.nodata, main)
        if nodata is not None and not (_of_a_colour(flags) and _is_of_the_colour(dataset, index)):
            valid = _unlike(pixels, nodata)
        if shared is not None:
            valid = shared if valid is None else valid & shared
        if pixels.dtype.kind in "fc":
            finite = np.isfinite(pixels)
            if not finite.all():
                valid = finite if valid is None else valid & finite
        masks.append(valid)
    return tuple(masks)


def _of_all_bands(
    dataset: DatasetReader, data: Pixels, alpha: int | None, read: Mapping[str, Any]
) -> Valid | None:
    """The pixels that are valid in all bands alike: by the alpha band, by a mask, by a nodata colour."""
    opaque: Valid | None = None if alpha is None else data[alpha] > 0
    masked = (
        index
        for index, flags in enumerate(dataset.mask_flag_enums)
        if index != alpha and MaskFlags.per_dataset in flags and (opaque is None or _of_a_colour(flags))
    )
    index = next(masked, None)
    if index is None:
        return opaque
    with warnings.catch_warnings():
        # The alpha band that the warning is about is taken here.
        warnings.simplefilter("ignore", NodataShadowWarning)
        there: Valid = dataset.read_masks(index + 1, **read) > 0
    return there if opaque is None else there & opaque


def _of_a_colour(flags: Collection[MaskFlags]) -> bool:
    """Whether those pixels are none whose bands all have their nodata value (tRNS of a PNG, GDAL's NODATA_VALUES)."""
    return {MaskFlags.per_dataset, MaskFlags.nodata} <= {*flags}


def _is_of_the_colour(dataset: DatasetReader, index: int) -> bool:
    """Whether a band's own nodata value is but its part of the nodata colour; where that has no tag, it is."""
    value, colour = dataset.nodatavals[index], dataset.tags().get("NODATA_VALUES")
    if value is None or colour is None:
        return value is not None
    try:
        part = float(colour.split()[index])
    except (ValueError, IndexError):
        return False
    return part == value or (math.isnan(part) and math.isnan(value))


def alpha_band(dataset: DatasetReader) -> int | None:
    """The band (0-based) that says how opaque the others are: GDAL leaves it out where a nodata value is stated too."""
    colours = dataset.colorinterp
    mixed = ColorInterp.alpha in colours and {*colours} != {ColorInterp.alpha}
    return colours.index(ColorInterp.alpha) if mixed else None


# Values that stand for "nothing" and are written with fewer digits than they have: the ends of the types, netCDF's own.
_FILLS = (3.4028234663852886e38, 1.7976931348623157e308, 9.969209968386869e36)
_ROUNDED = 5e-6  # of a value: six digits, as C writes them
_SINGLE = 2**-24  # of a value: what float32 rounds by, at most


def _unlike(pixels: Pixels, nodata: float) -> Valid:
    if isinstance(nodata, float) and math.isnan(nodata):
        return ~np.isnan(pixels)
    if pixels.dtype.kind == "f":
        different: Valid = ~_like(pixels, nodata)
        return different
    unlike: Valid = pixels != pixels.dtype.type(nodata)
    return unlike


def _like(pixels: Pixels, nodata: float) -> Valid:
    with np.errstate(over="ignore"):
        stored = pixels.dtype.type(nodata)  # -3.4e38 in a text tag is meant as the float32 nearest to it
        if _is_rounded(nodata, pixels):
            near: Valid = np.isclose(pixels, stored, rtol=_ROUNDED, atol=0)
            return near
        single = np.float64(np.float32(nodata))
    like: Valid = pixels == stored
    # Many a program keeps float32 data in float64, their nodata with them. (Far from 1, float32 has infinity or 0.)
    if pixels.dtype == np.float64 and single != stored and math.isclose(single, nodata, rel_tol=_SINGLE):
        like |= pixels == single
    return like


def _is_rounded(nodata: float, pixels: Pixels) -> bool:
    """Whether pixels near a nodata value are meant by it: no data are that large as float32, but some as float64."""
    if pixels.dtype == np.float64:
        return any(math.isclose(abs(nodata), fill, rel_tol=_ROUNDED) for fill in _FILLS)
    return abs(nodata) > 1e30
