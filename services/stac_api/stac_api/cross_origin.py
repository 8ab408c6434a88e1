"""What browsers ask of an API that pages of other sites use (CORS)."""

from collections.abc import Awaitable, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stac_api.request_headers import headers_of


class CrossOrigin:
    """Wraps the app for requests of browsers; others, who send no `Origin`, pass it by."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._for_browsers = _Cors(
            app,
            allow_origins=origins,
            allow_methods=["GET", "HEAD", "POST", "OPTIONS"],
            allow_headers=["*"],
            allow_private_network=True,  # an API on a laptop or in a company, asked by a page from the Internet
            expose_headers=["ETag", "Link", "Retry-After", "X-Request-Id"],
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request (or pass the lifespan through)."""
        of_browser = scope["type"] == "http" and b"origin" in headers_of(scope)
        return (self._for_browsers if of_browser else self._app)(scope, receive, send)


class _Cors(CORSMiddleware):
    """Starlette's, which says `Vary: Origin` once more where the answer has said so."""

    async def send(self, message: Message, send: Send, request_headers: Headers) -> None:
        """Pass one message on, with the headers of CORS."""

        async def each_once(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                names = (name.strip() for line in headers.getlist("vary") for name in line.split(","))
                headers["vary"] = ", ".join(dict.fromkeys(names))
            await send(message)

        await super().send(message, each_once, request_headers)
