"""The structure of a TIFF, read from its header alone.

GDAL reads pixels; this reads what GDAL does not tell without reading more: how many bytes are missing at the end,
which range holds an overview, and in which order header and data lie. Source: TIFF 6.0 and the BigTIFF design.
"""

import struct
from collections.abc import Callable

import numpy as np

from eventstac.errors import Rejected
from eventstac.raster.tiff import Directory, Integers, Tiff

ReadAt = Callable[[int, int], bytes]

MAX_DIRECTORIES = 256  # a COG has about ten; a loop or a multi-page document ends here
MAX_ENTRIES = 4096  # entries of one directory: real ones have fewer than fifty

_BEYOND_ANY_FILE = np.uint64(2**46)  # 64 TiB: nonsense is cut to this, so that sums of it stay integers

_SUBFILE_TYPE, _WIDTH, _HEIGHT, _SAMPLE_BITS, _SAMPLE_FORMAT, _NODATA = 254, 256, 257, 258, 339, 42113
_GDAL_METADATA, _CRS_NAMES = 42112, 34737
_SAMPLES, _PLANES = 277, 284
_COMPRESSION, _STRIP_OFFSETS, _STRIP_ROWS, _STRIP_COUNTS = 259, 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
_SCALARS = {
    _SUBFILE_TYPE, _WIDTH, _HEIGHT, _SAMPLE_BITS, _SAMPLE_FORMAT, _COMPRESSION, _STRIP_ROWS, _TILE_WIDTH, _TILE_HEIGHT,
    _SAMPLES, _PLANES,
}  # fmt: skip
_ARRAYS = {_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS}
_SUB_IMAGES = 330
_SUB_DIRECTORIES = {_SUB_IMAGES, 34665, 34853, 40965}  # they lie elsewhere
_OTHERS = {_NODATA, _SUB_IMAGES, _GDAL_METADATA, _CRS_NAMES}
_MAX_TEXT_BYTES = 1024
_TYPES = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_TYPE_BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}


def parse(read: ReadAt, size: int, *, inner: bool = True) -> Tiff:
    """Read the directories of a TIFF of `size` bytes; `inner`: also those of images that lie within others (SubIFDs).

    Raises Rejected `truncated` where the header ends before it is complete, `bad-raster` where it contradicts itself.
    """
    head = read(0, 16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    if len(head) < (16 if big else 8):
        missing = (16 if big else 8) - len(head)
        raise Rejected(
            "truncated",
            f"the file ends inside its TIFF header, after {len(head)} bytes: at least {missing} bytes are missing; "
            "upload it again",
        )
    offset = struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)[0]
    directories: list[Directory] = []
    within: list[Directory] = []
    seen: set[int] = set()
    while offset and offset not in seen and len(directories) < MAX_DIRECTORIES:
        seen.add(offset)
        entries, following, *ends = _entries(read, size, offset, order, big)
        directory = _directory(read, size, (offset, *ends), order, entries)
        if directory is not None:
            directories.append(directory)
        if inner:
            within += _within(read, size, order, big, entries.get(_SUB_IMAGES), seen)
        offset = following
    if not directories:
        raise Rejected("bad-raster", "the TIFF header names no image: write the file again")
    return Tiff(tuple(directories), _ghost(read, big), tuple(within))


def _within(
    read: ReadAt,
    size: int,
    order: str,
    big: bool,
    entry: tuple[int, int, int, bytes] | None,
    seen: set[int],
) -> list[Directory]:
    """The images that one directory has within it, and those within them; what is none there is passed over."""
    found = []
    for offset in _values(read, size, order, entry).tolist():
        if offset in seen or offset < 8 or len(seen) >= MAX_DIRECTORIES:
            continue
        seen.add(offset)
        try:
            entries, _, header_end, tags_end = _entries(read, size, offset, order, big)
        except Rejected as problem:
            if problem.reason == "truncated":
                raise
            continue  # nobody reads it but who knows what it is
        directory = _directory(read, size, (offset, header_end, tags_end), order, entries)
        found += [directory] if directory is not None else []
        found += _within(read, size, order, big, entries.get(_SUB_IMAGES), seen)
    return found


def _ghost(read: ReadAt, big: bool) -> str:
    start = read(16 if big else 8, 300)
    if not start.startswith(b"GDAL_STRUCTURAL_METADATA_SIZE="):
        return ""
    return start.split(b"\0", 1)[0].decode("ascii", "replace")


def _need(read: ReadAt, size: int, offset: int, length: int) -> bytes:
    if offset + length > size:
        missing = offset + length - size
        raise Rejected(
            "truncated",
            f"the TIFF header goes on at byte {offset}, but the file has {size}: at least {missing} bytes "
            "are missing; upload it again",
        )
    return read(offset, length)


def _entries(
    read: ReadAt, size: int, offset: int, order: str, big: bool
) -> tuple[dict[int, tuple[int, int, int, bytes]], int, int, int]:
    """The entries that matter by tag: (type, count, offset of the value field, its bytes); next offset; ends.

    The first end is that of all that describes the image, beyond any file where more lies elsewhere; the second is that
    of the entries' values, and of the least that another directory has which one of them names.
    """
    count_bytes, entry_bytes, pointer = (8, 20, "Q") if big else (2, 12, "I")
    raw = _need(read, size, offset, count_bytes)
    count = struct.unpack(order + ("Q" if big else "H"), raw)[0]
    if count > MAX_ENTRIES:
        raise Rejected("bad-raster", f"the TIFF directory at byte {offset} claims {count} entries")
    body = _need(read, size, offset + count_bytes, count * entry_bytes + struct.calcsize(order + pointer))
    entries = {}
    end = offset + count_bytes + len(body)
    elsewhere = False
    for index in range(count):
        at = index * entry_bytes
        tag, kind = struct.unpack_from(order + "HH", body, at)
        number = struct.unpack_from(order + pointer, body, at + 4)[0]
        value_at = at + 4 + struct.calcsize(order + pointer)
        length = number * _TYPE_BYTES.get(kind, 0)  # what readers do not know they pass over
        if length > entry_bytes - 4 - struct.calcsize(order + pointer):
            end = max(end, struct.unpack_from(order + pointer, body, value_at)[0] + length)
        elif tag in _SUB_DIRECTORIES and number == 1:
            least = count_bytes + entry_bytes + struct.calcsize(order + pointer)
            end = max(end, _inline(order, kind, body[value_at:]) + least)
        elsewhere = elsewhere or tag in _SUB_DIRECTORIES
        if tag in _SCALARS or tag in _ARRAYS or tag in _OTHERS:
            entries[tag] = (kind, number, offset + count_bytes + value_at, body[value_at : at + entry_bytes])
    following = struct.unpack_from(order + pointer, body, count * entry_bytes)[0]
    return entries, following, int(_BEYOND_ANY_FILE) if elsewhere else end, end


def _inline(order: str, kind: int, value: bytes) -> int:
    """An offset that stands in its entry; 0 where its type is none of an offset's."""
    return int(np.frombuffer(value, order + _TYPES[kind], 1)[0]) if kind in (4, 13, 16, 18) else 0


def _values(read: ReadAt, size: int, order: str, entry: tuple[int, int, int, bytes] | None) -> Integers:
    if entry is None or entry[0] not in _TYPES or entry[1] == 0:
        return np.zeros(0, np.int64)
    kind, count, _, inline = entry
    length = count * _TYPE_BYTES[kind]
    if length > len(inline):
        where = struct.unpack(order + ("Q" if len(inline) == 8 else "I"), inline)[0]
        inline = _need(read, size, where, length)
    values = np.frombuffer(inline[:length], order + _TYPES[kind])
    return np.minimum(values.astype(np.uint64), _BEYOND_ANY_FILE).astype(np.int64)


def _text(read: ReadAt, size: int, order: str, entry: tuple[int, int, int, bytes] | None) -> str:
    """A short text; empty where it is long, or lies where the file has ended."""
    if entry is None or entry[0] != 2 or entry[1] > _MAX_TEXT_BYTES:
        return ""
    _, length, _, inline = entry
    if length > len(inline):
        where = struct.unpack(order + ("Q" if len(inline) == 8 else "I"), inline)[0]
        inline = read(where, length) if where + length <= size else b""
    return inline[:length].split(b"\0", 1)[0].decode("ascii", "replace").strip()


def _place(order: str, entry: tuple[int, int, int, bytes] | None) -> tuple[int, int]:
    """First byte and length of a text; nothing where there is none, or it is so short that it stands in its entry."""
    if entry is None or entry[0] != 2 or entry[1] <= len(entry[3]):
        return 0, 0
    return struct.unpack(order + ("Q" if len(entry[3]) == 8 else "I"), entry[3])[0], entry[1]


def _directory(
    read: ReadAt,
    size: int,
    place: tuple[int, int, int],
    order: str,
    entries: dict[int, tuple[int, int, int, bytes]],
) -> Directory | None:
    scalars = {}
    for tag in _SCALARS & entries.keys():
        values = _values(read, size, order, entries[tag])
        scalars[tag] = int(values[0]) if len(values) else 0
    width, height = scalars.get(_WIDTH, 0), scalars.get(_HEIGHT, 0)
    if width <= 0 or height <= 0:
        return None
    tiled = _TILE_OFFSETS in entries
    offsets = _values(read, size, order, entries.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS))
    lengths = _values(read, size, order, entries.get(_TILE_COUNTS if tiled else _STRIP_COUNTS))
    if not len(lengths):  # a required tag, but libtiff makes up for it
        lengths = _least_bytes(scalars, len(offsets), tiled)
    blocks = min(len(offsets), len(lengths))
    return Directory(
        offset=place[0],
        header_end=place[1],
        tags_end=place[2],
        width=width,
        height=height,
        subfile_type=scalars.get(_SUBFILE_TYPE, 0),
        tile_width=scalars.get(_TILE_WIDTH, 0) if tiled else 0,
        tile_height=scalars.get(_TILE_HEIGHT, 0) if tiled else 0,
        strip_rows=min(height, scalars.get(_STRIP_ROWS, height)),
        block_offsets=offsets[:blocks],
        block_bytes=lengths[:blocks],
        sample_format=scalars.get(_SAMPLE_FORMAT, 0),
        nodata=_text(read, size, order, entries.get(_NODATA)),
        gdal_metadata=_place(order, entries.get(_GDAL_METADATA)),
        crs_names=_place(order, entries.get(_CRS_NAMES)),
    )


def _least_bytes(scalars: dict[int, int], blocks: int, tiled: bool) -> Integers:
    """How many bytes each block has at least where the file does not say: all of them if it is not compressed."""
    if scalars.get(_COMPRESSION, 1) != 1:
        return np.ones(blocks, np.int64)
    width, height = scalars[_WIDTH], scalars[_HEIGHT]
    across, high = (
        (scalars.get(_TILE_WIDTH, 0), scalars.get(_TILE_HEIGHT, 0))
        if tiled
        else (width, min(height, scalars.get(_STRIP_ROWS, height)))
    )
    samples = 1 if scalars.get(_PLANES, 1) == 2 else scalars.get(_SAMPLES, 1)
    row_bytes = -(-across * samples * scalars.get(_SAMPLE_BITS, 1) // 8)
    rows = np.full(blocks, high, np.int64)
    strips = -(-height // max(1, high))
    if not tiled and strips:
        rows[strips - 1 :: strips] = height - (strips - 1) * high  # the last one of each plane
    return np.minimum(rows.astype(np.float64) * row_bytes, float(_BEYOND_ANY_FILE)).astype(np.int64)
