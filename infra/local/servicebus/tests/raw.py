"""A client that may misbehave: frames on a socket, by our own codec."""

import socket
import struct
import time
from typing import Any, Self
from uuid import uuid4

from azure.servicebus._pyamqp.utils import generate_sas_token

from infra.local.servicebus.amqp import frames
from infra.local.servicebus.amqp.codec import Described, Ubyte, Uint, Ulong, Ushort, encode
from infra.local.servicebus.amqp.decoding import decode

KEY_NAME = "RootManageSharedAccessKey"


def opening() -> bytes:
    """Everything that a client sends until its first session is there."""
    return b"".join(
        (
            frames.PROTOCOL_AMQP,
            frames.frame(0, frames.performative(0x10, "raw", "localhost", Uint(65536), Ushort(10))),
            frames.frame(0, frames.performative(0x11, None, Uint(0), Uint(2**31), Uint(2**31))),
        )
    )


def attach(handle: int, *, receives: bool, address: str, credit: int = 0) -> bytes:
    """A link on channel 0; for a receiving one also its first credit."""
    body = frames.performative(
        0x12,
        f"link-{handle}",
        Uint(handle),
        receives,
        Ubyte(0),
        Ubyte(1 if receives else 0),
        Described(Ulong(0x28), (address,)),
        Described(Ulong(0x29), (address,)),
        None,
        None,
        None if receives else Uint(0),
    )
    return frames.frame(0, body) + (flow(handle, credit) if credit else b"")


def flow(handle: int, credit: int) -> bytes:
    """Credit for a receiving link that has received nothing yet."""
    window = Uint(2**31)
    body = frames.performative(0x13, Uint(0), window, Uint(0), window, Uint(handle), Uint(0), Uint(credit))
    return frames.frame(0, body)


def transfer(handle: int, number: int, payload: bytes, *, more: bool = False) -> bytes:
    """A message, or its beginning."""
    return frames.frame(0, frames.transfer(handle, number, b"tag", settled=False, more=more) + payload)


def outcome(number: int, state: Described) -> bytes:
    """What a receiver makes of a delivery."""
    return frames.frame(0, frames.performative(0x15, True, Uint(number), None, False, state))


def request(operation: str, body: dict[str, Any]) -> bytes:
    """An encoded request to a `$management` node."""
    return b"".join(
        (
            encode(Described(Ulong(0x73), (uuid4(), None, None, None, "replies"))),
            encode(Described(Ulong(0x74), {"operation": f"com.microsoft:{operation}"})),
            encode(Described(Ulong(0x77), body)),
        )
    )


def data(body: bytes) -> bytes:
    """An encoded message with nothing but a body."""
    return encode(Described(Ulong(0x75), body))


class RawClient:
    """A connection that is open, with a token for everything."""

    def __init__(self, port: int, key: str, *, token_s: int = 600) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.sendall(opening())
        self._buffer = b""
        self.payload = b""  # what came behind the last performative
        token = generate_sas_token(  # type: ignore[no-untyped-call]  # the SDK has no types here
            f"sb://127.0.0.1:{port}", KEY_NAME, key, int(time.time()) + token_s
        )
        request = b"".join(
            (
                encode(Described(Ulong(0x73), (uuid4(), None, None, None, "$cbs"))),
                encode(
                    Described(
                        Ulong(0x74), {"operation": "put-token", "type": "jwt", "name": "sb://127.0.0.1"}
                    )
                ),
                encode(Described(Ulong(0x77), token)),
            )
        )
        self.socket.sendall(
            attach(100, receives=True, address="$cbs", credit=10)
            + attach(101, receives=False, address="$cbs")
            + transfer(101, 0, request)
        )
        self.expect(0x14)
        self.expect(0x15)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def frame(self) -> tuple[int, list[Any]] | None:
        """The next frame: (code, fields); None at the end of the connection."""
        while True:
            if self._buffer[:4] == b"AMQP" and len(self._buffer) >= 8:
                self._buffer = self._buffer[8:]
            size = struct.unpack(">I", self._buffer[:4])[0] if len(self._buffer) >= 8 else 0
            if size and self._buffer[:4] != b"AMQP" and len(self._buffer) >= size:
                body, self._buffer = self._buffer[8:size], self._buffer[size:]
                if body:
                    performative, end = decode(body)
                    self.payload = body[end:]
                    return performative.descriptor, performative.value
                continue
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self._buffer += more

    def expect(self, code: int) -> list[Any]:
        """Read up to a frame of one kind. Raises AssertionError if the connection ends before it."""
        while (found := self.frame()) is not None:
            if found[0] == code:
                return found[1]
        raise AssertionError(f"the connection ended before a frame 0x{code:x}")
