"""Storage events as Event Grid sends them in CloudEvents form, reduced to what they hint at.

Source: Microsoft Learn, "Azure Blob Storage as an Event Grid source". Nothing in them is believed about content.
"""

from dataclasses import dataclass

from eventstac.blob_urls import canonical_url
from eventstac.errors import Rejected
from eventstac.events.envelope import Envelope

_BLOB = (
    "Microsoft.Storage.BlobCreated",
    "Microsoft.Storage.BlobDeleted",
    "Microsoft.Storage.BlobTierChanged",
)
_RENAMED = "Microsoft.Storage.BlobRenamed"
_DIRECTORY = ("Microsoft.Storage.DirectoryDeleted", "Microsoft.Storage.DirectoryRenamed")

OF_MANY = (_RENAMED, *_DIRECTORY)  # hint at more than one blob


@dataclass(frozen=True)
class StorageChanged:
    """Something to look at: a blob, or all blobs below a directory."""

    url: str
    is_directory: bool = False


def storage_changes(envelope: Envelope) -> tuple[StorageChanged, ...]:
    """The blobs and directories that a storage event hints at.

    Rejected `unknown-event` for another type, `malformed-event` or `bad-url` for what cannot be read.
    """
    data = envelope.data
    if envelope.type in _BLOB:
        return (StorageChanged(canonical_url(data.text("url"))),)
    if envelope.type == _RENAMED:
        return tuple(
            StorageChanged(canonical_url(data.text(name))) for name in ("sourceUrl", "destinationUrl")
        )
    if envelope.type in _DIRECTORY:
        names: tuple[str, ...] = ("url",)
        if envelope.type.endswith("Renamed"):
            names = ("sourceUrl", "destinationUrl")
        return tuple(StorageChanged(canonical_url(data.text(name)), is_directory=True) for name in names)
    raise Rejected(
        "unknown-event",
        f"{envelope.type!r} is no storage event that is handled: "
        f"expected {', '.join((*_BLOB, _RENAMED, *_DIRECTORY))}",
    )
