"""Keeps a request's path as its client wrote it where Microsoft's ASGI adapter hands the request over.

The adapter unescapes the path, so that a slash of a name is lost, fails at what is no UTF-8, and cuts off what stands
behind a `;` or a `#`. A path that is escaped once more comes out of it as it was.
"""

from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

_ONCE_MORE = str.maketrans({"%": "%25", ";": "%3B", "#": "%23"})


def escaped(url: str) -> str:
    """A request's address for the adapter, its path escaped once more."""
    address, mark, query = url.partition("?")
    return address.translate(_ONCE_MORE) + mark + query.replace("#", "%23")


def unescaped(app: ASGIApp) -> ASGIApp:
    """The app behind the adapter, which gets paths as a server gives them."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        raw: str = scope["path"]
        await app({**scope, "path": unquote(raw), "raw_path": raw.encode()}, receive, send)

    return serve
