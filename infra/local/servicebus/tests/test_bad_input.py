"""Clients that break the rules: the protocol's error or a close, and the others are served."""

import json
import socket
import struct
import urllib.request
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from infra.local.servicebus.amqp import frames
from infra.local.servicebus.amqp.codec import Described, Uint, Ulong
from infra.local.servicebus.testing import RunningServer
from infra.local.servicebus.tests import raw
from infra.local.servicebus.tests.conftest import eventually, rss_mb
from infra.local.servicebus.tests.raw import RawClient
from infra.local.servicebus.tests.test_settlement import receive


def active(server: RunningServer, queue: str) -> int:
    with urllib.request.urlopen(f"{server.status_url}/entities") as response:
        listed = json.load(response)["entities"]
    return next(int(line["active"]) for line in listed if line["name"] == queue)


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_a_corrupt_frame_closes_its_connection_with_a_decode_error(server: RunningServer, queue: str) -> None:
    with RawClient(server.port, server.key) as bad, RawClient(server.port, server.key) as good:
        bad.send(frames.frame(0, b"\x00\x53\x13\xc0\xff\xff\xff"))
        condition = bad.expect(0x18)[0].value[0]
        assert condition == "amqp:decode-error"
        assert bad.frame() is None
        good.send(raw.attach(1, receives=False, address=queue) + raw.transfer(1, 1, raw.data(b"served")))
        assert good.expect(0x15)[4].descriptor == frames.ACCEPTED
    assert active(server, queue) == 1


@pytest.mark.parametrize("header", [struct.pack(">IBBH", 70_000, 2, 0, 0), struct.pack(">IBBH", 3, 2, 0, 0)])
def test_an_oversized_or_impossible_frame_closes_its_connection(server: RunningServer, header: bytes) -> None:
    with RawClient(server.port, server.key) as bad:
        bad.send(header + b"x" * 1000)
        assert bad.expect(0x18)[0].value[0] == "amqp:decode-error"


def test_who_speaks_no_amqp_is_answered_and_dropped(server: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(8) == frames.PROTOCOL_SASL


def test_without_a_token_no_link_is_attached(server: RunningServer, queue: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(raw.opening() + raw.attach(1, receives=False, address=queue))
        seen = b""
        while b"amqp:unauthorized-access" not in seen:
            more = connection.recv(65536)
            assert more
            seen += more


def test_a_client_that_vanishes_in_the_middle_of_a_message_leaves_nothing(
    server: RunningServer, queue: str
) -> None:
    with RawClient(server.port, server.key) as client:
        client.send(raw.attach(1, receives=False, address=queue))
        client.expect(0x12)
        client.send(raw.transfer(1, 1, raw.data(b"x" * 60_000)[:50_000], more=True))
    with RawClient(server.port, server.key) as client:
        client.send(raw.attach(1, receives=False, address=queue) + raw.transfer(1, 1, raw.data(b"whole")))
        client.expect(0x15)
    assert active(server, queue) == 1


def test_a_malformed_message_is_rejected_and_the_link_goes_on(server: RunningServer, queue: str) -> None:
    with RawClient(server.port, server.key) as client:
        client.send(
            raw.attach(1, receives=False, address=queue) + raw.transfer(1, 1, b"\x00\x53\x75\xa0\xff")
        )
        state = client.expect(0x15)[4]
        assert (state.descriptor, state.value[0].value[0]) == (frames.REJECTED, "amqp:decode-error")
        client.send(raw.transfer(1, 2, raw.data(b"good")))
        assert client.expect(0x15)[4].descriptor == frames.ACCEPTED


def test_a_transaction_is_refused_as_not_supported(server: RunningServer) -> None:
    with RawClient(server.port, server.key) as client:
        coordinator = Described(Ulong(0x30), ())
        body = frames.performative(
            0x12,
            "tx",
            Uint(1),
            False,
            None,
            None,
            Described(Ulong(0x28), ()),
            coordinator,
            None,
            None,
            Uint(0),
        )
        client.send(frames.frame(0, body))
        assert client.expect(0x16)[2].value[0] == "amqp:not-implemented"


def test_credit_is_never_exceeded(server: RunningServer, queue: str) -> None:
    with RawClient(server.port, server.key) as client:
        client.send(raw.attach(1, receives=False, address=queue))
        for number in range(1, 6):
            client.send(raw.transfer(1, number, raw.data(b"m")))
        for _ in range(5):
            client.expect(0x15)
        client.send(raw.attach(2, receives=True, address=queue, credit=2))
        client.expect(0x14)
        client.expect(0x14)
        # An echo is answered behind whatever was sent before it: no third message is under way.
        echo = (Uint(0), Uint(1000), Uint(0), Uint(1000), Uint(2), Uint(2), Uint(0), None, False, True)
        client.send(frames.frame(0, frames.performative(0x13, *echo)))
        found = client.frame()
        assert found is not None
        assert found[0] == 0x13


def test_a_thousand_connections_opened_and_dropped_leave_no_trace(
    server: RunningServer, client: ServiceBusClient, queue: str
) -> None:
    before = open_files(server.pid)
    for n in range(1000):
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        if n % 2:
            connection.sendall(raw.opening()[: n % 100])
        connection.close()
    eventually(lambda: open_files(server.pid) <= before + 5, "all of them closed")
    with client.get_queue_sender(queue) as sender, client.get_queue_receiver(queue) as receiver:
        sender.send_messages(ServiceBusMessage("still here"))
        receiver.complete_message(receive(receiver, 1)[0])


def test_a_reader_that_does_not_read_holds_up_nobody(server: RunningServer, queue: str) -> None:
    with RawClient(server.port, server.key) as sender, RawClient(server.port, server.key) as slow:
        sender.send(raw.attach(1, receives=False, address=queue))
        for number in range(1, 301):
            parts = raw.data(b"x" * 100_000)
            sender.send(
                raw.transfer(1, number, parts[:60_000], more=True) + raw.transfer(1, number, parts[60_000:])
            )
            sender.expect(0x15)
        before = rss_mb(server.pid)
        slow.send(raw.attach(1, receives=True, address=queue, credit=100_000))
        slow.expect(0x14)
        with RawClient(server.port, server.key) as other:
            other.send(raw.attach(1, receives=True, address=queue, credit=5))
            for _ in range(5):
                other.expect(0x14)
        assert rss_mb(server.pid) < before + 20
