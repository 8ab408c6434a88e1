"""Our protocol beside uvicorn's own: whatever a client sends and an app does, both put the same bytes on the wire.

Where they differ on purpose: uvicorn takes headers of any size, waits for the rest of a request and for who does not
read an answer for ever, and refuses a request in place of the answers before it.
"""

import asyncio
import errno
import gc
import logging
import re
import socket
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from unittest.mock import Mock

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from stac_api import http_exchange, http_protocol
from stac_api.http_protocol import LeanProtocol

App = Callable[[Any, Any, Any], Awaitable[None]]
Protocols = pytest.mark.parametrize("protocol", [HttpToolsProtocol, LeanProtocol])
WAIT_S = 5.0
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def answering(
    body: bytes = b"all", status: int = 200, headers: list[tuple[bytes, bytes]] | None = None
) -> App:
    """An app that answers so, with the body's length unless it is given headers."""
    told = [(b"content-length", b"%d" % len(body))] if headers is None else headers

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": body})

    return app


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was asked."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")  # of a client that is gone there is no more
        more = message.get("more_body", False)
    named = ("method", "path", "raw_path", "query_string", "http_version", "scheme", "root_path", "headers")
    text = repr([scope[name] for name in named]).encode() + body
    await answering(text)(scope, receive, send)


@asynccontextmanager
async def serving(
    protocol: type[HttpToolsProtocol], app: App, keep_alive_s: float = 5, *, buffer: int | None = 65_536
) -> AsyncIterator[tuple[int, ServerState]]:
    """A server of the app on a port, and what it knows of itself.

    Of what nobody reads the system takes `buffer`, and not as much as the machine's settings let it.
    """
    config = uvicorn.Config(
        app, access_log=False, log_config=None, ws="none", lifespan="off", timeout_keep_alive=1
    )
    config.load()
    config.timeout_keep_alive = keep_alive_s  # type: ignore[assignment]  # a test has less patience than seconds
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config, state, {}), "127.0.0.1", 0
    )
    if buffer is not None:
        server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    try:
        yield server.sockets[0].getsockname()[1], state
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()


async def spoken(
    protocol: type[HttpToolsProtocol], app: App, *said: bytes, ends: bool = True, keep_alive_s: float = 5
) -> bytes:
    """What comes back for what a client says, piece by piece, until the server closes the connection."""
    async with serving(protocol, app, keep_alive_s) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in said:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        heard = await asyncio.wait_for(reader.read(-1) if ends else reader.read(1_000_000), WAIT_S)
        writer.close()
        return heard


async def waits(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0.01)
    await echo(scope, receive, send)


async def in_parts(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await send({"type": "http.response.body", "body": b"two"})


async def in_parts_of_known_length(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await send({"type": "http.response.body", "body": b"two"})


async def fails(_scope: Any, _receive: Any, _send: Any) -> None:
    raise RuntimeError("before an answer")


async def fails_within(_scope: Any, _receive: Any, send: Any) -> None:
    await in_parts_begun(send)
    raise RuntimeError("within an answer")


async def in_parts_begun(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})


async def in_parts_of_which_the_last_is_empty(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def answers_twice(scope: Any, receive: Any, send: Any) -> None:
    await answering()(scope, receive, send)
    await answering()(scope, receive, send)


async def reads_afterwards(scope: Any, receive: Any, send: Any) -> None:
    reading = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    await answering()(scope, receive, send)
    await asyncio.wait_for(reading, WAIT_S)
    assert (await asyncio.wait_for(receive(), WAIT_S))["type"] == "http.disconnect"


async def waits_for_the_end(scope: Any, receive: Any, send: Any) -> None:
    assert (await receive())["type"] == "http.request"
    reading = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    await answering()(scope, receive, send)
    assert (await asyncio.wait_for(reading, WAIT_S))["type"] == "http.disconnect"


async def reads_too_late(scope: Any, receive: Any, send: Any) -> None:
    await answering()(scope, receive, send)
    assert (await receive())["type"] == "http.disconnect"


async def says_nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    return


POST = b"POST /a%20b?c=d%20e HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
CONVERSATIONS: dict[str, tuple[App, tuple[bytes, ...]]] = {
    "one": (answering(), (LAST,)),
    "two on one connection": (answering(), (GET, LAST)),
    "several at once": (waits, (GET + b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n" + LAST,)),
    "several at once, answered at once": (echo, (GET + GET + LAST,)),
    "a thousand at once": (answering(b""), (GET * 1_000 + LAST,)),
    "in pieces": (
        echo,
        (b"GET /a%20b?c=d%20e HT", b"TP/1.1\r\nHo", b"st: a\r\nConnection: close\r\n\r", b"\n"),
    ),
    "a body": (echo, (POST + b"Content-Length: 5\r\n\r\nabcde",)),
    "a body later": (echo, (POST + b"Content-Length: 5\r\n\r\n", b"ab", b"cde")),
    "a body in chunks": (
        echo,
        (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"1\r\nc\r\n0\r\n\r\n"),
    ),
    "a large body": (echo, (POST + b"Content-Length: 300000\r\n\r\n" + b"x" * 300_000,)),
    "a body that nobody reads": (answering(), (POST + b"Content-Length: 5\r\n\r\nabcde",)),
    "a body that waits to be wanted": (
        echo,
        (POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", b"ab"),
    ),
    "a body that waits to be wanted, in capitals": (
        echo,
        (POST + b"Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n", b"ab"),
    ),
    "a body that is wanted too late": (
        reads_too_late,
        (
            POST.replace(b"Connection: close\r\n", b"")
            + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
            b"ab",
            LAST,
        ),
    ),
    "HTTP/1.0, kept": (echo, (b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",)),
    "read beside the answer": (reads_afterwards, (LAST,)),
    "waited for beside the answer": (waits_for_the_end, (LAST,)),
    "answered twice": (answers_twice, (LAST,)),
    "in parts, the last empty": (in_parts_of_which_the_last_is_empty, (LAST,)),
    "HTTP/1.0": (echo, (b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",)),
    "HEAD": (answering(), (LAST.replace(b"GET", b"HEAD"),)),
    "HEAD of parts": (in_parts, (LAST.replace(b"GET", b"HEAD"),)),
    "OPTIONS": (echo, (b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",)),
    "a whole address": (echo, (b"GET http://b/c?d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",)),
    "another protocol": (
        echo,
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n",),
    ),
    "no HTTP": (echo, (b"what?\r\n\r\n",)),
    "two lengths": (echo, (POST + b"Content-Length: 5\r\nContent-Length: 4\r\n\r\nabcde",)),
    "nothing": (says_nothing, (LAST,)),
    "no content": (answering(b"", 204, []), (LAST,)),
    "known already": (answering(b"", 304, [(b"etag", b"1")]), (LAST,)),
    "known already, of a length": (answering(b"", 304, [(b"content-length", b"9")]), (LAST,)),
    "an empty body": (answering(b""), (LAST,)),
    "of unknown length": (answering(b"abc", 200, []), (LAST,)),
    "of unknown length and empty": (answering(b"", 200, []), (LAST,)),
    "in parts": (in_parts, (LAST,)),
    "in parts of known length": (in_parts_of_known_length, (LAST,)),
    "longer than it says": (answering(b"abc", 200, [(b"content-length", b"2")]), (LAST,)),
    "the app closes": (
        answering(b"abc", 200, [(b"content-length", b"3"), (b"connection", b"close")]),
        (GET,),
    ),
    "the app sends chunks": (answering(b"abc", 200, [(b"transfer-encoding", b"chunked")]), (LAST,)),
    "closes in capitals": (answering(headers=[(b"content-length", b"3"), (b"Connection", b"close")]), (GET,)),
    "chunks in capitals": (
        answering(headers=[(b"content-length", b"3"), (b"Transfer-Encoding", b"chunked")]),
        (LAST,),
    ),
    "two lengths said": (answering(headers=[(b"Content-Length", b"5"), (b"content-length", b"3")]), (LAST,)),
    "two lengths said, the last right": (
        answering(headers=[(b"content-length", b"5"), (b"content-length", b"3")]),
        (LAST,),
    ),
    "an empty length before the right one": (
        answering(headers=[(b"content-length", b""), (b"content-length", b"3")]),
        (LAST,),
    ),
    "no length but an empty one, where there is no body": (
        answering(b"", 204, [(b"content-length", b"")]),
        (LAST,),
    ),
    "one length said twice": (
        answering(headers=[(b"content-length", b"3"), (b"content-length", b"3")]),
        (LAST,),
    ),
    "a tab": (answering(headers=[(b"content-length", b"3"), (b"x", b"a\tb")]), (LAST,)),
    "letters beyond ASCII": (answering(headers=[(b"content-length", b"3"), (b"x", b"\xe9")]), (LAST,)),
    "a control character": (answering(headers=[(b"content-length", b"3"), (b"x", b"a\x01")]), (LAST,)),
    "a deleted character": (answering(headers=[(b"content-length", b"3"), (b"x", b"a\x7f")]), (LAST,)),
    "a blank in a name": (answering(headers=[(b"content-length", b"3"), (b"x y", b"a")]), (LAST,)),
    "a header in a name": (answering(headers=[(b"content-length", b"3"), (b"x: y", b"a")]), (LAST,)),
    "capitals": (answering(b"abc", 200, [(b"Content-Length", b"3")]), (LAST,)),
    "fails": (fails, (LAST,)),
    "fails within": (fails_within, (LAST,)),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_both_say_the_same(name: str, caplog: pytest.LogCaptureFixture) -> None:
    app, said = CONVERSATIONS[name]
    heard, logged = {}, {}
    for protocol in (HttpToolsProtocol, LeanProtocol):
        caplog.clear()
        heard[protocol] = await spoken(protocol, app, *said)
        logged[protocol] = [(record.levelname, record.message) for record in caplog.records]
    assert heard[HttpToolsProtocol].startswith(b"HTTP/1.1 ") or logged[HttpToolsProtocol]
    assert heard[LeanProtocol] == heard[HttpToolsProtocol]
    assert logged[LeanProtocol] == logged[HttpToolsProtocol]


@pytest.mark.parametrize(
    "value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\0b", b"a\r\n\r\nHTTP/1.1 200 OK"]
)
async def test_a_line_cannot_hide_within_a_header(value: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    app = answering(b"abc", 200, [(b"content-length", b"3"), (b"x", value)])
    heard = await spoken(LeanProtocol, app, LAST)
    assert b"set-cookie" not in heard
    assert b"200 OK" not in heard


@Protocols
async def test_an_answer_that_fails_before_its_body_is_an_error(
    protocol: type[HttpToolsProtocol], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        raise RuntimeError

    heard = await spoken(protocol, app, LAST)
    assert b"\r\n\r\nabc" not in heard
    if protocol is LeanProtocol:  # whose head waits for the body
        assert heard.startswith(b"HTTP/1.1 500 ")


@Protocols
async def test_a_slow_reader_gets_all_of_a_large_answer(protocol: type[HttpToolsProtocol]) -> None:
    body = b"x" * 5_000_000
    ended = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal ended
        await answering(body)(scope, receive, send)
        ended += 1

    async with serving(protocol, app) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000)
        writer.write(GET + LAST)
        await asyncio.sleep(0.1)
        assert ended == 1  # the second waits until the first can be written
        heard = await asyncio.wait_for(reader.read(-1), WAIT_S)
        writer.close()
    assert heard.count(b"HTTP/1.1 200") == 2
    assert len(heard) > 2 * len(body)


@Protocols
async def test_more_requests_than_are_answered_are_not_read(protocol: type[HttpToolsProtocol]) -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await go.wait()
        await answering()(scope, receive, send)

    async with serving(protocol, app) as (port, state):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET + GET)
        await asyncio.sleep(0.05)
        (connection,) = state.connections
        assert not connection.transport.is_reading()
        go.set()
        for _ in range(2):
            await asyncio.wait_for(reader.readuntil(b"all"), WAIT_S)
        assert connection.transport.is_reading()
        writer.close()


@Protocols
async def test_an_app_hears_that_its_client_is_gone(protocol: type[HttpToolsProtocol]) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while True:
            message = await receive()
            heard.put_nowait(message["type"])
            if message["type"] == "http.disconnect":
                return

    async with serving(protocol, app) as (port, state):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        assert await asyncio.wait_for(heard.get(), WAIT_S) == "http.request"
        assert len(state.tasks) == 1
        writer.close()
        assert await asyncio.wait_for(heard.get(), WAIT_S) == "http.disconnect"
        await asyncio.sleep(0.01)
        assert not state.tasks


@Protocols
async def test_who_listens_beside_an_answer_hears_its_end_though_the_connection_goes_on(
    protocol: type[HttpToolsProtocol],
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.put_nowait((await receive())["type"])
        reading = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await answering()(scope, receive, send)
        heard.put_nowait((await reading)["type"])

    async with serving(protocol, app, keep_alive_s=600) as (port, state), asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await reader.readuntil(b"all")
        assert [await heard.get(), await heard.get()] == ["http.request", "http.disconnect"]
        while state.tasks:
            await asyncio.sleep(0.001)
        assert state.connections
        writer.close()


async def test_of_several_sent_at_once_the_one_under_way_hears_it_and_the_others_never_begin() -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.put_nowait(scope["path"])
        if scope["path"] == "/":
            return await answering()(scope, receive, send)
        await receive()
        heard.put_nowait((await receive())["type"])
        return None

    async with serving(LeanProtocol, app) as (port, _):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET + GET.replace(b"/ ", b"/2 ") + GET.replace(b"/ ", b"/3 "))
        for expected in ("/", "/2"):
            assert await asyncio.wait_for(heard.get(), WAIT_S) == expected
        writer.close()
        assert await asyncio.wait_for(heard.get(), WAIT_S) == "http.disconnect"
        await asyncio.sleep(0.05)
        assert heard.empty()


@Protocols
async def test_an_idle_connection_is_closed_and_a_busy_one_is_not(protocol: type[HttpToolsProtocol]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            await asyncio.sleep(1.5)
        await answering()(scope, receive, send)

    async with serving(protocol, app, keep_alive_s=1.0) as (port, state):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path in (b"/", b"/slow", b"/"):
            await asyncio.sleep(0.3)
            last = asyncio.get_running_loop().time()
            writer.write(GET.replace(b"/ ", path + b" "))
            assert (await asyncio.wait_for(reader.readuntil(b"all"), WAIT_S)).startswith(b"HTTP/1.1 200")
        assert state.total_requests == 3
        assert await asyncio.wait_for(reader.read(), WAIT_S) == b""
        assert asyncio.get_running_loop().time() - last > 0.9
        writer.close()


@Protocols
async def test_a_request_of_which_half_is_here_is_waited_for(protocol: type[HttpToolsProtocol]) -> None:
    async with serving(protocol, answering(), keep_alive_s=0.1) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await asyncio.wait_for(reader.readuntil(b"all"), WAIT_S)
        writer.write(LAST[:20])
        await asyncio.sleep(0.4)
        writer.write(LAST[20:])
        assert (await asyncio.wait_for(reader.read(), WAIT_S)).endswith(b"all")
        writer.close()


@Protocols
async def test_at_shutdown_an_answer_under_way_is_sent(protocol: type[HttpToolsProtocol]) -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await go.wait()
        await answering()(scope, receive, send)

    async with serving(protocol, app) as (port, state):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await asyncio.sleep(0.05)
        (connection,) = state.connections
        connection.shutdown()
        go.set()
        heard = await asyncio.wait_for(reader.read(), WAIT_S)
        writer.close()
    assert heard.endswith(b"all")
    assert b"connection: close" in heard


async def test_a_closed_connection_is_let_go_before_its_timer_would_end() -> None:
    seen: list[weakref.ref[LeanProtocol]] = []

    class Seen(LeanProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            seen.append(weakref.ref(self))
            super().connection_made(transport)  # type: ignore[arg-type]

    async with serving(Seen, answering(), keep_alive_s=600) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await asyncio.wait_for(reader.readuntil(b"all"), WAIT_S)
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.05)
        gc.collect()
        assert seen[0]() is None


def padded(size: int) -> bytes:
    """A request with so many bytes of headers."""
    head = b"Host: a\r\nConnection: close\r\n"
    return b"GET / HTTP/1.1\r\n" + head + b"X: " + b"x" * (size - len(head) - 5) + b"\r\n\r\n"


def statuses(heard: bytes) -> list[bytes]:
    """Those of the answers, which have no such line in their bodies."""
    return re.findall(rb"HTTP/1\.1 (\d+) ", heard)


@pytest.mark.parametrize("piece", [200_000, 16_000])
async def test_headers_above_64_kb_are_refused(piece: int) -> None:
    for size, status in ((65_536, b"200"), (65_537, b"431"), (100_000, b"431")):
        said = padded(size)
        pieces = [said[begin : begin + piece] for begin in range(0, len(said), piece)]
        heard = await spoken(LeanProtocol, answering(), *pieces)
        assert heard[9:12] == status, size
    assert heard.endswith(b"headers are too large: at most 65,536 bytes of them are read.")
    assert b"date: today\r\n" in heard
    assert (await spoken(HttpToolsProtocol, answering(), *pieces))[9:12] == b"200"


@pytest.mark.parametrize(
    ("size", "piece"), [(100_000, 200_000), (240_000, 250_000), (120_000, 60_000), (310_000, 250_000)]
)
async def test_headers_above_64_kb_are_refused_behind_another_request_too(size: int, piece: int) -> None:
    said = GET + padded(size)
    pieces = [said[begin : begin + piece] for begin in range(0, len(said), piece)]
    heard = await spoken(LeanProtocol, answering(), *pieces)
    assert statuses(heard) == [b"200", b"431"]


BODY_OF_TWO = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("refused", "status"),
    [
        ([b"what?\r\n\r\n"], b"400"),
        ([b"GET http://a:b:c/ HTTP/1.1\r\nHost: a\r\n\r\n"], b"400"),
        ([BODY_OF_TWO, b"what?\r\n"], b"400"),
        ([b"GET / HTTP/1.1\r\nX: " + b"x" * 60_000, *[b"x" * 60_000] * 4], b"431"),
    ],
)
async def test_a_request_that_is_refused_leaves_the_answers_before_it_as_they_are(
    refused: list[bytes], status: bytes, at_once: bool
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.6)
        await echo(scope, receive, send)

    said = [GET + b"".join(refused)] if at_once else [GET, *refused, GET]
    assert statuses(await spoken(LeanProtocol, app, *said)) == [b"200", status]


async def test_an_answer_that_began_ends_without_another_where_the_body_is_refused() -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await in_parts_begun(send)
        await receive()
        await receive()

    heard = await spoken(LeanProtocol, app, BODY_OF_TWO, b"what?\r\n")
    assert statuses(heard) == [b"200"]
    assert heard.endswith(b"one")


async def test_a_small_head_behind_a_large_body_is_no_large_one() -> None:
    body = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000
    heard = await spoken(LeanProtocol, answering(), body[:-1], body[-1:] + LAST[:20], LAST[20:])
    assert heard.count(b"HTTP/1.1 200") == 2


async def test_a_large_body_is_no_head_where_the_app_changes_its_headers() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["headers"] = [*scope["headers"]]  # as Starlette's `Headers` do
        await echo(scope, receive, send)

    said = POST + b"Content-Length: 400000\r\n\r\n"
    assert (await spoken(LeanProtocol, app, said, *[b"x" * 100_000] * 4)).startswith(b"HTTP/1.1 200")


async def test_a_head_without_an_end_is_refused_and_not_kept() -> None:
    async with serving(LeanProtocol, answering()) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(LAST[:-2] + b"X: ")
        said = 0
        while not reader.at_eof() and said < 1_000_000:
            writer.write(b"x" * 10_000)
            said += 10_000
            await asyncio.sleep(0.002)
            if reader._buffer:  # type: ignore[attr-defined]  # what is written to who closed it would end it, unread
                break
        assert (await asyncio.wait_for(reader.read(100), WAIT_S)).startswith(b"HTTP/1.1 431 ")
        assert said < 400_000
        writer.close()


CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"


async def test_what_follows_a_body_is_none_of_its_headers_nor_kept() -> None:
    heard = list[Any]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await echo(scope, receive, send)
        heard.append(scope["headers"])

    assert (await spoken(LeanProtocol, app, CHUNKED, b"X-Forwarded-Host: evil\r\n", b"\r\n"))[9:12] == b"200"
    assert b"x-forwarded-host" not in dict(heard[0])
    async with serving(LeanProtocol, app) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CHUNKED)
        said = 0
        while said < 2_000_000 and not writer.is_closing() and not reader.at_eof():
            writer.write(b"X: " + b"x" * 10_000 + b"\r\n")
            said += 10_000
            await asyncio.sleep(0.002)
            if reader._buffer:  # type: ignore[attr-defined]
                break
        assert (await asyncio.wait_for(reader.read(100), WAIT_S)).startswith(b"HTTP/1.1 431 ")
        assert said < 400_000
        writer.close()


async def test_a_connection_may_wait_as_long_for_its_first_request_as_for_its_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_S", 0.1)
    async with serving(LeanProtocol, answering(), keep_alive_s=1.0) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.4)
        writer.write(LAST)
        assert (await asyncio.wait_for(reader.read(), WAIT_S)).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ((LAST[:20],), b"408"),
        ((POST + b"Content-Length: 5\r\n\r\nab",), b"408"),
        ((POST + b"Content-Length: 5\r\n\r\n", b"a", b"b"), b"408"),
    ],
)
async def test_a_request_that_does_not_end_is_given_up(
    said: tuple[bytes, ...], status: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_S", 1.0)
    heard: list[str] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while not heard or heard[-1] != "http.disconnect":
            heard.append((await receive())["type"])

    # The server waits for a first request as long as a connection may be idle, too.
    assert (await spoken(LeanProtocol, app, *said, keep_alive_s=0.1))[9:12] == status
    if said[0].startswith(b"POST"):
        assert heard[-1] == "http.disconnect"


@pytest.mark.parametrize("half", [LAST[:20], POST + b"Content-Length: 5\r\n\r\nab"])
@pytest.mark.parametrize(("takes_s", "at_once"), [(0.0, True), (0.1, True), (0.1, False)])
async def test_half_a_request_behind_another_is_waited_for_as_one_alone(
    half: bytes, takes_s: float, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_S", 0.7)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(takes_s)
        if b"Content-Length" not in half or scope["method"] == "GET":
            return await answering()(scope, receive, send)
        while (await receive())["type"] != "http.disconnect":
            pass
        return None

    async with serving(LeanProtocol, app, keep_alive_s=0.5) as (port, state):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(5):  # until the connection's first timer is over
            writer.write(GET)
            await asyncio.wait_for(reader.readuntil(b"all"), WAIT_S)
            await asyncio.sleep(0.2)
        for piece in [GET + half] if at_once else [GET, half]:
            writer.write(piece)
            await asyncio.sleep(0.01)
        assert statuses(await asyncio.wait_for(reader.read(-1), WAIT_S)) == [b"200", b"408"]
        writer.close()
        await asyncio.sleep(0.05)
        assert not state.tasks


@pytest.mark.parametrize(
    ("said", "size"),
    [(said, 5_000_000) for said in (GET, LAST, GET + GET)]
    + [(LAST, size) for size in range(100_000, 250_000, 30_000)],  # of which only a little is left to be sent
)
async def test_who_reads_nothing_of_an_answer_is_let_go(
    said: bytes, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_S", 0.2)
    async with serving(LeanProtocol, answering(b"x" * size), keep_alive_s=0.1) as (port, state):
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.connect(("127.0.0.1", port))
            client.sendall(said)
            async with asyncio.timeout(WAIT_S):
                while not state.total_requests or state.connections:
                    await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        assert not state.tasks


async def test_who_reads_only_what_the_system_holds_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_S", 0.1)
    left = count(1_000_000_000, -1)  # each look finds less, while nothing more is taken of us
    monkeypatch.setattr(http_protocol, "_in_kernel", lambda _transport: next(left))
    async with serving(LeanProtocol, answering(b"x" * 5_000_000)) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000)
        writer.write(LAST)
        await asyncio.sleep(0.6)
        assert len(await asyncio.wait_for(reader.read(-1), WAIT_S)) > 5_000_000
        writer.close()


async def test_what_the_system_holds_for_a_reader_is_known() -> None:
    made: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _reader, writer: made.put_nowait(writer), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=1_000)
    served = await made.get()
    served.write(b"x" * 20_000_000)
    async with asyncio.timeout(WAIT_S):
        while not http_protocol._in_kernel(served.transport):
            await asyncio.sleep(0.01)
        await reader.readexactly(20_000_000)
        while http_protocol._in_kernel(served.transport):
            await asyncio.sleep(0.01)
    for each in (served, writer, server):
        each.close()


async def test_who_reads_nothing_is_let_go_where_the_system_does_not_say_what_it_holds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_S", 0.2)
    monkeypatch.setattr("fcntl.ioctl", Mock(side_effect=OSError(errno.EOPNOTSUPP, "Operation not supported")))
    async with serving(LeanProtocol, answering(b"x" * 5_000_000)) as (port, state):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000)
        writer.write(LAST)
        async with asyncio.timeout(WAIT_S):
            while not state.total_requests or state.connections:
                await asyncio.sleep(0.01)
        writer.close()
    assert caplog.records == []


def test_macos_is_asked_in_its_own_way_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    served, transport = Mock(), Mock()
    served.getsockopt.return_value = 4_711
    transport.get_extra_info.return_value = served
    assert http_protocol._in_kernel(transport) == 4_711
    served.getsockopt.assert_called_once_with(socket.SOL_SOCKET, 0x1024)


async def test_a_connection_outlives_an_answer_that_was_read_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_S", 0.2)
    async with serving(LeanProtocol, answering(b"x" * 3_000_000), keep_alive_s=5) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(GET)
            await asyncio.sleep(0.05)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S)
            assert head.startswith(b"HTTP/1.1 200")
            await asyncio.wait_for(reader.readexactly(3_000_000), WAIT_S)
            await asyncio.sleep(0.6)
        writer.close()


async def test_who_reads_slowly_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_S", 0.5)
    async with serving(LeanProtocol, answering(b"x" * 5_000_000), keep_alive_s=0.1) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000)
        writer.write(LAST)
        read = 0
        while piece := await asyncio.wait_for(reader.read(200_000), WAIT_S):
            read += len(piece)
            await asyncio.sleep(0.05)
        writer.close()
    assert read > 5_000_000


async def test_a_connection_on_which_nothing_is_asked_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_S", 0.2)
    async with serving(LeanProtocol, answering(), keep_alive_s=0.1) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), WAIT_S) == b""
        writer.close()


async def test_a_request_that_is_here_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "REQUEST_S", 0.1)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.3)
        await echo(scope, receive, send)

    body = POST.replace(b"Connection: close\r\n", b"") + b"Content-Length: 2\r\n\r\nab"
    heard = await spoken(LeanProtocol, app, GET + body, LAST[:20], LAST[20:])
    assert heard.count(b"HTTP/1.1 200") == 3


async def test_a_connection_is_idle_after_a_body_that_the_app_did_not_wait_for() -> None:
    body = POST.replace(b"Connection: close\r\n", b"") + b"Content-Length: 2\r\n\r\n"
    async with serving(LeanProtocol, answering(), keep_alive_s=0.2) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(body)
        await asyncio.wait_for(reader.readuntil(b"all"), WAIT_S)
        writer.write(b"ab")
        assert await asyncio.wait_for(reader.read(), WAIT_S) == b""
        writer.close()


async def test_requests_do_not_see_each_others_context() -> None:
    from contextvars import ContextVar

    told: ContextVar[str] = ContextVar("told", default="")
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(told.get())
        told.set(scope["path"])
        await answering()(scope, receive, send)

    await spoken(LeanProtocol, app, GET, LAST)
    assert seen == ["", ""]


def test_names_of_headers_that_an_app_makes_up_are_not_kept_for_ever() -> None:
    known = {n: http_exchange._IS_PLAIN[b"x-%d" % n] for n in range(1_000)}
    assert all(known.values())
    assert not http_exchange._IS_PLAIN[b"X Y"]
    assert len(http_exchange._IS_PLAIN) <= 256
