"""The storage events of Azure, as CloudEvents, field for field as documented."""

import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from infra.local.blob_events.operations import Operation
from infra.local.blob_events.storage import State

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"  # a laptop has none
_TYPES = {
    "PutBlob": "Microsoft.Storage.BlobCreated",
    "PutBlockList": "Microsoft.Storage.BlobCreated",
    "CopyBlob": "Microsoft.Storage.BlobCreated",
    "DeleteBlob": "Microsoft.Storage.BlobDeleted",
    "SetBlobTier": "Microsoft.Storage.BlobTierChanged",
}
_TICKS = 10_000_000  # .NET's: what gives Azure's times their seven decimals


def event(operation: Operation, state: State, request_id: str | None, account_url: str) -> dict[str, Any]:
    """The event of a write that was done, without its sequencer, which it gets where it is stored.

    `state` is the blob after the write, or before it for a deletion. Source: "Azure Blob Storage as an Event Grid
    source", CloudEvents schema. Deletions have no eTag and no contentLength there; tier changes have no eTag.
    """
    account = account_url.rpartition("/")[2]
    blob = operation.blob
    data: dict[str, Any] = {"api": operation.api}
    if operation.client_request_id is not None:
        data["clientRequestId"] = operation.client_request_id
    data["requestId"] = request_id or str(uuid.uuid4())
    if _TYPES[operation.api].endswith("BlobCreated"):
        data["eTag"] = state.etag.strip('"')
    data["contentType"] = state.content_type
    if operation.api != "DeleteBlob":
        data["contentLength"] = state.length
    data |= {
        "blobType": state.blob_type,
        "url": f"{account_url}/{blob.container}/{quote(blob.name, safe='/-._~')}",
        "sequencer": "",
        "storageDiagnostics": {"batchId": str(uuid.uuid4())},
    }
    return {
        "source": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/laptop"
        f"/providers/Microsoft.Storage/storageAccounts/{account}",
        "subject": f"/blobServices/default/containers/{blob.container}/blobs/{blob.name}",
        "type": _TYPES[operation.api],
        "time": timestamp(time.time_ns()),
        "id": str(uuid.uuid4()),
        "data": data,
        "specversion": "1.0",
    }


def timestamp(nanoseconds: int) -> str:
    """UTC with seven decimals, as Azure writes it."""
    seconds, ticks = divmod(nanoseconds // 100, _TICKS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ticks:07d}Z"


def sequencer(number: int) -> str:
    """Opaque to consumers; strings of one length compare as their numbers do."""
    return f"{number:048x}"
