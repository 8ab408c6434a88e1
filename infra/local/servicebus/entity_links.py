"""Links to entities: what comes in is published, what goes out is settled as the client says."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.local.servicebus.amqp import frames, message
from infra.local.servicebus.amqp.codec import Described, Ulong, encode
from infra.local.servicebus.amqp.decoding import DecodeError
from infra.local.servicebus.amqp.link import ACCEPTED, OutgoingLink, rejected
from infra.local.servicebus.broker import Broker, Sink
from infra.local.servicebus.entries import Lock
from infra.local.servicebus.errors import BadArgument, LockLost, TooLarge, Unauthorized
from infra.local.servicebus.queue import Queue


class Sender:
    """A link on which messages come in."""

    def __init__(self, broker: Broker, sink: Sink, authorize: Callable[[], None]) -> None:
        self.max_bytes = broker.max_bytes
        self._broker = broker
        self._sink = sink
        self._authorize = authorize

    def received(self, payload: bytes, message_format: int, reply: Callable[[bytes], None]) -> None:
        """One message or one batch."""
        try:
            self._authorize()
            batch = message_format == message.BATCH_FORMAT
            if batch:
                self._broker.check_batch(len(payload))
            messages = message.parse_batch(payload) if batch else [message.parse(payload)]
        except DecodeError as error:
            reply(rejected("amqp:decode-error", str(error)))
            return
        except (Unauthorized, TooLarge) as error:
            reply(rejected(error.condition, str(error)))
            return

        def stored(error: Exception | None) -> None:
            reply(ACCEPTED if error is None else rejected("com.microsoft:server-busy", str(error)))

        self._broker.publish(self._sink, messages, stored)


class Receiver:
    """A link on which messages go out."""

    def __init__(self, queue: Queue, link: OutgoingLink, gone: Callable[[], object]) -> None:
        self.deletes = link.settled
        self._queue = queue
        self._link = link
        self._gone = gone
        queue.attach(self)

    def can_take(self) -> bool:
        """Whether there is credit and room."""
        return self._link.can_send()

    def take(self) -> None:
        """Use up one credit."""
        self._link.take()

    def deliver(self, payload: bytes, lock: Lock | None) -> None:
        """Send one message."""
        tag = b"\x00" * 16 if lock is None else lock.token.bytes_le
        self._link.send(payload, tag, lock)

    def flowed(self) -> None:
        """There may be credit again."""
        if self._link.credit:
            self._queue.pump()

    def detached(self) -> None:
        """The link is gone; its locks are not."""
        self._queue.detach(self)
        self._gone()

    def settle(self, delivery: Lock, state: Any, reply: Callable[[bytes], None] | None) -> None:
        """The client's outcome for one message."""

        def done(error: Exception | None) -> None:
            if reply is not None:
                reply(echo if error is None else rejected("com.microsoft:server-busy", str(error)))

        try:
            echo = _settle(self._queue, delivery, state, done)
            if echo == _RELEASED and reply is not None:
                reply(echo)
        except (LockLost, BadArgument) as error:
            if reply is not None:
                reply(rejected(error.condition, str(error)))


_RELEASED = encode(Described(Ulong(frames.RELEASED), []))


def _settle(queue: Queue, lock: Lock, state: Any, done: Callable[[Exception | None], None]) -> bytes:
    """Begin what an outcome asks for; returns the outcome to echo. Raises LockLost, BadArgument."""
    if not isinstance(state, Described) or not isinstance(state.value, list):
        raise BadArgument("The outcome is no delivery state.")
    code, fields = state.descriptor, [*state.value, None, None, None]
    if code == frames.ACCEPTED:
        queue.complete(lock, done)
        return ACCEPTED
    if code == frames.RELEASED:
        queue.release(lock)
        return _RELEASED
    if code == frames.REJECTED:
        queue.dead_letter(lock, _dead_letter_properties(fields[0]), done)
        return encode(Described(Ulong(frames.REJECTED), []))
    if code == frames.MODIFIED:
        changes = {str(k): v for k, v in fields[2].items()} if isinstance(fields[2], dict) else {}
        if fields[1]:
            queue.defer(lock, changes, done)
        elif fields[0]:
            queue.abandon(lock, changes, done)
        else:
            queue.release(lock)
            done(None)
        return encode(Described(Ulong(frames.MODIFIED), (bool(fields[0]), bool(fields[1]), None)))
    raise BadArgument("The outcome is none that settles a message.")


def _dead_letter_properties(error: Any) -> Mapping[str, Any]:
    if not isinstance(error, Described) or not isinstance(error.value, list):
        return {}
    info = error.value[2] if len(error.value) > 2 and isinstance(error.value[2], dict) else {}
    return {str(key): value for key, value in info.items() if value is not None}
