"""Behind Microsoft's ASGI adapter the app finds a request's path as it does behind a server."""

from urllib.parse import unquote

import azure.functions as func
import pytest
from starlette.types import Receive, Scope, Send

from stac_api.invocations import escaped, unescaped


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/collections/a%2Fb/items/c%2fd",
        "/collections/odd%20%C3%A9%252F",
        "/a;x",
        "/a%3Bx",
        "/%ff",
        "/a#b",
        "/a%23b",
    ],
)
async def test_a_path_comes_as_it_was_written(path: str) -> None:
    asked: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        asked.append(scope)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    url = f"https://example.com{path}?ids=a%2Fb;c#d"
    request = func.HttpRequest("GET", escaped(url), body=b"")
    await func.AsgiMiddleware(unescaped(app)).handle_async(request)  # type: ignore[no-untyped-call]
    (scope,) = asked
    assert scope["raw_path"] == path.encode()
    assert scope["path"] == unquote(path)
    assert scope["query_string"] == b"ids=a%2Fb;c%23d"
