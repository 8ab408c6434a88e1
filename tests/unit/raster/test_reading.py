"""What is read of a blob, and what each kind of failure becomes."""

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile

from eventstac.errors import BlobChanged, Rejected, Transient
from eventstac.raster.extract import read_in_process
from tests.unit.raster.corpus import UTM, cog, gradient, jpeg2000, netcdf, tiff
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


def test_jpeg_2000_is_read_with_its_position() -> None:
    metadata = read_in_process(MemoryReader(jpeg2000()), {}).metadata
    assert metadata["media_type"] == "image/jp2"
    assert metadata["projection"]["proj:code"] == "EPSG:32633"
    assert metadata["projection"]["proj:transform"] == [10, 0, 399960, 0, -10, 5000040]


def test_classic_netcdf_is_read_where_the_rule_gives_the_crs_that_it_lacks() -> None:
    assert rejected(netcdf()).reason == "no-crs"
    metadata = read_in_process(MemoryReader(netcdf()), {"crs": "EPSG:4326"}).metadata
    assert metadata["media_type"] == "application/netcdf"
    assert metadata["bbox"] == pytest.approx([0, 30, 6, 34], abs=1e-4)


def test_a_file_beside_the_blob_is_never_looked_at(tmp_path: object) -> None:
    data = tiff(gradient(20, 20), crs=None, transform=None)
    with MemoryFile(b"1\n0\n0\n-1\n0\n0\n", filename="blob.tfw"), rasterio.Env():
        assert rejected(data).reason == "no-crs"


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
        {"max_pixels": "many"},
        {"nodata": "none"},
        {"thumbnail": {"bands": [1, 2]}},
        {"thumbnail": {"stretch": [90, 10]}},
        {"crs": 32633},
    ],
    ids=str,
)
def test_an_option_that_means_nothing_is_refused_by_name(options: dict[str, object]) -> None:
    error = rejected(tiff(gradient(9, 9)), **options)
    assert error.reason == "bad-options"
    assert error.detail.startswith("option ")
