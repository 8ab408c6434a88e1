"""A Microsoft Entra token as the password of a PostgreSQL role."""

import time
from collections.abc import Callable
from threading import Lock

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential

from eventstac.errors import Transient

SCOPE = "https://ossrdbms-aad.database.windows.net/.default"
RENEW_BEFORE_S = 300  # a token is looked at when a connection opens, and only then: five minutes are plenty


class DatabaseToken:
    """Gives the password for a new connection: a token that still holds for some minutes."""

    def __init__(self, credential: TokenCredential, clock: Callable[[], float] = time.time) -> None:
        self._credential = credential
        self._clock = clock
        self._token: AccessToken | None = None
        self._lock = Lock()

    def __call__(self) -> str:
        """The token; Transient where none can be had."""
        with self._lock:
            if self._token is None or self._token.expires_on - self._clock() < RENEW_BEFORE_S:
                try:
                    self._token = self._credential.get_token(SCOPE)
                except AzureError as error:
                    raise Transient(f"Entra ID gives no token for the database: {error}") from error
            return self._token.token


def identity_token() -> DatabaseToken:
    """Tokens of the managed identity (AZURE_CLIENT_ID names a user-assigned one), or of who is signed in with az."""
    return DatabaseToken(DefaultAzureCredential())
