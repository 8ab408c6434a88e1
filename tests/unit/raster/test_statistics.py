"""Statistics and bands, against numpy over the whole array."""

import json
import math
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from eventstac.raster.extract import read_in_process
from eventstac.raster.statistics import BandStatistics
from tests.unit.raster.corpus import UTM, cog, gradient, netcdf, tiff
from tests.unit.raster.readers import MemoryReader


def bands_of(data: bytes, **options: object) -> list[dict[str, Any]]:
    metadata = read_in_process(MemoryReader(data), options).metadata
    json.dumps(metadata, allow_nan=False)
    bands: list[dict[str, Any]] = metadata["bands"]
    return bands


TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]


@pytest.mark.parametrize("dtype", TYPES)
def test_statistics_are_those_of_every_valid_pixel(dtype: str) -> None:
    data = np.random.default_rng(1).normal(60, 20, (700, 900)).clip(1, 120).astype(dtype)
    data[:350, :450] = 0
    band = bands_of(tiff(data, nodata=0, compress="deflate", blockxsize=256, blockysize=256, tiled=True))[0]
    valid = data[data != 0].astype("float64")
    stated = band["statistics"]
    assert stated["minimum"] == pytest.approx(valid.min())
    assert stated["maximum"] == pytest.approx(valid.max())
    assert stated["mean"] == pytest.approx(valid.mean(), rel=1e-9)
    assert stated["stddev"] == pytest.approx(valid.std(), rel=1e-6)
    assert stated["count"] == valid.size
    assert stated["valid_percent"] == pytest.approx(75)
    histogram = band["raster:histogram"]
    assert histogram["count"] == len(histogram["buckets"]) == 10
    assert histogram["buckets"] == np.histogram(valid, 10)[0].tolist()
    assert (histogram["min"], histogram["max"]) == (stated["minimum"], stated["maximum"])
    assert band["data_type"] == dtype
    assert band["nodata"] == 0


def test_float16_has_a_standard_deviation() -> None:
    data = np.linspace(-50, 50, 10000).reshape(100, 100).astype("float16")
    band = bands_of(tiff(data))[0]
    assert band["data_type"] == "float16"
    assert band["statistics"]["stddev"] == pytest.approx(data.astype("float64").std(), rel=1e-6)


def test_without_nodata_every_pixel_is_valid() -> None:
    assert bands_of(tiff(gradient(50, 60)))[0]["statistics"]["valid_percent"] == 100


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", 0), ("int16", -999), ("float32", math.nan)])
def test_all_nodata_gives_valid_percent_and_nothing_made_up(dtype: str, nodata: float) -> None:
    band = bands_of(tiff(np.full((40, 50), nodata, dtype), nodata=nodata))[0]
    assert band["statistics"] == {"valid_percent": 0}
    assert "raster:histogram" not in band


def test_nan_and_infinities_are_left_out() -> None:
    data = np.arange(400, dtype="float32").reshape(20, 20)
    data[0, :3] = [np.nan, np.inf, -np.inf]
    stated = bands_of(tiff(data))[0]["statistics"]
    assert (stated["minimum"], stated["maximum"], stated["count"]) == (3, 399, 397)
    assert stated["valid_percent"] == 99.25


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_constant_64_bit_integers_stay_exact(dtype: str) -> None:
    value = 2**62 + 1
    stated = bands_of(tiff(np.full((20, 30), value, dtype)))[0]["statistics"]
    assert stated["minimum"] == stated["maximum"] == value
    assert stated["stddev"] == 0


@pytest.mark.parametrize(
    ("dtype", "origin"),
    [
        ("int64", 1_600_000_000_000_000_000),
        ("int64", 2**63 - 600),
        ("int64", -(2**63)),
        ("int64", -(2**62) - 7),
        ("uint64", 1_600_000_000_000_000_000),
        ("uint64", 2**63),
        ("uint64", 2**64 - 600),
    ],
)
def test_64_bit_integers_far_from_zero_have_their_own_deviation_and_histogram(
    dtype: str, origin: int
) -> None:
    near = np.random.default_rng(4).permutation(600).reshape(20, 30)
    data = np.array([[origin + int(value) for value in row] for row in near], dtype)
    band = bands_of(tiff(data, blockysize=1))[0]
    stated, histogram = band["statistics"], band["raster:histogram"]
    assert (stated["minimum"], stated["maximum"]) == (origin, origin + 599)
    assert stated["stddev"] == pytest.approx(near.std(), rel=1e-12)
    assert stated["mean"] - origin in (299, 300)
    assert histogram["buckets"] == [60] * 10
    assert (histogram["min"], histogram["max"]) == (origin, origin + 599)


def test_float64_beside_a_huge_nodata_value_is_data() -> None:
    nodata = -3.139e306
    data = np.array([[nodata, nodata * (1 + 1e-7), 1.0, 2.0]])
    assert bands_of(tiff(data, nodata=nodata))[0]["statistics"]["count"] == 3


def test_zero_is_data_where_nodata_is_too_small_for_float32() -> None:
    assert bands_of(tiff(np.array([[1e-50, 0.0, 1.0, 2.0]]), nodata=1e-50))[0]["statistics"]["count"] == 3


@pytest.mark.parametrize("nodata", [-1e34, 1.70141e38, 1e35, -3.4e38, 1e20, -9999.9])
def test_nodata_of_float32_kept_in_float64_is_no_data(nodata: float) -> None:
    data = np.array([[np.float32(nodata), nodata, 1.0, 2.0]])
    assert bands_of(tiff(data, nodata=nodata))[0]["statistics"]["count"] == 2


@pytest.mark.parametrize(
    ("dtype", "fill", "text"),
    [
        *(
            (dtype, fill, text)
            for dtype in ("float32", "float64")
            for fill, text in (
                (np.finfo("float32").min, b"-3.40282e+38"),
                (9.969209968386869e36, b"9.96921e+36"),
            )
        ),
        ("float64", np.finfo("float64").min, b"-1.79769e+308"),
    ],
    ids=str,
)
def test_a_fill_value_written_with_six_digits_is_no_data(dtype: str, fill: float, text: bytes) -> None:
    written = tiff(np.array([[fill, fill, 1, 2]], dtype), nodata=-9999.25e30)
    assert bands_of(with_nodata_text(written, text))[0]["statistics"]["count"] == 2


def test_a_nodata_text_with_an_underscore_is_the_number_before_it() -> None:
    written = tiff(np.array([[1, 5]], "int64"), nodata=1234567890123456789)
    band = bands_of(with_nodata_text(written, b"1_000"))[0]
    assert band["nodata"] == 1
    assert band["statistics"]["count"] == 1


def test_chunks_of_64_bit_integers_that_lie_far_apart_are_combined() -> None:
    data = np.array([[-(2**63), -(2**63) + 1], [2**63 - 1, 2**63 - 2], [5, 6]], "int64")
    band = BandStatistics(data.dtype)
    for row in data:
        band.add(row, None)
    for row in data:
        band.add_histogram(row, None)
    stated, histogram = band.result()
    assert (stated["minimum"], stated["maximum"]) == (-(2**63), 2**63 - 1)
    assert stated["stddev"] == pytest.approx(data.astype("float64").std(), rel=1e-12)
    assert stated["mean"] == pytest.approx(data.astype("float64").mean(), abs=2048)
    assert histogram is not None
    assert histogram["buckets"] == [2, 0, 0, 0, 0, 2, 0, 0, 0, 2]


def test_the_extremes_of_a_float_are_values_that_the_file_has() -> None:
    stated = bands_of(tiff(np.array([[65504, -65504, 1000.5]], "float16")))[0]["statistics"]
    assert (stated["minimum"], stated["maximum"]) == (-65504, 65504)
    stated = bands_of(tiff(np.array([[123456792, 0.25]], "float32")))[0]["statistics"]
    assert (stated["minimum"], stated["maximum"]) == (0.25, 123456792)


def test_the_widest_floats_do_not_overflow_into_nan() -> None:
    data = np.array([[-1.7e308, 1.7e308], [0, 1]])
    stated = bands_of(tiff(data))[0]["statistics"]
    assert (stated["minimum"], stated["maximum"]) == (-1.7e308, 1.7e308)
    assert all(math.isfinite(v) for v in stated.values())


def test_a_deviation_that_overflows_is_absent() -> None:
    data = np.array([[1.7e308, -1.7e308] * 60] * 100)
    statistics = bands_of(tiff(data))[0]["statistics"]
    assert (statistics["minimum"], statistics["maximum"]) == (-1.7e308, 1.7e308)
    assert "stddev" not in statistics


def test_float32_numbers_are_written_with_their_own_digits() -> None:
    stated = bands_of(tiff(np.array([[0.1, 0.7]], "float32")))[0]["statistics"]
    assert (stated["minimum"], stated["maximum"]) == (0.1, 0.7)


@pytest.mark.parametrize(
    ("dtype", "name"), [("complex64", "cfloat32"), ("complex128", "cfloat64"), ("complex_int16", "cint16")]
)
def test_complex_bands_have_stacs_type_names_and_no_order(dtype: str, name: str) -> None:
    data = (np.ones((20, 20)) + 2j).astype("complex64" if dtype == "complex_int16" else dtype)
    band = bands_of(tiff(data, dtype=dtype))[0]
    assert band["data_type"] == name
    assert band["statistics"] == {"count": 400, "valid_percent": 100}


def test_an_alpha_band_masks_the_others() -> None:
    data = gradient(40, 50, "uint8", bands=4)
    data[3] = 255
    data[3, :10] = 0
    bands = bands_of(tiff(data, photometric="RGB", alpha="YES"))
    assert bands[0]["statistics"]["valid_percent"] == 75
    assert bands[0]["statistics"]["maximum"] == int(data[0, 10:].max())
    assert [b.get("eo:common_name") for b in bands] == ["red", "green", "blue", None]


def test_an_internal_mask_counts_as_nodata() -> None:
    def mask(dataset: Any) -> None:
        valid = np.full((40, 50), 255, "uint8")
        valid[:, :25] = 0
        dataset.write_mask(valid)

    data = gradient(40, 50)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        stated = bands_of(tiff(data, mask))[0]["statistics"]
    assert stated["valid_percent"] == 50
    assert stated["minimum"] == int(data[0, :, 25:].min())


def test_a_mask_and_a_nodata_value_both_count() -> None:
    def mask(dataset: Any) -> None:
        valid = np.full((40, 50), 255, "uint8")
        valid[:20] = 0
        dataset.write_mask(valid)

    data = np.full((40, 50), 7, "uint16")
    data[:, :25] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        stated = bands_of(tiff(data, mask, nodata=0))[0]["statistics"]
    assert (stated["minimum"], stated["count"], stated["valid_percent"]) == (7, 500, 25)


def test_an_alpha_band_and_a_nodata_value_both_count() -> None:
    data = np.full((4, 40, 50), 7, "uint8")
    data[:3, :, :25] = 0
    data[3] = 255
    data[3, :20] = 0
    bands = bands_of(tiff(data, photometric="RGB", alpha="YES", nodata=0))
    assert [b["statistics"]["valid_percent"] for b in bands] == [25, 25, 25, 100]


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("uint64", 2**64 - 1), ("uint64", 2**53 + 1), ("int64", -(2**63)), ("int64", -(2**53) - 1)],
)
def test_nodata_of_64_bits_is_taken_to_the_last_digit(dtype: str, value: int) -> None:
    data = np.array([[value, 5], [6, value ^ 1]], dtype)
    written = tiff(data, nodata=1234567890123456789)
    text = str(value).encode().ljust(19, b"\0")
    band = bands_of(with_nodata_text(written, text))[0]
    assert band["nodata"] == value
    assert band["statistics"]["count"] == 3


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("int64", -(2**63)), ("int64", 2**63 - 1), ("uint64", 2**64 - 1), ("int64", -(2**60))],
)
def test_nodata_of_64_bits_is_read_as_rasterio_writes_it(dtype: str, value: int) -> None:
    """It writes -9.2233720368547758e+18, of which GDAL reads -9."""
    band = bands_of(tiff(np.array([[value, 5], [6, 7]], dtype), nodata=value))[0]
    assert band["nodata"] == value
    assert band["statistics"]["count"] == 3


@pytest.mark.parametrize("text", [b"1e30", b"-1e25", b"0.5", b"nan", b"1.0e+20", b"-inf"])
def test_nodata_that_64_bits_cannot_hold_is_none(text: bytes) -> None:
    band = bands_of(with_nodata_text(tiff(np.array([[1, 5]], "int64"), nodata=1234567890123456789), text))[0]
    assert "nodata" not in band
    assert band["statistics"]["valid_percent"] == 100


def with_nodata_text(data: bytes, text: bytes) -> bytes:
    """The TIFF with another text in its nodata tag, put at the end of the file: rasterio writes it through a float."""
    changed = bytearray(data)
    start = struct.unpack_from("<I", data, 4)[0]
    entries = (start + 2 + 12 * number for number in range(struct.unpack_from("<H", data, start)[0]))
    entry = next(at for at in entries if struct.unpack_from("<H", data, at)[0] == 42113)
    struct.pack_into("<II", changed, entry + 4, len(text) + 1, len(data))
    return bytes(changed) + text + b"\0"


def test_float_nodata_is_compared_as_the_file_stores_it() -> None:
    data = np.arange(100, dtype="float32").reshape(10, 10)
    data[0] = np.finfo("float32").min
    band = bands_of(tiff(data, nodata=-3.4028234663852886e38))[0]
    assert band["statistics"]["minimum"] == 10
    assert band["statistics"]["valid_percent"] == 90


@pytest.mark.parametrize(
    ("nodata", "written"), [(math.nan, "nan"), (-9999.0, -9999), (0.5, 0.5), (None, None)]
)
def test_nodata_is_written_as_stac_wants_it(nodata: float | None, written: object) -> None:
    assert bands_of(tiff(np.ones((5, 5), "float32"), nodata=nodata))[0].get("nodata") == written


def png_with_a_transparent_colour(data: np.ndarray) -> bytes:
    """A PNG of red, green and blue whose black pixels are none (tRNS), as its specification has it."""
    rows = b"".join(b"\0" + row.tobytes() for row in data.transpose(1, 2, 0))
    size = struct.pack(">IIBBBBB", data.shape[2], data.shape[1], 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"tRNS", bytes(6)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    written = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def tiff_with_a_nodata_colour(data: np.ndarray, nodata: int | None = 0) -> bytes:
    """What gdal_translate makes of such a PNG."""
    return tiff(data, lambda dataset: dataset.update_tags(NODATA_VALUES="0 0 0"), nodata=nodata)


@pytest.mark.parametrize("written", [png_with_a_transparent_colour, tiff_with_a_nodata_colour])
def test_of_a_nodata_colour_only_pixels_are_none_whose_bands_all_have_it(
    written: Callable[[np.ndarray], bytes],
) -> None:
    data = np.random.default_rng(4).integers(0, 4, (3, 60, 80)).astype("uint8")
    data[:, :20] = 0
    valid = data.any(axis=0)
    place = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
    for band, values in zip(bands_of(written(data), footprint={"geometry": place}), data, strict=True):
        assert band["statistics"]["valid_percent"] == pytest.approx(100 * valid.mean())
        assert band["statistics"]["minimum"] == 0
        assert band["statistics"]["mean"] == pytest.approx(values[valid].mean())


def test_a_nodata_value_of_a_rule_counts_beside_a_nodata_colour() -> None:
    data = np.tile(np.array([0, 1, 2, 7], "uint8"), (3, 10, 10))
    data[1:, :, 1::4] = 0
    bands = bands_of(tiff_with_a_nodata_colour(data, nodata=None), nodata=7)
    assert [band["statistics"]["valid_percent"] for band in bands] == [50, 50, 50]


def test_a_nodata_colour_counts_beside_an_alpha_band() -> None:
    data = np.full((4, 30, 40), 77, "uint8")
    data[:3, :, :10], data[3] = 0, 255

    def colour(dataset: Any) -> None:
        dataset.update_tags(NODATA_VALUES="0 0 0 255")
        dataset.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]

    for band in bands_of(tiff(data, colour, nodata=0))[:3]:
        assert (band["statistics"]["valid_percent"], band["statistics"]["minimum"]) == (75, 77)


@pytest.mark.parametrize("nodata", [255, 1])
def test_a_nodata_value_that_is_not_of_the_nodata_colour_counts_beside_it(nodata: int) -> None:
    data = np.full((3, 30, 40), 77, "uint8")
    data[:, :, :10], data[:, :, 10:20] = 0, nodata
    for band in bands_of(tiff_with_a_nodata_colour(data, nodata=nodata)):
        assert (band["statistics"]["valid_percent"], band["statistics"]["maximum"]) == (50, 77)


def test_a_rule_can_give_nodata() -> None:
    band = bands_of(tiff(np.eye(10, dtype="uint8")), nodata=0)[0]
    assert band["nodata"] == 0
    assert band["statistics"]["valid_percent"] == 10


def test_scale_offset_unit_description_and_sampling_are_stated() -> None:
    def describe(dataset: Any) -> None:
        dataset.scales, dataset.offsets, dataset.units = (0.1,), (-5.0,), ("K",)
        dataset.set_band_description(1, "Brightness")
        dataset.update_tags(AREA_OR_POINT="Point")

    band = bands_of(tiff(np.ones((5, 5), "int16"), describe))[0]
    assert (band["raster:scale"], band["raster:offset"], band["unit"]) == (0.1, -5.0, "K")
    assert (band["name"], band["raster:sampling"]) == ("Brightness", "point")


@pytest.mark.parametrize(
    ("scale", "offset", "stated"), [(1, -273.15, (1, -273.15)), (0.1, 0, (0.1, 0)), (1, 0, (None, None))]
)
def test_a_scale_or_an_offset_alone_is_stated_with_the_other(
    scale: float, offset: float, stated: tuple[float | None, float | None]
) -> None:
    def describe(dataset: Any) -> None:
        dataset.scales, dataset.offsets = (scale,), (offset,)

    band = bands_of(tiff(np.ones((5, 5), "int16"), describe))[0]
    assert (band.get("raster:scale"), band.get("raster:offset")) == stated


@pytest.mark.parametrize(("length", "is_a_name"), [(64, True), (65, False)])
def test_a_description_that_is_too_long_is_no_name_of_a_band(length: int, is_a_name: bool) -> None:
    text = "x" * length
    band = bands_of(tiff(gradient(5, 5), lambda dataset: dataset.set_band_description(1, text)))[0]
    assert (band["name"] == text) == is_a_name


def texts(units: str, description: str) -> Any:
    def describe(dataset: Any) -> None:
        dataset.units, dataset.descriptions = (units, "m"), (description, "other")

    return describe


def test_texts_that_are_no_utf_8_are_read_as_latin_1() -> None:
    data = tiff(gradient(5, 5, bands=2), texts("QC & m", "EbQne"))
    bands = bands_of(data.replace(b"QC &", b"\xb0C &").replace(b"EbQne", b"Eb\xe8ne"))
    assert [(band["name"], band["unit"]) for band in bands] == [("Eb\xe8ne", "\xb0C & m"), ("other", "m")]


def test_a_unit_of_a_netcdf_that_is_no_utf_8_is_read_as_latin_1() -> None:
    data = netcdf()
    assert data.count(b"\0\0\0\1m") == 1
    band = bands_of(data.replace(b"\0\0\0\1m", b"\0\0\0\1\xb5"), crs="EPSG:4326")[0]
    assert band["unit"] == "\xb5"


def test_the_unit_of_a_compound_crs_is_that_of_heights_not_of_colours() -> None:
    compound = {"crs": "EPSG:32633+5773", "transform": UTM["transform"]}
    colours = tiff(gradient(5, 5, "uint8", bands=4), photometric="RGB", alpha="YES", **compound)
    assert [band.get("unit") for band in bands_of(colours)] == [None] * 4
    assert bands_of(tiff(gradient(5, 5, "float32"), **compound))[0]["unit"] == "metre"
    spectral = ("blue", "green", "red", "rededge", "nir")

    def interpreted(dataset: Any) -> None:
        dataset.colorinterp = tuple(ColorInterp[name] for name in spectral)

    beyond = tiff(gradient(5, 5, "uint16", bands=5), interpreted, **compound)
    assert [band.get("unit") for band in bands_of(beyond)] == [None] * 5
    unnamed = tiff(gradient(5, 5, "uint16", bands=6), **compound)
    assert [band.get("unit") for band in bands_of(unnamed)] == [None] * 6

    def radiance(dataset: Any) -> None:
        dataset.units = ("km", "W/m2", "")

    stated = tiff(gradient(5, 5, "uint8", bands=3), radiance, photometric="RGB", **compound)
    assert [band.get("unit") for band in bands_of(stated)] == ["km", "W/m2", None]


def test_bands_without_distinct_names_are_numbered() -> None:
    def describe(dataset: Any) -> None:
        dataset.descriptions = ("same", "same")

    bands = bands_of(tiff(gradient(5, 5, bands=2), describe))
    assert [(b["name"], b["description"]) for b in bands] == [("b1", "same"), ("b2", "same")]


def test_a_large_cog_is_read_from_an_overview_and_says_so() -> None:
    random = np.random.default_rng(2).integers(0, 4000, (3200, 3200)).astype("uint16")
    reader = MemoryReader(cog(random, compress="none"))
    metadata = read_in_process(reader, {}).metadata
    assert metadata["statistics_exact"] is False
    assert len(reader.asked) == 1, "one range beside the head"
    assert reader.streams == 0
    assert sum(length for _, length in reader.asked) < len(reader.data) / 8
    stated = metadata["bands"][0]["statistics"]
    assert stated["mean"] == pytest.approx(random.mean(), rel=0.02)


def test_exact_statistics_can_be_asked_for() -> None:
    data = gradient(2600, 2600)
    data[0, 1300, 1301] = 60000
    reader = MemoryReader(cog(data, compress="none"))
    metadata = read_in_process(reader, {"statistics": {"exact": True}}).metadata
    assert metadata["statistics_exact"] is True
    assert metadata["bands"][0]["statistics"]["maximum"] == 60000
    assert reader.streams == 1


def test_a_colour_is_no_description_of_a_band() -> None:
    def paint(dataset: Any) -> None:
        dataset.write_colormap(1, {0: (0, 0, 0, 255), 1: (255, 0, 0, 255)})
        dataset.colorinterp = [ColorInterp.palette]

    for data, colour in ((tiff(np.eye(8, dtype="uint8"), paint), "palette"), (tiff(gradient(5, 5)), "gray")):
        [band] = bands_of(data)
        assert band["eventstac:colour_interpretation"] == colour
        assert "description" not in band


def test_a_band_keeps_its_colour_beside_what_the_file_calls_it() -> None:
    def describe(dataset: Any) -> None:
        dataset.colorinterp = [ColorInterp.coastal, ColorInterp.pan, ColorInterp.yellow, ColorInterp.alpha]
        dataset.descriptions = ("Coastal aerosol", "Panchromatic", "Y", "QA alpha")

    bands = bands_of(tiff(gradient(40, 50, "uint8", bands=4), describe))
    assert [band["name"] for band in bands] == ["Coastal aerosol", "Panchromatic", "Y", "QA alpha"]
    assert [band["eventstac:colour_interpretation"] for band in bands] == [
        "coastal",
        "pan",
        "yellow",
        "alpha",
    ]
    assert [band.get("eo:common_name") for band in bands] == ["coastal", "pan", "yellow", None]


@pytest.mark.parametrize(
    ("called", "common"),
    [
        (
            ("nir", "red", "green"),
            [None, None, None],
        ),  # a false-colour image is displayed as if it were red, green, blue
        (("B08", "B04", "B03"), [None, None, None]),
        (("blue", "green", "red"), [None, "green", None]),
        (("Band 4", "Band 3", "Band 2"), [None, None, None]),
        (("", "", ""), ["red", "green", "blue"]),
        (("Red", "GREEN", "blue "), ["red", "green", "blue"]),
        (("Band_1", "Band_2", "Band_3"), ["red", "green", "blue"]),
        (("Band1", "BAND2", "band 03"), ["red", "green", "blue"]),
        (("b1", "b_2", "b03"), ["red", "green", "blue"]),
        (("Layer_1", "Layer2", "3"), ["red", "green", "blue"]),
        (("B1", "B2", "B3"), [None, None, None]),  # Landsat's blue, green and red
        (("Band 8", "Band 4", "Band 3"), [None, None, None]),  # the last by chance
        (("b8", "b4", "b3"), [None, None, None]),
        (("Band1 Red", "Band2-Green", "b3 (blue)"), ["red", "green", "blue"]),
        (("Band 1 - Red", "band 02 (Green)", "Blue"), ["red", "green", "blue"]),
        (("Red Edge", "green05", "blue"), [None, None, "blue"]),
        (("R", "g", "B"), ["red", "green", "blue"]),
        (("N", "R", "G"), [None, None, None]),
    ],
)
def test_the_colour_of_display_is_a_common_name_only_where_the_band_is_called_so(
    called: tuple[str, ...], common: list[str | None]
) -> None:
    def describe(dataset: Any) -> None:
        dataset.descriptions = called

    bands = bands_of(tiff(gradient(40, 50, "uint8", bands=3), describe, photometric="RGB"))
    assert [band["eventstac:colour_interpretation"] for band in bands] == ["red", "green", "blue"]
    assert [band.get("eo:common_name") for band in bands] == common


def test_a_colour_that_is_none_of_display_stands_but_beside_another_common_name() -> None:
    def describe(dataset: Any) -> None:
        dataset.colorinterp = [ColorInterp.coastal, ColorInterp.yellow, ColorInterp.pan]
        dataset.descriptions = ("B1", "nir", "Panchromatic")

    bands = bands_of(tiff(gradient(40, 50, "uint8", bands=3), describe))
    assert [band.get("eo:common_name") for band in bands] == ["coastal", None, "pan"]


def test_a_nodata_text_that_is_no_number_hides_no_zeros() -> None:
    data = tiff(np.arange(2000).reshape(40, 50).astype("uint16") % 7, nodata=123)
    assert data.count(b"123\0") == 1
    band = bands_of(data.replace(b"123\0", b"abc\0"))[0]
    assert "nodata" not in band
    assert (band["statistics"]["minimum"], band["statistics"]["valid_percent"]) == (0, 100)
