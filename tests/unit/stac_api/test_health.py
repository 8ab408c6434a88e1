"""Whoever asks for health is answered soon, whatever the database does."""

import asyncio
import time

import orjson
import pytest
from starlette.requests import Request

from stac_api import health
from stac_api.health import Health
from stac_api.settings import Settings


async def test_of_a_database_that_takes_connections_and_says_nothing_health_is_told_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health, "_PATIENCE_S", 0.2)
    done = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    asked = Health(Settings("127.0.0.1", "catalog", "reader", "", "test", "Test", port=port))
    began = time.monotonic()
    answers = await asyncio.gather(*(asked.health(Request({"type": "http"})) for _ in range(3)))
    assert time.monotonic() - began < 3
    for answer in answers:
        assert answer.status_code == 503
        told = orjson.loads(answer.body)
        assert told["status"] == "down"
        assert "does not answer in time" in told["database"]
    assert {record.message for record in caplog.records} == {"database_away"}
    done.set()
    server.close()
    await server.wait_closed()
    await asked.close()
