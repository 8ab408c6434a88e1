"""Requests over HTTP streams, whatever Microsoft's worker keeps of them."""

import asyncio
import builtins
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message

from infra.local.functions_host import host_json
from stac_api import http_streams
from stac_api.http_streams import Call, WebApp

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
        asyncio.run(Call(SCOPE, unused, unused).answer_by(app, None))
