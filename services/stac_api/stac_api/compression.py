"""Answers in gzip, for clients that take it."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stac_api.answers import quality

_FROM_BYTES = 1_500  # less fits one packet anyhow
_LEVEL = 4  # JSON shrinks tenfold already; higher levels cost more time than they save
_ACCEPT_ENCODING = b"accept-encoding"


class Compressed:
    """Wraps the app: its larger answers are compressed where the client's `Accept-Encoding` takes gzip."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._in_gzip = GZipMiddleware(app, minimum_size=_FROM_BYTES, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (or pass the lifespan through)."""

        async def varied(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _said_to_vary(message["headers"])
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _takes_gzip(scope):
            others = [each for each in scope["headers"] if each[0] != _ACCEPT_ENCODING]
            # Starlette looks for the name in lower case only.
            headers = [*others, (_ACCEPT_ENCODING, b"gzip")]
            await self._in_gzip({**scope, "headers": headers}, receive, varied)
        else:
            await self._app(scope, receive, varied)


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


def _said_to_vary(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers, which say that answers depend on `Accept-Encoding`, those too small to compress as well."""
    for place, (name, value) in enumerate(headers):
        if name.lower() == b"vary":
            if _ACCEPT_ENCODING not in value.lower():
                return [*headers[:place], (name, value + b", Accept-Encoding"), *headers[place + 1 :]]
            return headers
    return [*headers, (b"vary", b"Accept-Encoding")]
