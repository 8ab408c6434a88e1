"""TIFFs with images within images (SubIFDs): nobody reads those, but a file that ends within them is not whole."""

import struct

import pytest

from eventstac.errors import Rejected
from eventstac.raster.extract import read_in_process
from tests.unit.raster.corpus import gradient, tiff
from tests.unit.raster.readers import MemoryReader

SIDE = 40
_PIXELS = SIDE * SIDE


def directory(entries: list[tuple[int, int, int, int]]) -> bytes:
    """A classic directory of (tag, type, count, value), with none behind it."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return struct.pack("<H", len(entries)) + body + struct.pack("<I", 0)


def image_at(at: int, *, inner: int = 0) -> tuple[bytes, int]:
    """A strip of pixels and its directory, to be put at byte `at`; and where the directory begins."""
    entries = [
        (256, 4, 1, SIDE),
        (257, 4, 1, SIDE),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, at),
        (277, 3, 1, 1),
        (278, 4, 1, SIDE),
        (279, 4, 1, _PIXELS),
    ]
    entries += [(330, 4, 1, inner)] if inner else []
    return bytes(_PIXELS) + directory(entries), at + _PIXELS


def with_inner(count: int, *, nested: bool = False, pixels_last: bool = False) -> bytes:
    """A GeoTIFF whose image has so many others within it; `nested`: each lies within the one before."""
    data = bytearray(tiff(gradient(50, 60)))
    (start,) = struct.unpack_from("<I", data, 4)
    (number,) = struct.unpack_from("<H", data, start)
    main = [struct.unpack_from("<HHII", data, start + 2 + 12 * index) for index in range(number)]
    offsets: list[int] = []
    for _ in range(count):
        data += bytes(len(data) % 2)
        content, where = image_at(len(data), inner=offsets[-1] if nested and offsets else 0)
        offsets.append(where)
        data += content
    named = offsets[-1:] if nested else offsets
    array_at = len(data)
    data += struct.pack(f"<{len(named)}I", *named)
    value = named[0] if len(named) == 1 else array_at
    struct.pack_into("<I", data, 4, len(data))
    data += directory([*main, (330, 4, len(named), value)])
    if pixels_last:  # of the first of them: its strip at the end of the file
        strip = next(at for at in range(offsets[0], len(data), 2) if data[at : at + 2] == b"\x11\x01")
        struct.pack_into("<I", data, strip + 8, len(data))
        data += bytes(_PIXELS)
    return bytes(data)


def refused(data: bytes, **options: object) -> str:
    with pytest.raises(Rejected) as caught:
        read_in_process(MemoryReader(data), options)
    assert caught.value.reason == "truncated"
    return caught.value.detail


@pytest.mark.parametrize(("count", "nested"), [(1, False), (3, False), (3, True)])
def test_images_within_others_are_passed_over(count: int, nested: bool) -> None:
    plain = read_in_process(MemoryReader(tiff(gradient(50, 60))), {}).metadata
    metadata = read_in_process(MemoryReader(with_inner(count, nested=nested)), {}).metadata
    assert metadata["footprint"] == plain["footprint"]
    assert metadata["bands"] == plain["bands"]


@pytest.mark.parametrize("missing", [1, 700, _PIXELS])
def test_a_file_that_ends_in_the_pixels_of_an_inner_image_is_truncated(missing: int) -> None:
    data = with_inner(3, pixels_last=True)
    assert f"{missing} bytes are missing" in refused(data[:-missing])
    assert read_in_process(MemoryReader(data), {}).metadata["projection"]["proj:shape"] == [50, 60]


def test_a_file_that_ends_before_an_inner_image_is_truncated() -> None:
    data = bytearray(with_inner(2))
    (start,) = struct.unpack_from("<I", data, 4)
    (number,) = struct.unpack_from("<H", data, start)
    at = next(
        start + 2 + 12 * index
        for index in range(number)
        if struct.unpack_from("<H", data, start + 2 + 12 * index)[0] == 330
    )
    (array_at,) = struct.unpack_from("<I", data, at + 8)
    struct.pack_into("<I", data, array_at + 4, len(data) + 500)
    assert "at least 50" in refused(bytes(data))


def test_a_header_may_be_read_without_the_images_within() -> None:
    data = with_inner(3, pixels_last=True)[:-700]
    assert read_in_process(MemoryReader(data), {"header_only": True}).metadata["footprint"]


def test_an_inner_image_that_names_itself_is_read_once() -> None:
    data = bytearray(with_inner(1, nested=True))
    (start,) = struct.unpack_from("<I", data, 4)
    (number,) = struct.unpack_from("<H", data, start)
    at = next(
        a for a in (start + 2 + 12 * i for i in range(number)) if struct.unpack_from("<H", data, a)[0] == 330
    )
    struct.pack_into("<I", data, at + 8, start)
    assert read_in_process(MemoryReader(bytes(data)), {}).metadata["footprint"]
