"""Which requests change a blob, and which of those Azure tells Event Grid about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Api = Literal["PutBlob", "PutBlockList", "CopyBlob", "DeleteBlob", "SetBlobTier", ""]

# Changes of a blob's state that emit nothing. They still wait for their turn: an ETag that changed must mean one thing.
_SILENT = {"metadata", "properties", "page", "appendblock", "tags", "undelete", "seal"}
# Containers of the service's own, which Event Grid is not told about.
_NOT_INTEGRATED = {"$logs", "$blobchangefeed"}


@dataclass(frozen=True)
class Blob:
    """A blob of the account: `name` is as the storage keeps it, `path` is the request's path as it was written."""

    container: str
    name: str
    path: str

    @property
    def key(self) -> str:
        """One name for the blob, however its path was encoded."""
        return f"{self.container}/{self.name}"


@dataclass(frozen=True)
class Operation:
    """A write to one blob. `api` is what its event will say, empty for a write that emits none."""

    blob: Blob
    api: Api
    client_request_id: str | None = None
    tier: str | None = None

    def succeeded(self, status: int) -> bool:
        """Whether this status means that the write was done."""
        return status in {"DeleteBlob": (202,), "CopyBlob": (201, 202), "SetBlobTier": (200, 202)}.get(
            self.api, (200, 201)
        )


def classify(method: str, target: str, headers: Mapping[str, str], account: str) -> Operation | None:
    """What a request would change, or None for reads and for writes to something else than a committed blob.

    `target` is path and query as on the request line, path-style (`/ACCOUNT/CONTAINER/NAME`). `headers` must compare
    names without case. Deleting a container emits nothing: Azure documents BlobDeleted for Delete Blob only.
    """
    parts = urlsplit(target)
    blob = blob_of(parts.path, account)
    if blob is None or method not in ("PUT", "DELETE") or blob.container in _NOT_INTEGRATED:
        return None
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "restype" in query:
        return None
    request_id = headers.get("x-ms-client-request-id")
    if method == "DELETE":
        api = _deletion(query, headers)
        return None if api is None else Operation(blob, api, request_id)
    return _put(blob, query, headers, request_id)


def _deletion(query: Mapping[str, str], headers: Mapping[str, str]) -> Api | None:
    """Deleting snapshots or a version leaves the blob itself: nothing is emitted."""
    if "comp" in query or "snapshot" in query or "versionid" in query:
        return None
    return None if headers.get("x-ms-delete-snapshots", "").lower() == "only" else "DeleteBlob"


def _put(
    blob: Blob, query: Mapping[str, str], headers: Mapping[str, str], request_id: str | None
) -> Operation | None:
    comp = query.get("comp", "").lower()
    if comp == "tier":
        if "snapshot" in query or "versionid" in query:
            return None
        return Operation(blob, "SetBlobTier", request_id, headers.get("x-ms-access-tier"))
    if comp in _SILENT:
        return Operation(blob, "", request_id)
    if comp == "blocklist":
        return Operation(blob, "PutBlockList", request_id)
    if comp:  # block, snapshot, lease, copy (abort), and whatever comes: no committed content changes
        return None
    # Put Blob From URL names a source too, but also the type of the blob that it writes.
    copies = "x-ms-copy-source" in headers and "x-ms-blob-type" not in headers
    return Operation(blob, "CopyBlob" if copies else "PutBlob", request_id)


def blob_of(path: str, account: str) -> Blob | None:
    """The blob that a path-style URL path names; a name right below the account lives in the container `$root`.

    Azurite and Azure make a backslash in a name a slash.
    """
    segments = path.removeprefix("/").split("/", 2)
    if segments[0] != account or len(segments) == 1 or not segments[1]:
        return None
    if len(segments) == 2:
        return Blob("$root", _kept(segments[1]), path)
    return Blob(unquote(segments[1]), _kept(segments[2]), path) if segments[2] else None


def _kept(name: str) -> str:
    return unquote(name).replace("\\", "/")
