"""What the storage says of a copy into a blob: that it goes on, or how it ended without success."""

from collections.abc import Mapping
from email.message import Message

from eventstac.errors import Copying

Headers = Mapping[str, str] | Message


def check_copied(url: str, headers: Headers) -> None:
    """Copying while a blob is still being copied: it has no bytes, or not all, and no event may tell of its end."""
    if headers.get("x-ms-copy-status") == "pending":
        progress = headers.get("x-ms-copy-progress")
        raise Copying(f"{url} is still being copied" + (f": {progress} bytes" if progress else ""))


def failed_copy(headers: Headers) -> str:
    """How a copy into a blob ended, empty where it succeeded, or there was none."""
    status = headers.get("x-ms-copy-status", "success")
    return "" if status == "success" else f"was {status}" if status == "aborted" else status
