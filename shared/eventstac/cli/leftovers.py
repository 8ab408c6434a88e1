"""Deletes what smoke tests that were killed left behind: the account may have no lifecycle rule of ours."""

from datetime import datetime, timedelta
from typing import Protocol

from eventstac.blobs import Pages, listing
from eventstac.contracts import read_contract

PREFIX = "eventstac-smoke/"
OLD = timedelta(days=read_contract("retention.json")["smokeDays"])
_PAGE = 500


class Storage(Pages, Protocol):
    """The blobs, as far as they are listed and deleted here."""

    def delete(self, url: str, etag: str) -> None:
        """Delete a blob that is as it was listed."""


def delete_leftovers(storage: Storage, container_url: str, now: datetime) -> int:
    """Delete the rasters of smoke tests that began more than OLD ago; returns how many. Their Items follow."""
    blobs = listing(storage, container_url, PREFIX, _PAGE)
    found = [blob for blob in blobs if now - blob.last_modified > OLD]
    for blob in found:
        storage.delete(blob.url, blob.etag)
    return len(found)
