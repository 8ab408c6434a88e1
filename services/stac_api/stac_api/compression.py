"""Answers in gzip, for clients that take it."""

from isal import isal_zlib
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stac_api.answers import quality

_FROM_BYTES = 1_500  # less fits one packet anyhow
_LEVEL = 2  # of ISA-L: nearly as small as zlib's fourth, in a twentieth of its time
_IN_GZIP = 31  # zlib's "window bits" for a gzip header and the largest window
_ACCEPT_ENCODING = b"accept-encoding"

Headers = list[tuple[bytes, bytes]]


class Compressed:
    """Wraps the app: its larger answers are compressed where the client's `Accept-Encoding` takes gzip."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (or pass the lifespan through)."""
        if scope["type"] == "http":
            send = _Outgoing(send, in_gzip=_takes_gzip(scope)).send
        await self._app(scope, receive, send)


class _Outgoing:
    """One answer on its way out. Its head waits for the body's first part, which tells whether it is compressed."""

    def __init__(self, send: Send, *, in_gzip: bool) -> None:
        self._send, self._in_gzip = send, in_gzip
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = _said_to_vary(message["headers"])
            self._start = message
            return
        if self._start is not None:
            start, self._start = self._start, None
            if self._in_gzip and _is_worth_it(start["headers"], message):
                packed = isal_zlib.compress(message["body"], _LEVEL, wbits=_IN_GZIP)
                start["headers"] = _of_packed(start["headers"], len(packed))
                message = {"type": "http.response.body", "body": packed}
            await self._send(start)
        await self._send(message)


def _is_worth_it(headers: Headers, message: Message) -> bool:
    """Whether a body is large, and here as a whole: nothing of this API comes in parts."""
    if len(message.get("body", b"")) < _FROM_BYTES or message.get("more_body", False):
        return False
    return all(name.lower() != b"content-encoding" for name, _ in headers)


def _of_packed(headers: Headers, size: int) -> Headers:
    kept = [each for each in headers if each[0].lower() != b"content-length"]
    return [*kept, (b"content-encoding", b"gzip"), (b"content-length", b"%d" % size)]


def _takes_gzip(scope: Scope) -> bool:
    values = (value for name, value in scope["headers"] if name == _ACCEPT_ENCODING)
    accepted = b",".join(values).decode("latin-1").lower()
    if "gzip" not in accepted:
        return False
    for part in accepted.split(","):
        name, _, parameters = part.strip().partition(";")
        if name.strip() == "gzip":
            return quality(parameters) > 0
    return False


def _said_to_vary(headers: Headers) -> Headers:
    """The headers, which say that answers depend on `Accept-Encoding`, those too small to compress as well."""
    for place, (name, value) in enumerate(headers):
        if name.lower() == b"vary":
            if _ACCEPT_ENCODING not in value.lower():
                return [*headers[:place], (name, value + b", Accept-Encoding"), *headers[place + 1 :]]
            return headers
    return [*headers, (b"vary", b"Accept-Encoding")]
