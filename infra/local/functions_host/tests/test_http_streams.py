"""An app with an HTTP server of its own gets requests as they come, as behind Azure's host (HTTP streams)."""

import gzip
import json
import socket
import time
from collections.abc import Iterator

import pytest

from infra.local.functions_host.testing import DEADLINE_S, RunningHost, running_host
from infra.local.functions_host.tests.conftest import APPS


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with running_host(APPS / "streams", tmp_path_factory.mktemp("streams"), {}) as host:
        yield host.ready()


def test_a_request_arrives_as_it_was_sent_and_its_answer_too(streams: RunningHost) -> None:
    status, headers, body = streams.request(
        "POST", "/echo/a%20b?q=1&q=%C3%BC", b"\x00\xfe", {"X-A": "1", "Host": "elsewhere"}
    )

    seen, _, echoed = body.partition(b"\n")
    assert (status, echoed) == (201, b"\x00\xfe")
    assert json.loads(seen) == {
        "route": {"name": "a b"},
        "path": "/echo/a%20b",
        "query": "q=1&q=%C3%BC",
        "method": "POST",
        "host": "elsewhere",
        "x-a": ["1"],
        "invocation": True,
    }
    assert (headers["content-type"], headers["content-encoding"]) == ("text/x-parts", "as-it-is")
    assert streams.event("invocation", function="echo")["outcome"] == "succeeded"


def test_a_packed_body_arrives_packed(streams: RunningHost) -> None:
    packed = gzip.compress(b"text")
    status, _, body = streams.request("POST", "/echo/x", packed, {"Content-Encoding": "gzip"})
    assert (status, body.partition(b"\n")[2]) == (201, packed)


@pytest.mark.parametrize(
    ("target", "path", "name"),
    [
        ("http://elsewhere/echo/x%2Fy?q=1", "/echo/x%2Fy", "x/y"),  # as to a proxy: RFC 9112 3.2.2
        ("/echo/a%0Ab%0D%0A?q=1", "/echo/a%0Ab%0D%0A", "a\nb\r\n"),
    ],
)
def test_an_unusual_target_arrives(streams: RunningHost, target: str, path: str, name: str) -> None:
    status, _, body = streams.request("POST", target)
    seen = json.loads(body.partition(b"\n")[0])
    assert (status, seen["path"], seen["query"], seen["route"]) == (201, path, "q=1", {"name": name})


def test_parts_of_an_answer_come_before_the_request_has_ended(streams: RunningHost) -> None:
    with socket.create_connection(("127.0.0.1", streams.port), timeout=20) as client:
        head = "POST /echo/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode() + b"5\r\nfirst\r\n")
        received = b""
        while b"first" not in received:
            received += client.recv(4096)
        client.sendall(b"6\r\nsecond\r\n0\r\n\r\n")
        while more := client.recv(4096):
            received += more
    assert received.startswith(b"HTTP/1.1 201 ")
    assert b"second" in received


@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("GET", b""),
        ("POST", b"0\r\n\r\n"),  # an empty body of no length that is told
    ],
)
def test_who_hangs_up_is_heard_of(streams: RunningHost, method: str, rest: bytes) -> None:
    head = f"{method} /waits HTTP/1.1\r\nHost: h\r\n" + ("Transfer-Encoding: chunked\r\n" if rest else "")
    with socket.create_connection(("127.0.0.1", streams.port), timeout=20) as client:
        client.sendall(head.encode() + b"\r\n" + rest)
        streams.wait_for(lambda line: line.get("message") == f"{method} is waiting")

    assert streams.event("invocation", trigger=f"{method} /waits")["outcome"] == "succeeded"
    streams.wait_for(lambda line: line.get("message") == f"the client of {method} is gone")


def test_an_invocation_whose_request_never_reaches_the_app_ends_when_its_client_hangs_up(
    streams: RunningHost,
) -> None:
    with socket.create_connection(("127.0.0.1", streams.port), timeout=20) as client:
        client.sendall(b"POST /echo/half HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n")
        until = time.monotonic() + DEADLINE_S
        while not running(streams, "echo"):
            assert time.monotonic() < until

    line = streams.event("invocation", trigger="POST /echo/half")
    assert (line["outcome"], line["error"]) == ("cancelled", "its request was never sent to the app")
    assert line["level"] == "info"
    assert not running(streams, "echo")


def running(host: RunningHost, name: str) -> int:
    (found,) = [function["running"] for function in host.status()["functions"] if function["name"] == name]
    return int(found)


def test_a_body_that_breaks_off_ends_its_invocation(streams: RunningHost) -> None:
    with socket.create_connection(("127.0.0.1", streams.port), timeout=20) as client:
        client.sendall(b"POST /echo/piece HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\na piece")
        assert client.recv(1)

    streams.event("invocation", trigger="POST /echo/piece")


def test_an_exception_is_a_500_and_is_logged(streams: RunningHost) -> None:
    status, _, body = streams.request("GET", "/fails")

    assert status == 500
    assert b"of the app" not in body
    line = streams.event("invocation", function="fails")
    assert (line["outcome"], line["level"]) == ("failed", "error")
