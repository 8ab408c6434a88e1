"""Sessions at the server's end: windows, deliveries, settlement."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from infra.local.servicebus.amqp import frames
from infra.local.servicebus.amqp.codec import Described, Ubyte, Uint, Ulong
from infra.local.servicebus.amqp.decoding import DecodeError
from infra.local.servicebus.amqp.frames import Attach, Begin, Detach, Disposition, Flow, Transfer
from infra.local.servicebus.amqp.link import WRAP, IncomingLink, OutgoingLink
from infra.local.servicebus.errors import ServiceBusFailure

if TYPE_CHECKING:
    from infra.local.servicebus.amqp.connection import Connection


class Session:
    """One session: its links by handle, its windows, its unsettled deliveries."""

    def __init__(self, connection: "Connection", channel: int, begin: Begin) -> None:
        self.connection = connection
        self._channel = channel
        self._next_incoming = begin.next_outgoing_id
        self._next_outgoing = 0
        self._window = begin.incoming_window
        self._out: dict[int, OutgoingLink] = {}
        self._in: dict[int, IncomingLink] = {}
        self._unsettled: dict[int, tuple[OutgoingLink, Any]] = {}
        self._delivery_id = 0
        self._open = True

    def can_send(self) -> bool:
        """Whether the client's window and the socket take another transfer."""
        return self._open and self._window > 0 and self.connection.writable

    def ended(self) -> None:
        """The session or its connection is gone."""
        self._open = False
        for link in self._out.values():
            link.attached = False
            link.source.detached()
        self._out.clear()
        self._in.clear()
        self._unsettled.clear()

    def resume(self) -> None:
        """The connection takes bytes again."""
        for link in list(self._out.values()):
            link.resume()

    # --- frames of the client

    def on_attach(self, attach: Attach) -> None:
        """A link begins, or is refused with the reason."""
        if attach.handle in self._out or attach.handle in self._in:
            raise DecodeError(f"handle {attach.handle} is in use")
        try:
            if attach.role:
                self._attach_outgoing(attach)
            else:
                self._attach_incoming(attach)
        except ServiceBusFailure as error:
            self._refuse(attach, error)

    def _attach_outgoing(self, attach: Attach) -> None:
        settled = attach.snd_settle_mode == 1
        link = OutgoingLink(self, attach.handle, settled=settled)
        link.source = self.connection.links.outgoing(attach, link)
        self._out[attach.handle] = link
        self._confirm(attach, attach.source, attach.target, count=0, limit=None)
        link.resume()

    def _attach_incoming(self, attach: Attach) -> None:
        target = self.connection.links.incoming(attach)
        link = self._in[attach.handle] = IncomingLink(self, attach.handle, target)
        self._confirm(attach, attach.source, attach.target, count=None, limit=target.max_bytes)
        link.grant()

    def _confirm(
        self, attach: Attach, source: Any, target: Any, *, count: int | None, limit: int | None
    ) -> None:
        body = frames.performative(
            0x12,
            attach.name,
            Uint(attach.handle),
            not attach.role,
            Ubyte(attach.snd_settle_mode if attach.snd_settle_mode is not None else 2),
            Ubyte(attach.rcv_settle_mode or 0),
            _terminus(source, 0x28),
            _terminus(target, 0x29),
            None,
            None,
            None if count is None else Uint(count),
            None if limit is None else Ulong(limit),
        )
        self.connection.send(self._channel, body)

    def _refuse(self, attach: Attach, error: ServiceBusFailure) -> None:
        """A refusal is an attach without the terminus that the client asked for, then a detach that says why."""
        source, target = (None, attach.target) if attach.role else (attach.source, None)
        self._confirm(attach, source, target, count=0 if attach.role else None, limit=None)
        self._send_detach(attach.handle, error.condition, str(error))

    def on_flow(self, flow: Flow) -> None:
        """Windows and credit."""
        was_shut = self._window <= 0
        if flow.next_incoming_id is not None:
            ahead = (flow.next_incoming_id - self._next_outgoing) % WRAP
            self._window = flow.incoming_window + (ahead - WRAP if ahead >= WRAP // 2 else ahead)
        if flow.handle is None:
            if flow.echo:
                self.send_flow(None, 0, 0)
            self.resume()
        elif flow.handle in self._out:
            self._out[flow.handle].on_flow(flow)
        elif flow.handle in self._in:
            if flow.echo:
                self._in[flow.handle].grant()
        else:
            raise DecodeError(f"handle {flow.handle} has no link")
        if was_shut and flow.handle is not None:
            self.resume()  # the window was shut for every link of the session

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """A message of the client."""
        self._next_incoming = (self._next_incoming + 1) % WRAP
        link = self._in.get(transfer.handle)
        if link is None:
            if transfer.handle not in self._out:
                return  # under way while we refused or closed the link: the detach has said so
            raise DecodeError("a transfer on a link that receives")
        link.on_transfer(transfer, payload)

    def on_disposition(self, disposition: Disposition) -> None:
        """The client's outcome for a range of deliveries."""
        if not disposition.role:
            return
        first, last = disposition.first, disposition.first if disposition.last is None else disposition.last
        if last - first < len(self._unsettled):
            ids = [n for n in range(first, last + 1) if n in self._unsettled]
        else:
            ids = [n for n in self._unsettled if first <= n <= last]
        for number in ids:
            if disposition.state is None and not disposition.settled:
                continue
            link, delivery = self._unsettled.pop(number)
            link.source.settle(
                delivery, disposition.state, None if disposition.settled else self._replier(number)
            )

    def _replier(self, number: int) -> Callable[[bytes], None]:
        return lambda state: self.send_disposition(False, number, state)

    def on_detach(self, detach: Detach) -> None:
        """The client ends a link."""
        known = detach.handle in self._out or detach.handle in self._in
        self._forget(detach.handle)
        if known:
            body = frames.performative(0x16, Uint(detach.handle), bool(detach.closed))
            self.connection.send(self._channel, body)

    def _forget(self, handle: int) -> None:
        self._in.pop(handle, None)
        link = self._out.pop(handle, None)
        if link is not None:
            link.attached = False
            link.source.detached()
            for number in [n for n, (owner, _) in self._unsettled.items() if owner is link]:
                del self._unsettled[number]

    def detach(self, link: OutgoingLink, condition: str, description: str) -> None:
        """End a link from our side."""
        if link.attached:
            self._forget(link.handle)
            self._send_detach(link.handle, condition, description)

    def _send_detach(self, handle: int, condition: str, description: str) -> None:
        error = frames.error(condition, description)
        self.connection.send(self._channel, frames.performative(0x16, Uint(handle), True, error))

    # --- frames to the client

    def send_flow(self, handle: int | None, count: int, credit: int, *, drain: bool = False) -> None:
        """The session's windows and, with a handle, a link's credit."""
        link = (None,) * 3 if handle is None else (Uint(handle), Uint(count), Uint(credit))
        window = Uint(65535)
        body = frames.performative(
            0x13, Uint(self._next_incoming), window, Uint(self._next_outgoing), window, *link, None, drain
        )
        self.connection.send(self._channel, body)

    def send_disposition(self, role: bool, number: int, state: bytes) -> None:
        """The outcome of one delivery, settled."""
        self.connection.send(self._channel, frames.disposition(role, number, number, state))

    def send_transfer(self, link: OutgoingLink, payload: bytes, tag: bytes, delivery: Any) -> None:
        """One message, in as many frames as it takes."""
        number = self._delivery_id
        self._delivery_id = (number + 1) % WRAP
        settled = link.settled or delivery is None
        if not settled:
            self._unsettled[number] = (link, delivery)
        # The frame's header and the performative, at their longest.
        room = self.connection.remote_max_frame - 64
        for begin in range(0, len(payload), room) or (0,):
            part = payload[begin : begin + room]
            more = begin + room < len(payload)
            body = frames.transfer(link.handle, number, tag, settled=settled, more=more) + part
            self.connection.send(self._channel, body)
            self._next_outgoing = (self._next_outgoing + 1) % WRAP
            self._window -= 1


def _terminus(value: Any, code: int) -> Any:
    """A source or target as the client wrote it: the SDK compares addresses and reads filters back."""
    if not isinstance(value, Described) or not isinstance(value.value, list):
        return None
    address = value.value[0] if value.value else None
    return Described(Ulong(code), (address if isinstance(address, str | bytes) else None,))
