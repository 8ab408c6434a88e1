"""A sample app that is an ASGI application."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Echo the request."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        return
    body = (await receive())["body"]
    answer = json.dumps(
        {
            "path": scope["path"],
            "query": scope["query_string"].decode(),
            "method": scope["method"],
            "body": body.decode(),
        }
    ).encode()
    headers = [(b"content-type", b"application/geo+json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer, "more_body": False})


app = func.AsgiFunctionApp(app=application, http_auth_level=func.AuthLevel.ANONYMOUS)
