"""Encoded messages taken apart at their sections and put together again, the bare message untouched.

Sections: OASIS AMQP 1.0, part 3 section 3.2. Everything from the properties to the footer is kept as the bytes the
sender wrote, so that a receiver sees the very types that were sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from infra.local.servicebus.amqp.codec import Described, Symbol, Ubyte, Uint, Ulong, compound, encode
from infra.local.servicebus.amqp.decoding import DecodeError, decode, pairs, skip

HEADER, DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, PROPERTIES = 0x70, 0x71, 0x72, 0x73
APPLICATION_PROPERTIES, DATA, SEQUENCE, VALUE, FOOTER = 0x74, 0x75, 0x76, 0x77, 0x78
BATCH_FORMAT = 0x80013700  # the message-format of a batch: each data section is one encoded message

# Annotations that only the broker may write; a sender's own are dropped.
_BROKERS = frozenset(
    {
        "x-opt-sequence-number",
        "x-opt-enqueued-time",
        "x-opt-locked-until",
        "x-opt-enqueue-sequence-number",
        "x-opt-message-state",
        "x-opt-deadletter-source",
        "x-opt-lock-token",
    }
)
SCHEDULED_AT = "x-opt-scheduled-enqueue-time"


@dataclass(frozen=True)
class Head:
    """What precedes the bare message: header fields and raw annotation pairs (keys and values, encoded)."""

    durable: bool = False
    priority: int | None = None
    ttl_ms: int | None = None
    annotation_count: int = 0
    annotations: bytes = b""
    delivery_count: int = 0
    delivery: bytes = b""

    def pack(self) -> bytes:
        """The bytes in which the store keeps it."""
        return encode(
            [
                self.durable,
                self.priority,
                self.ttl_ms,
                self.annotation_count,
                self.annotations,
                self.delivery_count,
                self.delivery,
            ]
        )

    @classmethod
    def unpack(cls, data: bytes) -> "Head":
        """What `pack` wrote."""
        return cls(*decode(data)[0])


@dataclass(frozen=True)
class Message:
    """One message as it was sent: its head, and the bare message as bytes with the places of its sections."""

    head: Head
    bare: bytes
    sections: Mapping[int, tuple[int, int]]
    scheduled_at: int | None = None

    @cached_property
    def properties(self) -> list[Any]:
        """The properties section, padded to its thirteen fields."""
        found = self._section(PROPERTIES)
        fields = list(found) if isinstance(found, list) else []
        return fields + [None] * (13 - len(fields))

    @cached_property
    def application_properties(self) -> dict[str, Any]:
        """The application properties; empty without the section."""
        found = self._section(APPLICATION_PROPERTIES)
        return {text(key): value for key, value in found.items()} if isinstance(found, dict) else {}

    @property
    def body_value(self) -> Any:
        """The body of a request: what its amqp-value section holds."""
        return self._section(VALUE)

    @property
    def message_id(self) -> str | None:
        """The message-id as text; None without one."""
        value = self.properties[0]
        return None if value is None else str(value)

    def marked(self, changes: Mapping[str, Any]) -> "Message":
        """The message with some application properties set."""
        changed = parse(with_properties(self.bare, changes))
        return replace(changed, head=self.head, scheduled_at=self.scheduled_at)

    def _section(self, code: int) -> Any:
        place = self.sections.get(code)
        return None if place is None else decode(self.bare, place[0])[0].value


def parse(payload: bytes) -> Message:
    """Take one encoded message apart. Raises DecodeError."""
    head, scheduled_at = Head(), None
    kept: list[bytes] = []
    sections: dict[int, tuple[int, int]] = {}
    pos = length = 0
    while pos < len(payload):
        code, value, end = _section_at(payload, pos)
        if code == HEADER:
            head = _with_header(head, decode(payload, value)[0])
        elif code == MESSAGE_ANNOTATIONS:
            count, raw, scheduled_at = _kept_annotations(payload, value)
            head = replace(head, annotation_count=count, annotations=raw)
        elif code == DELIVERY_ANNOTATIONS:
            count, raw, _ = _kept_annotations(payload, value)
            head = replace(head, delivery_count=count, delivery=raw)
        else:
            sections.setdefault(code, (length, length + end - pos))
            kept.append(payload[pos:end])
            length += end - pos
        pos = end
    message = Message(head, b"".join(kept), sections, scheduled_at)
    _check(message)
    return message


def parse_batch(payload: bytes) -> list[Message]:
    """The messages of a batch: one in each data section. Raises DecodeError."""
    messages = []
    pos = 0
    while pos < len(payload):
        code, value, end = _section_at(payload, pos)
        if code == DATA:
            inner = decode(payload, value)[0]
            if not isinstance(inner, bytes):
                raise DecodeError("a data section of a batch must hold bytes")
            messages.append(parse(inner))
        pos = end
    return messages


def assemble(
    head: Head,
    bare: bytes,
    *,
    deliveries: int,
    annotations: Mapping[str, Any],
    lock_token: Any = None,
) -> bytes:
    """The encoded message as a receiver gets it: head and the broker's annotations before the bare message."""
    header = encode(
        Described(
            Ulong(HEADER),
            (
                head.durable,
                None if head.priority is None else Ubyte(head.priority),
                None if head.ttl_ms is None else Uint(head.ttl_ms),
                None,
                Uint(deliveries),
            ),
        )
    )
    parts = [header]
    count, raw = head.delivery_count, head.delivery
    if lock_token is not None:
        count, raw = count + 1, raw + encode(Symbol("x-opt-lock-token")) + encode(lock_token)
    if count:
        parts.append(b"\x00\x53\x71" + compound(0xC1, 0xD1, 2 * count, raw))
    own = b"".join(encode(Symbol(key)) + encode(value) for key, value in annotations.items())
    total = head.annotation_count + len(annotations)
    parts.append(b"\x00\x53\x72" + compound(0xC1, 0xD1, 2 * total, head.annotations + own))
    parts.append(bare)
    return b"".join(parts)


def with_properties(bare: bytes, changes: Mapping[str, Any]) -> bytes:
    """The bare message with some application properties set, every other byte as it was."""
    if not changes:
        return bare
    before, place = b"", 0
    raw, count = b"", 0
    pos = 0
    while pos < len(bare):
        code, value, end = _section_at(bare, pos)
        if code == PROPERTIES:
            before, place = bare[:end], end
        elif code == APPLICATION_PROPERTIES:
            for key_at, _, after in pairs(bare, value):
                if decode(bare, key_at)[0] not in changes:
                    raw, count = raw + bare[key_at:after], count + 1
            before, place = bare[:pos], end
        else:
            break
        pos = end
    for key, new in changes.items():
        raw, count = raw + encode(str(key)) + encode(new), count + 1
    return before + b"\x00\x53\x74" + compound(0xC1, 0xD1, 2 * count, raw) + bare[place:]


def reply(correlation: Any, properties: Mapping[str, Any], body: Any) -> bytes:
    """An encoded response to a request: its correlation-id, application properties, amqp-value body."""
    fields = (None, None, None, None, None, correlation)
    return b"".join(
        (
            encode(Described(Ulong(PROPERTIES), fields)),
            encode(Described(Ulong(APPLICATION_PROPERTIES), dict(properties))),
            encode(Described(Ulong(VALUE), body)),
        )
    )


def text(value: Any) -> str:
    """A string, symbol or binary as text: the SDK sends names as any of them. Raises DecodeError."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, str):
        return value
    raise DecodeError(f"{value!r} is no name")


def _section_at(payload: bytes, pos: int) -> tuple[int, int, int]:
    """(section code, begin of its value, end) of the section at `pos`."""
    if payload[pos : pos + 2] == b"\x00\x53" and pos + 3 < len(payload):
        code, value = payload[pos + 2], pos + 3
    else:
        if payload[pos] != 0:
            raise DecodeError("a message must consist of sections")
        descriptor, value = decode(payload, pos + 1)
        if not isinstance(descriptor, int):
            raise DecodeError("a section has an unknown descriptor")
        code = descriptor
    if not HEADER <= code <= FOOTER:
        raise DecodeError(f"0x{code:x} is no section of a message")
    return code, value, skip(payload, value)


def _with_header(head: Head, fields: Any) -> Head:
    if not isinstance(fields, list):
        raise DecodeError("the header of a message must be a list")
    durable, priority, ttl = (fields + [None] * 3)[:3]
    if not isinstance(priority, int | None) or not isinstance(ttl, int | None):
        raise DecodeError("the header of a message has a field of the wrong type")
    return replace(head, durable=bool(durable), priority=priority, ttl_ms=ttl)


def _kept_annotations(payload: bytes, value: int) -> tuple[int, bytes, int | None]:
    if payload[value] == 0x40:
        return 0, b"", None
    count, raw, scheduled_at = 0, [], None
    for key_at, value_at, after in pairs(payload, value):
        key = decode(payload, key_at)[0]
        if key == SCHEDULED_AT:
            when = decode(payload, value_at)[0]
            scheduled_at = int(when) if isinstance(when, int) else None
        if key not in _BROKERS:
            raw.append(payload[key_at:after])
            count += 1
    return count, b"".join(raw), scheduled_at


def _check(message: Message) -> None:
    """Decode what the broker itself reads, so that a malformed message is refused when it is sent."""
    ttl, expiry = message.head.ttl_ms, message.properties[8]
    if (ttl is not None and ttl < 0) or not isinstance(expiry, int | None):
        raise DecodeError("a message has a time to live or an expiry of the wrong type")
    message.application_properties  # noqa: B018 - decoding it is the check
