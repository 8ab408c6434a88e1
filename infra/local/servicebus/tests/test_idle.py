"""Silence: a peer that says nothing is dropped, and one that asks for signs of life gets them."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from infra.local.servicebus.amqp import connection, frames
from infra.local.servicebus.amqp.codec import Uint, Ushort
from infra.local.servicebus.amqp.connection import Connection
from infra.local.servicebus.amqp.link import LinkFactory
from infra.local.servicebus.tests.test_frames_fuzz import Wire


class NoLinks:
    def closed(self) -> None:
        pass


def connected() -> tuple[Connection, Wire]:
    wire = Wire()
    made = Connection(lambda _connection: cast(LinkFactory, NoLinks()), set())
    made.connection_made(wire)
    return made, wire


def opening(idle_ms: int | None = None) -> bytes:
    fields: list[Any] = ["c", None, Uint(65536), Ushort(1), None if idle_ms is None else Uint(idle_ms)]
    return frames.PROTOCOL_AMQP + frames.frame(0, frames.performative(0x10, *fields))


async def eventually(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not look():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)  # the pace of looking


async def test_a_peer_that_is_silent_too_long_is_told_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_MS", 100)
    made, wire = connected()
    made.data_received(opening())
    await eventually(lambda: wire.closed)
    assert b"amqp:resource-limit-exceeded" in wire.written
    made.connection_lost(None)


async def test_a_peer_that_keeps_talking_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_MS", 1000)
    made, wire = connected()
    made.data_received(opening())
    begun = time.monotonic()
    while time.monotonic() < begun + 1.5:
        made.data_received(frames.EMPTY_FRAME)
        await asyncio.sleep(0.05)  # well below the time-out
    assert not wire.closed
    made.connection_lost(None)


async def test_a_peer_that_never_opens_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HANDSHAKE_S", 0.1)
    made, wire = connected()
    made.data_received(frames.PROTOCOL_SASL)
    await eventually(lambda: wire.closed)
    made.connection_lost(None)


async def test_a_peer_with_an_idle_time_out_gets_empty_frames_in_time() -> None:
    made, wire = connected()
    made.data_received(opening(idle_ms=200))
    await eventually(lambda: wire.written.endswith(frames.EMPTY_FRAME * 3))
    made.connection_lost(None)
