"""How many bytes a file must have to be whole, for formats other than TIFF: a reader may fill in what is missing.

libpng and netCDF give zeros for it, without a word. Sources: PNG (ISO 15948), JPEG (T.81), JPEG 2000 (T.800), the
netCDF classic format, and the superblock of HDF5's file format.
"""

import math
import re
import struct
from collections.abc import Buffer, Callable, Iterator, Sequence

# A data layout message of version 4 and class 3 in an object header of version 2 (with the order of creation, or
# without) or of version 1.
_VIRTUAL_LAYOUT = re.compile(rb"\x08\x0e\x00.(..)?\x04\x03|\x08\x00\x10\x00.\x00\x00\x00\x04\x03", re.DOTALL)
ReadAt = Callable[[int, int], bytes]

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8}  # netCDF's byte, char, short, int, float, double
_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12  # tags of netCDF's lists
_STREAMING = 0xFFFFFFFF  # records of a netCDF file that is still written
# What may follow a JPEG 2000 image in its file: another one, position and other metadata.
_BOXES = {b"jp2c", b"uuid", b"uinf", b"xml ", b"asoc", b"jp2i", b"jp2h", b"rreq", b"res ", b"ftbl", b"free"}
_SOC, _SOT, _EOC = 0xFF4F, 0xFF90, 0xFFD9


def least_size(driver: str, read: ReadAt, size: int) -> int:
    """The size that a file must have at least, by its own words as far as they are here; 0 where it does not say."""
    ends: dict[str, Callable[[ReadAt, int], int]]
    ends = {"PNG": _png, "JPEG": _jpeg, "JP2OpenJPEG": _jpeg_2000, "netCDF": _netcdf, "HDF5": _hdf5}
    end = _hdf5 if read(0, 4) == b"\x89HDF" else ends[driver]
    try:
        return end(read, size)
    except (struct.error, IndexError, OverflowError):  # the file ends in the middle of a number
        return size + 1
    except _Nonsense:
        return 0


def is_virtual(data: Buffer) -> bool:
    """Whether an HDF5 file has a dataset made of others: without their files it reads as nothing but fill values."""
    return _VIRTUAL_LAYOUT.search(data) is not None


def _png(read: ReadAt, size: int) -> int:
    at = 8
    while True:
        length, kind = struct.unpack(">I4s", read(at, 8))
        at += 12 + length
        if kind == b"IEND" or at > size:
            return int(at)


def _jpeg(read: ReadAt, size: int) -> int:
    at = 2
    while at < size:
        marker, length = struct.unpack(">HH", read(at, 4))
        if marker >> 8 != 0xFF:
            return 0  # what that is the decoder has to say
        at += 2 + length
        if marker == 0xFFDA:  # start of a scan: what follows has no length
            return _end_of_image(read, at, size)
    return at + 2


def _end_of_image(read: ReadAt, at: int, size: int) -> int:
    """The size, and what is missing of the marker that ends an image if it does not stand anywhere after `at`."""
    if read(at, size - at).rfind(b"\xff\xd9") >= 0:
        return size
    return size + (1 if read(size - 1, 1) == b"\xff" else 2)


def _jpeg_2000(read: ReadAt, size: int) -> int:
    if read(0, 2) == b"\xff\x4f":
        return _codestream(read, 0, size)
    at, image_is_here = 0, False
    while at < size:
        if image_is_here and read(at + 4, 4) not in _BOXES:
            return at  # neither padding nor what somebody put behind the image belongs to it
        length, kind = struct.unpack(">I4s", read(at, 8))
        header = 8
        if length == 1:
            length, header = struct.unpack(">Q", read(at + 8, 8))[0], 16
        end = at + length if length else size
        if end > size or (kind == b"jp2c" and not length):
            return max(end, _codestream(read, at + header, size)) if kind == b"jp2c" else end
        if length and length < header:
            return at if image_is_here else 0
        image_is_here = image_is_here or kind == b"jp2c"
        at = end
    return at


def _codestream(read: ReadAt, start: int, size: int) -> int:
    """Where the tile-parts end, and the two bytes after them."""
    at = start + 2
    while at < size:
        marker, length = struct.unpack(">HH", read(at, 4)) if size - at >= 4 else (_EOC, 0)
        if marker == _EOC:
            return at + 2
        if marker != _SOT:
            at += 2 + length
            continue
        tile_part = struct.unpack(">I", read(at + 6, 4))[0]
        if not tile_part:
            return _end_of_image(read, at, size)
        at += tile_part
    return at + 2


class _Nonsense(Exception):
    """The header is none: what it is the decoder has to say."""


class _Netcdf:
    """A cursor over the header of a netCDF classic file."""

    def __init__(self, read: ReadAt) -> None:
        self._read, self.at = read, 4

    def number(self, form: str = "I") -> int:
        length = struct.calcsize(">" + form)
        (value,) = struct.unpack(">" + form, self._read(self.at, length))
        self.at += length
        return int(value)

    def list_of(self, tag: int) -> int:
        """How many a list has, which its tag announces; a list of none may have no tag."""
        found, count = self.number(), self.number()
        if found not in (0, tag):
            raise _Nonsense
        return count

    def skip(self, length: int) -> None:
        self.at += -(-length // 4) * 4

    def skip_attributes(self) -> None:
        for _ in range(self.list_of(_ATTRIBUTES)):
            self.skip(self.number())
            kind = self.number()
            self.skip(self.number() * _TYPE_BYTES.get(kind, 1))

    def dimensions(self) -> Iterator[int]:
        """The length of each dimension, 0 for that of the records; they come first."""
        for _ in range(self.list_of(_DIMENSIONS)):
            self.skip(self.number())
            yield self.number()

    def variables(self, lengths: Sequence[int]) -> Iterator[tuple[list[int], int, int]]:
        """Of each variable, which follow: its sides, its type, and where its values begin."""
        begins = "Q" if self._read(3, 1) == b"\x02" else "I"  # 64-bit offsets
        self.skip_attributes()
        for _ in range(self.list_of(_VARIABLES)):
            self.skip(self.number())
            dimensions = [self.number() for _ in range(self.number())]
            self.skip_attributes()
            kind, _, begin = self.number(), self.number(), self.number(begins)
            yield [lengths[d] for d in dimensions if d < len(lengths)], kind, begin


def has_no_grid(read: ReadAt) -> bool:
    """Whether a netCDF classic file is sound and none of its variables has two dimensions."""
    cursor = _Netcdf(read)
    cursor.number()
    try:
        lengths = list(cursor.dimensions())
        return all(len(sides) < 2 for sides, _, _ in cursor.variables(lengths))
    except (struct.error, _Nonsense):
        return False


def _netcdf(read: ReadAt, size: int) -> int:
    cursor = _Netcdf(read)
    records = cursor.number()
    lengths = list(cursor.dimensions())
    fixed, varying = [0], list[tuple[int, int]]()
    for sides, kind, begin in cursor.variables(lengths):
        is_record = bool(sides) and sides[0] == 0
        length = math.prod(sides[1:] if is_record else sides) * _TYPE_BYTES.get(kind, 1)
        if is_record:
            varying.append((begin, length))
        else:
            fixed.append(begin + length)
    end = max(cursor.at, *fixed)
    if not varying or records in (0, _STREAMING):
        return end
    padded = sum(-(-length // 4) * 4 for _, length in varying) if len(varying) > 1 else varying[0][1]
    return max(end, *(begin + (records - 1) * padded + length for begin, length in varying))


def _hdf5(read: ReadAt, size: int) -> int:
    version = read(8, 1)[0]
    if version < 2:
        width, at = read(13, 1)[0], 24 if version == 0 else 28
    else:
        width, at = read(9, 1)[0], 12
    if width not in (4, 8):
        return 0
    base, _, end = struct.unpack("<" + ("Q" if width == 8 else "I") * 3, read(at, 3 * width))
    return int(base + end)
