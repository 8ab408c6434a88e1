"""Item ids and asset keys that are safe in URLs, and never the same for two different things."""

import hashlib
import re

from eventstac.blob_urls import BlobName

_NOT_SAFE = re.compile(r"[^A-Za-z0-9._-]")
_FOLDERS = (".", "..")  # in a URL: clients leave them out


def safe_id(text: str, hashed: str | None = None) -> str:
    """`text` with characters other than `[A-Za-z0-9._-]`, and the dots of `.` and `..`, as "-".

    Where one was replaced, eight hex digits of the SHA-256 of `hashed` (the text itself, by default) follow.
    """
    replaced = "-" * len(text) if text in _FOLDERS else _NOT_SAFE.sub("-", text)
    if replaced == text:
        return text
    digest = hashlib.sha256((text if hashed is None else hashed).encode()).hexdigest()[:8]
    return f"{replaced}-{digest}"


def default_item_id(name: BlobName) -> str:
    """The Item id of a raster that no rule matches: container, "_", full path with its extension.

    A container's name has no underscore, so the first one ends it; and a path that was changed ends in the digits
    of its URL's hash, one that was not in an extension: so two blobs of an account have two ids.
    """
    return safe_id(f"{name.container}_{name.path}", hashed=name.url)
