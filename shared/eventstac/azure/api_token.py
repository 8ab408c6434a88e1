"""A Microsoft Entra token for a STAC API whose readers sign in."""

from collections.abc import Callable

from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential

from eventstac.errors import Transient


def api_token(scope: str) -> Callable[[], str]:
    """Gives a token for the scope, of who is signed in here; the credential renews it. Transient without one."""
    credential = DefaultAzureCredential()

    def token() -> str:
        try:
            return credential.get_token(scope).token
        except AzureError as error:
            raise Transient(f"Entra ID gives no token for {scope}: {error}") from error

    return token
