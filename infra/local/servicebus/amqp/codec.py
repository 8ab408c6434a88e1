"""The AMQP 1.0 type system (OASIS AMQP 1.0, part 1): Python types for what Python lacks, and values as bytes.

Integers decode (`decoding`) to `int` whatever their width; on the way out the width is chosen by a subclass of int. A
message that only passes through is never re-encoded (see `message`), so no type is lost.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID


class Symbol(str):
    """An AMQP symbol (ASCII)."""

    __slots__ = ()


class Timestamp(int):
    """An AMQP timestamp: milliseconds since the epoch, UTC."""

    __slots__ = ()


class Ubyte(int):
    """An integer that is encoded as ubyte."""

    __slots__ = ()


class Ushort(int):
    """An integer that is encoded as ushort."""

    __slots__ = ()


class Uint(int):
    """An integer that is encoded as uint."""

    __slots__ = ()


class Ulong(int):
    """An integer that is encoded as ulong."""

    __slots__ = ()


class Int(int):
    """An integer that is encoded as int (32 bits, signed)."""

    __slots__ = ()


class Opaque(bytes):
    """A value of a type that is carried, not understood (decimals)."""

    __slots__ = ()


class Described(NamedTuple):
    """A described value: descriptor (ulong or symbol) and what it describes."""

    descriptor: Any
    value: Any


class Array(NamedTuple):
    """An array to encode: every item with the same class (Timestamp, Symbol, int for long)."""

    items: tuple[Any, ...]


_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_I32 = struct.Struct(">i")
_U64 = struct.Struct(">Q")
_I64 = struct.Struct(">q")


def _sized(narrow: int, wide: int, data: bytes) -> bytes:
    if len(data) < 256:
        return bytes((narrow, len(data))) + data
    return bytes((wide,)) + _U32.pack(len(data)) + data


def encode_list(parts: Iterable[bytes]) -> bytes:
    """A list of values that are encoded already."""
    items = list(parts)
    return compound(0xC0, 0xD0, len(items), b"".join(items)) if items else b"\x45"


def compound(narrow: int, wide: int, count: int, data: bytes) -> bytes:
    """A list (0xc0, 0xd0) or a map (0xc1, 0xd1) of `count` encoded values."""
    if len(data) < 255 and count < 256:
        return bytes((narrow, len(data) + 1, count)) + data
    return bytes((wide,)) + _U32.pack(len(data) + 4) + _U32.pack(count) + data


def _encode_array(array: Array) -> bytes:
    if not array.items:
        return b"\xe0\x02\x00\x40"
    first = array.items[0]
    if isinstance(first, Symbol):
        code, data = 0xB3, b"".join(_U32.pack(len(i)) + i.encode("ascii") for i in array.items)
    elif isinstance(first, Timestamp):
        code, data = 0x83, b"".join(_I64.pack(i) for i in array.items)
    else:
        code, data = 0x81, b"".join(_I64.pack(i) for i in array.items)
    return b"\xf0" + _U32.pack(len(data) + 5) + _U32.pack(len(array.items)) + bytes((code,)) + data


def _encode_uint(value: int) -> bytes:
    if value == 0:
        return b"\x43"
    return bytes((0x52, value)) if value < 256 else b"\x70" + _U32.pack(value)


def _encode_ulong(value: int) -> bytes:
    if value == 0:
        return b"\x44"
    return bytes((0x53, value)) if value < 256 else b"\x80" + _U64.pack(value)


def _encode_long(value: int) -> bytes:
    return b"\x55" + struct.pack(">b", value) if -128 <= value < 128 else b"\x81" + _I64.pack(value)


def _encode_map(value: Mapping[Any, Any]) -> bytes:
    data = b"".join(encode(k) + encode(v) for k, v in value.items())
    return compound(0xC1, 0xD1, 2 * len(value), data)


_WRITERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"\x40",
    bool: lambda v: b"\x41" if v else b"\x42",
    Ubyte: lambda v: bytes((0x50, v)),
    Ushort: lambda v: b"\x60" + _U16.pack(v),
    Uint: _encode_uint,
    Ulong: _encode_ulong,
    Int: lambda v: b"\x71" + _I32.pack(v),
    Timestamp: lambda v: b"\x83" + _I64.pack(v),
    int: _encode_long,
    float: lambda v: b"\x82" + struct.pack(">d", v),
    Symbol: lambda v: _sized(0xA3, 0xB3, v.encode("ascii")),
    str: lambda v: _sized(0xA1, 0xB1, v.encode()),
    bytes: lambda v: _sized(0xA0, 0xB0, v),
    UUID: lambda v: b"\x98" + v.bytes,
    list: lambda v: encode_list(encode(i) for i in v),
    tuple: lambda v: encode_list(encode(i) for i in v),
    dict: _encode_map,
    Array: _encode_array,
    Described: lambda v: b"\x00" + encode(v.descriptor) + encode(v.value),
}


def encode(value: Any) -> bytes:
    """The bytes of a value; a plain int becomes a long. Raises TypeError for what AMQP has no type for."""
    writer = _WRITERS.get(type(value))
    if writer is None:
        raise TypeError(f"{type(value).__name__} has no AMQP type")
    return writer(value)
