from datetime import UTC, datetime

import pytest

from stac_api import instants
from stac_api.errors import BadRequest
from stac_api.instants import Instant
from stac_api.intervals import Interval, parse

NOON = Instant(0, datetime(2020, 7, 23, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-07-23T12:00:00Z", Interval(NOON, NOON)),
        ("2020-07-23t12:00:00z", Interval(NOON, NOON)),
        ("2020-07-23T14:00:00+02:00", Interval(NOON, NOON)),
        ("2020-07-23T12:00:00.0000001Z", Interval(NOON, NOON)),
        ("2020-07-23T11:59:60Z", Interval(NOON, NOON)),
        ("../2020-07-23T12:00:00Z", Interval(None, NOON)),
        ("2020-07-23T12:00:00Z/", Interval(NOON, None)),
        ("2020-07-23T12:00:00.25Z/2021-01-01T00:00:00Z",
         Interval(Instant(0, NOON.clock.replace(microsecond=250_000)), Instant(0, datetime(2021, 1, 1, tzinfo=UTC)))),
    ],
)  # fmt: skip
def test_instants_and_intervals_are_read(text: str, expected: Interval) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "..", "../..", "2020-07-23", "2020-07-23T12:00:00", "2020-07-23T12:00:00+0200", "2020-13-01T00:00:00Z",
        "2020-07-23T25:00:00Z", "2020-07-23T12:00:61Z", "2020-07-23T12:00:00,5Z", "2020-07-23T12:00:00.Z",
        "2021-01-01T00:00:00Z/2020-01-01T00:00:00Z", "a/b/c", "0000-02-30T00:00:00Z", "0000-13-01T00:00:00Z",
        "9999-12-31T23:59:61Z", "2021-01-01T00:00:00Z/0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
        "2020-01-01T00:00:00+00:60", None, 5, ["2020-07-23T12:00:00Z"],
    ],
)  # fmt: skip
def test_what_is_no_interval_is_refused(text: object) -> None:
    with pytest.raises(BadRequest, match="datetime"):
        parse(text)


def test_an_interval_prints_as_it_is_read() -> None:
    for text in ("2020-07-23T12:00:00Z", "../2020-07-23T12:00:00Z", "2020-07-23T12:00:00Z/.."):
        assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00 BC"),
        ("0000-02-29T12:00:00.5Z", "0001-02-29T12:00:00.500000+00:00 BC"),
        ("0000-12-31T23:59:60Z", "0001-01-01T00:00:00+00:00"),
        ("0000-12-31T23:00:00-01:00", "0001-01-01T00:00:00+00:00"),
        ("0000-01-01T00:00:00+01:00", "0002-12-31T23:00:00+00:00 BC"),
        ("0001-01-01T00:00:00+23:59", "0001-12-31T00:01:00+00:00 BC"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
        ("0001-01-01T00:00:00.0Z", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"),
        ("9999-12-31T23:59:60Z", "10000-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59-00:30", "10000-01-01T00:29:59+00:00"),
    ],
)
def test_each_time_of_rfc_3339_is_read_be_it_in_no_year_of_python(text: str, read: str) -> None:
    moment = instants.parse(text)
    assert str(moment) == read
    assert str(parse(text)) == read.replace("+00:00", "Z")


def test_times_are_in_order_over_the_ends_of_pythons_years() -> None:
    texts = [
        "0000-01-01T00:00:00+01:00", "0000-01-01T00:00:00Z", "0000-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
        "2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59-01:00",
    ]  # fmt: skip
    moments = [instants.parse(text) for text in texts]
    assert moments == sorted(set(moments))
    assert parse("0000-01-01T00:00:00Z/2024-03-01T00:00:00Z").start == moments[1]
    with pytest.raises(BadRequest, match="ends before it starts"):
        parse("0001-01-01T00:00:00Z/0000-12-31T23:59:59Z")
