"""STAC 1.1 band objects: what each band is called, how its numbers are stored and what they mean."""

import math
import re
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from eventstac.common_names import COLOUR_FIELD, are_numbered, may_be
from eventstac.errors import Rejected
from eventstac.raster.band_texts import BandTexts
from eventstac.raster.tiff import Directory

_COLOURS_OF_EO = {
    "red": "red",
    "green": "green",
    "blue": "blue",
    "pan": "pan",
    "coastal": "coastal",
    "yellow": "yellow",
    "nir": "nir",
    "rededge": "rededge",
    "lwir": "lwir",
}
_SHOWN = 8  # numbers of bands in a message
_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d|\.\d|nan|inf)", re.ASCII | re.IGNORECASE)
_COMPLEX = {
    "complex64": "cfloat32",
    "complex128": "cfloat64",
    "complex_int16": "cint16",
    "complex_int32": "cint32",
}
_KNOWN_TYPES = {
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
}  # fmt: skip


def band_objects(
    dataset: DatasetReader,
    nodata: float | None,
    main: Directory | None = None,
    texts: BandTexts | None = None,
) -> list[dict[str, Any]]:
    """One band object for each band, without statistics.

    `nodata` is the rule's, for files that state none; `main` and `texts` know what rasterio does not tell.
    """
    texts = texts or BandTexts(dataset)
    # Each of these asks GDAL for every band: once for a cube of hundreds, not once for each of its bands.
    colours, descriptions = dataset.colorinterp, texts.descriptions()
    units = texts.units(colours)
    names, numbered = _names(descriptions), are_numbered(descriptions)
    scalings = list(zip(dataset.scales, dataset.offsets, strict=True))
    point = dataset.tags().get("AREA_OR_POINT", "").lower()
    bands = []
    for index, name in enumerate(names):
        band: dict[str, Any] = {
            "name": name,
            "data_type": data_type(_stored_type(dataset.dtypes[index], main)),
        }
        colour = colour_name(colours[index])
        if descriptions[index] and descriptions[index] != name:
            band["description"] = descriptions[index]
        if colour:  # beside what the file calls the band: alpha is alpha, whatever its name
            band[COLOUR_FIELD] = colour
        value = nodata_of(dataset, index, nodata, main)
        if value is not None:
            band["nodata"] = nodata_value(value)
        if units[index]:
            band["unit"] = units[index]
        common = _COLOURS_OF_EO.get(colours[index].name)
        if common and may_be(common, descriptions[index], index + 1, is_numbered=numbered):
            band["eo:common_name"] = common
        if point in ("area", "point"):
            band["raster:sampling"] = point
        bits = dataset.tags(index + 1, ns="IMAGE_STRUCTURE").get("NBITS")
        if bits and bits.isdigit():
            band["raster:bits_per_sample"] = int(bits)
        band |= _scaling(*scalings[index])
        bands.append(band)
    return bands


def data_type(dtype: str) -> str:
    """STAC's name of a numpy type."""
    name = _COMPLEX.get(dtype, dtype)
    return name if name in _KNOWN_TYPES or name in _COMPLEX.values() else "other"


def _stored_type(dtype: str, main: Directory | None) -> str:
    """GDAL gives pairs of 32-bit integers as pairs of floats."""
    return "complex_int32" if dtype == "complex64" and main is not None and main.is_complex_integer else dtype


def nodata_of(
    dataset: DatasetReader, index: int, given: float | None, main: Directory | None = None
) -> float | int | None:
    """The value that means nothing in a band (0-based), if its type can hold it."""
    dtype = dataset.dtypes[index]
    value = dataset.nodatavals[index]
    if main is not None and main.nodata and not _NUMBER.match(main.nodata):
        value = None  # GDAL takes a text that is no number for 0
    if dtype in ("int64", "uint64") and main is not None:
        whole = _whole_number(main.nodata, dtype)
        value = value if whole is None else whole
    value = given if value is None else value
    if value is None or dtype.startswith("complex"):
        return value
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        if not math.isfinite(value) or value != int(value):
            return None
        info = np.iinfo(kind)
        return int(value) if info.min <= int(value) <= info.max else None
    return float(value)


def nodata_problem(
    dataset: DatasetReader, bands: list[dict[str, Any]], given: float | None
) -> Rejected | None:
    """That the rule's nodata is no value of bands that state none themselves; None where it is, or there is none."""
    left = [
        index
        for index, value in enumerate(dataset.nodatavals)
        if given is not None and value is None and "nodata" not in bands[index]
    ]
    if not left or given is None:
        return None
    types = " and ".join(dict.fromkeys(dataset.dtypes[index] for index in left))
    numbers = ", ".join(str(index + 1) for index in left[:_SHOWN])
    named = f"band {numbers}" if len(left) == 1 else f"bands {numbers}{', …' if len(left) > _SHOWN else ''}"
    have = "it has" if len(left) == 1 else "they have"
    return Rejected(
        "nodata-not-of-type",
        f"the rule's nodata {nodata_value(given)} is no value of {types} ({named}): {have} none. "
        "Give one that it can hold",
    )


def _whole_number(text: str, dtype: str) -> float | int | None:
    """The number in a nodata tag of 64-bit integers; None where there is none.

    rasterio takes it through a float, which has 53 bits, and writes it like that too (-9.2233720368547758e+18), of
    which GDAL reads -9. A float cannot be 2**64 - 1: what is written then is 2**64, and the largest number is meant.
    """
    if _INTEGER.fullmatch(text):
        return int(text)
    if "_" in text:  # Python reads 1_0 as ten; GDAL reads what stands before
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    if not value.is_integer():  # nor are NaN and the infinities
        return value
    most = int(np.iinfo(dtype).max)
    return most if int(value) == most + 1 else int(value)


def nodata_value(value: float) -> float | int | str:
    """As JSON and STAC write it: `nan` and the infinities as text, whole numbers as integers."""
    if isinstance(value, complex):
        value = value.real
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return (
        int(value) if (value == int(value) and abs(value) < 2**53) or isinstance(value, int) else float(value)
    )


def colour_name(colour: ColorInterp) -> str:
    """GDAL's colour interpretation in words; empty where it says nothing."""
    return "" if colour.name == "undefined" else colour.name


def _names(descriptions: list[str]) -> list[str]:
    """The bands' descriptions where they are short and tell the bands apart, else b1, b2 and so on."""
    given = [text.strip() for text in descriptions]
    if all(given) and len(set(given)) == len(given) and all(len(text) <= 64 for text in given):
        return given
    return [f"b{number}" for number in range(1, len(descriptions) + 1)]


def _scaling(scale: float, offset: float) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if (scale, offset) != (1.0, 0.0) and math.isfinite(scale) and math.isfinite(offset):
        fields = {"raster:scale": scale, "raster:offset": offset}
    return fields
