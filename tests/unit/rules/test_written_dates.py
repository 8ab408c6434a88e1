"""However a date is written, it is read as the instant that was meant, or refused: never as another day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstac.rules.automaton import Automaton, Undecided, share_a_text
from eventstac.rules.dates import FORMS, parse_date, parse_parts, without_names
from eventstac.rules.formats import format_problem

Interval = tuple[datetime, datetime]


def at(*numbers: int) -> Interval:
    moment = datetime(*numbers, tzinfo=UTC)  # type: ignore[arg-type, misc]
    return (moment, moment)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2024-1-15", at(2024, 1, 15)),
        ("2024-12-5", at(2024, 12, 5)),
        ("2024-1-1", at(2024, 1, 1)),
        ("2024_1_15", at(2024, 1, 15)),
        ("2024_0115", at(2024, 1, 15)),
        ("2024/01/15", at(2024, 1, 15)),
        ("2024.1.15 09:30", at(2024, 1, 15, 9, 30)),
        ("2024-115", at(2024, 4, 24)),
        ("2024-W03-1", at(2024, 1, 15)),
        ("2024W031", at(2024, 1, 15)),
        ("2024366", at(2024, 12, 31)),
        ("2024-01-01T9:30", at(2024, 1, 1, 9, 30)),
        ("2024-01-01t09:30:15z", at(2024, 1, 1, 9, 30, 15)),
        ("2024-01-01T12", at(2024, 1, 1, 12)),
        ("2024-01-01T12-30-05", at(2024, 1, 1, 12, 30, 5)),
        ("2024-01-01_12-05", at(2024, 1, 1, 12, 5)),
        ("2024-01-01 09:30:15.5-05", at(2024, 1, 1, 14, 30, 15, 500000)),
        ("20240101T093015,123456789", at(2024, 1, 1, 9, 30, 15, 123456)),
        ("20240101T0930-0500", at(2024, 1, 1, 14, 30)),
        ("20240101-0930", at(2024, 1, 1, 9, 30)),
        ("202401010930", at(2024, 1, 1, 9, 30)),
        ("2024001T0930", at(2024, 1, 1, 9, 30)),
        ("2024-01-01Z", at(2024, 1, 1)),
    ],
)
def test_a_written_date_is_the_day_that_it_says(text: str, meant: Interval) -> None:
    assert parse_date(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "2001366",
        "2023366T000100",
        "2001366T185914",
        "2023000",
        "2023-02-29",
        "2024-W54-1",
        "2024-01-01T12-05",  # ISO 8601: noon, five hours west of Greenwich; a file's name: five past noon
        "20240101T1230-05",
        "20240101_0900-1000",  # from nine to ten
        "2024-01-01+02:00",
        "2024-01-01-05:00",
        "20240101T0900-1500",  # no zone
        "20240101T930",
        "1704067200",
        "1704067200000",  # milliseconds since 1970, or some day of 1704
        "0930",
        "240115",
        "15012024",
        "01152024",
        "15-01-2024",
        "2024-0-15",
        "2024-01-01/2024-01-31",
        "20240101_20240131",
        "2024-01-01--2024-01-31",
        "15Jan2024",
        "2024-01-1512",
        "٢٠٢٤-01-15",
        " 2024-01-15",
        "2024-01-15\n",
    ],
)
def test_what_may_be_another_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no date"):
        parse_date(text)


# How people write a day, a time of it and a zone. None is without anything between numbers that are not padded: 2024115
# is the 115th day by what the documentation says, whatever was meant.
DAYS: tuple[Callable[[datetime], str], ...] = (
    lambda t: f"{t:%Y-%m-%d}",
    lambda t: f"{t:%Y_%m_%d}",
    lambda t: f"{t:%Y/%m/%d}",
    lambda t: f"{t:%Y.%m.%d}",
    lambda t: f"{t:%Y%m%d}",
    lambda t: f"{t:%Y-%m%d}",
    lambda t: f"{t:%Y%m-%d}",
    lambda t: f"{t.year}-{t.month}-{t.day}",
    lambda t: f"{t.year}_{t.month}_{t.day}",
    lambda t: f"{t:%Y}-{t.month}-{t:%d}",
    lambda t: f"{t:%Y%j}",
    lambda t: f"{t:%Y-%j}",
    lambda t: f"{t:%Y_%j}",
    lambda t: f"{t:%G-W%V-%u}",
    lambda t: f"{t:%GW%V%u}",
    lambda t: f"{t:%G-W%V%u}",
    lambda t: f"{t:%d%m%Y}",
    lambda t: f"{t:%d-%m-%Y}",
    lambda t: f"{t:%m/%d/%Y}",
    lambda t: f"{t:%d%b%Y}",
    lambda t: f"{t:%Y%b%d}",
    lambda t: f"{t:%Y-%b-%d}",
    lambda t: f"{t:%d %B %Y}",
    lambda t: f"{t:%y%j}",
)
TIMES: tuple[Callable[[datetime], str], ...] = (
    lambda t: f"{t:%H:%M:%S}",
    lambda t: f"{t:%H%M%S}",
    lambda t: f"{t:%H-%M-%S}",
    lambda t: f"{t:%H_%M_%S}",
    lambda t: f"{t.hour}:{t:%M:%S}",
    lambda t: f"{t.hour}:{t.minute}:{t.second}",
    lambda t: f"{t.hour}{t.minute}{t.second}" if min(t.hour, t.minute, t.second) > 9 else "x",
    lambda t: f"{t:%H:%M:%S.%f}",
    lambda t: f"{t:%H%M%S.%f}",
    lambda t: f"{t:%H%M%S}.{t.microsecond // 100000}" if t.microsecond % 100000 == 0 else "x",
    lambda t: f"{t:%H:%M:%S},{t:%f}",
)
ZONES = ("", "Z", "+02:00", "+0200", "-0930", "-05:00", "-05", "+14:00", "-12")
BETWEEN = ("T", "t", "_", "-", " ", "", "  ", "/")
MOMENTS = st.datetimes(datetime(1800, 1, 2), datetime(2099, 12, 30))  # noqa: DTZ001 (a zone is given below)


def zone_of(text: str) -> timezone:
    digits = text[1:].replace(":", "").ljust(4, "0")
    shift = timedelta(hours=int(digits[:2] or 0), minutes=int(digits[2:] or 0)) if text[1:] else timedelta()
    return timezone(-shift if text.startswith("-") else shift)


def read_or_refused(text: str, meant: Interval, strptime_format: str | None = None) -> None:
    try:
        found = parse_date(text, strptime_format)
    except ValueError:
        return
    assert found == meant, (text, strptime_format)


@settings(max_examples=500, deadline=None)
@given(
    MOMENTS, st.sampled_from(DAYS), st.sampled_from(TIMES), st.sampled_from(BETWEEN), st.sampled_from(ZONES)
)
def test_every_way_to_write_a_moment_is_read_as_it_or_refused(
    moment: datetime, day: Callable[[datetime], str], time: Callable[[datetime], str], between: str, zone: str
) -> None:
    aware = moment.replace(tzinfo=zone_of(zone)).astimezone(UTC)
    fraction = any(mark in time(moment) for mark in ".,")
    aware = aware if fraction else aware.replace(microsecond=0)
    read_or_refused(f"{day(moment)}{between}{time(moment)}{zone}", (aware, aware))
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    read_or_refused(day(moment), (midnight, midnight))


@settings(max_examples=100, deadline=None)
@given(MOMENTS, MOMENTS, st.sampled_from(DAYS), st.sampled_from(["/", "_", "-", "--", "_to_", " - ", ".."]))
def test_a_range_is_no_day(
    first: datetime, last: datetime, day: Callable[[datetime], str], between: str
) -> None:
    with pytest.raises(ValueError, match="no date"):
        parse_date(f"{day(first)}{between}{day(last)}")


DATES = (
    ["%Y", "%m", "%d"], ["%y", "%m", "%d"], ["%Y", "%b", "%d"], ["%Y", "%B", "%d"],
    ["%Y", "%j"], ["%y", "%j"], ["%Y", "%m"], ["%Y", "%b"], ["%Y"], ["%y"],
)  # fmt: skip
CLOCK = ["%H", "%M", "%S", "%f"]
GAPS = ("", "", "", "-", "_", "T", " ", ".", "1")


@st.composite
def formats(draw: st.DrawFn) -> list[str]:
    """The pieces of a format with a date and maybe a time, in any order and with anything between."""
    date = draw(st.permutations(draw(st.sampled_from(DATES))))
    clock = CLOCK[: draw(st.integers(0, 4))] if {"%d", "%j"} & {*date} else []
    zoned, date_first = draw(st.booleans()), draw(st.booleans())
    zone = ["%z"] if clock and zoned else []
    directives = [*date, *clock, *zone] if date_first else [*clock, *zone, *date]
    return [piece for directive in directives for piece in (directive, draw(st.sampled_from(GAPS)))]


def written(piece: str, moment: datetime, *, padded: bool) -> str:
    if piece not in ("%m", "%d", "%j", "%H", "%M", "%S") or padded:
        return f"{moment:{piece}}" if piece.startswith("%") else piece
    return str(int(f"{moment:{piece}}"))


@settings(max_examples=500, deadline=None)
@given(MOMENTS, formats(), st.booleans())
def test_a_text_by_a_format_is_read_as_what_was_written_or_refused(
    moment: datetime, pieces: list[str], padded: bool
) -> None:
    form = "".join(pieces)
    assert format_problem(form) is None
    year = moment.year if "%Y" in form else 1969 + (moment.year - 1969) % 100
    moment = moment.replace(year=year, day=min(moment.day, 28), tzinfo=UTC)
    # A fraction right behind the seconds is of any width (GOES writes tenths): with it, all the others are padded.
    padded = padded or "%S%f" in form
    text = "".join(written(piece, moment, padded=padded) for piece in pieces)
    parts = {"%H": "hour", "%M": "minute", "%S": "second", "%f": "microsecond"}
    kept = moment.replace(**{name: 0 for piece, name in parts.items() if piece not in form})  # type: ignore[arg-type]
    if not {"%d", "%j"}.isdisjoint(pieces):
        read_or_refused(text, (kept, kept), form)
        return
    months = {"%m", "%b", "%B"}.isdisjoint(pieces)
    first = kept.replace(day=1, month=1 if months else kept.month)
    after = first.replace(year=first.year + 1) if months else (first + timedelta(days=31)).replace(day=1)
    read_or_refused(text, (first, after - timedelta(seconds=1)), form)


@settings(max_examples=100, deadline=None)
@given(
    MOMENTS,
    st.sampled_from(["%Y%m%d", "%Y%j", "%d%b%y", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H", "%Y%m%dT%H%M%S%f"]),
)
def test_what_strptime_reads_of_its_own_writing_is_read_alike(moment: datetime, form: str) -> None:
    text = f"{moment:{form}}"
    there = datetime.strptime(text, form).replace(tzinfo=UTC)
    assert parse_date(text, form) == (there, there)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2024115", "%Y%m%d"),
        ("2023366", "%Y%j"),
        ("2001366T185914", "%Y%jT%H%M%S"),
        ("2024-01-15", "%Y%m%d"),
        ("2024-02-30", "%Y-%m-%d"),
        ("202401", "%Y%d"),
        ("202401", "%Y%M"),
    ],
)
def test_a_format_gives_no_day_that_the_text_does_not_say(text: str, form: str) -> None:
    with pytest.raises(ValueError, match=r"no (date|month|hour)"):
        parse_date(text, form)


def test_a_format_without_a_day_is_the_whole_month_or_year() -> None:
    assert parse_date("202402", "%Y%m") == parse_date("2024-02")
    assert parse_date("Feb2024", "%b%Y") == parse_date("2024-02")
    assert parse_date("24", "%y") == parse_date("2024")
    assert parse_date("69", "%y") == parse_date("1969")


def test_a_week_is_from_its_monday_to_its_sunday() -> None:
    assert parse_date("2024-W03") == (
        datetime(2024, 1, 15, tzinfo=UTC),
        datetime(2024, 1, 21, 23, 59, 59, tzinfo=UTC),
    )


def test_no_text_is_of_two_forms() -> None:
    every = [
        Automaton.of(without_names(f"{first}(?:{rest})")) for first, following in FORMS for rest in following
    ]
    shared = [
        (one, other) for one in range(len(every)) for other in range(one) if shares(every[one], every[other])
    ]
    assert shared == []


def shares(one: Automaton, other: Automaton) -> bool:
    try:
        return share_a_text(one, other)
    except Undecided:
        return True


@pytest.mark.parametrize(
    ("groups", "meant"),
    [
        ({"year": "2024", "month": "1", "day": "5"}, at(2024, 1, 5)),
        ({"year": "2024", "doy": "5"}, at(2024, 1, 5)),
        ({"year": "2024", "month": "115"}, None),
        ({"year": "2024", "doy": "0115"}, None),
        ({"year": "2023", "doy": "366"}, None),
        ({"year": "2024", "month": "12", "day": "31", "doy": "366"}, at(2024, 12, 31)),
        ({"year": "2024", "month": "01", "doy": "366"}, None),
        ({"year": "2024", "day": "30", "doy": "366"}, None),
        ({"year": "2024", "month": "DEC", "doy": "366"}, at(2024, 12, 31)),
        ({"year": "24", "month": "01", "day": "05"}, None),
        ({"year": "2024", "month": "Jan", "day": "05"}, None),
    ],
)
def test_groups_of_a_path_give_their_own_day_or_none(groups: dict[str, str], meant: Interval | None) -> None:
    if meant is not None:
        assert parse_parts(groups) == meant
        return
    with pytest.raises(ValueError, match="is no date"):
        parse_parts(groups)
