"""Blob storage in memory: whole-second Dates, ETags that change at every write, faults on demand."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import md5

from eventstac.blob_urls import parse
from eventstac.blobs import HEAD_BYTES, BlobReader, Listed, ListedPage, Look
from eventstac.errors import BlobChanged, Transient
from tests.samples import ACCOUNT, START


@dataclass(frozen=True)
class Stored:
    """One version of a blob."""

    data: bytes
    etag: str
    created: datetime
    modified: datetime
    content_type: str
    archived: bool = False
    grows: bool = False


class MemoryBlobs:
    account_url = ACCOUNT

    def __init__(self) -> None:
        self.now = START
        self.is_away = False
        self.looks = 0
        self.stored: dict[str, Stored] = {}
        self._writes = 0

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def put(self, url: str, data: bytes, content_type: str = "application/octet-stream") -> str:
        etag = self._new_etag()
        self.stored[url] = Stored(data, etag, self._date(), self._date(), content_type)
        return etag

    def append(self, url: str, data: bytes) -> None:
        """Make an append blob without bytes, or add bytes to one."""
        now, etag = self._date(), self._new_etag()
        before = self.stored.get(url)
        if before is None or not before.grows:
            self.stored[url] = Stored(b"", etag, now, now, "image/tiff", grows=True)
        else:
            self.stored[url] = replace(before, data=before.data + data, etag=etag, modified=now)

    def put_once(self, url: str, data: bytes, content_type: str) -> None:
        if url not in self.stored:
            self.put(url, data, content_type)

    def tag(self, url: str) -> None:
        """Set metadata: another ETag and Last-Modified, the same content."""
        self.stored[url] = replace(self.stored[url], etag=self._new_etag(), modified=self._date())

    def rename(self, url: str, to: str) -> None:
        """Move a blob over another; it keeps its times."""
        self.restore(to, self.stored.pop(url), same_etag=False)

    def restore(self, url: str, version: Stored, *, same_etag: bool) -> None:
        """Bring a version back, with the times that it had."""
        self.stored[url] = version if same_etag else replace(version, etag=self._new_etag())

    def delete(self, url: str) -> None:
        del self.stored[url]

    def archive(self, url: str) -> None:
        self.stored[url] = replace(self.stored[url], archived=True)

    def rehydrate(self, url: str) -> None:
        self.stored[url] = replace(self.stored[url], archived=False)

    def look(self, url: str) -> tuple[Look, BlobReader | None]:
        self.looks += 1
        if self.is_away:
            raise Transient("the storage is away")
        stored = self.stored.get(url)
        if stored is None:
            return Look(url, "gone", self._date()), None
        look = Look(
            url=url,
            state="archived" if stored.archived else "present",
            seen=self._date(),
            etag=stored.etag,
            size=len(stored.data),
            last_modified=stored.modified,
            created=stored.created,
            content_type=stored.content_type,
            content_md5=md5(stored.data).digest(),
            grows=stored.grows,
        )
        return look, None if stored.archived else _Reader(self, look, stored.data)

    def page(self, container_url: str, prefix: str, continuation: str | None, size: int) -> ListedPage:
        if self.is_away:
            raise Transient("the storage is away")
        names = sorted(parse(url).path for url in self.stored if parse(url).container_url == container_url)
        after = [name for name in names if name.startswith(prefix) and name > (continuation or "")]
        chosen = after[:size]
        listed = []
        for name in chosen:
            url = replace(parse(f"{container_url}/x"), path=name).url
            stored = self.stored[url]
            listed.append(Listed(url, stored.etag, len(stored.data), stored.modified, stored.archived))
        return ListedPage(tuple(listed), chosen[-1] if len(after) > size else None, self._date())

    def etag(self, url: str) -> str | None:
        stored = self.stored.get(url)
        return stored.etag if stored else None

    def _new_etag(self) -> str:
        self._writes += 1
        return f"0x{(self._writes * 7919) % 9973:04X}"  # unrelated to order, as the real ones

    def _date(self) -> datetime:
        return self.now.replace(microsecond=0)


@dataclass(frozen=True)
class _Reader:
    blobs: MemoryBlobs
    look: Look
    data: bytes

    @property
    def head(self) -> bytes:
        return self.data[:HEAD_BYTES]

    def read(self, offset: int, length: int) -> bytes:
        if offset + length > HEAD_BYTES:
            self._check()
        return self.data[offset : offset + length]

    def read_each(self, spans: Sequence[tuple[int, int]]) -> Generator[bytes]:
        return (self.read(*span) for span in spans)

    def stream(self, chunk_bytes: int = 4 * 1024 * 1024) -> Iterator[bytes]:
        if len(self.data) > HEAD_BYTES:
            self._check()
        yield self.data

    def _check(self) -> None:
        if self.blobs.etag(self.look.url) != self.look.etag:
            raise BlobChanged(self.look.url)
