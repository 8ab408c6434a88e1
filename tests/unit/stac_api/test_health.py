"""Whoever asks for health is answered soon, whatever the database does."""

import asyncio
import time

import orjson
import pytest
from starlette.requests import Request

from stac_api import health
from stac_api.health import Health
from stac_api.latest import Latest
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


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ("0.9.12", "0.9.12, expected 0.10.0: run eventstac setup"),
        (
            "0.11.0",
            "0.11.0, newer than 0.10.0, which this version knows: install an eventstac that knows it",
        ),
    ],
)
async def test_of_another_pgstac_health_says_what_can_be_done(found: str, says: str) -> None:
    asked = Health(Settings("127.0.0.1", "catalog", "reader", "", "test", "Test"))

    async def version() -> dict[str, str]:
        return {"version": found}

    asked._version = Latest(version)
    answer = await asked.health(Request({"type": "http"}))
    assert (answer.status_code, orjson.loads(answer.body)["pgstac"]) == (503, says)
    await asked.close()
