"""Other formats' files that end too early: truncated, with how many bytes are missing, and never filled in."""

import re
import struct

import numpy as np
import pytest

from eventstac.errors import Rejected
from eventstac.raster.complete import is_virtual, least_size
from eventstac.raster.extract import read_in_process
from tests.unit.raster.corpus import VIRTUAL_HDF5, gradient, jpeg2000, netcdf, netcdf4, tiff
from tests.unit.raster.readers import MemoryReader

COLOURS = gradient(200, 200, "uint8", 3)
FILES = {
    "PNG": tiff(COLOURS, driver="PNG"),
    "JPEG": tiff(COLOURS, driver="JPEG"),
    "JP2OpenJPEG": jpeg2000(300, 300),
    "netCDF": netcdf(),
}
NOISE = np.random.default_rng(1).integers(0, 65536, (2200, 2200), "uint16")
EXACT = {"JP2OpenJPEG", "netCDF"}  # the others only know of the next piece


def least(driver: str, data: bytes) -> int:
    return least_size(driver, lambda offset, length: data[offset : offset + length], len(data))


@pytest.mark.parametrize("driver", FILES)
def test_a_whole_file_is_whole(driver: str) -> None:
    assert least(driver, FILES[driver]) <= len(FILES[driver])


@pytest.mark.parametrize("cut", [1, 2, 100, 3000, -60])
@pytest.mark.parametrize("driver", FILES)
def test_a_file_that_ends_early_is_truncated_and_tells_by_how_much(driver: str, cut: int) -> None:
    data = FILES[driver][:-cut]
    with pytest.raises(Rejected) as caught:
        read_in_process(MemoryReader(data), {"allow_no_footprint": True, "crs": "EPSG:4326"})
    assert caught.value.reason == "truncated"
    missing = int(re.findall(r"at least (\d+) bytes", caught.value.detail)[0])
    assert 0 < missing <= max(2, len(FILES[driver]) - len(data))
    if cut == 1 or (driver in EXACT and cut > 0):
        assert missing == cut


@pytest.mark.parametrize("driver", ["netCDF", "PNG"])
def test_a_large_file_that_ends_early_is_truncated_too(driver: str) -> None:
    data = netcdf(1600, 1600) if driver == "netCDF" else tiff(NOISE, driver="PNG")
    assert len(data) > 8 * 1024 * 1024
    with pytest.raises(Rejected, match="truncated"):
        read_in_process(MemoryReader(data[:-1000]), {"allow_no_footprint": True})


@pytest.mark.parametrize("driver", ["PNG", "netCDF"])
def test_a_header_is_enough_for_a_rule_that_asks_for_no_more(driver: str) -> None:
    options = {"header_only": True, "allow_no_footprint": True}
    metadata = read_in_process(MemoryReader(FILES[driver][:-3000]), options).metadata
    assert metadata["projection"]["proj:shape"] == ([200, 200] if driver == "PNG" else [40, 60])
    assert "statistics" not in metadata["bands"][0]


def test_records_of_a_netcdf_count() -> None:
    """Two variables of three records, the second of 3 bytes a record, which are padded to 4 but for the last."""

    def text(value: str) -> bytes:
        return struct.pack(">i", len(value)) + value.encode().ljust(-(-len(value) // 4) * 4, b"\0")

    def header(begins: tuple[int, int]) -> bytes:
        out = b"CDF\x01" + struct.pack(">iii", 3, 10, 2)
        out += text("t") + struct.pack(">i", 0) + text("x") + struct.pack(">i", 3)
        out += struct.pack(">iiii", 0, 0, 11, 2)
        for name, kind, size, begin in (("a", 5, 12, begins[0]), ("b", 1, 4, begins[1])):
            out += text(name) + struct.pack(">iii", 2, 0, 1) + struct.pack(">ii", 0, 0)
            out += struct.pack(">iii", kind, size, begin)
        return out

    start = len(header((0, 0)))
    data = header((start, start + 12)) + bytes(16 + 16 + 12 + 3)
    assert least("netCDF", data) == len(data)
    assert least("netCDF", data[:-20]) == len(data)


@pytest.mark.parametrize("cut", [0, 1, 5000])
def test_an_hdf5_file_knows_its_end(cut: int) -> None:
    data = netcdf4()
    assert least("netCDF", data[: len(data) - cut]) == len(data)


def test_a_virtual_dataset_is_known_as_such() -> None:
    assert is_virtual(VIRTUAL_HDF5)
    assert not is_virtual(netcdf4())
