"""The structure of a TIFF: its images, and where their blocks lie."""

from dataclasses import dataclass

import numpy as np

Integers = np.ndarray[tuple[int], np.dtype[np.int64]]

_TRAILER = "BLOCK_TRAILER=LAST_4_BYTES_REPEATED"  # in GDAL's structural metadata
_TRAILER_BYTES = 4


@dataclass(frozen=True)
class Directory:
    """One image of a TIFF: size in pixels, and where its blocks lie (bytes from the file's start).

    `tags_end` is the byte after its entries and their values, `header_end` that after everything that describes the
    image, beyond any file where that is not known. `gdal_metadata`, `crs_names`: first byte and length of GDAL's XML,
    and of the names in the CRS, if any.
    """

    offset: int
    header_end: int
    tags_end: int
    width: int
    height: int
    subfile_type: int
    tile_width: int
    tile_height: int
    strip_rows: int
    block_offsets: Integers
    block_bytes: Integers
    sample_format: int = 0
    nodata: str = ""
    gdal_metadata: tuple[int, int] = (0, 0)
    crs_names: tuple[int, int] = (0, 0)

    @property
    def is_complex_integer(self) -> bool:
        """Whether samples are pairs of integers."""
        return self.sample_format == 5

    @property
    def is_tiled(self) -> bool:
        """Whether the image is stored in tiles that are narrower than itself."""
        return self.tile_width > 0

    @property
    def is_overview(self) -> bool:
        """Whether this is a smaller version of another image."""
        return bool(self.subfile_type & 1)

    @property
    def is_mask(self) -> bool:
        """Whether this is a transparency mask."""
        return bool(self.subfile_type & 4)

    @property
    def first_block(self) -> int:
        """Where the first block that exists begins; 0 for an image that is all holes."""
        present = self.block_offsets[self.block_bytes > 0]
        return int(present[0]) if len(present) else 0

    @property
    def data_end(self) -> int:
        """The byte after the last block."""
        ends = (self.block_offsets + self.block_bytes)[self.block_bytes > 0]
        return int(ends.max()) if len(ends) else 0

    def data_end_of(self, rows: int) -> int:
        """The byte after the last block that the first `rows` rows of the image need."""
        high = self.tile_height if self.is_tiled else self.strip_rows
        across = -(-self.width // self.tile_width) if self.is_tiled else 1
        planes, left_over = divmod(len(self.block_offsets), across * -(-self.height // max(1, high)))
        if left_over or not planes or not high:
            return self.data_end
        ends = np.where(self.block_bytes > 0, self.block_offsets + self.block_bytes, 0).reshape(planes, -1)
        return int(ends[:, : across * -(-rows // high)].max(initial=0))

    @property
    def data_bytes(self) -> int:
        """How many bytes all blocks have together."""
        return int(self.block_bytes.sum())

    def data_range(self) -> tuple[int, int]:
        """First byte of the first block, and the byte after the last, wherever they lie in order."""
        present = self.block_offsets[self.block_bytes > 0]
        return (int(present.min()), self.data_end) if len(present) else (0, 0)


@dataclass(frozen=True)
class Tiff:
    """A TIFF's directories in file order of the chain; `ghost` is GDAL's structural metadata, if any.

    `within` are images that lie within others (SubIFDs), which nobody here reads, but a whole file has them.
    """

    directories: tuple[Directory, ...]
    ghost: str
    within: tuple[Directory, ...] = ()

    @property
    def main(self) -> Directory:
        """The full-resolution image."""
        return self.directories[0]

    @property
    def overviews(self) -> tuple[Directory, ...]:
        """Smaller versions of the main image, without masks, in chain order."""
        return tuple(d for d in self.directories[1:] if d.is_overview and not d.is_mask)

    @property
    def tags_end(self) -> int:
        """How many bytes the file must have for all that describes its images to be there."""
        return max(d.tags_end for d in self.directories)

    @property
    def end(self) -> int:
        """How many bytes the file must have for all its blocks to be there too, and what GDAL writes behind each."""
        inner = [end for d in self.within for end in (d.tags_end, d.data_end)]
        trailer = _TRAILER_BYTES if _TRAILER in self.ghost and not self.was_changed else 0
        ends = [d.data_end + trailer for d in self.directories if d.data_bytes]
        return max([self.tags_end, *ends, *inner])

    @property
    def was_changed(self) -> bool:
        """Whether GDAL says that the file was changed after it had been written as a COG."""
        return "KNOWN_INCOMPATIBLE_EDITION=YES" in self.ghost


def is_tiff(head: bytes) -> bool:
    """Whether the first bytes are those of a classic TIFF or a BigTIFF."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
