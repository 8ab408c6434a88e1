from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

from stac_api.surroundings import Surroundings


async def broken(_: Request) -> Response:
    raise RuntimeError


async def answered(_: Request, __: Exception) -> Response:
    return JSONResponse({"code": "ServerError"}, 500)


async def ask(app: Any) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
    }
    await Surroundings(app)(scope, receive, send)
    return sent


async def test_an_unforeseen_error_is_answered_once_and_does_not_reach_the_server() -> None:
    app = Starlette(routes=[Route("/", broken)], exception_handlers={Exception: answered})
    start, body = await ask(app)
    assert start["status"] == 500
    assert body["body"] == b'{"code":"ServerError"}'


async def test_an_error_within_an_answer_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("in the middle")

    assert [message["type"] for message in await ask(app)] == ["http.response.start"]
    (record,) = (each for each in caplog.records if each.message == "answer_broken_off")
    assert record.exc_info


async def test_an_error_without_an_answer_reaches_the_server() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await ask(app)
