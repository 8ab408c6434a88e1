"""Datetimes from paths and sidecars."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstac.rules.dates import parse_date

DAY = datetime(2018, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2018-07-01", "20180701", "2018_07_01", "2018182", "2018-07-01T00:00:00Z"])
def test_a_day_is_midnight_utc(text: str) -> None:
    assert parse_date(text) == (DAY, DAY)


@pytest.mark.parametrize(
    "text",
    [
        "2018-07-01T12:30:15Z",
        "20180701T123015",
        "20180701_123015",
        "20180701123015",
        "2018-07-01T14:30:15+02:00",
    ],
)
def test_a_time_of_day_is_read_in_utc(text: str) -> None:
    assert parse_date(text)[0] == datetime(2018, 7, 1, 12, 30, 15, tzinfo=UTC)


def test_a_month_and_a_year_are_intervals() -> None:
    assert parse_date("2018-02") == (
        datetime(2018, 2, 1, tzinfo=UTC),
        datetime(2018, 2, 28, 23, 59, 59, tzinfo=UTC),
    )
    assert parse_date("2018")[1] == datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "latest", "2018-13-01", "2018-02-30", "20181", "2018366", "00000000", "2018-07-01T25"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="date"):
        parse_date(text)


def test_a_format_is_kept_to() -> None:
    assert parse_date("01JUL18", "%d%b%y") == (DAY, DAY)
    with pytest.raises(ValueError, match="match"):
        parse_date("2018-07-01", "%d%b%y")


@settings(deadline=None)
@given(st.datetimes(min_value=datetime(1800, 1, 1), max_value=datetime(2099, 12, 31)))  # noqa: DTZ001 (UTC below)
def test_every_iso_datetime_comes_back(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert parse_date(aware.isoformat()) == (aware, aware)
    whole = aware.replace(microsecond=0)
    assert parse_date(f"{whole:%Y%m%dT%H%M%SZ}") == (whole, whole)
    assert parse_date(f"{whole:%Y%j}")[0].date() == whole.date()
