"""Refusing files that end too early: GDAL might fill in what is missing."""

import mmap

from eventstac.errors import Rejected
from eventstac.raster.complete import is_virtual, least_size
from eventstac.raster.formats import HDF5_MAGIC
from eventstac.raster.tiff import Tiff


def refuse_incomplete(driver: str, content: bytes | mmap.mmap, *, header_only: bool) -> None:
    """Raise Rejected `truncated` for a file of another format than TIFF that lacks something of itself."""
    least = least_size(driver, lambda offset, length: content[offset : offset + length], len(content))
    if least > len(content) and not header_only:
        raise Rejected(
            "truncated",
            f"the file has {len(content)} bytes, by its own words there are more: at least {least - len(content)} "
            "bytes are missing; upload it again (or let the rule ask for header_only)",
        )
    if content[: len(HDF5_MAGIC)] == HDF5_MAGIC and is_virtual(content):
        raise Rejected(
            "unsupported-driver",
            "the file is a virtual HDF5 dataset: its data lie in other files, which are not opened",
        )


def refuse_truncated(structure: Tiff, size: int, *, header_only: bool) -> None:
    """Raise Rejected `truncated` where blocks or tags of a TIFF of `size` bytes lie beyond its end.

    Without its tags a file would be taken for another one, so `header_only` does without blocks alone.
    """
    if structure.tags_end > size:
        missing = (structure.tags_end if header_only else structure.end) - size
        raise Rejected(
            "truncated",
            f"the TIFF header goes on to byte {structure.tags_end}, but the file has {size}: at least {missing} bytes "
            "are missing; upload it again",
        )
    if structure.end > size and not header_only:
        missing = structure.end - size
        raise Rejected(
            "truncated",
            f"the file has {size} bytes, its header speaks of {structure.end}: {missing} bytes are missing; "
            "upload it again (or let the rule ask for header_only)",
        )
