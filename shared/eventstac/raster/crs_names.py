"""The names in a TIFF's CRS: rasterio takes them for UTF-8, and opens no file that has others."""

import unicodedata

from eventstac.raster.tiff_header import ReadAt

_MOST_BYTES = 1024 * 1024  # real ones have hundreds
_OTHERS = {"ß": "s", "ø": "o", "Ø": "O", "æ": "a", "Æ": "A", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}


def names_in_ascii(read: ReadAt, place: tuple[int, int]) -> tuple[int, bytes]:
    """Where the names lie, and what may stand there instead: as long, and those that are no UTF-8 with no letter that
    ASCII has not.

    `place`: the first byte and the length of the tag's value. Of what looks like none of Latin-1's letters `?` is left.
    """
    start, length = place
    return start, b"|".join(map(_name_in_ascii, read(start, min(length, _MOST_BYTES)).split(b"|")))


def _name_in_ascii(name: bytes) -> bytes:
    try:
        name.decode()
    except UnicodeDecodeError:
        return "".join(map(_in_ascii, name.decode("latin-1"))).encode("ascii")
    return name


def _in_ascii(letter: str) -> str:
    plain = _OTHERS.get(letter) or unicodedata.normalize("NFKD", letter)[0]
    return plain if plain.isascii() else "?"
