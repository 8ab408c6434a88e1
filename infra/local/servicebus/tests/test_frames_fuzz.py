"""Whatever bytes arrive, a connection answers or closes, and never fails inside."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.servicebus.amqp import frames
from infra.local.servicebus.amqp.codec import Array, Described, Symbol, Timestamp, Ubyte, Uint, Ulong, encode
from infra.local.servicebus.amqp.connection import Connection
from infra.local.servicebus.amqp.decoding import DecodeError, decode, skip
from infra.local.servicebus.amqp.message import parse, parse_batch
from infra.local.servicebus.broker import Broker
from infra.local.servicebus.links import factory
from infra.local.servicebus.sas import Keys
from infra.local.servicebus.tests import raw
from infra.local.servicebus.topology import parse as parse_topology


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Bench:
    """A broker without a port, in a loop of its own."""

    def __init__(self, directory: Path) -> None:
        self.loop = asyncio.new_event_loop()
        topology = parse_topology({"UserConfig": {"Namespaces": [{"Name": "n", "Queues": [{"Name": "q"}]}]}})
        self.broker = self.loop.run_until_complete(self._start(topology, directory))

    async def _start(self, topology: Any, directory: Path) -> Broker:
        return Broker(topology, directory, "standard", asyncio.get_running_loop())

    def feed(self, *chunks: bytes, authorized: bool = True) -> Wire:
        """What one connection does with some bytes; an exception inside it comes out here."""
        return self.loop.run_until_complete(self._feed(chunks, authorized))

    async def _feed(self, chunks: tuple[bytes, ...], authorized: bool) -> Wire:
        wire = Wire()
        live: set[Connection] = set()
        connection = Connection(factory(self.broker, Keys("k", "secret")), live)
        connection.connection_made(wire)
        if authorized:
            connection.links._authorize = lambda _path: None  # type: ignore[attr-defined]  # beyond the token's gate
        for chunk in chunks:
            connection.data_received(chunk)
        connection.connection_lost(None)
        assert not live
        return wire

    def close(self) -> None:
        self.loop.run_until_complete(self._stop())
        self.loop.close()

    async def _stop(self) -> None:
        self.broker.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.close()


small = st.integers(0, 3)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    small.map(Uint),
    st.integers(0, 2**32 - 1).map(Uint),
    st.integers(0, 2**64 - 1).map(Ulong),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 255).map(Ubyte),
    st.integers(-(2**62), 2**62).map(Timestamp),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(["q", "$cbs", "q/$management", "q/$DeadLetterQueue", "none"]),
    st.sampled_from(["a", "b"]).map(Symbol),
    st.binary(max_size=8),
    st.uuids(),
)
hashable = st.one_of(small.map(Uint), st.text(max_size=4), st.sampled_from(["a", "b"]).map(Symbol))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(hashable, inner, max_size=3),
        st.builds(Described, st.one_of(st.integers(0x23, 0x30), st.integers(0x70, 0x78)).map(Ulong), inner),
    ),
    max_leaves=8,
)
termini = st.one_of(
    values,
    st.builds(lambda a: Described(Ulong(0x28), (a,)), st.sampled_from(["q", "$cbs", "q/$management", "x"])),
)
states = st.builds(Described, st.integers(0x23, 0x28).map(Ulong), st.lists(values, max_size=4))
begins = st.tuples(st.just(0x11), st.lists(values, max_size=8))
attaches = st.tuples(
    st.just(0x12),
    st.builds(
        lambda handle, role, source, target, count: [
            *("l", Uint(handle), role, Ubyte(0), Ubyte(0), source, target, None, None, count),
        ],
        small,
        st.booleans(),
        termini,
        termini,
        st.one_of(st.none(), small.map(Uint)),
    ),
)
flows = st.tuples(
    st.just(0x13), st.lists(st.one_of(small.map(Uint), st.none(), st.booleans()), min_size=4, max_size=11)
)
transfers = st.tuples(
    st.just(0x14),
    st.builds(
        lambda handle, number, form, more: [Uint(handle), Uint(number), b"t", Uint(form), False, more],
        small,
        small,
        st.sampled_from([0, 0x80013700, 7]),
        st.booleans(),
    ),
)
dispositions = st.tuples(
    st.just(0x15),
    st.builds(
        lambda role, first, last, settled, state: [role, Uint(first), last, settled, state],
        st.booleans(),
        small,
        st.one_of(st.none(), st.integers(0, 2**32 - 1).map(Uint)),
        st.one_of(st.none(), st.booleans()),
        st.one_of(st.none(), states, values),
    ),
)
others = st.tuples(st.integers(0x0F, 0x19), st.lists(values, max_size=12))
performatives = st.one_of(begins, attaches, attaches, flows, transfers, dispositions, others)
frame_bytes = st.builds(
    lambda channel, performative, payload: frames.frame(
        channel, encode(Described(Ulong(performative[0]), performative[1])) + payload
    ),
    st.sampled_from([0, 0, 0, 0, 1, 255, 256]),
    performatives,
    st.one_of(st.just(b""), st.binary(max_size=30), values.map(encode), st.just(raw.data(b"x"))),
)
relaxed = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@relaxed
@given(st.lists(frame_bytes, max_size=12))
def test_any_frames_in_any_order_are_answered_or_end_the_connection(bench: Bench, sent: list[bytes]) -> None:
    wire = bench.feed(raw.opening(), *sent)
    assert wire.written.startswith(frames.PROTOCOL_AMQP)


@relaxed
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_answered_or_end_the_connection(bench: Bench, sent: bytes, opened: bool) -> None:
    bench.feed(raw.opening() + sent if opened else sent)


@relaxed
@given(st.data())
def test_a_frame_with_flipped_bytes_is_answered_or_ends_the_connection(
    bench: Bench, data: st.DataObject
) -> None:
    whole = bytearray(
        raw.opening()
        + raw.attach(1, receives=False, address="q")
        + raw.attach(2, receives=True, address="q", credit=3)
        + raw.transfer(1, 1, raw.data(b"body"))
    )
    for at in data.draw(st.lists(st.integers(8, len(whole) - 1), min_size=1, max_size=6)):
        whole[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    bench.feed(bytes(whole[:cut]), bytes(whole[cut:]))


@relaxed
@given(values)
def test_what_is_encoded_decodes_to_itself(value: Any) -> None:
    encoded = encode(value)
    assert skip(encoded, 0) == len(encoded)
    decoded, end = decode(encoded)
    assert end == len(encoded)
    assert decoded == value or isinstance(value, Array)


@relaxed
@given(st.binary(max_size=60))
def test_no_bytes_make_the_decoder_fail_otherwise_than_it_says(data: bytes) -> None:
    for read in (decode, parse, parse_batch):
        try:
            read(data)
        except DecodeError:
            continue
