"""A file for GDAL whose bytes come from a BlobReader, a few large ranges at a time."""

import io
from bisect import bisect_right
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

from rasterio.abc import FileContainer

from eventstac.blobs import BlobReader
from eventstac.errors import EventstacError

FILE_NAME = "blob"
BLOCK_BYTES = 64 * 1024  # what one small read of GDAL costs at least
MAX_CACHED_BYTES = 256 * 1024 * 1024  # beyond this the oldest ranges are forgotten


class Ranges:
    """The bytes of one blob that are here already, and a way to get more.

    GDAL turns an exception of a Python file into a vague read error: `error` keeps the reader's first exception, so
    that whoever called GDAL can raise that one instead.
    """

    def __init__(self, reader: BlobReader) -> None:
        self.size = reader.look.size
        self.error: EventstacError | None = None
        self.requests = 0
        self._reader = reader
        self._starts = [0]
        self._parts = [reader.head]

    def whole(self) -> bytes:
        """All bytes of the blob; at most one request for those that are not here yet."""
        head = self._parts[0]
        if len(head) < self.size:
            head = head + self._fetch(len(head), self.size - len(head))
            self._starts, self._parts = [0], [head]
        return head

    def read(self, offset: int, length: int) -> bytes:
        """Bytes [offset, offset + length), fewer at the end of the blob."""
        end = min(offset + length, self.size)
        pieces = []
        while offset < end:
            piece = self._piece(offset, end)
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def preload(self, start: int, end: int) -> None:
        """Fetch [start, end) in one request, but for what is here already at its beginning."""
        have = self._cached(start)
        while have is not None and start < end:
            start = have[0] + len(have[1])
            have = self._cached(start)
        if start < min(end, self.size):
            self._keep(start, self._fetch(start, min(end, self.size) - start))

    def preload_each(self, spans: Sequence[tuple[int, int]]) -> Generator[None]:
        """Fetch spans (offset, length), many requests at once; each step is one more that is here."""
        missing = [span for span in spans if not self._holds(*span)]
        self.requests += len(missing)
        with closing(self._reader.read_each(missing)) as coming:
            for span in spans:
                if span in missing:
                    try:
                        self._keep(span[0], next(coming))
                    except EventstacError as error:
                        self.error = error
                        raise
                yield

    def _holds(self, offset: int, length: int) -> bool:
        part = self._cached(offset)
        return part is not None and offset + length <= part[0] + len(part[1])

    def _piece(self, offset: int, end: int) -> bytes:
        part = self._cached(offset)
        if part is None:
            # Up to the next range that is here, in whole blocks: GDAL asks for a few bytes at a time.
            following = bisect_right(self._starts, offset)
            limit = self._starts[following] if following < len(self._starts) else self.size
            stop = min(limit, max(end, (offset // BLOCK_BYTES + 1) * BLOCK_BYTES))
            part = (offset, self._fetch(offset, stop - offset))
            self._keep(*part)
        start, data = part
        return data[offset - start : end - start]

    def _cached(self, offset: int) -> tuple[int, bytes] | None:
        index = bisect_right(self._starts, offset) - 1
        start, data = self._starts[index], self._parts[index]
        return (start, data) if offset < start + len(data) else None

    def _keep(self, start: int, data: bytes) -> None:
        index = bisect_right(self._starts, start)
        self._starts.insert(index, start)
        self._parts.insert(index, data)
        if sum(map(len, self._parts)) > MAX_CACHED_BYTES:
            self._starts, self._parts = [0, start], [self._parts[0], data]

    def _fetch(self, offset: int, length: int) -> bytes:
        if self.error is not None:
            raise self.error
        self.requests += 1
        try:
            return self._reader.read(offset, length)
        except EventstacError as error:
            self.error = error
            raise


class OneFile(FileContainer):  # type: ignore[misc]  # rasterio has no types
    """A file system for GDAL that has one file, under whatever name it is opened by, and nothing beside it.

    `instead`: what GDAL is to read from an offset on instead of what is there.
    """

    def __init__(self, ranges: Ranges, instead: tuple[int, bytes] = (0, b"")) -> None:
        self._ranges = ranges
        self._instead = instead

    def open(self, path: str, mode: str = "r", **_: Any) -> "RangeFile":
        """The file; FileNotFoundError for any other name, and for writing."""
        if not self.isfile(path) or set(mode) - set("rb"):
            raise FileNotFoundError(path)
        return RangeFile(self._ranges, self._instead)

    def isfile(self, path: str) -> bool:
        """Whether this is the one file."""
        return path.rsplit("/", 1)[-1] == FILE_NAME

    def isdir(self, path: str) -> bool:
        """There are no folders."""
        return False

    def ls(self, path: str) -> list[str]:
        """Nothing to list: GDAL finds no sidecars."""
        return []

    def mtime(self, path: str) -> int:
        """The file does not change while it is read."""
        return 0

    def rm(self, path: str) -> None:
        """Nothing can be removed."""
        raise FileNotFoundError(path)

    def size(self, path: str) -> int:
        """How many bytes the file has."""
        if not self.isfile(path):
            raise FileNotFoundError(path)
        return self._ranges.size


class RangeFile(io.RawIOBase):
    """A read-only, seekable file over Ranges."""

    def __init__(self, ranges: Ranges, instead: tuple[int, bytes] = (0, b"")) -> None:
        self._ranges = ranges
        self._instead = instead
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position of the next read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position; nothing is read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ranges.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none at all where the storage failed (the error is kept in the Ranges)."""
        if size < 0:
            size = max(0, self._ranges.size - self._at)
        try:
            data = self._ranges.read(self._at, size)
        except EventstacError:
            return b""  # GDAL cannot carry a Python exception; Ranges.error does
        first, others = self._instead
        if others and first < self._at + len(data) and self._at < first + len(others):
            here, there = max(0, first - self._at), max(0, self._at - first)
            data = data[:here] + others[there : there + len(data) - here] + data[here + len(others) - there :]
        self._at += len(data)
        return data
