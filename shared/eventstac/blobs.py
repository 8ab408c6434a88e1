"""The port to blob storage: what a look at one blob yields, and how its bytes are read."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

# The first request. It holds the header of nearly every TIFF, all of a small file, and the small overviews, which a
# COG has first: bytes that are wanted anyway. 64 KB would cost a second round trip for each small file.
HEAD_BYTES = 512 * 1024


@dataclass(frozen=True)
class Look:
    """What the storage said about one blob when somebody looked.

    `url` is canonical, `seen` the response's `Date` header (UTC, whole seconds), `etag` without quotes. For a state
    other than "present" the ETag is empty ("gone") or that of the archived blob, and the rest may be None. `is_folder`:
    what is there only says that there is a folder, so that the blob is "gone". `failed_copy`: how a copy into the blob
    ended that did not succeed. `grows`: bytes may be added to it without an event (`eventstac.growing`).
    """

    url: str
    state: Literal["present", "gone", "archived"]
    seen: datetime
    etag: str = ""
    size: int = 0
    last_modified: datetime | None = None
    created: datetime | None = None
    content_type: str | None = None
    content_md5: bytes | None = None
    version_id: str | None = None
    is_folder: bool = False
    failed_copy: str = ""
    grows: bool = False


class BlobReader(Protocol):
    """Reads one blob at one ETag; `head` holds the first bytes, already read by the look.

    Errors: BlobChanged when the blob is another by now (If-Match failed, or it is gone), Transient when the storage
    does not answer, Rejected where access can never succeed.
    """

    @property
    def look(self) -> Look:
        """What the storage said when this reader was opened."""

    @property
    def head(self) -> bytes:
        """The first bytes of the blob (at most HEAD_BYTES, all of a smaller blob)."""

    def read(self, offset: int, length: int) -> bytes:
        """Bytes [offset, offset + length) of the blob, fewer only at its end; one range request."""

    def read_each(self, spans: Sequence[tuple[int, int]]) -> Generator[bytes]:
        """What `read` gives for each span (offset, length), in order; several requests on their way
        at once. Whoever stops early closes it."""

    def stream(self, chunk_bytes: int = 4 * 1024 * 1024) -> Iterator[bytes]:
        """The whole blob in order, in as few requests as are quick (the chunks may have another size)."""


class Counted:
    """A reader that counts the bytes that it fetched, those of the head included."""

    def __init__(self, reader: BlobReader) -> None:
        self._reader = reader
        self.fetched_bytes = len(reader.head)

    @property
    def look(self) -> Look:
        """What the storage said when this reader was opened."""
        return self._reader.look

    @property
    def head(self) -> bytes:
        """The first bytes of the blob."""
        return self._reader.head

    def read(self, offset: int, length: int) -> bytes:
        """Bytes [offset, offset + length) of the blob."""
        data = self._reader.read(offset, length)
        self.fetched_bytes += len(data)
        return data

    def read_each(self, spans: Sequence[tuple[int, int]]) -> Generator[bytes]:
        """The bytes of each span."""
        with closing(self._reader.read_each(spans)) as coming:
            for data in coming:
                self.fetched_bytes += len(data)
                yield data

    def stream(self, chunk_bytes: int = 4 * 1024 * 1024) -> Iterator[bytes]:
        """The whole blob in order."""
        for chunk in self._reader.stream(chunk_bytes):
            self.fetched_bytes += len(chunk)
            yield chunk


@dataclass(frozen=True)
class Listed:
    """One line of a listing: a hint that a blob is there, never proof that another is not."""

    url: str
    etag: str
    size: int
    last_modified: datetime
    archived: bool = False


@dataclass(frozen=True)
class ListedPage:
    """One page of a container's listing, and the continuation of the next (None at the end).

    `seen` is the Date of the storage's answer.
    """

    blobs: tuple[Listed, ...]
    continuation: str | None
    seen: datetime


class Pages(Protocol):
    """The storage, as far as a container's blobs are listed."""

    def page(self, container_url: str, prefix: str, continuation: str | None, size: int) -> ListedPage:
        """One page of a listing (at most `size` blobs, without folders), from `continuation` on."""


def listing(storage: Pages, container_url: str, prefix: str, size: int) -> Iterator[Listed]:
    """All blobs of a container whose paths begin with `prefix`; a page of `size` is asked for when it is needed."""
    continuation: str | None = None
    while True:
        page = storage.page(container_url, prefix, continuation, size)
        yield from page.blobs
        continuation = page.continuation
        if continuation is None:
            return


class Blobs(Pages, Protocol):
    """The storage, as handlers see it."""

    def look(self, url: str) -> tuple[Look, BlobReader | None]:
        """Look at one blob: one GET of its first bytes. The reader is None unless the state is "present".

        Errors: Transient for throttling, time-outs, a missing container or refused credentials.
        """

    def put(self, url: str, data: bytes, content_type: str) -> str:
        """Write one of our own outputs (claim); returns its ETag."""

    def put_once(self, url: str, data: bytes, content_type: str) -> None:
        """Write one of our own outputs whose name stands for its content (thumbnail): what is there stays."""
