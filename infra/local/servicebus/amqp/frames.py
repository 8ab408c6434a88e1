"""Frames and performatives (OASIS AMQP 1.0, part 2 section 2.3 and 2.7, part 5 section 5.3)."""

import struct
from typing import Any, NamedTuple

from infra.local.servicebus.amqp.codec import Described, Symbol, Uint, Ulong, encode
from infra.local.servicebus.amqp.decoding import DecodeError, decode

PROTOCOL_AMQP = b"AMQP\x00\x01\x00\x00"
PROTOCOL_SASL = b"AMQP\x03\x01\x00\x00"
EMPTY_FRAME = b"\x00\x00\x00\x08\x02\x00\x00\x00"
_HEADER = struct.Struct(">IBBH")

SASL_MECHANISMS, SASL_INIT, SASL_OUTCOME = 0x40, 0x41, 0x44
RECEIVED, ACCEPTED, REJECTED, RELEASED, MODIFIED = 0x23, 0x24, 0x25, 0x26, 0x27
ERROR = 0x1D


class Open(NamedTuple):
    """The first frame of a connection: limits of the peer."""

    container_id: str
    hostname: str | None = None
    max_frame_size: int | None = 4294967295
    channel_max: int | None = 65535
    idle_time_out: int | None = None
    outgoing_locales: Any = None
    incoming_locales: Any = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: dict[Any, Any] | None = None


class Begin(NamedTuple):
    """The begin of a session."""

    remote_channel: int | None
    next_outgoing_id: int
    incoming_window: int
    outgoing_window: int
    handle_max: int | None = 4294967295
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: dict[Any, Any] | None = None


class Attach(NamedTuple):
    """A link is attached to a session; `role` True is the receiver's end."""

    name: str
    handle: int
    role: bool
    snd_settle_mode: int | None = 2
    rcv_settle_mode: int | None = 0
    source: Any = None
    target: Any = None
    unsettled: Any = None
    incomplete_unsettled: bool | None = None
    initial_delivery_count: int | None = None
    max_message_size: int | None = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: dict[Any, Any] | None = None


class Flow(NamedTuple):
    """Windows of a session and, with a handle, credit of a link."""

    next_incoming_id: int | None
    incoming_window: int
    next_outgoing_id: int
    outgoing_window: int
    handle: int | None = None
    delivery_count: int | None = None
    link_credit: int | None = None
    available: int | None = None
    drain: bool | None = None
    echo: bool | None = None
    properties: dict[Any, Any] | None = None


class Transfer(NamedTuple):
    """A message, or a part of it where `more` is set."""

    handle: int
    delivery_id: int | None = None
    delivery_tag: bytes | None = None
    message_format: int | None = None
    settled: bool | None = None
    more: bool | None = None
    rcv_settle_mode: int | None = None
    state: Any = None
    resume: bool | None = None
    aborted: bool | None = None
    batchable: bool | None = None


class Disposition(NamedTuple):
    """The state of a range of deliveries."""

    role: bool
    first: int
    last: int | None = None
    settled: bool | None = None
    state: Any = None
    batchable: bool | None = None


class Detach(NamedTuple):
    """The end of a link."""

    handle: int
    closed: bool | None = None
    error: Any = None


class End(NamedTuple):
    """The end of a session."""

    error: Any = None


class Close(NamedTuple):
    """The end of a connection."""

    error: Any = None


class SaslInit(NamedTuple):
    """The client's choice of a SASL mechanism."""

    mechanism: str
    initial_response: bytes | None = None
    hostname: str | None = None


Performative = Open | Begin | Attach | Flow | Transfer | Disposition | Detach | End | Close | SaslInit

_UINT = 2**32 - 1
_LIMITS = {"snd_settle_mode": 2, "rcv_settle_mode": 1, "channel_max": 65535, "max_message_size": 2**64 - 1}

_ANY: tuple[type, ...] = (object,)
_NONE = type(None)
_INT, _OPT_INT = (int,), (int, _NONE)
_BOOL, _OPT_BOOL = (bool,), (bool, _NONE)
_STR, _OPT_STR, _OPT_BYTES = (str,), (str, _NONE), (bytes, _NONE)
_OPT_MAP = (dict, _NONE)
_SHAPES: dict[int, tuple[type[Any], tuple[tuple[type, ...], ...]]] = {
    0x10: (Open, (_STR, _OPT_STR, *(_OPT_INT,) * 3, *(_ANY,) * 4, _OPT_MAP)),
    0x11: (Begin, (_OPT_INT, _INT, _INT, _INT, _OPT_INT, _ANY, _ANY, _OPT_MAP)),
    0x12: (
        Attach,
        (
            _STR,
            _INT,
            _BOOL,
            _OPT_INT,
            _OPT_INT,
            *(_ANY,) * 3,
            _OPT_BOOL,
            _OPT_INT,
            _OPT_INT,
            _ANY,
            _ANY,
            _OPT_MAP,
        ),
    ),
    0x13: (Flow, (_OPT_INT, _INT, _INT, _INT, *(_OPT_INT,) * 4, _OPT_BOOL, _OPT_BOOL, _OPT_MAP)),
    0x14: (
        Transfer,
        (_INT, _OPT_INT, _OPT_BYTES, _OPT_INT, *(_OPT_BOOL,) * 2, _OPT_INT, _ANY, *(_OPT_BOOL,) * 3),
    ),
    0x15: (Disposition, (_BOOL, _INT, _OPT_INT, _OPT_BOOL, _ANY, _OPT_BOOL)),
    0x16: (Detach, (_INT, _OPT_BOOL, _ANY)),
    0x17: (End, (_ANY,)),
    0x18: (Close, (_ANY,)),
    0x41: (SaslInit, (_STR, _OPT_BYTES, _OPT_STR)),
}


def decode_performative(body: bytes) -> tuple[Performative, int]:
    """The performative at the begin of a frame's body, and where its payload begins. Raises DecodeError."""
    described, end = decode(body)
    if not isinstance(described, Described) or not isinstance(described.value, list):
        raise DecodeError("a frame must begin with a performative")
    shape = _SHAPES.get(described.descriptor) if isinstance(described.descriptor, int) else None
    if shape is None:
        raise DecodeError(f"{described.descriptor!r} is no performative of a client")
    kind, types = shape
    fields = described.value
    if len(fields) > len(types):
        raise DecodeError(f"{kind.__name__} has more fields than its type")
    for name, value, allowed in zip(kind._fields, fields, types, strict=False):
        if not isinstance(value, allowed) or (
            isinstance(value, int) and not 0 <= value <= _LIMITS.get(name, _UINT)
        ):
            raise DecodeError(f"field {name} of {kind.__name__} has the wrong type")
    try:
        performative: Performative = kind(*fields)
    except TypeError as error:
        raise DecodeError(f"{kind.__name__} lacks a mandatory field") from error
    return performative, end


def frame(channel: int, body: bytes, *, sasl: bool = False) -> bytes:
    """One frame on a channel."""
    return _HEADER.pack(8 + len(body), 2, 1 if sasl else 0, channel) + body


def performative(code: int, *fields: Any) -> bytes:
    """The bytes of a performative; fields as the codec encodes them."""
    return encode(Described(Ulong(code), fields))


def error(condition: str, description: str) -> Described:
    """An AMQP error with all three fields: the SDK indexes the third."""
    return Described(Ulong(ERROR), (Symbol(condition), description, None))


_ACCEPTED = b"\x00\x53\x24\x45"


def disposition(role: bool, first: int, last: int, state: bytes = _ACCEPTED) -> bytes:
    """A settled disposition of deliveries first to last, with an encoded outcome."""
    parts = b"".join((b"\x41" if role else b"\x42", encode(Uint(first)), encode(Uint(last)), b"\x41", state))
    return b"\x00\x53\x15\xd0" + struct.pack(">II", len(parts) + 4, 5) + parts


def transfer(handle: int, delivery_id: int, tag: bytes, *, settled: bool, more: bool) -> bytes:
    """The performative of one transfer frame; the payload follows it."""
    parts = b"".join(
        (
            encode(Uint(handle)),
            encode(Uint(delivery_id)),
            b"\xa0" + bytes((len(tag),)) + tag,
            b"\x43",
            b"\x41" if settled else b"\x42",
            b"\x41" if more else b"\x42",
        )
    )
    return b"\x00\x53\x14\xc0" + bytes((len(parts) + 1, 6)) + parts
