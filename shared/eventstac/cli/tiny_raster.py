"""A GeoTIFF of a few pixels, written without a raster library: the operator's machine may have none."""

import struct
from datetime import datetime

SIZE = 16  # pixels, each way
PIXEL_DEGREES = 0.001
WEST, NORTH = 10.0, 50.0
BBOX = (WEST, NORTH - SIZE * PIXEL_DEGREES, WEST + SIZE * PIXEL_DEGREES, NORTH)  # degrees, WGS 84

_SHORT, _LONG, _ASCII, _DOUBLE = 3, 4, 2, 12  # kinds of a TIFF tag, by their numbers
_FORMATS = {_SHORT: "H", _LONG: "I", _DOUBLE: "d"}
# Geographic coordinates, a pixel is an area, WGS 84: key, 0 for "in this tag", how many values, value.
_GEO_KEYS = (1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326)


def tiny_geotiff(description: str, taken: datetime) -> bytes:
    """SIZE x SIZE grey pixels (uint8, none of them 0) over BBOX, with a description and the time it was taken."""
    pixels = bytes(1 + (row + column) % 255 for row in range(SIZE) for column in range(SIZE))
    values: dict[int, tuple[int, tuple[float, ...] | bytes]] = {
        256: (_SHORT, (SIZE,)),
        257: (_SHORT, (SIZE,)),
        258: (_SHORT, (8,)),
        259: (_SHORT, (1,)),  # not compressed
        262: (_SHORT, (1,)),  # 0 is black
        270: (_ASCII, description.encode("ascii") + b"\0"),
        273: (_LONG, (8,)),  # the pixels stand right behind the header
        277: (_SHORT, (1,)),
        278: (_SHORT, (SIZE,)),
        279: (_LONG, (len(pixels),)),
        306: (_ASCII, f"{taken:%Y:%m:%d %H:%M:%S}".encode("ascii") + b"\0"),
        33550: (_DOUBLE, (PIXEL_DEGREES, PIXEL_DEGREES, 0.0)),
        33922: (_DOUBLE, (0.0, 0.0, 0.0, WEST, NORTH, 0.0)),
        34735: (_SHORT, _GEO_KEYS),
    }
    directory_at = 8 + len(pixels)
    behind_at = directory_at + 2 + 12 * len(values) + 4
    entries, behind = b"", b""
    for tag, (kind, value) in values.items():
        packed = value if isinstance(value, bytes) else struct.pack(f"<{len(value)}{_FORMATS[kind]}", *value)
        entries += struct.pack("<HHI", tag, kind, len(value))
        if len(packed) <= 4:
            entries += packed.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", behind_at + len(behind))
            behind += packed + b"\0" * (len(packed) % 2)
    header = struct.pack("<2sHI", b"II", 42, directory_at)
    return header + pixels + struct.pack("<H", len(values)) + entries + b"\0" * 4 + behind
