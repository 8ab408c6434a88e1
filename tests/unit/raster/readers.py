"""Blob readers for tests: bytes in memory, with a record of what was asked for."""

import hashlib
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime

from eventstac.blobs import HEAD_BYTES, Look

SEEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class MemoryReader:
    """A blob in memory; `fail` is raised by every read and stream after the head."""

    def __init__(self, data: bytes, *, md5: bool = False, fail: Exception | None = None) -> None:
        self.data = data
        self.fail = fail
        self.asked: list[tuple[int, int]] = []
        self.streams = 0
        self.look = Look(
            "https://account.blob.core.windows.net/source/blob.tif",
            "present",
            SEEN,
            etag="0x1",
            size=len(data),
            content_md5=hashlib.md5(data).digest() if md5 else None,
        )

    @property
    def head(self) -> bytes:
        return self.data[:HEAD_BYTES]

    def read(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        if self.fail is not None:
            raise self.fail
        return self.data[offset : offset + length]

    def read_each(self, spans: Sequence[tuple[int, int]]) -> Generator[bytes]:
        return (self.read(*span) for span in spans)

    def stream(self, chunk_bytes: int = 4 * 1024 * 1024) -> Iterator[bytes]:
        self.streams += 1
        if self.fail is not None:
            raise self.fail
        for start in range(0, len(self.data), chunk_bytes):
            yield self.data[start : start + chunk_bytes]
