"""COG or not, the projection's fields, times, thumbnails, and an Item that passes the profiles."""

import re
import struct
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pyproj
import pytest
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rio_cogeo.cogeo import cog_validate

from eventstac.compose import compose
from eventstac.errors import Rejected
from eventstac.facts import Finding, Match, fact_of
from eventstac.raster.datetime import datetime_problem, datetimes
from eventstac.raster.extract import RasterRead, read_in_process
from eventstac.rules import AssetRule, CollectionRules, Rule
from eventstac.validation import validate_item
from tests.samples import url_of
from tests.unit.raster.corpus import PLACES, Place, at, blank, classic_netcdf, cog, gradient, tiff
from tests.unit.raster.readers import SEEN, MemoryReader

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
GEOTIFF = "image/tiff; application=geotiff"


def read(data: bytes, **options: object) -> RasterRead:
    return read_in_process(MemoryReader(data), options)


def problem_of(domains: dict[str, dict[str, str]]) -> Rejected | None:
    return datetime_problem(domains, datetimes(domains))


def with_overviews(dataset: Any) -> None:
    dataset.build_overviews([2, 4])


TILED: dict[str, Any] = {"tiled": True, "blockxsize": 256, "blockysize": 256}
LAYOUTS = {
    "a cog": (cog(gradient(1200, 1300)), True, COG),
    "a cog of one tile": (cog(gradient(200, 200)), True, COG),
    "a cog with a mask": (cog(gradient(1200, 1300, "uint8", 4), compress="jpeg"), True, COG),
    "tiled, no overviews": (tiff(gradient(1200, 1300), **TILED), True, COG),
    "overviews added later": (tiff(gradient(1200, 1300), with_overviews, **TILED), False, GEOTIFF),
    "striped": (tiff(gradient(1200, 1300)), False, GEOTIFF),
    "striped and small": (tiff(gradient(300, 400)), True, GEOTIFF),
    "an overview as wide as its tiles": (
        tiff(gradient(1100, 2048), driver="COG", blocksize=1024),
        False,
        GEOTIFF,
    ),
    "bigtiff": (tiff(gradient(1200, 1300), bigtiff="YES", **TILED), True, COG),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_cog_is_what_rio_cogeo_says_and_is_tiled(name: str, tmp_path: Any) -> None:
    data, valid, media_type = LAYOUTS[name]
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, errors, _ = cog_validate(path, quiet=True)
    metadata = read(data).metadata
    assert metadata["cog"]["valid"] == theirs == valid, (metadata["cog"], errors)
    assert metadata["media_type"] == media_type
    assert bool(metadata["cog"]["problems"]) != valid


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_projection_fields_are_those_of_the_file(place: Place) -> None:
    fields = read(at(place)).metadata["projection"]
    assert fields["proj:shape"] == [place.height, place.width]
    assert fields["proj:transform"] == pytest.approx(list(place.transform)[:6])
    stated = pyproj.CRS(fields["proj:code"] or fields["proj:wkt2"])
    assert stated.equals(pyproj.CRS(place.crs), ignore_axis_order=True) or fields["proj:code"] is None
    west, south, east, north = fields["proj:bbox"]
    assert west < east
    assert south < north
    if place.crs.startswith("EPSG:") and "+" not in place.crs:
        assert fields["proj:code"] == place.crs
    elif fields["proj:code"] is None:
        assert fields["proj:wkt2"].startswith(("PROJCRS[", "GEOGCRS[", "BOUNDCRS[", "COMPOUNDCRS["))


@pytest.mark.parametrize(("name", "gsd"), [("utm scene", 1002.3), ("rotated 30", 1000.0)])
def test_gsd_is_the_pixel_in_metres(name: str, gsd: float) -> None:
    place = next(p for p in PLACES if p.name == name)
    assert read(at(place)).metadata["gsd"] == pytest.approx(gsd, rel=0.001)


@pytest.mark.parametrize(("latitude", "is_nominal"), [(0, True), (10.3, True), (10.7, False), (60, False)])
def test_gsd_is_the_nominal_pixel_where_that_is_within_two_percent_of_the_ground(
    latitude: float, is_nominal: bool
) -> None:
    to_degrees = pyproj.Transformer.from_crs("EPSG:3857", "OGC:CRS84")
    _, north = to_degrees.transform(0, latitude, direction="INVERSE")
    lon, lat = to_degrees.transform([0, 1000, 0], [north, north, north - 1000])
    _, _, sides = pyproj.Geod(ellps="WGS84").inv([lon[0]] * 2, [lat[0]] * 2, lon[1:], lat[1:])
    ground = float(np.sqrt(sides[0] * sides[1]))
    assert (abs(1000 / ground - 1) < 0.02) == is_nominal
    place = Place("mercator", "EPSG:3857", Affine(1000, 0, 0, 0, -1000, north + 5000), 10, 10)
    assert read(blank(place)).metadata["gsd"] == pytest.approx(1000 if is_nominal else ground, rel=2e-4)


@pytest.mark.parametrize(
    ("tags", "start", "end"),
    [
        ({"TIFFTAG_DATETIME": "2018:07:01 10:20:30"}, "2018-07-01T10:20:30Z", "2018-07-01T10:20:30Z"),
        (
            {"ACQUISITIONDATETIME": "2020-01-02 03:04:05.250"},
            "2020-01-02T03:04:05.25Z",
            "2020-01-02T03:04:05.25Z",
        ),
        ({"ACQUISITION_DATE": "2020-01-02"}, "2020-01-02T00:00:00Z", "2020-01-02T23:59:59.999Z"),
        ({"DATE_ACQUIRED": "20200102"}, "2020-01-02T00:00:00Z", "2020-01-02T23:59:59.999Z"),
        ({"SENSING_TIME": "2020-01-02T03:04:05+02:00"}, "2020-01-02T01:04:05Z", "2020-01-02T01:04:05Z"),
        (
            {
                "NC_GLOBAL#time_coverage_start": "2020-01-01",
                "NC_GLOBAL#time_coverage_end": "2020-01-31T12:00:00Z",
            },
            "2020-01-01T00:00:00Z",
            "2020-01-31T12:00:00Z",
        ),
        (
            {
                "RANGEBEGINNINGDATE": "2020-01-01",
                "RANGEBEGINNINGTIME": "01:02:03",
                "RANGEENDINGDATE": "2020-01-02",
                "RANGEENDINGTIME": "04:05:06.5",
            },
            "2020-01-01T01:02:03Z",
            "2020-01-02T04:05:06.5Z",
        ),
        (
            {"RANGEBEGINNINGDATE": "2024-06-01", "RANGEENDINGDATE": "2024-06-02"},
            "2024-06-01T00:00:00Z",
            "2024-06-02T23:59:59.999Z",
        ),
    ],
)
def test_times_are_read_from_tags(tags: dict[str, str], start: str, end: str) -> None:
    found = datetimes({"": tags})[0]
    assert (found["start"], found["end"]) == (start, end)
    assert problem_of({"": tags}) is None


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("2024-06-01 12:00:00+00", "2024-06-01T12:00:00Z"),  # as PostgreSQL writes it
        ("2024-06-01T12:00:00+05", "2024-06-01T07:00:00Z"),
        ("2024-06-01T12:00:00.5-0330", "2024-06-01T15:30:00.5Z"),
        ("2024-06-01T12:00:00.Z", "2024-06-01T12:00:00Z"),
        ("2024-06-01T12:00:00.123456789123Z", "2024-06-01T12:00:00.123456Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),  # a leap second
        ("2017-01-01T05:29:60+05:30", "2016-12-31T23:59:59Z"),
        ("2016-12-31T20:29:60-03:30", "2016-12-31T23:59:59Z"),
        ("20240601120000", "2024-06-01T12:00:00Z"),
        ("20240601120000.5+0200", "2024-06-01T10:00:00.5Z"),
        ("2024-06-01T24:00:00Z", "2024-06-02T00:00:00Z"),
        ("01-JUN-2024 12:00:00.123456", "2024-06-01T12:00:00.123456Z"),
        ("2024-153T12:00:00Z", "2024-06-01T12:00:00Z"),
        ("2024-153", "2024-06-01T00:00:00Z"),
        ("2024153", "2024-06-01T00:00:00Z"),
        ("'2024-06-01T12:00:00Z'", "2024-06-01T12:00:00Z"),
    ],
)
def test_a_time_is_read_in_whichever_spelling(text: str, start: str) -> None:
    (found,) = datetimes({"": {"ACQUISITION_DATETIME": text}})
    assert found["start"] == start
    assert (found["start"] == found["end"]) == (len(text) > len("2024-06-01"))


EXIF = "EXIF_DateTimeOriginal"


@pytest.mark.parametrize(
    ("tags", "start"),
    [
        (
            {
                EXIF: "2024:06:01 02:00:00",
                "EXIF_OffsetTimeOriginal": "+09:00",
                "EXIF_SubSecTime_Original": "75 ",
            },
            "2024-05-31T17:00:00.75Z",
        ),
        ({EXIF: "2024:06:01 02:00:00", "EXIF_OffsetTimeOriginal": "   :  "}, "2024-06-01T02:00:00Z"),
        ({EXIF: "2024:06:01 02:00:00", "EXIF_SubSecTime_Original": "075"}, "2024-06-01T02:00:00.075Z"),
        (
            {"DATE_ACQUIRED": "2024-06-01", "SCENE_CENTER_TIME": '"18:40:02.5000000Z"'},
            "2024-06-01T18:40:02.5Z",
        ),
        ({"ACQUISITION_DATE": "2024-06-01", "ACQUISITION_TIME": "10:20:30"}, "2024-06-01T10:20:30Z"),
        (
            {"ACQUISITION_DATE": "2024-06-01", "ACQUISITION_TIME": "2024-06-01T10:20:30Z"},
            "2024-06-01T10:20:30Z",
        ),
        (
            {EXIF: "2024:06:01 02:00:00.5+09:00", "EXIF_OffsetTimeOriginal": "+09:00"},
            "2024-05-31T17:00:00.5Z",
        ),
        ({EXIF: "2024:06:01 02:00:00", "EXIF_SubSecTime_Original": "+09:00"}, "2024-06-01T02:00:00Z"),
    ],
)
def test_what_a_tag_beside_a_time_says_belongs_to_it(tags: dict[str, str], start: str) -> None:
    found = datetimes({"": tags})[0]
    assert (found["start"], found["end"]) == (start, start)
    assert "doubtful" not in found


@pytest.mark.parametrize("text", ["1900123", "19590101"])
def test_digits_beside_a_date_are_no_day(text: str) -> None:
    found = datetimes({"": {"ACQUISITION_DATE": "2024-06-01", "ACQUISITION_TIME": text}})
    assert [(e["start"], e["end"]) for e in found] == [("2024-06-01T00:00:00Z", "2024-06-01T23:59:59.999Z")]


@pytest.mark.parametrize("zone", ["09", "0900", "+99:99", "+9:00", "09:00", "+15:00", "\u221209:00"])
def test_a_time_of_a_zone_that_is_not_understood_is_doubtful_and_gives_way(zone: str) -> None:
    tags = {EXIF: "2024:06:01 02:00:00", "EXIF_SubSecTime_Original": "75", "EXIF_OffsetTimeOriginal": zone}
    moment = "2024-06-01T02:00:00.75Z"
    assert datetimes({"": tags}) == [{"source": EXIF, "start": moment, "end": moment, "doubtful": True}]
    found = datetimes({"": tags, "OTHER": {"SENSING_TIME": "2024-05-31T17:00:00Z"}})
    assert [each["source"] for each in found] == ["OTHER:SENSING_TIME", EXIF]


@pytest.mark.parametrize(
    "tags",
    [
        {"start_datetime": "2024-06-01T12:00:00Z"},
        {"NC_GLOBAL#time_coverage_end": "2024-06-01T12:00:00Z"},
        {"PRODUCT_START_TIME": "2024-06-01T12:00:00Z", "PRODUCT_STOP_TIME": "later"},
        {"RANGEBEGINNINGDATE": "2024-06-01", "RANGEBEGINNINGTIME": "12:00:00"},
        {"EXIF_DateTimeDigitized": "2024:06:01 21:00:00", "EXIF_OffsetTimeDigitized": "+09:00"},
        {"TIFFTAG_DATETIME": "2024:06:01 12:00:00"},
    ],
    ids=lambda tags: next(iter(tags)),
)
def test_what_may_be_another_time_is_said_to_be_doubtful(tags: dict[str, str]) -> None:
    moment = "2024-06-01T12:00:00Z"
    stated = {"source": next(iter(tags)), "start": moment, "end": moment, "doubtful": True}
    assert datetimes({"": {"TIFFTAG_DATETIME": "2025:11:30 09:00:00", **tags}})[0] == stated


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        (
            {"ACQUISITION_DATETIME": "June 1st, 2024"},
            "ACQUISITION_DATETIME is 'June 1st, 2024': not understood as a time",
        ),
        ({"ACQUISITION_DATE": "1820-05-01"}, "ACQUISITION_DATE is '1820-05-01': not within 1850 to 2200"),
        (
            {"NC_GLOBAL#time_coverage_start": "spring of 2024"},
            "NC_GLOBAL#time_coverage_start is 'spring of 2024'",
        ),
        ({"ACQUISITION_TIME": "10:20:30"}, "ACQUISITION_TIME is '10:20:30'"),
        (
            {"time#units": "months since 2024-01-01", "NETCDF_DIM_time_VALUES": "5"},
            "time#units is 'months since",
        ),
        (
            {"time#units": "month as %Y%m.%f", "NETCDF_DIM_time_VALUES": "202406.5"},
            "time#units is 'month as %Y%m.%f': not understood as a time",
        ),
        (
            {"time#units": "day as %Y%m%d.%f", "NETCDF_DIM_time_VALUES": "20241301"},
            "time#units is 'day as %Y%m%d.%f': not understood as a time",
        ),
        (
            {
                "time#units": "days since 1850-01-01",
                "time#calendar": "noleap",
                "NETCDF_DIM_time_VALUES": "5",
            },
            "time#calendar is 'noleap': its days are not those of the standard calendar",
        ),
        (
            {"start_datetime": "2024-06-02", "end_datetime": "2024-06-01"},
            "start_datetime is '2024-06-02': later than end_datetime, '2024-06-01'",
        ),
        (
            {
                "RANGEBEGINNINGDATE": "2024-06-02",
                "RANGEBEGINNINGTIME": "10:00:00",
                "RANGEENDINGDATE": "2024-06-01",
                "RANGEENDINGTIME": "09:00:00",
            },
            "RANGEBEGINNINGDATE is '2024-06-02T10:00:00': later than RANGEENDINGDATE, '2024-06-01T09:00:00'. The",
        ),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_a_time_that_is_not_understood_is_told(tags: dict[str, str], says: str) -> None:
    data = tiff(
        gradient(9, 9), lambda dataset: dataset.update_tags(**tags, TIFFTAG_DATETIME="2025:11:30 09:00:00")
    )
    metadata = read(data).metadata
    assert [(each["source"], each["doubtful"]) for each in metadata["datetimes"]] == [
        ("TIFFTAG_DATETIME", True)
    ]
    assert metadata["datetime_problem"]["reason"] == "datetime-not-understood"
    assert says in metadata["datetime_problem"]["detail"]


def test_a_time_that_is_not_understood_is_told_with_its_metadata_domain() -> None:
    problem = problem_of({"": {}, "IMAGERY": {"ACQUISITIONDATETIME": "June 1st, 2024"}})
    assert problem is not None
    assert problem.detail.startswith("IMAGERY:ACQUISITIONDATETIME is ")


@pytest.mark.parametrize("text", ["06/01/2024", "2024:06:31 10:00:00", "1 June 2024"])
@pytest.mark.parametrize("name", ["TIFFTAG_DATETIME", "EXIF_DateTimeDigitized"])
def test_a_doubtful_time_that_is_not_understood_is_told_where_there_is_no_other(name: str, text: str) -> None:
    problem = problem_of({"": {name: text}})
    assert problem is not None
    assert problem.detail.startswith(f"{name} is {text!r}: not understood as a time")
    stated = {"start_datetime": "2024-06-01T12:00:00Z"}  # doubtful too: its end is not stated
    assert problem_of({"": {name: text}, "OTHER": stated}) is None


@pytest.mark.parametrize(
    "tags",
    [
        {"ACQUISITION_DATE": ""},
        {"TIFFTAG_DATETIME": "0000:00:00 00:00:00"},
        {EXIF: "0000:00:00 00:00:00"},
        {"SENSING_TIME": "n/a"},
        {"TITLE": "of 2024"},
    ],
    ids=str,
)
def test_fillers_state_no_time(tags: dict[str, str]) -> None:
    assert problem_of({"": tags}) is None


def test_a_time_that_is_not_understood_beside_one_that_is_does_no_harm() -> None:
    data = tiff(
        gradient(9, 9),
        lambda dataset: dataset.update_tags(SENSING_TIME="2024-06-01T12:00:00Z", ACQUISITION_DATE="06/01/24"),
    )
    assert "datetime_problem" not in read(data).metadata


@pytest.mark.parametrize(
    ("units", "values", "start", "end"),
    [
        ("days since 1970-01-01", "18000.5", "2019-04-14T12:00:00Z", "2019-04-14T12:00:00Z"),
        ("hours since 2000-01-01 00:00:00", "{0,6,12}", "2000-01-01T00:00:00Z", "2000-01-01T12:00:00Z"),
        ("seconds since 2000-01-01T00:00:00Z", "{90,30}", "2000-01-01T00:00:30Z", "2000-01-01T00:01:30Z"),
        ("hours since 1800-01-01 00:00:0.0", "{1753152}", "2000-01-01T00:00:00Z", "2000-01-01T00:00:00Z"),
        ("days since 1800-1-1 00:00:00", "{73048,73049}", "2000-01-01T00:00:00Z", "2000-01-02T00:00:00Z"),
        ("hours since 1900-01-01 00:00:0.0", "{876576}", "2000-01-01T00:00:00Z", "2000-01-01T00:00:00Z"),
        ("days since 2000-1-1", "31", "2000-02-01T00:00:00Z", "2000-02-01T00:00:00Z"),
        ("hours since 2000-1-1 0:0:0 +0:00", "6", "2000-01-01T06:00:00Z", "2000-01-01T06:00:00Z"),
        ("hours since 2000-01-01 06:00 -3:30", "1", "2000-01-01T10:30:00Z", "2000-01-01T10:30:00Z"),
        ("hours since 2020-01-01 12", "1", "2020-01-01T13:00:00Z", "2020-01-01T13:00:00Z"),
        ("days since 20200101", "1", "2020-01-02T00:00:00Z", "2020-01-02T00:00:00Z"),
        ("seconds since 2020-01-01 00:00:1.5 UTC", "1", "2020-01-01T00:00:02.5Z", "2020-01-01T00:00:02.5Z"),
        (
            "milliseconds since 1970-01-01",
            "1600000000123",
            "2020-09-13T12:26:40.123Z",
            "2020-09-13T12:26:40.123Z",
        ),
        # Of the Julian calendar, as cftime and NOAA have it.
        ("hours since 1-1-1 00:00:0.0", "17338824", "1979-01-01T00:00:00Z", "1979-01-01T00:00:00Z"),
        # As cdo writes absolute times.
        ("day as %Y%m%d.%f", "20240601.5", "2024-06-01T12:00:00Z", "2024-06-01T12:00:00Z"),
        ("day as %Y%m%d.%f", "{20240601,20240630.75}", "2024-06-01T00:00:00Z", "2024-06-30T18:00:00Z"),
        ("day as %Y%m%d.%f", "20240601.1", "2024-06-01T02:24:00Z", "2024-06-01T02:24:00Z"),
    ],
)
def test_times_are_read_from_a_netcdf_axis(units: str, values: str, start: str, end: str) -> None:
    tags = {"time#units": units, "NETCDF_DIM_time_VALUES": values, "lat#units": "degrees_north"}
    assert [(e["start"], e["end"]) for e in datetimes({"": tags})] == [(start, end)]


@pytest.mark.parametrize(("kind", "times"), [(5, 0), (6, 1)], ids=["float", "double"])
def test_dates_as_numbers_are_read_where_their_type_can_hold_them(kind: int, times: int) -> None:
    axes = {
        "time": (np.array([20240601.5]), {"units": "day as %Y%m%d.%f"}),
        **{
            name: (np.linspace(50, 40, 20), {"units": f"degrees_{way}"})
            for name, way in (("lat", "north"), ("lon", "east"))
        },
    }
    data = classic_netcdf(axes, list(axes), {"units": "K"}, {"grid_mapping_name": "latitude_longitude"})
    tags = {"time#units": "day as %Y%m%d.%f", "NETCDF_DIM_time_VALUES": "20240601.5"}
    assert len(datetimes({"": {**tags, "NETCDF_DIM_time_DEF": f"{{1,{kind}}}"}})) == times
    if not times:  # such a file says so
        metadata = read(data).metadata
        assert metadata["datetimes"] == []
        assert "day as %Y%m%d.%f" in metadata["datetime_problem"]["detail"]


def test_an_axis_of_a_group_is_read_and_the_proleptic_calendar_has_no_julian_days() -> None:
    tags = {
        "/Grid/time#units": "days since 0001-01-01",
        "/Grid/time#calendar": "proleptic_gregorian",
        "NETCDF_DIM_time_VALUES": "730119",
    }
    assert [e["start"] for e in datetimes({"": tags})] == ["2000-01-01T00:00:00Z"]


@pytest.mark.parametrize(
    "tags",
    [
        {"time#units": "days since 1970-01-01", "time#calendar": "360_day", "NETCDF_DIM_time_VALUES": "1"},
        {"time#units": "days since 1970-01-01", "NETCDF_DIM_time_VALUES": "nan"},
        {"time#units": "days since 1970-01-01", "NETCDF_DIM_time_VALUES": "1e300"},
        {"time#units": "months since 1970-01-01", "NETCDF_DIM_time_VALUES": "1"},
        {"time#units": "days since launch", "NETCDF_DIM_time_VALUES": "1"},
        {"time#units": "days since 2000-13-1", "NETCDF_DIM_time_VALUES": "1"},
        {"time#units": "days since 2000-1-1 25:00", "NETCDF_DIM_time_VALUES": "1"},
        {"time#units": "days since 2000-1-1 0:0:0 +99:99", "NETCDF_DIM_time_VALUES": "1"},
        {"time#units": "day as %Y%m%d.%f", "NETCDF_DIM_time_VALUES": "20241301.5"},
        {"time#units": "day as %Y%m%d.%f", "NETCDF_DIM_time_VALUES": "-1"},
        {"time#units": "day as %Y%m%d.%f", "NETCDF_DIM_time_VALUES": "nan"},
        {"level#units": "hPa", "NETCDF_DIM_level_VALUES": "1"},
    ],
    ids=str,
)
def test_other_axes_and_calendars_give_no_time(tags: dict[str, str]) -> None:
    assert datetimes({"": tags}) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000:00:00 00:00:00",
        "yesterday",
        "2018",
        "2018:13:01 00:00:00",
        "2018:01:01 24:00:01",
        "2018:01:01 12:00:60",
        "2017-01-01T05:59:60+05:30",
        "2018-01-01T12:00:00+15:00",
        "20180101 1200-15",
        "201801011200000",
        "2018-01-01120000",
        "2018-366",
        "2018-000",
        "01-JUX-2018",
        "1000-01-01",
        "0001-01-01T00:00:00+10:00",
        "9999-12-31T23:59:59-10:00",
        "9999-12-31",
    ],
)
def test_what_is_no_time_gives_none(text: str) -> None:
    assert datetimes({"": {"TIFFTAG_DATETIME": text}}) == []


def test_an_acquisition_comes_before_the_tiffs_own_tag() -> None:
    found = datetimes(
        {"": {"TIFFTAG_DATETIME": "2021:01:01 00:00:00"}, "IMAGERY": {"ACQUISITIONDATETIME": "2020-05-05"}}
    )
    assert [e["source"] for e in found] == ["IMAGERY:ACQUISITIONDATETIME", "TIFFTAG_DATETIME"]


def test_a_file_without_a_time_has_none() -> None:
    assert read(tiff(gradient(9, 9))).metadata["datetimes"] == []


@pytest.mark.parametrize(
    ("text", "cover"),
    [("12.5", 12.5), ("30", 30), ("501", None), ("nan", None), ("few", None), ("1_2", None)],
)
def test_cloud_cover_is_a_percentage_or_absent(text: str, cover: float | None) -> None:
    data = tiff(gradient(9, 9), lambda dataset: dataset.update_tags(ns="IMAGERY", CLOUDCOVER=text))
    assert read(data).metadata["properties"].get("eo:cloud_cover") == cover


def image(data: bytes, **options: object) -> Any:
    png = read(data, **options).thumbnail
    assert png is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with MemoryFile(png) as memory, memory.open(driver="PNG") as dataset:
            return dataset.read()


def test_a_thumbnail_is_a_png_of_at_most_512_pixels() -> None:
    result = read(tiff(gradient(700, 1500)))
    assert result.thumbnail_type == "image/png"
    assert result.thumbnail is not None
    width, height = struct.unpack(">II", result.thumbnail[16:24])
    assert result.metadata["thumbnail_shape"] == [height, width]
    assert max(width, height) <= 512
    assert width / height == pytest.approx(1500 / 700, rel=0.02)


@pytest.mark.parametrize(("bands", "channels"), [(1, 3), (3, 3)])
@pytest.mark.parametrize("nodata", [None, 0])
def test_a_rule_may_ask_for_a_webp(bands: int, channels: int, nodata: int | None) -> None:
    data = np.broadcast_to(np.linspace(50, 250, 120), (bands, 100, 120)).astype("uint8")
    data[:, :50] = 0
    result = read(tiff(data, nodata=nodata), thumbnail={"format": "webp", "size": 64, "stretch": None})
    assert result.thumbnail_type == "image/webp"
    assert result.thumbnail is not None
    assert (result.thumbnail[:4], result.thumbnail[8:12]) == (b"RIFF", b"WEBP")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with MemoryFile(result.thumbnail) as memory, memory.open(driver="WEBP") as dataset:
            pixels = dataset.read()
    assert pixels.shape == (channels + (nodata is not None), 50, 60)
    assert result.metadata["thumbnail_shape"] == [50, 60]
    assert np.abs(pixels[0, 30:].astype(int) - data[0, 60::2, ::2]).mean() < 4
    if nodata is not None:
        assert (pixels[-1, :25] == 0).all()
        assert (pixels[-1, 25:] == 255).all()


def test_a_thumbnail_in_another_format_is_refused() -> None:
    with pytest.raises(Rejected, match=r"thumbnail.format"):
        read(tiff(gradient(9, 9)), thumbnail={"format": "jpeg"})


def test_a_raster_without_the_bands_of_the_rules_thumbnail_is_read_without_a_thumbnail() -> None:
    data = tiff(gradient(9, 9))
    result = read(data, thumbnail={"bands": [4, 3, 2]})
    problem = result.metadata.pop("thumbnail_problem")
    drawn = read(data).metadata
    assert drawn.pop("thumbnail_shape") == [9, 9]
    assert (result.thumbnail, result.metadata) == (None, drawn)
    assert problem["reason"] == "no-such-band"
    assert "the file has 1 band: it has no thumbnail" in problem["detail"]


def test_what_read_the_file_is_said() -> None:
    software = read(tiff(gradient(9, 9))).metadata["software"]
    assert list(software) == ["eventstac", "GDAL", "PROJ"]
    assert all(re.fullmatch(r"\d+(\.\d+)+", version) for version in software.values())


def test_a_thumbnail_leaves_nodata_transparent_and_stretches_the_rest() -> None:
    data = gradient(100, 100)
    data[0, :50] = 0
    pixels = image(tiff(data, nodata=0))
    assert pixels.shape[0] == 2
    assert (pixels[1, :50] == 0).all()
    assert (pixels[1, 50:] == 255).all()
    assert pixels[0, 50:].min() == 0
    assert pixels[0, 50:].max() == 255


def test_a_thumbnail_shows_colours_as_they_are() -> None:
    data = gradient(60, 60, "uint8", 3)
    assert (image(tiff(data, photometric="RGB")) == data).all()


def test_a_thumbnail_uses_the_colour_table() -> None:
    def paint(dataset: Any) -> None:
        dataset.write_colormap(1, {0: (10, 20, 30, 255), 1: (200, 100, 50, 255)})

    pixels = image(tiff(np.eye(8, dtype="uint8"), paint))
    assert pixels[:3, 0, 0].tolist() == [200, 100, 50]
    assert pixels[:3, 0, 1].tolist() == [10, 20, 30]


def test_a_colour_and_its_transparency_are_of_one_pixel() -> None:
    """Where every other pixel is shown, a valid neighbour gave nodata's own colour to a pixel that says nothing."""

    def paint(dataset: Any) -> None:
        dataset.write_colormap(1, {0: (9, 9, 9, 255), 1: (200, 100, 50, 255)})

    data = np.zeros((600, 600), "uint8")
    data[1::2, 1::2] = 1
    pixels = image(tiff(data, paint, nodata=0))
    assert pixels.shape == (4, 300, 300)
    assert not pixels[3].any()


def test_a_colour_that_one_band_lacks_is_shown_and_one_that_all_lack_is_not() -> None:
    """A dark pixel whose blue happened to be the nodata value was a hole in the image."""
    data = np.full((3, 40, 40), 90, "uint8")
    data[2, :10] = 0
    data[:, 30:] = 0
    pixels = image(tiff(data, photometric="RGB", nodata=0))
    assert (pixels[3, :30] == 255).all()
    assert (pixels[3, 30:] == 0).all()
    assert (pixels[:2, :10] == 90).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_an_image_whose_zero_is_white_is_shown_so(dtype: str) -> None:
    data = np.zeros((40, 40), dtype)
    data[:, 20:] = np.iinfo(dtype).max
    pixels = image(tiff(data, photometric="MINISWHITE"))
    assert (pixels[0, :, :20] == 255).all()
    assert (pixels[0, :, 20:] == 0).all()


def test_a_rule_chooses_bands_size_and_stretch() -> None:
    data = gradient(200, 200, "uint8", 4)
    pixels = image(tiff(data), thumbnail={"bands": [4, 3, 2], "size": 100, "stretch": None})
    assert pixels.shape == (3, 100, 100)
    assert pixels[0, 0, 0] == pytest.approx(data[3, :2, :2].mean(), abs=1)


@pytest.mark.parametrize("fill", [np.nan, np.inf, 0.0, 7.0])
def test_an_image_of_one_value_has_a_thumbnail(fill: float) -> None:
    assert image(tiff(np.full((30, 40), fill, "float32"))).shape[1:] == (30, 40)


def islands(crs: str, transform: Affine, *spots: tuple[slice, slice]) -> bytes:
    """Nodata everywhere but at some rows and columns."""
    data = np.zeros((180, 360), "uint8")
    for spot in spots:
        data[spot] = 1
    return tiff(data, crs=crs, transform=transform, nodata=0)


def columns(first: int, last: int) -> tuple[slice, slice]:
    return slice(80, 100), slice(first, last)


DEGREES = Affine(1, 0, -180, 0, -1, 90)
VALID: dict[str, object] = {"footprint": {"mode": "valid-data"}}
THIRD_PARTS: dict[str, tuple[bytes, dict[str, object], tuple[float, float]]] = {
    "a frame that touches 180 and ends in the antipode, at 10 degrees west": (
        at(
            Place(
                "laea",
                "+proj=laea +lat_0=70 +lon_0=170 +datum=WGS84",
                Affine(71133, 0, 878819.4, 0, -71133, -1912902.6),
            )
        ),
        {},
        (175.9, -10.0),
    ),
    "valid data on both sides of 180 and at Greenwich": (
        islands("EPSG:4326", DEGREES, columns(180, 190), columns(350, 360), columns(0, 10)),
        VALID,
        (0, -170),
    ),
    "valid data on both sides of 180 and west of Greenwich": (
        islands("EPSG:4326", DEGREES, columns(150, 160), columns(350, 360), columns(0, 10)),
        VALID,
        (170, -20),
    ),
    "islands on opposite sides of a pole, one across 180": (
        islands(
            "EPSG:3031",
            Affine(1e4, 0, -18e5, 0, -1e4, 9e5),
            (slice(10, 20), slice(175, 185)),
            (slice(160, 170), slice(175, 185)),
        ),
        VALID,
        (-4.1, -175.9),
    ),
}


def composed(metadata: dict[str, Any]) -> dict[str, Any]:
    """The Item, by the way that one is published."""
    found = Finding(Match("c", "a", "data", "r"), 1, "present", SEEN, etag="e", metadata=metadata)
    stored = {"size": 1, "last_modified": "2020-01-01T00:00:00Z"}
    rules = CollectionRules("c", rules=(Rule("r", assets=(AssetRule("data"),)),))
    composition = compose([fact_of(url_of("a.tif"), replace(found, storage=stored))], rules)
    assert composition.item is not None, (composition.reason, composition.detail)
    return composition.item


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_an_item_of_every_place_passes_the_profiles(place: Place) -> None:
    metadata = read(at(place)).metadata
    item = composed(metadata)
    assert validate_item(item) == []
    assert item["bbox"] == metadata["bbox"]


@pytest.mark.parametrize("name", THIRD_PARTS)
def test_a_part_away_from_180_beside_those_that_touch_it_makes_a_valid_item(name: str) -> None:
    data, options, (west, east) = THIRD_PARTS[name]
    metadata = read(data, **options).metadata
    item = composed(metadata)
    assert item["geometry"]["type"] == "MultiPolygon"
    assert item["bbox"] == metadata["bbox"]
    assert (item["bbox"][0], item["bbox"][2]) == pytest.approx((west, east), abs=2)
