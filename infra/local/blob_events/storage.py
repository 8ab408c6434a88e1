"""What Azurite says about a blob right now."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from email.utils import formatdate

import aiohttp
from yarl import URL

from infra.local.azurite.server import ACCOUNT_KEY
from infra.local.blob_events.operations import Blob

_VERSION = "2021-12-02"  # any that knows access tiers


class UnreachableError(Exception):
    """Azurite gave no usable answer, so nothing is known about the blob."""


@dataclass(frozen=True)
class State:
    """A blob's properties; `exists` False for one that is not there."""

    exists: bool
    etag: str = ""
    content_type: str = ""
    length: int = 0
    blob_type: str = "BlockBlob"
    tier: str = ""
    copy_pending: bool = False


class Storage:
    """Looks at blobs in Azurite with the account's key."""

    def __init__(self, session: aiohttp.ClientSession, azurite: str, account: str) -> None:
        self._session = session
        self._azurite = azurite
        self._account = account

    async def look(self, blob: Blob) -> State:
        """Get Blob Properties. Raises UnreachableError when the answer is neither yes nor no."""
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": _VERSION}
        headers["Authorization"] = self._signature("HEAD", blob.path, headers)
        try:
            async with self._session.head(
                URL(self._azurite + blob.path, encoded=True), headers=headers
            ) as answer:
                status, found = answer.status, answer.headers
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnreachableError(str(error)) from error
        if status == 404:
            return State(False)
        if status != 200:
            raise UnreachableError(
                f"HEAD {blob.path} was answered with {status} {found.get('x-ms-error-code', '')}"
            )
        return State(
            exists=True,
            etag=found.get("ETag", ""),
            content_type=found.get("Content-Type", ""),
            length=int(found.get("Content-Length", "0")),
            blob_type=found.get("x-ms-blob-type", "BlockBlob"),
            tier=found.get("x-ms-access-tier", ""),
            copy_pending=found.get("x-ms-copy-status", "") == "pending",
        )

    def _signature(self, method: str, path: str, headers: dict[str, str]) -> str:
        """SharedKey: the eleven standard headers are all empty in a HEAD ("Authorize with Shared Key")."""
        named = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        text = f"{method}\n" + "\n" * 11 + f"{named}/{self._account}{path}"
        digest = hmac.new(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()
        return f"SharedKey {self._account}:{base64.b64encode(digest).decode()}"
