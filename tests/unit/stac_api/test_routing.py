from typing import Any
from unittest.mock import ANY

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message

from stac_api.routing import Route, Router


async def tell(request: Request) -> Response:
    return JSONResponse({"path": request.path_params, "state": request.scope["state_of_app"]})


async def broken(_: Request) -> Response:
    raise ValueError("broken")


async def on_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else getattr(error, "status", 500)
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse({"error": type(error).__name__}, status, headers)


async def elsewhere(request: Request) -> Response:
    return JSONResponse({"path": request.scope["path"]}, 307)


ended: list[str] = []


async def on_end() -> None:
    ended.append("end")


ROUTER = Router(
    [
        Route("/", tell),
        Route("/broken", broken),
        Route("/search", tell),
        Route("/search", tell, "POST"),
        Route("/a/{name}/items/{item:path}", tell),
        Route("/a/{name}", tell),
    ],
    {"state_of_app": "here"},
    on_error,
    elsewhere,
    on_end,
)


async def ask(
    path: str,
    method: str = "GET",
    root_path: str = "",
    version: str = "1.1",
    hosts: int = 1,
    *,
    root_in_path: bool = True,
) -> tuple[int, dict[str, str], bytes]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http", "method": method, "path": root_path * root_in_path + path, "root_path": root_path,
        "query_string": b"q=1", "headers": [(b"host", b"a.example")] * hosts, "http_version": version, "scheme": "http",
        "server": ("a.example", 80),
    }  # fmt: skip
    await ROUTER(scope, receive, send)
    start, body = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, body["body"]


@pytest.mark.parametrize(
    ("path", "variables"),
    [
        ("/", "{}"),
        ("/search", "{}"),
        ("/a/b", '{"name":"b"}'),
        ("/a/b/items/c", '{"name":"b","item":"c"}'),
        ("/a/b/items/c/d e", '{"name":"b","item":"c/d e"}'),
        ("/a/b/items/c\nd\n", '{"name":"b","item":"c\\nd\\n"}'),
        ("/a/b\n", '{"name":"b\\n"}'),
    ],
)
@pytest.mark.parametrize("root_path", ["", "/api"])
async def test_an_address_leads_to_its_endpoint_with_its_variables(
    path: str, variables: str, root_path: str
) -> None:
    status, _, body = await ask(path, root_path=root_path)
    assert (status, body.decode()) == (200, f'{{"path":{variables},"state":"here"}}')


async def test_a_server_may_leave_the_root_out_of_the_path() -> None:
    assert (await ask("/search", root_path="/api", root_in_path=False))[0] == 200


async def test_head_is_answered_where_get_is() -> None:
    assert (await ask("/search", "HEAD"))[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/search", "GET, HEAD, OPTIONS, POST"),
        ("PUT", "/a/b", "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/search", "GET, HEAD, OPTIONS, POST"),
        ("OPTIONS", "/", "GET, HEAD, OPTIONS"),
    ],
)
async def test_another_method_is_refused_and_told_which_are_not(method: str, path: str, allowed: str) -> None:
    status, headers, _ = await ask(path, method)
    assert (status, headers["allow"]) == (204 if method == "OPTIONS" else 405, allowed)


@pytest.mark.parametrize("path", ["/nowhere", "/a", "/search/x", "/a/b/items/"])
async def test_an_address_that_is_not_there_is_404(path: str) -> None:
    assert (await ask(path))[0] == 404


@pytest.mark.parametrize("path", ["/search/", "/a/b/"])
async def test_where_only_a_slash_is_wrong_another_endpoint_answers(path: str) -> None:
    assert await ask(path) == (307, ANY, f'{{"path":"{path}"}}'.encode())


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [("1.1", 1, 200), ("1.1", 0, 400), ("1.1", 2, 400), ("1.0", 0, 200), ("1.0", 2, 400), ("2", 0, 200)],
)
async def test_a_request_names_one_host(version: str, hosts: int, status: int) -> None:
    found, _, body = await ask("/search", version=version, hosts=hosts)
    assert found == status
    assert (status == 400) == (b"BadRequest" in body)


async def test_what_an_endpoint_raises_is_answered() -> None:
    assert await ask("/broken") == (
        500,
        {"content-length": "22", "content-type": "application/json"},
        b'{"error":"ValueError"}',
    )


async def test_the_end_of_the_server_is_passed_on() -> None:
    messages = iter(["lifespan.startup", "lifespan.shutdown"])
    sent: list[str] = []

    async def receive() -> Message:
        return {"type": next(messages)}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    await ROUTER({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert ended == ["end"]
