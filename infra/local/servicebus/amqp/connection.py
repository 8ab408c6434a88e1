"""The server's end of one AMQP connection: handshake, frames, sessions and links, whatever the links lead to."""

import asyncio
import logging
import struct
from collections.abc import Callable
from uuid import uuid4

from infra.local.servicebus.amqp import frames
from infra.local.servicebus.amqp.codec import Array, Symbol, Ubyte, Uint, Ushort
from infra.local.servicebus.amqp.decoding import DecodeError
from infra.local.servicebus.amqp.frames import (
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    SaslInit,
    Transfer,
)
from infra.local.servicebus.amqp.link import LinkFactory
from infra.local.servicebus.amqp.session import Session

_log = logging.getLogger(__name__)

MAX_FRAME = 65536
IDLE_MS = 240_000  # what Azure announces: a peer that is silent for longer is gone
HANDSHAKE_S = 20  # a peer that has not opened its connection by then is dropped
LEAST_FRAME = 512  # the protocol's minimum for max-frame-size
CHANNEL_MAX = 255


class Connection(asyncio.Protocol):
    """Parses what arrives, answers, and drops a peer that does not speak AMQP."""

    def __init__(self, new_links: Callable[["Connection"], LinkFactory], live: set["Connection"]) -> None:
        self._new_links = new_links
        self._live = live
        self._buffer = bytearray()
        self._stage: Callable[[], bool] = self._read_protocol
        self._sessions: dict[int, Session] = {}
        self._ended: set[int] = set()
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._opened = False
        self._closed = False
        self.writable = True
        self.remote_max_frame = LEAST_FRAME
        self.links: LinkFactory
        self.transport: asyncio.Transport

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has connected."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("AMQP needs a stream transport")
        self.transport = transport
        transport.set_write_buffer_limits(high=1024 * 1024)  # a slow reader holds this much, no more
        self.links = self._new_links(self)
        self._live.add(self)
        self._set_timer(HANDSHAKE_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone: its links end, its locks stay."""
        self._closed = True
        self._live.discard(self)
        for timer in (self._timer, self._beat):
            if timer is not None:
                timer.cancel()
        for session in self._sessions.values():
            session.ended()
        self._sessions.clear()
        self.links.closed()

    def pause_writing(self) -> None:
        """The peer reads too slowly: nothing more is delivered to it."""
        self.writable = False

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self.writable = True
        for session in list(self._sessions.values()):
            session.resume()

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""
        if self._closed:
            return
        self._buffer += data
        try:
            while not self._closed and self._stage():
                pass
        except DecodeError as error:
            self.fail("amqp:decode-error", str(error))

    # --- handshake

    def _read_protocol(self) -> bool:
        if len(self._buffer) < 8:
            return False
        header = bytes(self._buffer[:8])
        del self._buffer[:8]
        if header == frames.PROTOCOL_SASL:
            mechanisms = [Symbol(m) for m in ("MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL")]
            self.transport.write(frames.PROTOCOL_SASL)
            body = frames.performative(frames.SASL_MECHANISMS, Array(tuple(mechanisms)))
            self.transport.write(frames.frame(0, body, sasl=True))
            self._stage = self._read_frame
        elif header == frames.PROTOCOL_AMQP:
            self.transport.write(frames.PROTOCOL_AMQP)
            self._stage = self._read_frame
        else:
            self.transport.write(frames.PROTOCOL_SASL)  # says what is spoken here, then ends
            self._drop()
        return True

    def _read_frame(self) -> bool:
        if len(self._buffer) < 8:
            return False
        size, offset, kind, channel = struct.unpack_from(">IBBH", self._buffer)
        if not 8 <= size <= MAX_FRAME or not 8 <= offset * 4 <= size or kind > 1:
            raise DecodeError(f"a frame of {size} bytes, data offset {offset}, type {kind} is not acceptable")
        if len(self._buffer) < size:
            return False
        body = bytes(self._buffer[offset * 4 : size])
        del self._buffer[:size]
        self._set_timer(IDLE_MS / 1000 if self._opened else None)
        if body:
            performative, payload_at = frames.decode_performative(body)
            if isinstance(performative, SaslInit) != (kind == 1):
                raise DecodeError("a frame of the wrong type")
            self._handle(channel, performative, body[payload_at:])
        return True

    def _handle(self, channel: int, performative: frames.Performative, payload: bytes) -> None:
        if isinstance(performative, SaslInit):
            self.transport.write(
                frames.frame(0, frames.performative(frames.SASL_OUTCOME, _UBYTE_0), sasl=True)
            )
            self._stage = self._read_protocol
        elif isinstance(performative, Open):
            self._on_open(performative)
        elif not self._opened:
            raise DecodeError("the first frame must be an open")
        elif isinstance(performative, Close):
            self.send(0, frames.performative(0x18))
            self._drop()
        elif isinstance(performative, Begin):
            self._on_begin(channel, performative)
        else:
            self._in_session(channel, performative, payload)

    def _on_open(self, opened: Open) -> None:
        if self._opened:
            raise DecodeError("a connection is opened once")
        if (opened.max_frame_size or 2**32 - 1) < LEAST_FRAME:
            raise DecodeError("max-frame-size is below the protocol's minimum of 512")
        self._opened = True
        self.remote_max_frame = min(opened.max_frame_size or MAX_FRAME, MAX_FRAME)
        body = frames.performative(
            0x10, f"servicebus-{uuid4()}", None, Uint(MAX_FRAME), Ushort(CHANNEL_MAX), Uint(IDLE_MS)
        )
        self.send(0, body)
        self._set_timer(IDLE_MS / 1000)
        # Empty frames at half of what the peer allows; one that announces nothing gets them at half of ours.
        self._schedule_beat(max(0.1, (opened.idle_time_out or IDLE_MS) / 2000))

    def _on_begin(self, channel: int, begin: Begin) -> None:
        if channel in self._sessions or channel > CHANNEL_MAX:
            raise DecodeError(f"channel {channel} cannot begin a session")
        self._sessions[channel] = Session(self, channel, begin)
        window, handles = Uint(65535), Uint(65535)
        self.send(channel, frames.performative(0x11, Ushort(channel), Uint(0), window, window, handles))

    def _in_session(self, channel: int, performative: frames.Performative, payload: bytes) -> None:
        session = self._sessions.get(channel)
        if session is None:
            if channel in self._ended:
                return  # the SDK sends a last detach behind its own end
            raise DecodeError(f"channel {channel} has no session")
        if isinstance(performative, End):
            del self._sessions[channel]
            self._ended.add(channel)
            session.ended()
            self.send(channel, frames.performative(0x17))
        elif isinstance(performative, Attach):
            session.on_attach(performative)
        elif isinstance(performative, Flow):
            session.on_flow(performative)
        elif isinstance(performative, Transfer):
            session.on_transfer(performative, payload)
        elif isinstance(performative, Disposition):
            session.on_disposition(performative)
        elif isinstance(performative, Detach):
            session.on_detach(performative)

    # --- what sessions and links use

    def send(self, channel: int, body: bytes) -> None:
        """One frame to the peer."""
        if not self._closed:
            self.transport.write(frames.frame(channel, body))

    def fail(self, condition: str, description: str) -> None:
        """Close the connection with an error, in the form that the handshake has reached."""
        _log.warning("closing a connection: %s: %s", condition, description)
        if self._opened:
            self.send(0, frames.performative(0x18, frames.error(condition, description)))
        self._drop()

    def _drop(self) -> None:
        if not self._closed:
            self._closed = True
            self.transport.close()
            # A peer that does not read would keep the socket open for as long as it likes.
            asyncio.get_running_loop().call_later(5, self.transport.abort)

    def shut(self) -> None:
        """The broker stops: close as Azure does when it moves a namespace."""
        if self._opened and not self._closed:
            self.send(
                0,
                frames.performative(0x18, frames.error("amqp:connection:forced", "The broker is stopping.")),
            )
        self._drop()

    # --- time

    def _set_timer(self, seconds: float | None) -> None:
        """(Re)start the clock of silence; None leaves it as it is.

        One timer is kept and compared with the last frame when it rings: frames are many, timers are not free.
        """
        if seconds is None:
            return
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + seconds
        if self._timer is None or self._timer.when() > self._deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_at(self._deadline, self._silent)

    def _silent(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if loop.time() < self._deadline:
            self._timer = loop.call_at(self._deadline, self._silent)
        else:
            self.fail(
                "amqp:resource-limit-exceeded", "The connection was silent for longer than its idle time-out."
            )

    def _schedule_beat(self, seconds: float) -> None:
        def beat() -> None:
            self.transport.write(frames.EMPTY_FRAME)
            self._schedule_beat(seconds)

        if not self._closed:
            self._beat = asyncio.get_running_loop().call_later(seconds, beat)


_UBYTE_0 = Ubyte(0)
