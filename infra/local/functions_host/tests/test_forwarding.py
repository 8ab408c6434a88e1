"""Who is said to have hung up, where an answer does not come through."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from infra.local.functions_host.forwarding import Forwarder, Passage

PATIENCE = aiohttp.ClientTimeout(total=60)

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(handler))  # type: ignore[arg-type]  # its requests are BaseRequests
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def ask_through(app: Handler) -> None:
    """Ask a host that forwards to this app; what comes back does not count."""
    async with served(app) as address:
        forwarder = Forwarder(address)

        async def forward(request: web.Request) -> web.StreamResponse:
            return await forwarder.forward(request, "one", Passage(has_body=False))

        async with served(forward) as host, aiohttp.ClientSession(timeout=PATIENCE) as session:
            try:
                async with session.get(host) as answer:
                    await answer.read()
            except aiohttp.ClientError:
                pass
            finally:
                await forwarder.close()


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_client_that_hangs_up_is_no_fault_of_the_app(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def app(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"answer")

    write = web.StreamResponse.write

    async def gone(response: web.StreamResponse, data: bytes) -> None:
        assert response.prepared
        await write(response, b"")
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    monkeypatch.setattr(web.StreamResponse, "write", gone)

    asyncio.run(ask_through(app))

    assert errors(caplog) == []


def test_an_app_that_breaks_off_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    async def app(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"a part")
        assert request.transport is not None
        request.transport.close()
        return response

    asyncio.run(ask_through(app))

    assert errors(caplog) == ["app broke off"]
