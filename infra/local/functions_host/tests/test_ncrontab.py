"""NCRONTAB expressions mean what the documentation says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.functions_host import ncrontab
from infra.local.functions_host.errors import AppRefused


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "now", "following"),
    [
        ("0 */5 * * * *", "2026-11-23 20:04:59", "2026-11-23 20:05:00"),
        ("0 */5 * * * *", "2026-11-23 20:05:00", "2026-11-23 20:10:00"),
        ("*/5 * * * *", "2026-11-23 20:04:59", "2026-11-23 20:05:00"),
        ("0 0 * * * *", "2026-11-23 23:00:00.5", "2026-11-24 00:00:00"),
        ("0 30 9 * * 1-5", "2026-11-27 09:30:00", "2026-11-30 09:30:00"),
        ("0 30 9 * * Mon", "2026-11-23 09:30:00", "2026-11-30 09:30:00"),
        ("0 30 9 * Jan Monday", "2026-11-23 09:30:00", "2027-01-04 09:30:00"),
        ("5,8,10 0 0 1 1 *", "2026-01-01 00:00:08", "2026-01-01 00:00:10"),
        ("0 5/20 10-12/2 * * *", "2026-01-01 10:45:00", "2026-01-01 12:05:00"),
        ("0 0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00:00"),
        ("0 0 0 13 * 5", "2026-03-14 00:00:00", "2026-11-13 00:00:00"),
    ],
)
def test_the_next_occurrence_is_the_documented_one(expression: str, now: str, following: str) -> None:
    assert ncrontab.parse(expression, "").after(at(now)) == at(following)


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("", "six fields"),
        ("* * * *", "six fields"),
        ("00:05:00", "six fields"),
        ("60 * * * * *", "'second' (0 to 59)"),
        ("* * * * * 7", "'day of the week' (0 to 6)"),
        ("* * * * Foo *", "'month' (1 to 12)"),
        ("* 9-3 * * * *", "no range"),
        ("*/0 * * * * *", "no range"),
        ("*/x * * * * *", "no number"),
        ("0 0 0 30 2 *", "never fires"),
    ],
)
def test_a_mistake_is_named(expression: str, complaint: str) -> None:
    with pytest.raises(AppRefused) as caught:
        ncrontab.parse(expression, "function f")
    assert complaint in str(caught.value)
    assert expression in str(caught.value) or "function f" in str(caught.value)


fields = st.tuples(
    st.sampled_from(["0", "*", "*/7", "3-9", "58"]),
    st.sampled_from(["*", "0", "*/15", "59", "2,3"]),
    st.sampled_from(["*", "23", "0-4"]),
    st.sampled_from(["*", "1", "*/10"]),
    st.sampled_from(["*", "11", "JAN-FEB"]),
    st.sampled_from(["*", "0", "1-5"]),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware


@settings(max_examples=60, deadline=None)
@given(fields, moments)
def test_no_moment_between_now_and_the_next_one_would_fire(parts: tuple[str, ...], now: datetime) -> None:
    schedule = ncrontab.parse(" ".join(parts), "")
    following = schedule.after(now)

    def fires(moment: datetime) -> bool:
        clock = (
            moment.second in schedule.seconds,
            moment.minute in schedule.minutes,
            moment.hour in schedule.hours,
        )
        days = (moment.day in schedule.days, moment.month in schedule.months)
        return all(clock) and all(days) and moment.isoweekday() % 7 in schedule.weekdays

    assert following > now
    assert fires(following)
    between = int((following - now.replace(microsecond=0)).total_seconds())
    for step in {*range(1, min(between, 500)), *range(max(1, between - 500), between)}:
        assert not fires(now.replace(microsecond=0) + timedelta(seconds=step))
