"""One link at the server's end: credit, and messages in their frames."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from infra.local.servicebus.amqp import frames
from infra.local.servicebus.amqp.codec import Described, Ulong, encode
from infra.local.servicebus.amqp.decoding import DecodeError
from infra.local.servicebus.amqp.frames import Attach, Flow, Transfer

if TYPE_CHECKING:
    from infra.local.servicebus.amqp.session import Session

SENDER_CREDIT = 1000  # messages that a client may have under way on one link
WRAP = 2**32  # counters of the protocol are 32 bits wide


class Outgoing(Protocol):
    """What feeds a link on which the client receives."""

    def flowed(self) -> None:
        """There may be more credit, or the connection takes bytes again."""

    def settle(self, delivery: Any, state: Any, reply: Callable[[bytes], None] | None) -> None:
        """The client's outcome for one delivery; `reply` (None if it is settled already) takes the broker's."""

    def detached(self) -> None:
        """The link is gone."""


class Incoming(Protocol):
    """What takes the messages of a link on which the client sends."""

    max_bytes: int

    def received(self, payload: bytes, message_format: int, reply: Callable[[bytes], None]) -> None:
        """One whole message; `reply` takes the encoded outcome."""


class LinkFactory(Protocol):
    """Decides where a link leads. May raise ServiceBusFailure."""

    def outgoing(self, attach: Attach, link: "OutgoingLink") -> Outgoing:
        """The client wants to receive."""

    def incoming(self, attach: Attach) -> Incoming:
        """The client wants to send."""

    def closed(self) -> None:
        """The connection is gone."""


ACCEPTED = encode(Described(Ulong(frames.ACCEPTED), []))


def rejected(condition: str, description: str) -> bytes:
    """A rejected outcome with its reason."""
    return encode(Described(Ulong(frames.REJECTED), (frames.error(condition, description),)))


class OutgoingLink:
    """A link on which the client receives: sends what its source gives it, never above the credit."""

    def __init__(self, session: "Session", handle: int, *, settled: bool) -> None:
        self.session = session
        self.handle = handle
        self.settled = settled
        self.credit = 0
        self.drain = False
        self.attached = True
        self.source: Outgoing
        self._count = 0  # deliveries sent: the delivery-count of the link
        self._waiting: deque[tuple[bytes, bytes, Any]] = deque()

    def can_send(self) -> bool:
        """Whether a message may go out now."""
        return self.attached and self.credit > 0 and self.session.can_send()

    def take(self) -> None:
        """Use up one credit."""
        self.credit -= 1
        self._count = (self._count + 1) % WRAP

    def send(self, payload: bytes, tag: bytes, delivery: Any) -> None:
        """Send a message for which `take` was called."""
        if self.attached:
            self.session.send_transfer(self, payload, tag, delivery)

    def reply(self, payload: bytes) -> None:
        """Send a response when there is credit for it."""
        self._waiting.append((payload, b"", None))
        self._flush()

    def _flush(self) -> None:
        while self._waiting and self.can_send():
            self.take()
            payload, _, _ = self._waiting.popleft()
            self.send(payload, self._count.to_bytes(4, "big"), None)

    def on_flow(self, flow: Flow) -> None:
        """The client grants credit, drains, or asks how things stand."""
        if flow.link_credit is not None:
            ahead = ((flow.delivery_count or 0) - self._count) % WRAP
            credit = flow.link_credit + (ahead - WRAP if ahead >= WRAP // 2 else ahead)
            self.credit = max(0, credit)
        self.drain = bool(flow.drain)
        self.resume()
        if self.drain and self.attached:
            self._count = (self._count + self.credit) % WRAP
            self.credit = 0
        if self.drain or flow.echo:
            self.session.send_flow(self.handle, self._count, self.credit, drain=self.drain)

    def resume(self) -> None:
        """Send what waits."""
        self._flush()
        self.source.flowed()


class IncomingLink:
    """A link on which the client sends: puts messages together and keeps the client in credit."""

    def __init__(self, session: "Session", handle: int, target: Incoming) -> None:
        self._session = session
        self._handle = handle
        self._target = target
        self._count = 0
        self._credit = SENDER_CREDIT
        self._parts: list[bytes] = []
        self._size = 0
        self._first: Transfer | None = None

    def grant(self) -> None:
        """Tell the client its credit."""
        self._session.send_flow(self._handle, self._count, self._credit)

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """A message or a part of one."""
        first = self._first = self._first or transfer
        if first.delivery_id is None:
            raise DecodeError("the first transfer of a delivery lacks its delivery-id")
        self._size += len(payload)
        if self._size <= self._target.max_bytes:
            self._parts.append(payload)
        if transfer.more and not transfer.aborted:
            return
        whole, size = b"".join(self._parts), self._size
        self._first, self._parts, self._size = None, [], 0
        self._count = (self._count + 1) % WRAP
        self._credit -= 1
        if not transfer.aborted:
            self._finish(first, whole, size, settled=bool(first.settled or transfer.settled))
        if self._credit < SENDER_CREDIT // 2:
            self._credit = SENDER_CREDIT
            self.grant()

    def _finish(self, first: Transfer, whole: bytes, size: int, *, settled: bool) -> None:
        delivery_id = first.delivery_id or 0

        def reply(state: bytes) -> None:
            if not settled:
                self._session.send_disposition(True, delivery_id, state)

        if size > self._target.max_bytes:
            limit = self._target.max_bytes
            text = (
                f"The received message (delivery-id:{delivery_id}, size:{size} bytes) exceeds the limit "
                f"({limit} bytes) currently allowed on the link."
            )
            reply(rejected("amqp:link:message-size-exceeded", text))
        else:
            self._target.received(whole, first.message_format or 0, reply)
