import gzip
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message

from stac_api.acceptance import prefers_html, takes_gzip
from stac_api.answers import Answer

LARGE, SMALL = b'{"a":"%b"}' % (b"1" * 5_000), b"{}"


async def sent(
    answer: Answer, *accepted: str, compresses: bool = True
) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The headers and the body that go out."""
    messages: list[Message] = []

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        messages.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "headers": [(b"accept-encoding", each.encode("latin-1")) for each in accepted],
        "services": SimpleNamespace(compresses=compresses),
    }
    await answer(scope, receive, send)
    start, body = messages
    return start["headers"], body["body"]


@pytest.mark.parametrize("accepted", [("gzip",), ("br, GZIP ;q=0.1",), ("br", "gzip"), ("é, gzip",)])
async def test_a_large_answer_is_packed_and_says_how_long_it_is(accepted: tuple[str, ...]) -> None:
    answer = Answer(LARGE, 200, [(b"vary", b"Accept")])
    for _ in range(2):  # a cache sends one answer to many
        headers, body = await sent(answer, *accepted)
        assert gzip.decompress(body) == LARGE
        assert headers == [
            (b"vary", b"Accept"),
            (b"content-encoding", b"gzip"),
            (b"content-length", b"%d" % len(body)),
        ]


@pytest.mark.parametrize("length", [1_500, 9_999, 10_000, 3_000_000])
async def test_answers_of_all_sizes_are_packed_well(length: int) -> None:
    chance = random.Random(length)
    members = (b'{"href": "https://host/%d.tif"}' % chance.randrange(10**9) for _ in range(length // 20))
    body = b",".join(members)[:length]
    _, packed = await sent(Answer(body, 200, []), "gzip")
    assert gzip.decompress(packed) == body
    assert len(packed) < 0.6 * length


@pytest.mark.parametrize(
    ("accepted", "body", "compresses"),
    [
        ("identity", LARGE, True),
        ("", LARGE, True),
        ("gzip;q=0", LARGE, True),
        ("gzip;q=none", LARGE, True),
        ("gzipped", LARGE, True),
        ("gzip", SMALL, True),
        ("gzip", b"", True),
        ("gzip", LARGE, False),
    ],
)
async def test_any_other_answer_is_sent_as_it_is(accepted: str, body: bytes, compresses: bool) -> None:
    headers, out = await sent(Answer(body, 200, []), accepted, compresses=compresses)
    assert out == body
    assert headers == [(b"content-length", b"%d" % len(body))]


async def test_an_answer_that_the_client_has_has_no_length() -> None:
    assert await sent(Answer(b"", 304, []), "gzip") == ([], b"")


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("Text/HTML", True),
        ("application/json, text/html", False),
        ("application/json;q=0.5, text/html", True),
        ("text/html;q=0", False),
        ("text/html;q=none, */*", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_the_first_of_those_that_are_accepted_most_decides(accept: str, html: bool) -> None:
    assert prefers_html(accept.encode()) is html


@pytest.mark.parametrize("reads", [prefers_html, takes_gzip])
def test_what_is_longer_than_a_clients_is_passed_over(reads: Callable[[bytes], bool]) -> None:
    assert reads(b"text/html, gzip, " + b"a" * 900) is reads(b"text/html, gzip")
    assert not reads(b"text/html, gzip, " + b"a" * 1_000)
