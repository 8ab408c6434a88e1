"""Which endpoint answers a request: a table of addresses, looked up with as little work as it takes."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from stac_api.errors import BadRequest
from stac_api.request_headers import names_one_host

# A slash that a client escaped belongs to a name; no address has this character.
_SLASH = "\x1c"
_OF_PATHS = "/:@!$&'()*+,;=~%"
_ESCAPED_SLASH = re.compile(b"%2f", re.IGNORECASE)

Endpoint = Callable[[Request], Awaitable[Response]]
ErrorEndpoint = Callable[[Request, Exception], Awaitable[Response]]


@dataclass(frozen=True)
class Route:
    """An address, with its variable parts in braces (`{name}`, or `{name:path}` with slashes in it)."""

    path: str
    endpoint: Endpoint
    method: str = "GET"


class Router:
    """An ASGI app. An endpoint finds its address's variables in `request.path_params`, `state` in `request.scope`.

    Whatever an endpoint raises is answered by `on_error`; `elsewhere` answers where only a slash at the end is wrong.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        state: Mapping[str, object],
        on_error: ErrorEndpoint,
        elsewhere: Endpoint,
        on_end: Callable[[], Awaitable[None]],
    ) -> None:
        self._state, self._on_error, self._on_end = state, on_error, on_end
        self._elsewhere = elsewhere
        self._plain: dict[str, dict[str, Endpoint]] = {}
        patterns: dict[str, dict[str, Endpoint]] = {}
        for route in routes:
            table = patterns if "{" in route.path else self._plain
            table.setdefault(route.path, {})[route.method] = route.endpoint
        self._patterns: list[tuple[re.Pattern[str], str, dict[str, Endpoint]]] = [
            (_whole(compile_path(path)[0]), path, endpoints) for path, endpoints in patterns.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or see the server come and go."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.update(self._state)
        request = Request(scope, receive)
        try:
            response = await self._endpoint(scope)(request)
        except ClientDisconnect:  # in the middle of its body: nobody is there to be told
            return
        except Exception as error:  # noqa: BLE001  (whatever it is, the client gets an answer)
            response = await self._on_error(request, error)
        await response(scope, receive, send)

    def _endpoint(self, scope: Scope) -> Endpoint:
        if not names_one_host(scope):
            raise BadRequest("Host", "a request has one such header, no more and no less")
        path = _path_of(scope)
        root: str = scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        found = self._find(path or "/")
        here = found is not None
        if found is None:
            found = self._find(path.removesuffix("/") if path.endswith("/") else f"{path}/")
        if found is None:
            raise HTTPException(404)
        scope["stac_api.route"], endpoints, scope["path_params"] = found
        method: str = scope["method"]
        endpoint = endpoints.get("GET" if method == "HEAD" else method)
        if endpoint is None:
            allow = ", ".join(sorted([*endpoints, *(["HEAD"] if "GET" in endpoints else []), "OPTIONS"]))
            if method == "OPTIONS":
                return _tell_methods(allow)
            raise HTTPException(405, headers={"Allow": allow})
        return endpoint if here else self._elsewhere

    def _find(self, path: str) -> tuple[str, dict[str, Endpoint], dict[str, str]] | None:
        if (endpoints := self._plain.get(path)) is not None:
            return path, endpoints, {}
        for pattern, template, endpoints in self._patterns:
            if (match := pattern.match(path)) and all((found := match.groupdict()).values()):
                if _SLASH in path:
                    found = {name: value.replace(_SLASH, "/") for name, value in found.items()}
                return template, endpoints, found
        return None

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._on_end()
        await send({"type": "lifespan.shutdown.complete"})


def _tell_methods(allow: str) -> Endpoint:
    """Tells which methods an address has (RFC 9110 9.3.7); what browsers ask of it first is answered elsewhere."""

    async def tell(_request: Request) -> Response:
        return Response(status_code=204, headers={"Allow": allow})

    return tell


def _whole(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """The same for names with line ends in them, or behind them."""
    return re.compile(pattern.pattern.removesuffix("$") + r"\Z", re.DOTALL)


def raw_path(scope: Scope) -> bytes:
    """The address asked for as its client wrote it; empty where the server does not tell."""
    raw: bytes = (scope.get("raw_path") or b"").partition(b"?")[0]
    return raw


def path_below_root(scope: Scope) -> str:
    """The path asked for below that of the API, as its client wrote it where the server tells, fit for a link."""
    written = raw_path(scope).decode("latin-1") or str(scope["path"])
    return quote(written.removeprefix(scope.get("root_path", "")), safe=_OF_PATHS)


def _path_of(scope: Scope) -> str:
    """The address asked for, with its escaped slashes told from others where the server gives it as it came."""
    path: str = scope["path"]
    raw = raw_path(scope)
    if not _ESCAPED_SLASH.search(raw):
        return path
    return unquote_to_bytes(_ESCAPED_SLASH.sub(_SLASH.encode(), raw)).decode(errors="replace")
