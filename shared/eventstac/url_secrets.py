"""Takes out of URLs what opens something, a SAS above all, before they are logged or kept.

What is taken out is nothing that `blob_urls.parse` heeds: who is told so finds the same blob.
"""

import re
from collections.abc import Mapping
from typing import Any

_TAKEN = "?…"

_WHOLE = re.compile(r"(\s*https?:[\\/]{2,})([^\\/?#]*@)?([^?#]*)(.*)", re.IGNORECASE | re.DOTALL)

# In the midst of a text; each stays linear, whatever comes. Who is named before the @ without a password may be a
# container (abfss://CONTAINER@ACCOUNT…).
_LOGIN = re.compile(
    r"(https?:[\\/]{2,})[^\s\\/?#\"'<>]*@|(:[\\/]{2,})[^\s\\/?#\"'<>:]*:[^\s\\/?#\"'<>]*@", re.IGNORECASE
)
_QUERY = re.compile(r"(:[\\/]{2}[^\s?#\"'<>]*)(\?[^\s\"'<>]+|#[^\s\"'<>=#]*=[^\s\"'<>]*)?")
# The 6 is of an ampersand that is escaped in JSON.
_SIGNATURE = re.compile(r"(?<=[?&;6])(sig=)[^\s&\"'<>\\]+", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """A text with its URLs, but without what logs in and signs in them."""
    text = _LOGIN.sub(lambda found: found[1] or found[2], text)
    text = _QUERY.sub(lambda found: found[1] + (_TAKEN if found[2] else ""), text)
    return _SIGNATURE.sub(r"\1…", text)


def told_url(url: str) -> str:
    """What is said to be a URL, without user info, query and fragment; another text as `without_secrets` has it."""
    found = _WHOLE.fullmatch(url)
    if found is None:
        return without_secrets(url)
    scheme, _, rest, after = found.groups()
    return scheme + rest + (_TAKEN if len(after) > 1 else "")


def kept_json(value: Any) -> Any:
    """A JSON value as it is kept: its texts, and the names in it, as `told_url` has them."""
    if isinstance(value, str):
        return told_url(value)
    if isinstance(value, Mapping):
        return {told_url(name): kept_json(each) for name, each in value.items()}
    return [kept_json(each) for each in value] if isinstance(value, list) else value
