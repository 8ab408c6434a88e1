"""Messages between the process that has the credentials and the one that decodes: a JSON object and some bytes."""

import json
import struct
from typing import Any, Protocol

_HEADER = struct.Struct(">IQ")
MAX_OBJECT_BYTES = 64 * 1024 * 1024
MAX_BODY_BYTES = 1024 * 1024 * 1024


class Closed(Exception):
    """The other side is gone."""


class Writer(Protocol):
    """Where frames go."""

    def write(self, data: bytes, /) -> Any:
        """Write all of `data`."""

    def flush(self) -> None:
        """Send what is buffered."""


class ReadExactly(Protocol):
    """Gives exactly so many bytes, or raises Closed."""

    def __call__(self, length: int, /) -> bytes:
        """The next `length` bytes."""


def pack(message: dict[str, Any], body: bytes = b"") -> tuple[bytes, bytes]:
    """One frame, in two parts: so that a large body is not copied."""
    text = json.dumps(message, allow_nan=False).encode()
    return _HEADER.pack(len(text), len(body)) + text, body


def send(to: Writer, message: dict[str, Any], body: bytes = b"") -> None:
    """Write one frame. Raises Closed where nobody reads any more."""
    try:
        for part in pack(message, body):
            to.write(part)
        to.flush()
    except (BrokenPipeError, ValueError) as error:
        raise Closed from error


def receive(read: ReadExactly) -> tuple[dict[str, Any], bytes]:
    """Read one frame. Raises Closed at the end, or where the other side sends nonsense."""
    text_bytes, body_bytes = _HEADER.unpack(read(_HEADER.size))
    if text_bytes > MAX_OBJECT_BYTES or body_bytes > MAX_BODY_BYTES:
        raise Closed
    message = json.loads(read(text_bytes))
    if not isinstance(message, dict):
        raise Closed
    return message, read(body_bytes)
