"""Shared access signatures: are they signed with our key, for this entity, and still good?

Form: `SharedAccessSignature sr=<uri>&sig=<signature>&se=<expiry>&skn=<key name>`, the signature an HMAC-SHA256 of the
URI as it stands in `sr` (percent-encoded), a line feed and the expiry.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit


class BadToken(ValueError):
    """The token does not prove what it claims; the text says why, without the token."""


@dataclass(frozen=True)
class Grant:
    """What a token opens: every entity below `path` (lower case, no slash at its end) until `expires_s`."""

    path: str
    expires_s: float

    def covers(self, path: str, now_s: float) -> bool:
        """Whether an entity (lower case) is open now."""
        inside = not self.path or path == self.path or path.startswith(self.path + "/")
        return inside and now_s < self.expires_s


@dataclass(frozen=True)
class Keys:
    """The one key of the namespace."""

    name: str
    key: str

    def verify(self, token: str, audience: str, now_s: float) -> Grant:
        """The grant of a token for an entity (lower case). Raises BadToken."""
        scheme, _, rest = token.partition(" ")
        raw = dict(part.split("=", 1) for part in rest.split("&") if "=" in part)
        if scheme != "SharedAccessSignature" or not {"sr", "sig", "se", "skn"} <= set(raw):
            raise BadToken("the token is no shared access signature with sr, sig, se and skn")
        fields = dict(parse_qsl(rest, keep_blank_values=True))
        if fields["skn"] != self.name:
            raise BadToken(f"no key is named {fields['skn']!r}")
        signed = f"{raw['sr']}\n{raw['se']}".encode()
        expected = base64.b64encode(hmac.new(self.key.encode(), signed, hashlib.sha256).digest())
        if not hmac.compare_digest(expected, unquote(raw["sig"]).encode()):
            raise BadToken("the signature does not match the key")
        try:
            expires = float(raw["se"])
        except ValueError as error:
            raise BadToken("the expiry is no number") from error
        if expires <= now_s:
            raise BadToken("the token has expired")
        grant = Grant(entity_path(fields["sr"]), expires)
        if not grant.covers(audience, now_s):
            raise BadToken("the token is for another entity")
        return grant


def entity_path(address: str) -> str:
    """The entity in an address or URI: no scheme, no host, no slashes around it, lower case."""
    path = urlsplit(address).path if "://" in address else address
    return path.strip("/").lower()
