import gzip
from typing import Any

import pytest
from starlette.types import Message

from stac_api.compression import Compressed

LARGE, SMALL = b'{"a":"%b"}' % (b"1" * 5_000), b"{}"


async def ask(
    accepted: str, bodies: list[bytes], *headers: tuple[bytes, bytes], status: int = 200
) -> list[Message]:
    sent: list[Message] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for number, body in enumerate(bodies, 1):
            await send({"type": "http.response.body", "body": body, "more_body": number < len(bodies)})

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(b"accept-encoding", accepted.encode())]}
    await Compressed(app)(scope, receive, send)
    return sent


async def test_a_large_answer_is_packed_and_says_how_long_it_is() -> None:
    start, body = await ask("br, gzip", [LARGE], (b"content-length", b"5008"), (b"vary", b"Accept"))
    headers = dict(start["headers"])
    assert gzip.decompress(body["body"]) == LARGE
    assert headers == {
        b"content-encoding": b"gzip",
        b"content-length": b"%d" % len(body["body"]),
        b"vary": b"Accept, Accept-Encoding",
    }
    assert len(start["headers"]) == 3


@pytest.mark.parametrize(
    ("accepted", "bodies", "encoding"),
    [
        ("identity", [LARGE], None),
        ("gzip;q=0", [LARGE], None),
        ("gzip", [SMALL], None),
        ("gzip", [b""], None),
        ("gzip", [LARGE, LARGE], None),  # in parts
        ("gzip", [b"", LARGE], None),
        ("gzip", [LARGE], b"br"),  # packed already
    ],
)
async def test_any_other_answer_is_passed_on_as_it_is(
    accepted: str, bodies: list[bytes], encoding: bytes | None
) -> None:
    headers = [(b"content-encoding", encoding)] if encoding else []
    start, *parts = await ask(accepted, bodies, *headers)
    assert start["headers"] == [*headers, (b"vary", b"Accept-Encoding")]
    assert [part["body"] for part in parts] == bodies


async def test_an_answer_without_a_body_has_its_head() -> None:
    start, body = await ask("gzip", [b""], status=304)
    assert start["status"] == 304
    assert body["body"] == b""
