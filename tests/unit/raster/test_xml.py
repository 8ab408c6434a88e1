"""XML inside of rasters that is made to be expensive: the image is read all the same."""

import struct
from pathlib import Path

import pytest

from eventstac.raster.extract import read_raster
from tests.unit.raster.corpus import gradient, tiff
from tests.unit.raster.readers import MemoryReader

GDAL_METADATA, XMP = 42112, 700
ENTITIES = (
    b'<!DOCTYPE z [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]>"
)
BOMBS = {
    "entities": ENTITIES + b'<GDALMetadata><Item name="a">&j;</Item></GDALMetadata>',
    "deep": b"<GDALMetadata>" + b"<a>" * 500_000 + b"</a>" * 500_000 + b"</GDALMetadata>",
    "never closed": b"<GDALMetadata>" * 200_000,
    "many": b"<GDALMetadata>" + b'<Item name="a">1</Item>' * 100_000 + b"</GDALMetadata>",
    "large": b'<GDALMetadata><Item name="a">' + b"x" * 6_000_000 + b"</Item></GDALMetadata>",
    "elsewhere": b'<!DOCTYPE z [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    b'<GDALMetadata><Item name="a">&a;</Item></GDALMetadata>',
}


def with_tag(tag: int, value: bytes) -> bytes:
    """A small TIFF with one more tag: its directory is written anew behind the image."""
    data = tiff(gradient(20, 20))
    start = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, start)[0]
    entries = {
        struct.unpack_from("<H", data, at)[0]: data[at : at + 12]
        for at in range(start + 2, start + 2 + 12 * count, 12)
    }
    entries[tag] = struct.pack("<HHII", tag, 1 if tag == XMP else 2, len(value) + 1, len(data))
    body = data + value + b"\0" + b"\0" * ((len(data) + len(value) + 1) % 2)
    directory = struct.pack("<H", len(entries)) + b"".join(entries[each] for each in sorted(entries))
    return body[:4] + struct.pack("<I", len(body)) + body[8:] + directory + struct.pack("<I", 0)


@pytest.mark.parametrize("tag", [GDAL_METADATA, XMP], ids=["GDAL_METADATA", "XMP"])
@pytest.mark.parametrize("name", BOMBS)
def test_xml_in_a_tag_costs_no_more_than_the_limits_allow(name: str, tag: int) -> None:
    """The decoder is killed after its time and may take no more memory than it is given; neither must be needed."""
    data = with_tag(tag, BOMBS[name])
    metadata = read_raster(MemoryReader(data), {"timeout_s": 30}).metadata
    assert metadata["bands"][0]["statistics"]["count"] == 400
    assert Path("/etc/hostname").read_text().strip() not in str(metadata)
    assert len(str(metadata)) < 100_000


def test_a_tag_that_is_no_bomb_is_read() -> None:
    xml = b'<GDALMetadata><Item name="ACQUISITIONDATETIME">2020-01-02T03:04:05Z</Item></GDALMetadata>'
    metadata = read_raster(MemoryReader(with_tag(GDAL_METADATA, xml)), {}).metadata
    assert metadata["datetimes"][0]["start"] == "2020-01-02T03:04:05Z"
