import asyncio
import contextlib
import logging
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

from stac_api import surroundings
from stac_api.surroundings import Surroundings

SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "headers": [],
}
HANGS_UP: Message = {"type": "http.disconnect"}


async def broken(_: Request) -> Response:
    raise RuntimeError


async def answered(_: Request, __: Exception) -> Response:
    return JSONResponse({"code": "ServerError"}, 500)


async def ask(app: Any, *headers: tuple[bytes, bytes]) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await Surroundings(app)(SCOPE | {"headers": headers}, receive, send)
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


@pytest.mark.parametrize(
    ("given", "is_kept"), [(b"a" * 128, True), (b"a" * 129, False), (b"", False), (b"a b", False)]
)
async def test_a_request_keeps_an_id_that_is_a_short_word_whatever_else_it_is_sent(
    given: bytes, is_kept: bool
) -> None:
    app = Starlette(routes=[Route("/", broken)], exception_handlers={Exception: answered})
    start, _ = await ask(app, (b"x-request-id", given), (b"traceparent", b"\xff"))
    told = dict(start["headers"])[b"x-request-id"]
    assert told == given if is_kept else len(told) == 32


class Waiting:
    """An app whose query does not end by itself; clients whose messages a test sends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(surroundings, "_WATCH_AFTER_S", 0.02)
        self.timers = self.needless_timers = 0
        begin_timer = Surroundings._look_later

        def look_later(wrapped: Surroundings) -> None:
            self.timers += 1
            self.needless_timers += wrapped._look is not None
            begin_timer(wrapped)

        monkeypatch.setattr(Surroundings, "_look_later", look_later)
        self.wrapped = Surroundings(self.app)
        self.told: list[Message] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.broken_off, self.rests = asyncio.Event(), asyncio.Event()
        self.rests.set()

    async def app(self, scope: Any, receive: Any, _send: Any) -> None:
        await self.reads.wait()
        self.told.append(await receive() if scope["method"] == "POST" else {})
        try:
            await asyncio.Event().wait()
        finally:
            self.broken_off.set()
            await self.rests.wait()  # as a connection that comes to rest

    def begin(self, method: str = "GET") -> tuple[asyncio.Queue[Message], asyncio.Task[None]]:
        async def send(_: Message) -> None:
            raise AssertionError

        messages: asyncio.Queue[Message] = asyncio.Queue()
        messages.put_nowait({"type": "http.request", "body": b"all", "more_body": False})
        served = self.wrapped(SCOPE | {"method": method}, messages.get, send)
        return messages, asyncio.ensure_future(served)


async def test_each_of_several_waiting_requests_ends_when_its_client_hangs_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = Waiting(monkeypatch)
    clients = [waiting.begin("POST" if place else "GET") for place in range(3)]
    while len(waiting.told) < 3:
        await asyncio.sleep(0)
    for gone, (messages, served) in enumerate(clients, start=1):
        messages.put_nowait(HANGS_UP)
        await asyncio.wait_for(served, 5)
        assert sum(each.done() for _, each in clients) == gone
    assert waiting.needless_timers == 0, "one is for all"
    async with asyncio.timeout(5):
        while waiting.wrapped._look is not None:
            await asyncio.sleep(0.001)
    assert waiting.wrapped._under_way == {}


async def test_a_client_is_not_watched_before_its_body_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(monkeypatch)
    waiting.reads.clear()
    messages, served = waiting.begin("POST")
    while waiting.timers < 3:
        await asyncio.sleep(0.001)
    waiting.reads.set()
    while not waiting.told:
        await asyncio.sleep(0)
    assert waiting.told[0]["body"] == b"all"
    messages.put_nowait(HANGS_UP)
    await asyncio.wait_for(served, 5)


@pytest.mark.parametrize("hangs_up", [False, True])
async def test_a_request_that_the_server_ends_has_not_ended_by_itself(
    monkeypatch: pytest.MonkeyPatch, hangs_up: bool
) -> None:
    waiting = Waiting(monkeypatch)
    messages, served = waiting.begin()
    while waiting.timers < 4 or not messages.empty():  # until it is watched
        await asyncio.sleep(0.001)
    if hangs_up:
        waiting.rests.clear()
        messages.put_nowait(HANGS_UP)
        await waiting.broken_off.wait()
    served.cancel()
    with pytest.raises(asyncio.CancelledError):
        await served
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}, "nobody watches what has ended"


async def test_a_client_that_hangs_up_within_its_body_is_told_as_499(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "stac_api.requests")
    messages = asyncio.Queue[Message]()
    messages.put_nowait({"type": "http.request", "body": b"half", "more_body": True})
    messages.put_nowait(HANGS_UP)

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise ClientDisconnect

    async def send(_: Message) -> None:
        raise AssertionError

    with contextlib.suppress(ClientDisconnect):
        await Surroundings(app)(SCOPE | {"method": "POST"}, messages.get, send)
    (record,) = (each for each in caplog.records if each.message == "request")
    assert record.__dict__["status"] == 499


@pytest.mark.parametrize("is_whole", [True, False])
async def test_a_client_that_leaves_after_its_body_or_within_the_answer_is_told_as_it_was_answered(
    caplog: pytest.LogCaptureFixture, is_whole: bool
) -> None:
    caplog.set_level(logging.INFO, "stac_api.requests")
    messages = asyncio.Queue[Message]()
    messages.put_nowait({"type": "http.request", "body": b""} | ({} if is_whole else {"more_body": True}))
    messages.put_nowait(HANGS_UP)
    start: Message = {"type": "http.response.start", "status": 200}

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        if not is_whole:
            await send(start)
        while (await receive())["type"] != "http.disconnect":
            pass
        if is_whole:
            await send(start)

    async def send(_: Message) -> None:
        pass

    await Surroundings(app)(SCOPE | {"method": "POST"}, messages.get, send)
    (record,) = (each for each in caplog.records if each.message == "request")
    assert record.__dict__["status"] == 200
