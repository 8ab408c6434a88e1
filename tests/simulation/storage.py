"""Blob storage whose front ends' clocks differ, that remembers every version and can fail."""

from datetime import datetime, timedelta

from eventstac.blobs import BlobReader, ListedPage, Look
from eventstac.errors import Transient
from tests.simulation.faults import Faults
from tests.twins.blobs import MemoryBlobs, Stored
from tests.twins.bus import Crash


class SimulatedStorage(MemoryBlobs):
    """The apps see it through `look`, `page` and `put`, with faults; `written` has every version, oldest first."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults
        self.written: dict[str, list[Stored]] = {}

    def look(self, url: str) -> tuple[Look, BlobReader | None]:
        self._answer()
        return super().look(url)

    def page(self, container_url: str, prefix: str, continuation: str | None, size: int) -> ListedPage:
        self._answer()
        return super().page(container_url, prefix, continuation, size)

    def put(self, url: str, data: bytes, content_type: str = "application/octet-stream") -> str:
        if self._faults.happens("crashes"):
            raise Crash
        etag = super().put(url, data, content_type)
        if self._faults.happens("crashes"):
            raise Crash
        return etag

    def write(self, url: str, text: str) -> None:
        """Somebody uploads: no fault of ours."""
        super().put(url, text.encode(), "image/tiff")
        self._remember(url)

    def tag(self, url: str) -> None:
        super().tag(url)
        self._remember(url)

    def rename(self, url: str, to: str) -> None:
        super().rename(url, to)
        self._remember(to)

    def undelete(self, url: str, *, same_etag: bool) -> None:
        """What was deleted is back as it was last, with the times that it had."""
        self.restore(url, self.written[url][-1], same_etag=same_etag)
        self._remember(url)

    def _remember(self, url: str) -> None:
        self.written.setdefault(url, []).append(self.stored[url])

    def _date(self) -> datetime:
        return (self.now + timedelta(seconds=self._faults.skew_s())).replace(microsecond=0)

    def _answer(self) -> None:
        if self._faults.happens("errors"):
            raise Transient("the storage is away")
