"""Who asks: whether a caller signed in at the platform in front of the API."""

import base64
import binascii
from typing import Literal

import orjson
from starlette.requests import Request

SignIn = Literal["none", "platform"]

_PRINCIPAL = "x-ms-client-principal"
_LONGEST = 65_536  # characters; the platform's are a few thousand


def is_signed_in(request: Request, sign_in: SignIn) -> bool:
    """Whether the platform vouches for the caller.

    App Service authentication writes X-MS-CLIENT-PRINCIPAL, and takes away what a client sends under that name. So
    the header proves something only where that authentication is on, which `sign_in` says; elsewhere anybody could
    have written it, and nobody is signed in.
    """
    if sign_in != "platform":
        return False
    headers = request.headers.getlist(_PRINCIPAL)
    if len(headers) != 1 or len(headers[0]) > _LONGEST:
        return False
    try:
        principal = orjson.loads(base64.b64decode(headers[0], validate=True))
    except (binascii.Error, ValueError):
        return False
    if not isinstance(principal, dict):
        return False
    return bool(principal.get("auth_typ")) and bool(principal.get("claims"))
