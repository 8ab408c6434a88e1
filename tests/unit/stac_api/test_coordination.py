"""Invocations whose request never comes, with Microsoft's own coordinator."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from azure_functions_runtime.http_v2 import HttpCoordinator  # type: ignore[import-untyped]  # it ships no types

from stac_api.coordination import Coordination


def of(coordinator: object) -> Coordination:
    function = SimpleNamespace(__globals__={"http_coordinator": coordinator})
    return Coordination(function, nobody="nobody")


def with_microsofts(work: Callable[[Any, Coordination], Coroutine[Any, Any, None]]) -> None:
    """Run against a coordinator that has nothing of another test."""
    coordinator = HttpCoordinator()
    coordinator._context_references.clear()
    asyncio.run(work(coordinator, of(coordinator)))
    assert coordinator._context_references == {}


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_an_invocation_whose_request_never_comes_ends_and_leaves_nothing() -> None:
    async def work(coordinator: Any, coordination: Coordination) -> None:
        invocation = asyncio.create_task(coordinator.get_http_request_async("one"))
        await turn()
        coordination.end_late()
        await turn()
        assert not invocation.done()  # it may have begun just now

        coordination.end_late()

        assert await invocation == "nobody"
        coordinator.set_http_response("one", "answered")  # as the worker does then
        coordination.end_late()

    with_microsofts(work)


def test_a_request_that_came_is_left_alone_however_long_it_takes() -> None:
    async def work(coordinator: Any, coordination: Coordination) -> None:
        coordinator.set_http_request("one", "a request")
        assert await coordinator.get_http_request_async("one") == "a request"
        for _ in range(3):
            coordination.end_late()

        coordinator.set_http_response("one", "an answer")

        assert await coordinator.await_http_response_async("one") == "an answer"
        coordination.forget("one")

    with_microsofts(work)


def test_a_request_that_comes_after_all_is_answered_and_let_go() -> None:
    async def work(coordinator: Any, coordination: Coordination) -> None:
        invocation = asyncio.create_task(coordinator.get_http_request_async("one"))
        await turn()
        coordination.end_late()
        coordination.end_late()
        await invocation
        coordinator.set_http_response("one", "answered")

        coordinator.set_http_request("one", "a late request")
        await coordinator.await_http_response_async("one")
        coordination.forget("one")
        coordination.end_late()

    with_microsofts(work)


@pytest.mark.parametrize(
    "coordinator",
    [
        None,
        SimpleNamespace(),
        SimpleNamespace(_context_references=["one"]),
        SimpleNamespace(_context_references={"one": object()}),
        SimpleNamespace(_context_references={"one": SimpleNamespace(http_request_available_event=None)}),
    ],
)
def test_a_worker_that_keeps_them_otherwise_is_left_alone(coordinator: object) -> None:
    coordination = of(coordinator)
    for _ in range(3):
        coordination.end_late()
    coordination.forget("another")
    coordination.forget(None)
