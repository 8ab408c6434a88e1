"""What is read of a blob, and what each kind of failure becomes."""

import re
import struct
import tempfile
import warnings
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.transform import from_origin

from eventstac.errors import BlobChanged, EventstacError, Rejected, Transient
from eventstac.raster.extract import read_in_process, read_raster
from eventstac.raster.options import MAX_TIMEOUT_S, parse
from eventstac.raster.ranges import OneFile, Ranges
from tests.unit.raster.corpus import (
    PLAIN_HDF5,
    UNSIGNED_NETCDF4,
    UTM,
    cog,
    gradient,
    jpeg2000,
    netcdf,
    netcdf4,
    tiff,
)
from tests.unit.raster.readers import MemoryReader


def rejected(data: bytes, **options: object) -> Rejected:
    with pytest.raises(Rejected) as caught:
        read_in_process(MemoryReader(data), options)
    return caught.value


def big_striped() -> bytes:
    return tiff(gradient(3000, 3000), blockysize=8)


def test_a_small_file_is_read_whole_in_one_request_beside_the_head() -> None:
    reader = MemoryReader(tiff(gradient(600, 600)))
    metadata = read_in_process(reader, {}).metadata
    assert len(reader.asked) == 1
    assert metadata["statistics_exact"] is True
    assert metadata["file"]["file:checksum"].startswith("1220")


def test_a_tiny_file_costs_no_request_beside_the_head() -> None:
    reader = MemoryReader(tiff(gradient(400, 400)))
    read_in_process(reader, {})
    assert reader.asked == []


def test_a_large_striped_file_is_streamed_once() -> None:
    reader = MemoryReader(big_striped())
    metadata = read_in_process(reader, {}).metadata
    assert reader.streams == 1
    assert metadata["statistics_exact"] is True
    assert len(metadata["file"]["file:checksum"]) == 4 + 64


def test_a_large_cog_takes_the_checksum_that_the_storage_knows() -> None:
    reader = MemoryReader(cog(gradient(2500, 2500), compress="none"), md5=True)
    assert read_in_process(reader, {}).metadata["file"]["file:checksum"].startswith("d50110")


def test_header_only_reads_no_pixels() -> None:
    reader = MemoryReader(cog(gradient(2500, 2500), compress="none"))
    result = read_in_process(reader, {"header_only": True})
    assert reader.asked == []
    assert result.thumbnail is None
    assert "statistics" not in result.metadata["bands"][0]
    assert result.metadata["footprint"]["type"] == "Polygon"


@pytest.mark.parametrize("error", [BlobChanged("412"), Transient("503"), Rejected("forbidden", "no")])
@pytest.mark.parametrize("make", [lambda: cog(gradient(2500, 2500), compress="none"), big_striped])
def test_the_readers_own_failure_comes_through(make: object, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        read_in_process(MemoryReader(make(), fail=error), {})  # type: ignore[operator]  # a parametrized function
    assert caught.value is error


def test_an_empty_blob_is_said_to_be_empty() -> None:
    assert rejected(b"").reason == "empty"


@pytest.mark.parametrize("data", [b"hello, world\n" * 20, b"\0" * 5000, b"%!PS-Adobe", b"II"])
def test_what_is_no_raster_is_said_to_be_none(data: bytes) -> None:
    assert rejected(data).reason == "not-a-raster"


@pytest.mark.parametrize(
    "data",
    [
        b'<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand><SourceFilename>/etc/passwd',
        b"  <VRTDataset>",
        b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
        b"CDF\x05" + b"\0" * 100,
        b"GRIB....",
        b"PK\x03\x04....",
    ],
)
def test_formats_that_are_not_opened_are_named(data: bytes) -> None:
    assert rejected(data).reason == "unsupported-driver"


def test_a_truncated_file_says_how_many_bytes_are_missing() -> None:
    data = tiff(gradient(400, 400))
    error = rejected(data[:-1234])
    assert error.reason == "truncated"
    assert "1234 bytes are missing" in error.detail


def changed_later(bigtiff: str, byte_order: str) -> bytes:
    """A TIFF whose directory and tags were written again, behind its pixels."""
    plain = tiff(gradient(40, 50), bigtiff=bigtiff, endianness=byte_order)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        path.write_bytes(plain)
        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(TIFFTAG_DATETIME="2020:01:02 03:04:05", note="n" * 50)
            dataset.scales, dataset.offsets, dataset.nodata = (0.5,), (7.0,), 60_000
        changed = path.read_bytes()
    assert len(changed) > len(plain) + 100
    return changed


@pytest.mark.parametrize("header_only", [False, True])
@pytest.mark.parametrize("byte_order", ["LITTLE", "BIG"])
@pytest.mark.parametrize("bigtiff", ["NO", "YES"])
def test_a_tiff_whose_tags_lie_at_the_end_is_truncated_wherever_it_is_cut(
    bigtiff: str, byte_order: str, header_only: bool
) -> None:
    """What ended inside a tag's value was published without it, or had no CRS."""
    data = changed_later(bigtiff, byte_order)
    added = len(data) - len(tiff(gradient(40, 50), bigtiff=bigtiff, endianness=byte_order))
    cuts = [*range(1, min(added, 700)), *range(700, len(data) - 4, 97), *range(len(data) - 20, len(data) - 3)]
    for cut in cuts:
        error = rejected(data[:-cut], header_only=header_only)
        assert error.reason == "truncated", (cut, error)
        missing = re.search(r"(\d+) bytes are missing", error.detail)
        assert missing is not None, error.detail
        assert 0 < int(missing[1]) <= cut, (cut, error.detail)


@pytest.mark.parametrize(("head", "missing"), [(b"II*\0\x08", 3), (b"II+\0\x08\0\0", 9)])
def test_a_header_of_a_few_bytes_says_how_many_are_missing(head: bytes, missing: int) -> None:
    error = rejected(head)
    assert error.reason == "truncated"
    assert f"at least {missing} bytes are missing" in error.detail


@pytest.mark.parametrize("compress", ["deflate", "jpeg"])
def test_a_cog_that_lacks_its_last_bytes_is_truncated_to_the_byte(compress: str) -> None:
    """GDAL repeats a block's last four bytes behind it: a COG without them was read, and called one."""
    data = cog(gradient(300, 400, "uint8", 3), compress=compress)
    assert read_in_process(MemoryReader(data), {}).metadata["cog"]["valid"]
    for cut in (1, 2, 3, 4, 5, 9):
        error = rejected(data[:-cut])
        assert error.reason == "truncated", (cut, error)
        assert f" {cut} bytes are missing" in error.detail, (cut, error.detail)


def test_a_cog_that_was_changed_has_blocks_without_anything_behind_them() -> None:
    data = cog(gradient(300, 400, "uint8", 3), compress="none")
    changed = data.replace(b"KNOWN_INCOMPATIBLE_EDITION=NO\n ", b"KNOWN_INCOMPATIBLE_EDITION=YES\n")
    assert changed != data
    assert read_in_process(MemoryReader(changed[:-4]), {}).metadata["cog"]["valid"] is False


def test_a_truncated_large_cog_is_found_without_reading_it() -> None:
    data = cog(gradient(2500, 2500), compress="none")
    with pytest.raises(Rejected, match="truncated"):
        read_in_process(reader := MemoryReader(data[:-100]), {})
    assert reader.asked == []


def test_a_truncated_file_can_have_a_header_only_item() -> None:
    data = cog(gradient(2500, 2500), compress="none")
    metadata = read_in_process(MemoryReader(data[: len(data) // 2]), {"header_only": True}).metadata
    assert metadata["footprint"] is not None


def test_a_header_that_is_cut_off_is_truncated() -> None:
    assert rejected(tiff(gradient(40, 40))[:60]).reason == "truncated"
    assert rejected(tiff(gradient(40, 40))[:6]).reason == "truncated"


def without_byte_counts(data: bytes) -> bytes:
    """A TIFF whose StripByteCounts is another tag: libtiff makes up for it, and fills in what is cut off."""
    changed = bytearray(data)
    start = struct.unpack_from("<I", data, 4)[0]
    entries = [start + 2 + 12 * number for number in range(struct.unpack_from("<H", data, start)[0])]
    at = next(at for at in entries if struct.unpack_from("<H", data, at)[0] == 279)
    struct.pack_into("<H", changed, at, 65_000)
    return bytes(changed)


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_a_file_that_does_not_say_how_long_its_strips_are_is_known_to_be_cut_off(interleave: str) -> None:
    data = without_byte_counts(tiff(gradient(203, 100, bands=2), blockysize=203, interleave=interleave))
    assert read_in_process(MemoryReader(data), {}).metadata["bands"][1]["statistics"]["count"] == 20_300
    error = rejected(data[:-300])
    assert error.reason == "truncated"
    assert "300 bytes are missing" in error.detail


def test_many_strips_of_unknown_length_are_refused_or_missed() -> None:
    data = without_byte_counts(tiff(gradient(200, 100), blockysize=10))
    assert rejected(data).reason == "bad-raster"
    assert rejected(data[: len(data) // 2]).reason == "truncated"


def test_a_bad_block_is_a_permanent_outcome() -> None:
    data = bytearray(tiff(gradient(400, 400), compress="deflate", tiled=True, blockxsize=128, blockysize=128))
    data[len(data) // 2 : len(data) // 2 + 400] = b"\xff" * 400
    assert rejected(bytes(data)).reason == "bad-raster"


PLACELESS = {
    "no-crs": {"crs": None, "transform": UTM["transform"]},
    "local-crs": {"crs": 'LOCAL_CS["site",UNIT["metre",1]]', "transform": UTM["transform"]},
    "not-earth": {"crs": "+proj=longlat +R=3396190 +no_defs", "transform": UTM["transform"]},
    "no-georeference": {"crs": "EPSG:32633"},
}


@pytest.mark.parametrize("reason", PLACELESS)
def test_what_has_no_place_on_the_earth_gets_no_made_up_one(reason: str) -> None:
    assert rejected(tiff(gradient(20, 20), **PLACELESS[reason])).reason == reason


@pytest.mark.parametrize("reason", PLACELESS)
def test_a_rule_may_allow_an_item_without_a_footprint(reason: str) -> None:
    data = tiff(gradient(20, 20), **PLACELESS[reason])
    metadata = read_in_process(MemoryReader(data), {"allow_no_footprint": True}).metadata
    assert metadata["footprint"] is None
    assert metadata["bbox"] is None
    assert metadata["footprint_problem"]["reason"] == reason
    assert metadata["bands"][0]["statistics"]["count"] == 400


def test_a_rule_can_give_the_crs_that_a_file_lacks() -> None:
    data = tiff(gradient(20, 20), crs=None, transform=UTM["transform"])
    metadata = read_in_process(MemoryReader(data), {"crs": "EPSG:32633"}).metadata
    assert metadata["projection"]["proj:code"] == "EPSG:32633"


@pytest.mark.parametrize(
    "crs",
    [PLACELESS["local-crs"]["crs"], "EPSG:5773", "EPSG:4978", "EPSG:2296"],
    ids=["local", "vertical", "geocentric", "known by name alone"],
)
def test_a_rule_can_give_the_crs_of_a_file_whose_own_places_nothing(crs: str) -> None:
    data = tiff(gradient(20, 20), crs=crs, transform=UTM["transform"])
    metadata = read_in_process(MemoryReader(data), {"crs": "EPSG:32633"}).metadata
    stated = read_in_process(MemoryReader(tiff(gradient(20, 20))), {}).metadata
    for name in ("projection", "footprint", "gsd"):
        assert metadata[name] == stated[name]
    assert "let the rule give `crs`" in rejected(data).detail or crs == "EPSG:2296"


def test_the_crs_of_a_rule_puts_no_other_body_on_the_earth() -> None:
    data = tiff(gradient(20, 20), **PLACELESS["not-earth"])
    assert rejected(data, crs="EPSG:32633").reason == "not-earth"


def test_control_points_of_a_local_crs_are_in_that_of_the_rule() -> None:
    points = [
        GroundControlPoint(row=r, col=c, x=5e5 + 10 * c, y=5e6 - 10 * r)
        for r in (0, 9, 20)
        for c in (0, 9, 20)
    ]
    own, stated = (
        tiff(gradient(20, 20), gcps=points, crs=crs) for crs in (PLACELESS["local-crs"]["crs"], "EPSG:32633")
    )
    metadata = read_in_process(MemoryReader(own), {"crs": "EPSG:32633"}).metadata
    assert metadata["footprint"] == read_in_process(MemoryReader(stated), {}).metadata["footprint"]


@pytest.mark.parametrize(
    ("driver", "dtype", "media_type"),
    [("PNG", "uint8", "image/png"), ("PNG", "uint16", "image/png"), ("JPEG", "uint8", "image/jpeg")],
)
def test_other_formats_are_read(driver: str, dtype: str, media_type: str) -> None:
    data = tiff(gradient(64, 80, dtype), driver=driver)
    metadata = read_in_process(MemoryReader(data), {"allow_no_footprint": True}).metadata
    assert metadata["media_type"] == media_type
    assert metadata["driver"] == driver
    assert metadata["cog"]["valid"] is False
    assert metadata["projection"]["proj:shape"] == [64, 80]


@pytest.mark.parametrize("box", ["GeoJP2", "GMLJP2", "GeoJP2 GMLJP2"])
def test_jpeg_2000_is_read_with_its_position(box: str) -> None:
    metadata = read_in_process(MemoryReader(jpeg2000(boxes=box)), {}).metadata
    assert metadata["media_type"] == "image/jp2"
    assert metadata["projection"]["proj:code"] == "EPSG:32633"
    assert metadata["projection"]["proj:transform"] == pytest.approx([10, 0, 399960, 0, -10, 5000040])


@pytest.mark.parametrize("tail", [b"\n", b"\0" * 300, b"junk" * 9, b"\xff" * 40, b"\0\0\1\0mine"])
def test_what_stands_behind_a_jpeg_2000_image_is_no_sign_of_truncation(tail: bytes) -> None:
    assert (
        read_in_process(MemoryReader(jpeg2000() + tail), {}).metadata["bands"][0]["statistics"]["count"]
        == 5120
    )


def test_a_position_behind_a_jpeg_2000_image_that_is_cut_off_is_truncated() -> None:
    box = struct.pack(">I4s", 100, b"uuid") + bytes(92)
    assert read_in_process(MemoryReader(jpeg2000() + box), {}).metadata["driver"] == "JP2OpenJPEG"
    error = rejected(jpeg2000() + box[:-7])
    assert error.reason == "truncated"
    assert "at least 7 bytes" in error.detail


def test_a_rule_that_names_no_grid_of_the_file_is_told_which_there_are() -> None:
    error = rejected(netcdf(), crs="EPSG:4326", variable="depth")
    assert error.reason == "bad-options"
    assert "'depth'" in error.detail
    assert "it has height" in error.detail
    metadata = read_in_process(MemoryReader(netcdf()), {"crs": "EPSG:4326", "variable": "height"}).metadata
    assert metadata["projection"]["proj:shape"] == [40, 60]
    assert rejected(b"CDF\x01" + b"\xff" * 200, variable="depth").reason == "bad-raster"


@pytest.mark.parametrize(("driver", "way"), [("GTiff", "gdal_edit.py"), ("PNG", "write it as a GeoTIFF")])
def test_a_crs_without_a_position_is_laid_to_whoever_named_it(driver: str, way: str) -> None:
    error = rejected(
        tiff(gradient(20, 20, "uint8"), driver=driver, crs=None, transform=None), crs="EPSG:32633"
    )
    assert error.reason == "no-georeference"
    assert "the rule names the CRS 'EPSG:32633'" in error.detail
    assert way in error.detail
    assert "the file names a CRS" in rejected(tiff(gradient(20, 20), crs="EPSG:32633", transform=None)).detail


def test_latitude_first_in_a_jpeg_2000_file_is_turned_around() -> None:
    place = {"crs": "EPSG:4326", "transform": from_origin(10, 50, 0.1, 0.1)}
    data = jpeg2000(place=place, boxes="GMLJP2")
    assert read_in_process(MemoryReader(data), {}).metadata["bbox"] == pytest.approx([10, 43.6, 18, 50])


def test_classic_netcdf_is_read_where_the_rule_gives_the_crs_that_it_lacks() -> None:
    assert rejected(netcdf()).reason == "no-crs"
    metadata = read_in_process(MemoryReader(netcdf()), {"crs": "EPSG:4326"}).metadata
    assert metadata["media_type"] == "application/netcdf"
    assert metadata["bbox"] == pytest.approx([0, 30, 6, 34], abs=1e-4)


class Beside(tempfile.TemporaryDirectory[str]):
    """A temporary folder that has files already, which GDAL would take for parts of a file named `blob`."""

    made: ClassVar[list[Path]] = []

    def __enter__(self) -> str:
        folder = Path(super().__enter__())
        (folder / "blob.tfw").write_text("30\n0\n0\n-30\n400000\n5000000\n")
        (folder / "blob.aux.xml").write_text(
            "<PAMDataset><GeoTransform>400000, 30, 0, 5000000, 0, -30</GeoTransform>"
            '<Metadata><MDI key="ACQUISITIONDATETIME">2020-01-01</MDI></Metadata></PAMDataset>'
        )
        (folder / "blob.ovr").write_bytes(tiff(gradient(10, 10)))
        (folder / "blob.msk").write_bytes(tiff(np.zeros((3000, 3000), "uint8")))
        self.made.append(folder)
        return str(folder)


def test_files_beside_the_blob_are_never_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiff(gradient(3000, 3000), crs=None, transform=None, blockysize=8)
    with Beside() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (Path(folder) / "blob").write_bytes(data)
        with rasterio.open(Path(folder) / "blob") as dataset:
            assert not dataset.transform.is_identity, "GDAL by itself takes them"
    monkeypatch.setattr("tempfile.TemporaryDirectory", Beside)
    assert rejected(data, crs="EPSG:32633", statistics={"exact": True}).reason == "no-georeference"
    metadata = read_in_process(
        MemoryReader(data), {"allow_no_footprint": True, "statistics": {"exact": True}}
    ).metadata
    assert len(Beside.made) == 3
    assert metadata["datetimes"] == []
    assert metadata["bands"][0]["statistics"]["valid_percent"] == 100


def test_gdal_is_given_one_file_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def listed(_: OneFile, path: str) -> list[str]:
        asked.append(path)
        return []

    monkeypatch.setattr(OneFile, "ls", listed)
    file = OneFile(Ranges(MemoryReader(b"x" * 100)))
    for name in (
        "blob.aux.xml",
        "blob.ovr",
        "blob.msk",
        "blob.tfw",
        "/etc/passwd",
        "/vsicurl/http://example.com/a",
    ):
        assert not file.isfile(name)
        with pytest.raises(FileNotFoundError):
            file.open(name)
        with pytest.raises(FileNotFoundError):
            file.size(name)
    with pytest.raises(FileNotFoundError):
        file.open("blob", "w")
    read_in_process(MemoryReader(cog(gradient(2500, 2500), compress="none")), {})
    assert asked == []


@pytest.mark.parametrize("words", ["http://127.0.0.1:9/crs", "/etc/passwd", "+init=/etc/passwd:x"])
def test_a_position_in_a_jpeg_2000_file_cannot_point_elsewhere(words: str) -> None:
    data = jpeg2000(boxes="GMLJP2")
    old = b"urn:ogc:def:crs:EPSG::32633"
    assert old in data
    assert rejected(data.replace(old, words.encode().ljust(len(old)))).reason in ("no-crs", "bad-raster")


def test_the_same_bytes_give_the_same_answer() -> None:
    data = tiff(gradient(100, 100, "float32"))
    assert read_in_process(MemoryReader(data), {}) == read_in_process(MemoryReader(data), {})


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    bomb = tiff(np.zeros((1, 1), "uint8"), width=100_000, height=100_000, sparse_ok=True, compress="deflate")
    assert rejected(bomb).reason == "too-large"


def test_a_huge_block_is_refused() -> None:
    data = tiff(np.zeros((1, 1), "uint8"), width=40_000, height=40_000, blockysize=40_000, sparse_ok=True)
    assert rejected(data).reason == "too-large"


@pytest.mark.parametrize(
    "options",
    [
        {"footprint": {"mode": "hull"}},
        {"footprint": {"tolerance_m": -1}},
        {"footprint": []},
        {"footprint": {"geometry": {"type": "Point", "coordinates": [0, 0]}}},
        {
            "footprint": {
                "geometry": {"type": "Polygon", "coordinates": [[[6, 50], [7, 1e30], [7, 50], [6, 50]]]}
            }
        },
        {"max_pixels": "many"},
        {"timeout_s": 0},
        {"nodata": "none"},
        {"thumbnail": {"bands": [1, 2]}},
        {"thumbnail": {"stretch": [90, 10]}},
        {"crs": 32633},
        {"crs": "EPSG:nowhere"},
    ],
    ids=str,
)
def test_an_option_that_means_nothing_is_refused_by_name(options: dict[str, object]) -> None:
    error = rejected(tiff(gradient(9, 9), crs=None, transform=UTM["transform"]), **options)
    assert error.reason == "bad-options"
    assert error.detail.startswith("option ")


def test_a_longer_time_than_may_be_of_rules_from_before_is_the_longest_that_may_be() -> None:
    assert parse({"timeout_s": 600}).timeout_s == MAX_TIMEOUT_S


def test_unsigned_bytes_that_gdal_does_not_read_are_no_damage() -> None:
    with pytest.raises(Rejected) as caught:
        read_raster(MemoryReader(UNSIGNED_NETCDF4), {"allow_no_footprint": True})
    assert caught.value.reason == "unsupported-codec"
    assert "`_Unsigned`" in caught.value.detail
    assert "`header_only: true`" in caught.value.detail
    options = {"allow_no_footprint": True, "header_only": True}
    assert read_raster(MemoryReader(UNSIGNED_NETCDF4), options).metadata["bands"][0]["data_type"] == "uint8"


def whole(data: bytes) -> str:
    """The media type of a file that is read, or why it is not."""
    try:
        return str(read_raster(MemoryReader(data), {"allow_no_footprint": True}).metadata["media_type"])
    except EventstacError as error:
        return getattr(error, "reason", "failed")


SMALL = gradient(64, 64, "uint8")
FORMATS = {
    "COG": (cog(gradient(600, 600)), "image/tiff; application=geotiff; profile=cloud-optimized"),
    "GeoTIFF": (tiff(SMALL), "image/tiff; application=geotiff"),
    "BigTIFF": (tiff(SMALL, bigtiff="YES"), "image/tiff; application=geotiff"),
    "TIFF without a position": (tiff(SMALL, crs=None), "image/tiff"),
    "JPEG 2000": (jpeg2000(), "image/jp2"),
    "PNG": (tiff(SMALL, driver="PNG"), "image/png"),
    "JPEG": (tiff(SMALL, driver="JPEG"), "image/jpeg"),
    "netCDF classic": (netcdf(), "application/netcdf"),
    "netCDF-4": (netcdf4(), "application/netcdf"),
    "HDF5": (PLAIN_HDF5, "application/x-hdf5"),
    "CDF-5": (b"CDF\x05" + bytes(100), "unsupported-driver"),
    "VRT": (b"<VRTDataset", "unsupported-driver"),
    "GRIB": (b"GRIB" + bytes(100), "unsupported-driver"),
    "NITF": (b"NITF" + bytes(100), "unsupported-driver"),
    "Erdas Imagine": (b"EHFA_HEADER_TAG" + bytes(100), "unsupported-driver"),
    "ZIP": (b"PK\x03\x04" + bytes(100), "unsupported-driver"),
    "GeoPackage": (b"SQLite format 3" + bytes(100), "unsupported-driver"),
    "Zarr": (b'{"zarr_format":2}', "not-a-raster"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_read_or_refused_as_the_readme_says(name: str) -> None:
    data, expected = FORMATS[name]
    assert whole(data) == expected
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    rows = [line for line in readme.splitlines() if line.startswith("| ")]
    row = next(line for line in rows if name in re.split(r"\s*[,()]\s*", line.split("|")[1].strip()))
    if "/" in expected:
        assert f"`{expected}`" in row
    else:
        assert "not opened" in row


@pytest.mark.parametrize(
    ("begins", "name"),
    [
        (b"\x1f\x8b\x08", "packed by gzip"),
        (b"\x28\xb5\x2f\xfd", "packed by Zstandard"),
        (b"\xfd7zXZ\x00", "packed by xz"),
        (b"BZh9", "packed by bzip2"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"PK\x03\x04", "a ZIP archive"),
    ],
)
def test_a_packed_file_is_to_be_uploaded_unpacked(begins: bytes, name: str) -> None:
    error = rejected(begins + bytes(100))
    assert error.reason == "unsupported-driver"
    assert f"the file is {name}: upload the raster that is in it, without a Content-Encoding" in error.detail


@pytest.mark.parametrize(
    "codec",
    ["deflate", "lzw", "zstd", "lerc", "lerc_zstd", "lerc_deflate", "lzma", "packbits", "webp", "jpeg"],
)
def test_each_codec_of_the_readme_is_read(codec: str) -> None:
    data = tiff(gradient(64, 64, "uint8", 3), compress=codec)
    assert whole(data) == "image/tiff; application=geotiff"


def test_a_codec_that_is_not_read_is_named() -> None:
    data = bytearray(tiff(SMALL))
    start = int.from_bytes(data[4:8], "little")
    entry = next(
        at for at in range(start + 2, len(data), 12) if data[at : at + 2] == (259).to_bytes(2, "little")
    )
    data[entry + 8 : entry + 10] = (50002).to_bytes(2, "little")  # JPEG XL
    error = rejected(bytes(data))
    assert error.reason == "unsupported-codec"
    assert "JXL" in error.detail


def test_an_error_that_is_its_own_cause_ends_all_the_same() -> None:
    """One error raised twice: the second time it had been raised from itself, and was followed for ever."""
    error = Rejected("forbidden", "no")
    for data in (cog(gradient(2500, 2500), compress="none"), big_striped()):
        with pytest.raises(Rejected) as caught:
            read_in_process(MemoryReader(data, fail=error), {})
        assert caught.value is error
