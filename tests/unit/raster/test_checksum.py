"""`file:checksum` is the multihash of the whole blob: SHA-256 where all bytes were here, else the storage's MD5."""

import hashlib
from typing import Any, Literal

import pytest

from eventstac.facts import Match
from eventstac.raster.extract import read_in_process, read_raster
from eventstac.reading import read_content
from tests.unit.raster.corpus import cog, gradient, jpeg2000, netcdf, netcdf4, tiff
from tests.unit.raster.readers import MemoryReader

RANGED = cog(gradient(2500, 2500), compress="none")  # above 8 MB, tiled, with overviews: never read whole
STRIPED = tiff(gradient(3000, 3000), blockysize=8)

WHOLE: dict[str, tuple[bytes, dict[str, Any]]] = {
    "tiny": (tiff(gradient(20, 30)), {}),
    "up to 8 MB": (tiff(gradient(1500, 1500)), {}),
    "streamed": (STRIPED, {}),
    "a COG of which all is wanted": (RANGED, {"statistics": {"exact": True}}),
    "jpeg 2000": (jpeg2000(), {}),
    "netcdf": (netcdf(), {"crs": "EPSG:4326"}),
    "netcdf 4": (netcdf4(), {}),
}
IN_PARTS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "a COG": (RANGED, {}),
    "slabs": (STRIPED, {"sample_above_bytes": 1}),
    "a header": (RANGED, {"header_only": True}),
    "a small header": (tiff(gradient(1500, 1500)), {"header_only": True}),
}


def sha256(data: bytes) -> str:
    return "1220" + hashlib.sha256(data).hexdigest()  # multihash: 0x12 is SHA-256, 0x20 its 32 bytes


def md5(data: bytes) -> str:
    return "d50110" + hashlib.md5(data).hexdigest()  # 0xd5 as a varint is d501, 0x10 its 16 bytes


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("known", [False, True], ids=["", "with an MD5 of the storage"])
def test_where_all_bytes_are_here_it_is_their_sha_256(name: str, known: bool) -> None:
    data, options = WHOLE[name]
    metadata = read_raster(MemoryReader(data, md5=known), options).metadata
    assert metadata["file"] == {"file:size": len(data), "file:checksum": sha256(data)}


@pytest.mark.parametrize("name", IN_PARTS)
def test_where_they_are_not_it_is_the_storage_s_md5(name: str) -> None:
    data, options = IN_PARTS[name]
    metadata = read_in_process(MemoryReader(data, md5=True), options).metadata
    assert metadata["file"] == {"file:size": len(data), "file:checksum": md5(data)}


@pytest.mark.parametrize("name", IN_PARTS)
def test_where_nobody_knows_it_it_is_absent(name: str) -> None:
    data, options = IN_PARTS[name]
    assert read_in_process(MemoryReader(data), options).metadata["file"] == {"file:size": len(data)}


@pytest.mark.parametrize("read", ["file", "sidecar"])
def test_what_is_no_raster_has_the_md5_that_the_storage_knows(read: Literal["file", "sidecar"]) -> None:
    data = b"<a><b>1</b></a>"
    match = Match("c", "i", "a", read=read, options={"sidecar": {"format": "xml", "properties": {}}})
    assert read_content(MemoryReader(data, md5=True), match, False).metadata["file"]["file:checksum"] == md5(
        data
    )
    assert read_content(MemoryReader(data), match, False).metadata["file"] == {"file:size": len(data)}
