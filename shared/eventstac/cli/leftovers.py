"""Deletes what smoke tests that were killed left behind: the account may have no lifecycle rule of ours."""

from datetime import datetime, timedelta
from typing import Protocol

from eventstac.blobs import ListedPage
from eventstac.contracts import read_contract

PREFIX = "eventstac-smoke/"
OLD = timedelta(days=read_contract("retention.json")["smokeDays"])
_PAGE = 500


class Storage(Protocol):
    """The blobs, as far as they are listed and deleted here."""

    def page(self, container_url: str, prefix: str, continuation: str | None, size: int) -> ListedPage:
        """One page of a listing."""

    def delete(self, url: str, etag: str) -> None:
        """Delete a blob that is as it was listed."""


def delete_leftovers(storage: Storage, container_url: str, now: datetime) -> int:
    """Delete the rasters of smoke tests that began more than OLD ago; returns how many. Their Items follow."""
    found = []
    continuation: str | None = None
    while True:
        page = storage.page(container_url, PREFIX, continuation, _PAGE)
        found += [blob for blob in page.blobs if now - blob.last_modified > OLD]
        continuation = page.continuation
        if continuation is None:
            break
    for blob in found:
        storage.delete(blob.url, blob.etag)
    return len(found)
