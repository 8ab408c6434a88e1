"""Signed addresses of single blobs, through azure-storage-blob: to read, for a while."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

from azure.core.exceptions import AzureError
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, UserDelegationKey, generate_blob_sas

from eventstac.blob_urls import account_of, parse
from eventstac.errors import Rejected, Transient

LONGEST = timedelta(hours=1)

_CLOCKS_DIFFER = timedelta(minutes=5)  # by no more than that: signatures begin as much earlier
_KEY_LIVES = timedelta(hours=6)  # Azure gives a delegation key for seven days at most


class BlobSigner:
    """Signs for one account: with its key where the client has one (a laptop), else with a user delegation key.

    A delegation key is Azure's for our identity, and what is signed with it may do no more than that identity. It is
    kept until it would end before a signature does.
    """

    def __init__(
        self, service: BlobServiceClient, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._service = service
        self._now = now
        self.account_url = parse(f"{str(service.url).rstrip('/')}/container/blob").account_url
        self._account_key: str | None = getattr(service.credential, "account_key", None)
        self._lock = Lock()
        self._delegation_key: UserDelegationKey | None = None
        self._delegation_ends = datetime.min.replace(tzinfo=UTC)

    def is_ours(self, url: str) -> bool:
        """Whether a URL leads to the account, be it to a blob or not."""
        try:
            return account_of(url) == self.account_url
        except Rejected:
            return False

    def sign(self, url: str, lives: timedelta) -> tuple[str, datetime]:
        """A URL by which anybody reads this blob (a canonical one) until a time, which is given too.

        Raises ValueError for longer than an hour, Transient where Azure gives no key.
        """
        if not timedelta(0) < lives <= LONGEST:
            raise ValueError(f"signed for {lives}, at most {LONGEST}")
        blob = parse(url)
        now = self._now().replace(microsecond=0)
        ends = now + lives
        key = None if self._account_key else self._key(now, ends)
        signature = generate_blob_sas(
            account_name=str(self._service.account_name),
            container_name=blob.container,
            blob_name=blob.path,
            account_key=self._account_key,
            user_delegation_key=key,
            permission=BlobSasPermissions(read=True),
            start=now - _CLOCKS_DIFFER,
            expiry=ends,
            protocol="https" if self.account_url.startswith("https:") else None,
        )
        return f"{blob.url}?{signature}", ends

    def _key(self, now: datetime, ends: datetime) -> UserDelegationKey:
        with self._lock:
            if self._delegation_key is None or self._delegation_ends < ends:
                until = now + _KEY_LIVES
                try:
                    self._delegation_key = self._service.get_user_delegation_key(now - _CLOCKS_DIFFER, until)
                except AzureError as error:
                    raise Transient(f"{self.account_url} gives no user delegation key: {error}") from error
                self._delegation_ends = until
            return self._delegation_key
