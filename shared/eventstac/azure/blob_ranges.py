"""Ranges of one account's blobs through obstore, many at once: a fifth of the SDK's CPU for each request.

It has a connection pool of its own, and takes its credential from the SDK's client each time that it needs one.
"""

import re
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any

from azure.storage.blob import BlobServiceClient

from eventstac.blob_urls import BlobName
from eventstac.errors import BlobChanged, Transient

if TYPE_CHECKING:
    from obstore.store import AzureCredential, AzureStore, ClientConfig

SCOPE = "https://storage.azure.com/.default"
CONNECTIONS = 32  # ranges of one blob on their way at once
_CONNECT_S, _SILENCE_S, _WHOLE_REQUEST_S = 10, 60, 300
_RETRIES, _RETRIED_FOR_S = 3, 120
_TRUSTED_S = 60  # for so long a token is used without asking azure-identity, which renews it in time

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")


class BlobRanges:
    """Reads ranges of blobs at an ETag."""

    def __init__(self, service: BlobServiceClient) -> None:
        endpoint, _, self._sas = str(service.url).partition("?")
        self._endpoint = endpoint.rstrip("/")
        self._account = str(service.account_name or "")
        self._credential: Any = service.credential
        self._stores: dict[str, AzureStore] = {}
        self._lock = Lock()

    def get(self, name: BlobName, etag: str, offset: int, length: int) -> bytes:
        """Bytes [offset, offset + length) of a blob, which must not end before.

        Errors: BlobChanged where it is gone or another, Transient where the storage gives no such answer.
        """
        import obstore
        from obstore.exceptions import BaseError, NotFoundError, PreconditionError

        span = (offset, offset + length)
        try:
            answer = obstore.get(
                self._store(name.container), name.path, options={"range": span, "if_match": f'"{etag}"'}
            )
            data = answer.bytes().to_bytes()
        except (PreconditionError, NotFoundError, FileNotFoundError) as error:
            raise BlobChanged(f"{name.url} is no longer {etag}") from error
        except (BaseError, OSError) as error:
            raise Transient(f"{name.url}: {_words(str(error))}") from error
        if len(data) != length:
            raise Transient(f"{name.url}: the storage sent {len(data)} of {length} bytes")
        return data

    def get_each(
        self, name: BlobName, etag: str, spans: Iterable[tuple[int, int]], ahead: int = CONNECTIONS
    ) -> Generator[bytes]:
        """The bytes of spans (offset, length) in their order; `ahead` of them are on their way or in memory."""
        left = iter(spans)
        pool = _threads()
        coming = deque(pool.submit(self.get, name, etag, *span) for span in islice(left, ahead))
        try:
            while coming:
                data = coming.popleft().result()
                coming.extend(pool.submit(self.get, name, etag, *span) for span in islice(left, 1))
                yield data
        finally:
            for future in coming:
                future.cancel()

    def _store(self, container: str) -> "AzureStore":
        with self._lock:
            if container not in self._stores:
                self._stores[container] = self._opened(container)
            return self._stores[container]

    def _opened(self, container: str) -> "AzureStore":
        from obstore.store import AzureStore

        options: ClientConfig = {
            "allow_http": self._endpoint.startswith("http:"),
            "connect_timeout": timedelta(seconds=_CONNECT_S),
            "read_timeout": timedelta(seconds=_SILENCE_S),
            "timeout": timedelta(seconds=_WHOLE_REQUEST_S),
        }
        return AzureStore(
            container,
            account_name=self._account,
            endpoint=self._endpoint,
            client_options=options,
            retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRIED_FOR_S)},
            # Always one of ours: what AZURE_STORAGE_… variables name is then never used.
            credential_provider=self._credentials,
        )

    def _credentials(self) -> "AzureCredential":
        """What the SDK's client would sign with, and until when obstore may use it without asking again."""
        key = getattr(self._credential, "account_key", None)
        if key:
            return {"access_key": key, "expires_at": None}
        signature = getattr(self._credential, "signature", None) or self._sas
        if signature:
            return {"sas_token": signature.lstrip("?"), "expires_at": None}
        token = self._credential.get_token(SCOPE)
        now = datetime.now(UTC)
        left_s = token.expires_on - now.timestamp()
        return {
            "token": token.token,
            "expires_at": now + timedelta(seconds=max(0.0, min(_TRUSTED_S, left_s / 2))),
        }


def is_addressable(name: BlobName) -> bool:
    """Whether obstore can name a blob: it takes no empty segment of a path, which the storage allows."""
    return all(name.path.split("/"))


@cache
def _threads() -> ThreadPoolExecutor:
    """They only wait: obstore works outside of Python."""
    return ThreadPoolExecutor(2 * CONNECTIONS, thread_name_prefix="ranges")


def _words(message: str) -> str:
    """What an error of obstore says, without the address and the details for debugging."""
    status, code = _STATUS.search(message), _CODE.search(message)
    if status:
        return f"the storage answers {status[1]} {code[1] if code else ''}".rstrip()
    first = message.partition("\n")[0].partition("Error performing")
    return f"the storage does not answer: {first[0] + re.sub('^ GET .*? in ', ' ', first[2])}".strip()
