from datetime import UTC, datetime

import pytest

from stac_api.errors import BadRequest
from stac_api.intervals import Interval, parse

NOON = datetime(2020, 7, 23, 12, tzinfo=UTC)


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
         Interval(NOON.replace(microsecond=250_000), datetime(2021, 1, 1, tzinfo=UTC))),
    ],
)  # fmt: skip
def test_instants_and_intervals_are_read(text: str, expected: Interval) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "..", "../..", "2020-07-23", "2020-07-23T12:00:00", "2020-07-23T12:00:00+0200", "2020-13-01T00:00:00Z",
        "2020-07-23T25:00:00Z", "2020-07-23T12:00:61Z", "2020-07-23T12:00:00,5Z", "2020-07-23T12:00:00.Z",
        "2021-01-01T00:00:00Z/2020-01-01T00:00:00Z", "a/b/c", "0001-01-01T00:00:00+23:59", "2020-01-01T00:00:00+00:60",
        None, 5, ["2020-07-23T12:00:00Z"],
    ],
)  # fmt: skip
def test_what_is_no_interval_is_refused(text: object) -> None:
    with pytest.raises(BadRequest, match="datetime"):
        parse(text)


def test_an_interval_prints_as_it_is_read() -> None:
    for text in ("2020-07-23T12:00:00Z", "../2020-07-23T12:00:00Z", "2020-07-23T12:00:00Z/.."):
        assert str(parse(text)) == text
