"""Groups that are joined to one are the date that they say, with as many digits as their numbers have."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstac.rules import RulesInvalid, load_rules
from eventstac.rules.checks import joined_dates
from tests.unit.rules.test_datetime_sources import SOURCE, text_of, told

DURATIONS = ["P8D", "P30D", "P1M", "P3M", "PT6H", "dekad"]
DIRECTIVES = {"year": "%Y", "month": "%m", "day": "%d", "doy": "%j", "hour": "%H", "minute": "%M"}
LETTERS = {"year": "y", "month": "m", "day": "d", "hour": "h", "minute": "min"}
TIMES = [("hour", 23), ("minute", 59)]
DAY = ["year", "month", "day"]
YEAR_DAY = ["year", "doy"]
NAMES = [YEAR_DAY, ["year", "month"], DAY, [*DAY, "hour"], [*YEAR_DAY, "hour"], [*DAY, "hour", "minute"]]


@dataclass(frozen=True)
class Said:
    """The moment that a path says by numbers with names, and the expression of each."""

    moment: datetime
    texts: dict[str, str]
    regexes: dict[str, str]

    @property
    def path(self) -> str:
        return "/".join(["m", *self.texts.values(), "x.tif"])

    def pattern(self, called: dict[str, str]) -> str:
        names = [f"{{{called.get(name, name)}:{regex}}}" for name, regex in self.regexes.items()]
        return "/".join(["m", *names, "{item}.tif"])


@st.composite
def said(draw: st.DrawFn) -> Said:
    names = draw(st.sampled_from(NAMES))
    hour, minute = (draw(st.integers(0, most)) if name in names else 0 for name, most in TIMES)
    moment = datetime(2024, 1, 1, hour, minute, tzinfo=UTC) + timedelta(days=draw(st.integers(0, 365)))
    if names[-1] == "month":
        moment = moment.replace(day=1)
    texts, regexes = {}, {}
    for name in names:
        number = f"{moment:%j}".lstrip("0") if name == "doy" else str(getattr(moment, name))
        texts[name] = number.zfill(draw(st.integers(1, 3 if name == "doy" else 2)))
        width = len(texts[name])
        regexes[name] = draw(st.sampled_from(["[0-9]+", f"[0-9]{{{width}}}", f"[0-9]{{1,{max(width, 2)}}}"]))
    return Said(moment, texts, {**regexes, "year": "[0-9]{4}"})


def start_by(rule: dict[str, Any], path: str) -> datetime | None:
    """When what a path says begins; None where the rule does not match it."""
    match = load_rules(text_of(rule), file="c.yaml").match(SOURCE + path)
    return match.start if match is not None and match.collection == "a" else None


@settings(max_examples=60, deadline=None)
@given(said(), st.sampled_from(DURATIONS))
def test_what_is_told_to_join_is_read_as_what_it_says(numbers: Said, duration: str) -> None:
    rule = {"pattern": numbers.pattern({}), "datetime": [{"group": "year", "duration": duration}]}
    groups, source = re.findall(r"`groups: (.*?)` and `datetime: (.*?)`", told(rule))[0]
    joined = {**rule, "groups": yaml.safe_load(groups), "datetime": yaml.safe_load(source)}
    moment = numbers.moment
    if duration == "dekad" and {"day", "doy"} & numbers.texts.keys():
        moment = moment.replace(hour=0, minute=0)
        assert start_by(joined, numbers.path) == (moment if moment.day in (1, 11, 21) else None)
    else:
        assert start_by(joined, numbers.path) == moment


@settings(max_examples=200, deadline=None)
@given(said(), st.lists(st.sampled_from(["", "-", "_", "T"]), min_size=4, max_size=4), st.data())
def test_what_is_joined_is_read_as_what_it_says_or_refused(
    numbers: Said, between: list[str], data: st.DataObject
) -> None:
    called = data.draw(st.sampled_from([{}, LETTERS] if "day" in numbers.texts else [{}]))
    parts = [f"{{{called.get(name, name)}}}" for name in numbers.texts]
    template = "".join(f"{part}{mark}" for part, mark in zip(parts, [*between, ""], strict=False))
    template = template[: template.rindex("}") + 1]
    source: dict[str, Any] = {"group": "begins"}
    if data.draw(st.booleans()):
        source["duration"] = data.draw(st.sampled_from(DURATIONS))
    if data.draw(st.booleans()):
        source["format"] = re.sub(r"\{(\w+)\}", lambda found: _directive(found[1]), template)
    rule = {
        "pattern": numbers.pattern(called),
        "groups": {"begins": {"template": template}},
        "datetime": [source],
    }
    found = told_of(rule)
    if "another time" not in found:
        if "rules-invalid" in found:
            return
        start = start_by(rule, numbers.path)
    else:
        advice = re.findall(r"Write `template: '(.*?)'`(?:, and `format: \"(.*?)\"`)?", found)
        if not advice:
            return
        template, text_format = advice[0]
        mended = {**source, "format": text_format} if text_format else source
        rule |= {"groups": {"begins": {"template": template}}, "datetime": [mended]}
        start = start_by(rule, numbers.path)
        assert start or "duration" in source  # which not every day begins
    if start is not None and called:  # of names that are not known only the day is
        assert start.date() == numbers.moment.date()
    elif start is not None:
        assert start == numbers.moment


def told_of(rule: dict[str, Any]) -> str:
    """The mistakes, or warnings, of a rule."""
    try:
        return " ".join(map(str, load_rules(text_of(rule), file="c.yaml").warnings))
    except RulesInvalid as invalid:
        return str(invalid)


def _directive(name: str) -> str:
    known = {**DIRECTIVES, **{LETTERS[name]: each for name, each in DIRECTIVES.items() if name in LETTERS}}
    return known[name]


YMD = "m/{year}/{month:[0-9]+}/{day:[0-9]+}/{item}.tif"
NUMBERS = r"{y:\d{4}}/{m:[0-9]+}/{d:\d+}/{item}.tif"
BEGINS = [{"group": "begins"}]


@pytest.mark.parametrize(
    ("pattern", "groups", "datetime", "example"),
    [
        (YMD, "{begins: {template: '{year}{month}{day}'}}", BEGINS, "make '2024121', which is read as 2024-04-30"),
        (YMD, "{begins: {template: '{year}{month}01'}}", BEGINS, "make '2024101', which is read as 2024-04-10"),
        (YMD, "{ym: {template: '{year}{month}'}, begins: {template: '{ym}{day}'}}", BEGINS, "month '12', day '1'"),
        (YMD, "{date: {template: '{year}{month}{day}'}}", ["path"], "make '2024121'"),
        (YMD, "{a: {template: '{year}{month}{day}'}}", [{"start": "a", "end": "year"}], "make '2024121'"),
        (NUMBERS, "{begins: {template: '{y}{m}{d}'}}", BEGINS, "make '2024121'"),
        (NUMBERS, "{begins: {template: '{y}{m}{d}-1030'}}", BEGINS, "which is read as 2024-04-30 10:30"),
        (NUMBERS, "{begins: {template: '{y}{m}{d}T00:00+09:00'}}", BEGINS, "which is read as 2024-04-30 00:00"),
        ("{year}/{doy:[0-9]+}/{item}.tif", "{begins: {template: '{year}-{doy}'}}", BEGINS, "make '2024-12'"),
        (
            r"s{year}{doy}{hour:\d\d}{minute:\d\d}{second:\d\d}{tenth:\d}_{item}.tif",
            "{begins: {template: '{year}{doy}{hour}{minute}{second}{tenth}'}}",
            BEGINS,
            "make '20241011212121', which is read as 2024-10-11",
        ),
        (
            "m/{year}/{month}/{part}/{item}.tif",
            "{day: {from: part, lookup: {a: '1', b: '11', c: '21'}}, begins: {template: '{year}{month}{day}'}}",
            BEGINS,
            "year '2024', month '12', day '1' make '2024121'",
        ),
        (["{begins}/{item}.tif", YMD], "{begins: {template: '{year}{month}{day}', default: x}}", BEGINS, "'2024121'"),
        (
            "{date:[0-9]{4}1201}/{hour:[0-9]+}/{minute:[0-9]+}/{item}.tif",
            "{begins: {template: '{date}T{hour}{minute}'}}",
            BEGINS,
            "hour '1', minute '1' make '11111201T11', which is read as 1111-12-01 11:00",
        ),
        (
            "m/{year}/{name:[A-Z]{3}}/{day:[0-9]{2}}/{item}.tif",
            "{month: {from: name, transform: lower, lookup: {nov: '11', dec: '12', jan: '1'}}, "
            "begins: {template: '{year}{month}{day}'}}",
            BEGINS,
            "month '1', day '12' make '2024112'",
        ),
        (
            "{year}/{doy:[0-9]{3}}/{hour:0|6|12|18}/{item}.tif",
            "{begins: {template: '{year}_{doy}{hour}'}}",
            BEGINS,
            "doy '101', hour '0' make '2024_1010', which is read as 2024-10-10",
        ),
        (YMD, "{a: {template: '{year}{month}{day}'}, begins: {from: a}}", BEGINS, "The group 'a' may be another time"),
    ],
)  # fmt: skip
def test_a_template_that_some_numbers_make_another_time_is_a_mistake(
    pattern: str | list[str], groups: str, datetime: list[Any], example: str
) -> None:
    found = told({"pattern": pattern, "groups": yaml.safe_load(groups), "datetime": datetime})
    assert "may be another time than its groups say" in found
    assert example in found


@pytest.mark.parametrize(
    ("groups", "instead"),
    [
        (
            "{begins: {template: '{year}{month}{day}'}}",
            "Write `template: '{year}-{month}-{day}'`.",
        ),
        (
            "{begins: {template: '{year}{month}{day}T{hour}'}}",
            "Write `template: '{year}-{month}-{day}T{hour}'`, and `format: \"%Y-%m-%dT%H\"` into its source.",
        ),
        ("{begins: {template: '{year}{month}15'}}", "Put - between the parts of a date in its template"),
    ],
)
def test_a_template_that_reads_right_is_told(groups: str, instead: str) -> None:
    source = {"group": "begins", "duration": "P8D"}
    pattern = YMD.replace("/{item}", "/{hour:[0-9]+}/{item}")
    assert instead in told({"pattern": pattern, "groups": yaml.safe_load(groups), "datetime": [source]})


@pytest.mark.parametrize(
    ("pattern", "groups", "source"),
    [
        (YMD, "{begins: {template: '{year}-{month}-{day}'}}", {}),
        (YMD, "{begins: {template: '{year}{month}{day}'}}", {"format": "%Y%m%d"}),
        (YMD, "{begins: {template: '{year}-{month}-01'}}", {"duration": "P1M"}),
        ("{year}/{month}/{day}/{item}.tif", "{begins: {template: '{year}{month}{day}'}}", {}),
        ("{year}/{month}/{day}/{item}.tif", "{begins: {template: '{year}{month}15T1030'}}", {}),
        ("{year}/{month}/{day}/{hour}{minute}/{item}.tif", "{begins: {template: '{year}{month}{day}T{hour}30'}}", {}),
        ("{date}/{hour}{minute}/{item}.tif", "{begins: {template: '{date}T{hour}:{minute}+09:00'}}", {}),
        ("{year}/{season}/{item}.tif", "{begins: {template: '{year}{season}', lookup: {2024djf: 2023-12}}}", {}),
        ("9999/{month:12}/{day:31}/{item}.tif", "{begins: {template: '9999{month}{day}'}}", {}),
        ("{item}/{year:9999}{month:12}{day:31}.tif", "{begins: {template: '{year}{month}{day}'}}", {}),
        (["x/{item}.tif", YMD], "{begins: {template: '{year}-{month}-{day}', default: '2024-01-01'}}", {}),
        ("{y}/{half}/{item}.tif", "{begins: {template: '{y}{half}'}}", {}),
        ("{y}/{m}/{d}/{item}.tif", "{begins: {template: '{y}{m}{d}'}}", {}),
        ("{year}{doy}T{hour}{minute}.{item}.tif", "{begins: {template: '{year}{doy}T{hour}{minute}'}}", {}),
        (
            "{date}_{hour:[0-9]{2}}{minute:[0-9]{2}}_{tz}_{item}.tif",
            "{zone: {from: tz, lookup: {JST: '+09:00', UTC: Z}}, begins: {template: '{date}T{hour}:{minute}{zone}'}}",
            {},
        ),
        (r"{ymd:\d{8}}T{hour:\d\d}{minute:\d\d}_{item}.tif", "{begins: {template: '{ymd}T{hour}:{minute}+09'}}", {}),
        (r"{y:\d{4}}/{m:\d\d}/{d:\d\d}/{n:\d}_{item}.tif", "{begins: {template: '{y}{m}{d}T10:00+0{n}:00'}}", {}),
        (r"{ymd:\d{8}}_{hh:\d\d}{minute:\d\d}_{item}.tif", "{begins: {template: '{ymd}T{hh}:{minute}'}}", {}),
        (r"{year}{doy}_{hh:\d+}{minute:\d\d}_{item}.tif", "{begins: {template: '{year}{doy}T{hh}:{minute}'}}", {}),
        (r"{date}T{hour:\d+}{minute:\d+}_{item}.tif", "{begins: {template: '{date}T{hour}{minute}'}}", {}),
        (YMD, "{begins: {template: '{year}-{day}-{month}'}}", {"format": "%Y-%d-%m"}),
        (
            "{year}/{doy:[0-9]+}/{hour:[0-9]+}/{item}.tif",
            "{begins: {template: '{year}-{doy}-{hour}'}}",
            {"format": "%Y-%j-%H"},
        ),
        (r"m/{begins:\d{6}}/{item:\d\d}.tif", "{begins: {template: '{begins}{item}'}}", {"duration": "P8D"}),
    ],
)  # fmt: skip
def test_a_template_that_is_the_time_that_its_groups_say_is_none(
    pattern: str, groups: str, source: dict[str, Any]
) -> None:
    rule = {"pattern": pattern, "groups": yaml.safe_load(groups), "datetime": [{"group": "begins", **source}]}
    assert "another time" not in told_of(rule)
    assert load_rules(text_of(rule), file="c.yaml").digest


@pytest.mark.parametrize("name", ["date", "start", "end"])
def test_a_template_that_no_source_reads_is_none(name: str) -> None:
    template = {name: {"template": "{year}{month}{day}"}}
    rule = {"pattern": f"{{datetime}}/{YMD}", "item": f"{{{name}}}_{{item}}", "groups": template}
    assert "another time" not in told_of(rule)


@pytest.mark.parametrize(
    ("pattern", "template"),
    [
        ("m/{year}/{month:[0-9]{1,2}}/{day:[0-9]{1,2}}/{item}.tif", "{year}{month}{day}"),
        (r"regex:m/(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<item>x)\.tif", "{y}{m}{d}"),
        ("m/{year}{month:[0-9]+}{day:[0-9]+}/{item}.tif", "{year}{month}{day}"),
    ],
)
def test_a_template_that_is_right_where_numbers_have_leading_zeros_is_warned_of(
    pattern: str, template: str
) -> None:
    rule = {"pattern": pattern, "groups": {"begins": {"template": template}}, "datetime": BEGINS}
    found = [str(each) for each in load_rules(text_of(rule), file="c.yaml").warnings]
    assert [" make '2024121', which is read as 2024-04-30" in each for each in found] == [True]


@pytest.mark.parametrize(
    ("pattern", "source"),
    [("{year}/{month}/{day}/{item}.tif", {}), (YMD, {"format": "%Y%m%d"})],
)
def test_nothing_is_tried_of_groups_of_one_length_or_with_a_format(
    pattern: str, source: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(joined_dates, "_texts_of")
    groups = {"begins": {"template": "{year}{month}{day}"}}
    assert told_of({"pattern": pattern, "groups": groups, "datetime": [{"group": "begins", **source}]}) == ""


@pytest.mark.parametrize(
    ("pattern", "path", "what"),
    [
        ("{year}{month:[0-9]+}{day:[0-9]+}.tif", "1811112.tif", "the month may be 1 and the day 12"),
        (
            "{year}{month:[1-9]|1[0-2]}{day:[1-9]|[12][0-9]|3[01]}.tif",
            ".tif",
            "the month may be 1 and the day 12",
        ),
        (
            "{year}{month:1[0-2]|[1-9]}{day:3[01]|[1-9]|[12][0-9]}.tif",
            ".tif",
            "the month may be 1 and the day 12",
        ),
        (r"{year}{month:\d+?}{day:\d+}.tif", ".tif", "the month may be 1 and the day 12"),
        (r"{day:\d+}{month:\d+}{year}.tif", ".tif", "the day may be 1 and the month 12"),
        (r"{year}{doy:\d+}{hour:\d+}.tif", ".tif", "the doy may be 1 and the hour 12"),
        ("{year}{month}{day:[0-9]+}{hour:[0-9]+}.tif", ".tif", "the day may be 1 and the hour 12"),
        ("{year}{doy}T{hour:[0-9]+}{minute:[0-9]+}.tif", "T112.tif", "the hour may be 1 and the minute 12"),
        (
            "{year}{doy}T{hour}{minute:[0-9]+}{second:[0-9]+}.tif",
            "112.tif",
            "the minute may be 1 and the second 12",
        ),
        ("{date}_{day:[0-9]+}{hour:[0-9]+}.tif", ".tif", "the day may be 1 and the hour 12"),
        ("{year}{doy}_{month:[0-9]+}{day:[0-9]+}.tif", ".tif", "the month may be 1 and the day 12"),
    ],
)
def test_numbers_of_a_path_that_touch_and_can_be_told_apart_in_two_ways_are_a_mistake(
    pattern: str, path: str, what: str
) -> None:
    found = told({"pattern": pattern, "item": "a"})
    assert f"{path}' {what}, or 11 and 2" in found


@pytest.mark.parametrize(
    "pattern",
    [
        "{start}_{end}/{year}{month:[0-9]+}{day:[0-9]+}.tif",
        "{year}{month}{day}.tif",
        "{year}/{month:[0-9]+}/{day:[0-9]+}.tif",
        "{year}{month:[0-9]+}{day}.tif",
        "{year}{month:[0-9]{2}}{day:[0-9]+}.tif",
        "{date}_{month:[0-9]+}{day:[0-9]+}.tif",
        "{year}_{day:[0-9]+}{hour:[0-9]+}.tif",
        "{year}_{hour:[0-9]+}{minute:[0-9]+}.tif",
    ],
)
def test_numbers_of_a_path_that_can_be_told_apart_in_one_way_are_none(pattern: str) -> None:
    assert "may be 1 and" not in told_of({"pattern": pattern, "item": "a"})


def test_numbers_of_a_path_that_only_a_table_makes_a_date_of_are_none() -> None:
    """The 11 and 2 that the path may be taken apart to are in no table: it is not of the rule."""
    rule = {"pattern": "{year}_{month:[0-9]+}{day:[0-9]+}.tif", "item": "a"}
    assert "may be 1 and" not in told_of({**rule, "groups": {"month": {"lookup": {"1": "01"}}}})


@pytest.mark.parametrize("times", ["{month:[0-9]{1,2}}{day:[0-9]{1,2}}", "{doy:[0-9]{1,3}}{hour:[0-9]{1,2}}"])
def test_numbers_of_a_path_that_leading_zeros_tell_apart_are_warned_of(times: str) -> None:
    rules = load_rules(text_of({"pattern": f"{{year}}{times}.tif", "item": "a"}), file="c.yaml")
    assert any(" 12, or 11 and 2" in str(each) for each in rules.warnings)


@pytest.mark.parametrize(
    ("pattern", "template"),
    [
        ("m/{year}{month:[0-9]+}{day:[0-9]+}/{item}.tif", "{year}-{month}-{day}"),
        ("m/{year}{month:[0-9]+}{day:[0-9]+}/{item}.tif", "{year}-{month}"),
        ("m/{year}{month:[0-9]+}{day:[0-9]+}/{item}.tif", "{year}-01-{day}"),
        ("m/{year}{month}{day:[0-9]+}{hour:[0-9]+}/{item}.tif", "{year}-{month}-{day}"),
    ],
)
def test_numbers_that_touch_and_are_joined_apart_are_a_mistake(pattern: str, template: str) -> None:
    groups = {"begins": {"template": template}}
    assert "11 and 2" in told({"pattern": pattern, "groups": groups, "datetime": BEGINS})
