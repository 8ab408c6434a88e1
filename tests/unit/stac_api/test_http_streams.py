"""Requests over HTTP streams, whatever Microsoft's worker keeps of them."""

import asyncio
import builtins
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest
import uvicorn
from azure_functions_runtime.http_v2 import (  # type: ignore[import-untyped]  # it ships no types
    HttpCoordinator,
    http_coordinator,
)
from starlette.types import Message

from infra.local.functions_host import host_json
from stac_api import coordination, http_streams
from stac_api.coordination import Coordination
from stac_api.http_streams import Answered, Call, WebApp, WebServer

SCOPE = {"type": "http", "headers": [(b"x-ms-invocation-id", b"one")]}


async def unused(*_: Message) -> Any:
    raise AssertionError("nobody asked for it")


def serve(invoked: Callable[[Call], Awaitable[object]]) -> None:
    web_app = WebApp()
    web_app.route(invoked)

    async def run() -> None:
        await web_app.get_app()(SCOPE, unused, unused)

    asyncio.run(run())


async def answer(_call: Call) -> None: ...


async def fail(_call: Call) -> None:
    raise RuntimeError("of the app")


def in_a_worker(invoked: Callable[[Call], Awaitable[object]], **its_globals: object) -> Any:
    """The function as if it were of a module that has these names and no others."""
    assert isinstance(invoked, FunctionType)
    return FunctionType(invoked.__code__, {"__builtins__": builtins, **its_globals})


def test_a_request_that_is_answered_is_taken_from_the_worker() -> None:
    kept = {"one": object(), "another": object()}

    serve(in_a_worker(answer, http_coordinator=SimpleNamespace(_context_references=kept)))

    assert list(kept) == ["another"]


def test_a_request_that_fails_is_taken_from_the_worker_too() -> None:
    kept = {"one": object()}

    with pytest.raises(RuntimeError, match="of the app"):
        serve(in_a_worker(fail, http_coordinator=SimpleNamespace(_context_references=kept)))

    assert kept == {}


@pytest.mark.parametrize(
    "its_globals",
    [
        {},
        {"http_coordinator": None},
        {"http_coordinator": SimpleNamespace()},
        {"http_coordinator": SimpleNamespace(_context_references={})},  # it let go by itself
        {"http_coordinator": SimpleNamespace(_context_references=["one"])},
    ],
)
def test_a_worker_that_keeps_nothing_or_elsewhere_is_left_alone(its_globals: dict[str, object]) -> None:
    serve(in_a_worker(answer, **its_globals))


def test_the_worker_may_hand_over_what_is_no_function() -> None:
    class Invoked:
        async def __call__(self, _call: Call) -> None: ...

    serve(Invoked())


def test_an_answer_that_nobody_takes_ends_long_before_the_host_ends_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit_s = host_json.read(Path(__file__).parents[3] / "services" / "stac_api").function_timeout_s
    assert limit_s is not None
    assert limit_s - 300 >= http_streams.LONGEST_S
    monkeypatch.setattr(http_streams, "LONGEST_S", 0.01)

    async def app(*_: object) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        serve(lambda call: call.answer_by(app, None))


def test_a_request_whose_invocation_is_over_fails_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordination, "LATE_S", 0.01)
    coordinator = HttpCoordinator()
    coordinator._context_references.clear()

    async def hand_over(call: Call) -> None:  # as the worker does
        http_coordinator.set_http_request("one", call)
        await http_coordinator.await_http_response_async("one")

    with pytest.raises(TimeoutError):
        serve(in_a_worker(hand_over, http_coordinator=coordinator))

    assert coordinator._context_references == {}


def test_a_request_that_was_taken_may_be_answered_for_longer_than_it_may_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coordination, "LATE_S", 0.01)
    told = []

    async def app(*_: object) -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        loop.call_later(0.05, over.set)
        await over.wait()
        told.append("answered")

    serve(lambda call: call.answer_by(app, None))

    assert told == ["answered"]


@pytest.mark.parametrize("looks_that_fail", [0, 1])
def test_who_serves_looks_for_invocations_whose_request_never_comes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, looks_that_fail: int
) -> None:
    monkeypatch.setattr(coordination, "LATE_S", 0.01)
    end_late = Coordination.end_late
    failing = iter(range(looks_that_fail))

    def look(self: Coordination) -> None:
        if next(failing, None) is not None:
            raise RuntimeError("of the worker")
        end_late(self)

    monkeypatch.setattr(Coordination, "end_late", look)
    coordinator = HttpCoordinator()
    coordinator._context_references.clear()

    async def run() -> object:
        web_app = WebApp()
        web_app.route(in_a_worker(answer, http_coordinator=coordinator))
        server = WebServer("127.0.0.1", 0, web_app)
        running: uvicorn.Server = server._server()
        monkeypatch.setattr(server, "_server", lambda: running)
        serving = asyncio.create_task(server.serve())
        async with asyncio.timeout(20):
            call = await coordinator.get_http_request_async("one")
        running.should_exit = True
        await serving
        return await call.answer_by(unused, None)

    assert isinstance(asyncio.run(run()), Answered)
    coordinator._context_references.clear()
    assert caplog.text.count("late_invocations_not_ended") == looks_that_fail
