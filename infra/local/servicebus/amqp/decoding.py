"""Bytes to AMQP 1.0 values (OASIS AMQP 1.0, part 1); whatever a hostile peer sends, DecodeError is the worst."""

import struct
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from infra.local.servicebus.amqp.codec import Described, Opaque, Symbol, Timestamp

MAX_DEPTH = 32  # nesting that no honest client needs; stops a hostile frame from exhausting the stack
_U32 = struct.Struct(">I")
_I64 = struct.Struct(">q")
_WIDTHS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}


class DecodeError(ValueError):
    """The bytes are not AMQP 1.0."""


def skip(buf: bytes, pos: int, depth: int = 0) -> int:
    """The position behind the value that begins at `pos`."""
    try:
        code = buf[pos]
        if code == 0:
            if depth > MAX_DEPTH:
                raise DecodeError("values are nested too deeply")
            return skip(buf, skip(buf, pos + 1, depth + 1), depth + 1)
        high = code >> 4
        if high in _WIDTHS:
            end = pos + 1 + _WIDTHS[high]
        elif high in (0xA, 0xC, 0xE):
            end = pos + 2 + buf[pos + 1]
        elif high in (0xB, 0xD, 0xF):
            end = pos + 5 + int(_U32.unpack_from(buf, pos + 1)[0])
        else:
            raise DecodeError(f"0x{code:02x} is no AMQP type")
    except (IndexError, struct.error) as error:
        raise DecodeError("a value ends behind the end of its frame") from error
    if end > len(buf):
        raise DecodeError("a value ends behind the end of its frame")
    return end


def decode(buf: bytes, pos: int = 0, depth: int = 0) -> tuple[Any, int]:
    """The value at `pos` and the position behind it. Raises DecodeError."""
    if depth > MAX_DEPTH:
        raise DecodeError("values are nested too deeply")
    end = skip(buf, pos, depth)
    code = buf[pos]
    if code == 0:
        descriptor, value_pos = decode(buf, pos + 1, depth + 1)
        value, end = decode(buf, value_pos, depth + 1)
        return Described(descriptor, value), end
    reader = _READERS.get(code)
    if reader is None:
        raise DecodeError(f"0x{code:02x} is no AMQP type")
    try:
        return reader(buf, pos + 1, end, depth), end
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise DecodeError(f"a malformed value of type 0x{code:02x}: {error}") from error


def pairs(buf: bytes, pos: int) -> Iterable[tuple[int, int, int]]:
    """For a map at `pos`: (begin of key, begin of value, end of value) of every pair, nothing decoded."""
    end = skip(buf, pos)
    code = buf[pos]
    if code == 0xC1:
        count, at = buf[pos + 2], pos + 3
    elif code == 0xD1 and end - pos >= 9:
        count, at = int(_U32.unpack_from(buf, pos + 5)[0]), pos + 9
    else:
        raise DecodeError("expected a map")
    for _ in range(count // 2):
        middle = skip(buf, at)
        after = skip(buf, middle)
        if after > end:
            raise DecodeError("a map's entry ends behind the map")
        yield at, middle, after
        at = after


def _number(form: str) -> Callable[[bytes, int, int, int], Any]:
    unpack = struct.Struct(form).unpack_from
    return lambda buf, pos, _end, _depth: unpack(buf, pos)[0]


def _boolean(buf: bytes, pos: int, _end: int, _depth: int) -> bool:
    return buf[pos] != 0


def _compound(buf: bytes, pos: int, end: int, depth: int, wide: bool) -> list[Any]:
    count, at = (int(_U32.unpack_from(buf, pos + 4)[0]), pos + 8) if wide else (buf[pos + 1], pos + 2)
    if count > end - at:
        raise DecodeError("a list claims more items than it has bytes")
    items = []
    for _ in range(count):
        item, at = decode(buf, at, depth + 1)
        if at > end:
            raise DecodeError("an item ends behind its list")
        items.append(item)
    return items


def _list(wide: bool) -> Callable[[bytes, int, int, int], Any]:
    return lambda buf, pos, end, depth: _compound(buf, pos, end, depth, wide)


def _map(wide: bool) -> Callable[[bytes, int, int, int], Any]:
    def read(buf: bytes, pos: int, end: int, depth: int) -> dict[Any, Any]:
        items = _compound(buf, pos, end, depth, wide)
        if len(items) % 2:
            raise DecodeError("a map with an odd number of items")
        try:
            return dict(zip(items[::2], items[1::2], strict=True))
        except TypeError as error:
            raise DecodeError("a map with a key that is a list or a map") from error

    return read


def _array(wide: bool) -> Callable[[bytes, int, int, int], Any]:
    def read(buf: bytes, pos: int, end: int, depth: int) -> list[Any]:
        count, at = (int(_U32.unpack_from(buf, pos + 4)[0]), pos + 8) if wide else (buf[pos + 1], pos + 2)
        constructor_end = at + 1
        if buf[at] == 0:
            constructor_end = skip(buf, at + 1, depth + 1) + 1
        constructor, at = buf[at:constructor_end], constructor_end
        if count > end - at and constructor[-1] not in (0x40, 0x41, 0x42, 0x43, 0x44, 0x45):
            raise DecodeError("an array claims more items than it has bytes")
        if count > 65536:
            raise DecodeError("an array of more items than any frame needs")
        items = []
        rest = buf[at:end]
        for _ in range(count):
            item, used = decode(constructor + rest, 0, depth + 1)
            items.append(item)
            rest = rest[used - len(constructor) :]
        return items

    return read


_READERS: dict[int, Callable[[bytes, int, int, int], Any]] = {
    0x40: lambda _b, _p, _e, _d: None,
    0x41: lambda _b, _p, _e, _d: True,
    0x42: lambda _b, _p, _e, _d: False,
    0x43: lambda _b, _p, _e, _d: 0,
    0x44: lambda _b, _p, _e, _d: 0,
    0x45: lambda _b, _p, _e, _d: [],
    0x50: lambda b, p, _e, _d: b[p],
    0x51: _number(">b"),
    0x52: lambda b, p, _e, _d: b[p],
    0x53: lambda b, p, _e, _d: b[p],
    0x54: _number(">b"),
    0x55: _number(">b"),
    0x56: _boolean,
    0x60: _number(">H"),
    0x61: _number(">h"),
    0x70: _number(">I"),
    0x71: _number(">i"),
    0x72: _number(">f"),
    0x73: lambda b, p, e, _d: b[p:e].decode("utf-32-be"),
    0x74: lambda b, p, e, _d: Opaque(b[p:e]),
    0x80: _number(">Q"),
    0x81: _number(">q"),
    0x82: _number(">d"),
    0x83: lambda b, p, _e, _d: Timestamp(_I64.unpack_from(b, p)[0]),
    0x84: lambda b, p, e, _d: Opaque(b[p:e]),
    0x94: lambda b, p, e, _d: Opaque(b[p:e]),
    0x98: lambda b, p, e, _d: UUID(bytes=b[p:e]),
    0xA0: lambda b, p, e, _d: bytes(b[p + 1 : e]),
    0xA1: lambda b, p, e, _d: b[p + 1 : e].decode(),
    0xA3: lambda b, p, e, _d: Symbol(b[p + 1 : e].decode("ascii")),
    0xB0: lambda b, p, e, _d: bytes(b[p + 4 : e]),
    0xB1: lambda b, p, e, _d: b[p + 4 : e].decode(),
    0xB3: lambda b, p, e, _d: Symbol(b[p + 4 : e].decode("ascii")),
    0xC0: _list(wide=False),
    0xC1: _map(wide=False),
    0xD0: _list(wide=True),
    0xD1: _map(wide=True),
    0xE0: _array(wide=False),
    0xF0: _array(wide=True),
}
