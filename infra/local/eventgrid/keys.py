"""Who may publish: the topic's access key, or a shared access signature made with it."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import unquote, unquote_plus, urlsplit

_SCHEME = "SharedAccessSignature "


class RefusedError(Exception):
    """The request carries no valid key or signature for this topic; the message says what is wrong."""


def check_key_form(key: str) -> None:
    """Raise ValueError unless a key can also sign: Event Grid's keys are base64."""
    try:
        base64.b64decode(key, validate=True)
    except binascii.Error as error:
        raise ValueError(
            "the key must be base64, as Event Grid's keys are: signatures are made with it"
        ) from error


def authorize(
    headers: Mapping[str, str], query: Mapping[str, str], path: str, key: str, now: datetime
) -> None:
    """Let a request pass, or raise RefusedError.

    Takes what Event Grid takes: `aeg-sas-key` as header or query parameter, `aeg-sas-token`, and
    `Authorization: SharedAccessSignature …`. `path` is the topic's endpoint path that a signature must be made for.
    """
    given = headers.get("aeg-sas-key") or query.get("aeg-sas-key")
    authorization = headers.get("Authorization", "")
    token = headers.get("aeg-sas-token") or (
        authorization.removeprefix(_SCHEME) if authorization.startswith(_SCHEME) else None
    )
    if given is not None:
        if not hmac.compare_digest(given.encode(), key.encode()):
            raise RefusedError("aeg-sas-key is not this topic's key")
    elif token is not None:
        _check_signature(token, path, key, now)
    else:
        raise RefusedError("the request has neither aeg-sas-key nor aeg-sas-token")


def _check_signature(token: str, path: str, key: str, now: datetime) -> None:
    unsigned, marker, signature = token.strip().rpartition("&s=")
    fields = dict(part.partition("=")[::2] for part in unsigned.split("&"))
    if not marker or "r" not in fields or "e" not in fields:
        raise RefusedError("aeg-sas-token is not of the form r={resource}&e={expiration}&s={signature}")
    made = base64.b64encode(hmac.new(base64.b64decode(key), unsigned.encode(), hashlib.sha256).digest())
    if not hmac.compare_digest(unquote(signature).encode(), made):
        raise RefusedError("aeg-sas-token is not signed with this topic's key")
    if urlsplit(unquote(fields["r"])).path.rstrip("/").lower() != path.rstrip("/").lower():
        raise RefusedError("aeg-sas-token was made for another resource")
    if _expiration(unquote_plus(fields["e"])) <= now:
        raise RefusedError("aeg-sas-token has expired")


def _expiration(text: str) -> datetime:
    """When a signature ends: ISO 8601 (as Python writes it) or the invariant form of .NET; UTC where it says none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
        except ValueError as error:
            raise RefusedError(f"aeg-sas-token's expiration {text!r} is no date") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
