"""Storage events as Event Grid sends them in CloudEvents form, reduced to what they hint at.

Source: Microsoft Learn, "Azure Blob Storage as an Event Grid source". Nothing in them is believed about content.
"""

from dataclasses import dataclass

from eventstac.blob_urls import canonical_url
from eventstac.errors import Rejected
from eventstac.events.envelope import Envelope
from eventstac.fields import Fields

_BLOB = (
    "Microsoft.Storage.BlobCreated",
    "Microsoft.Storage.BlobDeleted",
    "Microsoft.Storage.BlobTierChanged",
)
_RENAMED = "Microsoft.Storage.BlobRenamed"
_DIRECTORY_DELETED = "Microsoft.Storage.DirectoryDeleted"
_DIRECTORY_RENAMED = "Microsoft.Storage.DirectoryRenamed"

OF_MANY = (_RENAMED, _DIRECTORY_DELETED, _DIRECTORY_RENAMED)  # hint at more than one blob


@dataclass(frozen=True)
class StorageChanged:
    """Something to look at: a blob, or all blobs below a directory."""

    url: str
    is_directory: bool = False


def storage_changes(envelope: Envelope) -> tuple[StorageChanged, ...]:
    """The blobs and directories that a storage event hints at.

    Rejected `unknown-event` for another type, `malformed-event` or `bad-url` for what cannot be read; of a rename, only
    where neither end can.
    """
    data = envelope.data
    if envelope.type in _BLOB:
        return (StorageChanged(canonical_url(data.text("url"))),)
    if envelope.type == _RENAMED:
        return _ends(data, is_directory=False)
    if envelope.type == _DIRECTORY_RENAMED:
        return _ends(data, is_directory=True)
    if envelope.type == _DIRECTORY_DELETED:
        return (StorageChanged(canonical_url(data.text("url")), is_directory=True),)
    raise Rejected(
        "unknown-event",
        f"{envelope.type!r} is no storage event that is handled: expected {', '.join((*_BLOB, *OF_MANY))}",
    )


def _ends(data: Fields, *, is_directory: bool) -> tuple[StorageChanged, ...]:
    """Both ends of a rename; one that cannot be read is left out."""
    ends: list[StorageChanged] = []
    refusals: list[Rejected] = []
    for name in ("sourceUrl", "destinationUrl"):
        try:
            ends.append(StorageChanged(canonical_url(data.text(name)), is_directory))
        except Rejected as refusal:
            refusals.append(refusal)
    if not ends:
        raise refusals[0]
    return tuple(ends)
