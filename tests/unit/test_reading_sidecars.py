"""A sidecar is read in a process that can be killed: what takes too long on it ends that process and nothing else."""

from typing import Any

import pytest

from eventstac.errors import Rejected
from eventstac.facts import Match
from eventstac.reading import read_content
from tests.samples import url_of
from tests.twins.blobs import MemoryBlobs

SPEC = {"format": "xml", "properties": {"p": "//A[B='y']/B"}, "datetime": "//T"}
SMALL = b"<r><T>2020-01-02</T><A><B>y</B></A></r>"
# As many elements as are read; to find that none of them is so takes ten seconds.
LARGE = b"<r>" + b"<A><B>x</B></A>" * 120_000 + b"</r>"


def read(data: bytes, **options: Any) -> Any:
    blobs = MemoryBlobs()
    blobs.put(url_of("m.xml"), data)
    _, reader = blobs.look(url_of("m.xml"))
    assert reader is not None
    match = Match("c", "i", "m.xml", read="sidecar", options={"sidecar": SPEC, **options})
    return read_content(reader, match, False).metadata


def test_a_sidecar_gives_properties_and_datetimes() -> None:
    found = read(SMALL)
    assert found["properties"] == {"p": "y"}
    assert found["datetimes"][0]["start"] == "2020-01-02T00:00:00Z"
    assert found["file"]["file:size"] == len(SMALL)


def test_a_lone_end_in_a_sidecar_leaves_the_datetime_to_the_next_source() -> None:
    assert read(SMALL, sidecar={"format": "xml", "end": "//T"})["datetimes"] == []


def test_a_sidecar_that_takes_too_long_is_rejected_and_the_next_is_read() -> None:
    with pytest.raises(Rejected) as rejection:
        read(LARGE, timeout_s=0.2)
    assert rejection.value.reason == "timed-out"
    assert read(SMALL)["properties"] == {"p": "y"}


def test_a_time_for_a_sidecar_that_outlives_the_function_does_not_keep_it_from_being_read() -> None:
    assert read(SMALL, timeout_s=3_600_000)["properties"] == {"p": "y"}


def test_a_bad_sidecar_keeps_its_reason() -> None:
    with pytest.raises(Rejected) as rejection:
        read(b"<r>")
    assert rejection.value.reason == "bad-sidecar"
