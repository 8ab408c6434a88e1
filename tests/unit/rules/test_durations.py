"""A period of which a path gives the beginning ends a second before the next one begins."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from eventstac.rules import load_rules
from eventstac.rules.durations import period_from
from tests.unit.rules.asking import matched
from tests.unit.rules.test_datetime_sources import SOURCE, text_of, told


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2024-03-11", "P8D", "2024-03-18T23:59:59"),
        ("2024-12-18", "P16D", "2025-01-02T23:59:59"),
        ("2024-03-11T12:00:00", "PT30M", "2024-03-11T12:29:59"),
        ("2024-03-11T12:00:00", "PT1S", "2024-03-11T12:00:00"),
        ("2024-02-01", "P1M", "2024-02-29T23:59:59"),
        ("2023-12-01", "P3M", "2024-02-29T23:59:59"),
        ("2024-01-31", "P1M", "2024-02-28T23:59:59"),
        ("2024-01-01", "P1Y", "2024-12-31T23:59:59"),
        ("2024-01-01", "P2W", "2024-01-14T23:59:59"),
        ("2024-01-01", "P1DT12H", "2024-01-02T11:59:59"),
        ("2024-02-01", "dekad", "2024-02-10T23:59:59"),
        ("2024-02-11", "dekad", "2024-02-20T23:59:59"),
        ("2024-02-21", "dekad", "2024-02-29T23:59:59"),
        ("2024-12-21", "dekad", "2024-12-31T23:59:59"),
    ],
)
def test_a_period_lasts_until_the_next_one_begins(start: str, duration: str, end: str) -> None:
    begun = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert period_from(begun, duration) == (begun, datetime.fromisoformat(end).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("pattern", "more", "path", "end"),
    [
        ("m/{item}.A{date}.tif", {"group": "date", "duration": "P8D"}, "m/a.A2024071.tif", "2024-03-18"),
        ("m/{item}_{start}.tif", {"group": "start", "duration": "P3M"}, "m/a_2024-03.tif", "2024-05-31"),
        (
            "m/{item}_{d}.tif",
            {"group": "d", "format": "%d%m%y", "duration": "dekad"},
            "m/a_110324.tif",
            "2024-03-20",
        ),
    ],
)
def test_a_group_gives_the_beginning_of_a_period(
    pattern: str, more: dict[str, Any], path: str, end: str
) -> None:
    rules = load_rules(text_of({"pattern": pattern, "datetime": [more]}), file="c.yaml")
    assert not rules.warnings
    match = matched(rules, SOURCE + path)
    assert match.start is not None
    assert (match.start.month, str(match.end)) == (3, f"{end} 23:59:59+00:00")


@pytest.mark.parametrize(
    ("text", "moment"), [("2024-03-12", "2024-03-12T00:00:00Z"), ("20240221T1200", "2024-02-21T12:00:00Z")]
)
def test_what_begins_no_dekad_is_not_of_the_rule(text: str, moment: str) -> None:
    rule = {"pattern": "m/{item}_{datetime}.tif", "datetime": [{"group": "datetime", "duration": "dekad"}]}
    explained = load_rules(text_of(rule), file="c.yaml").explain(f"{SOURCE}m/a_{text}.tif")
    assert [each.why for each in explained.tried] == [
        f"{moment} begins no dekad: they begin at midnight of UTC of the days 1, 11 and 21 of a month"
    ]


@pytest.mark.parametrize(
    ("text", "duration"),
    [("2024-02", "dekad"), ("2024-02", "P30D"), ("2024", "P8D"), ("2024", "P1M"), ("202402", "P1D")],
)
def test_a_month_or_a_year_begins_no_period_that_is_shorter(text: str, duration: str) -> None:
    rule = {"pattern": "m/{item}_{date}.tif", "datetime": [{"group": "date", "duration": duration}]}
    explained = load_rules(text_of(rule), file="c.yaml").explain(f"{SOURCE}m/a_{text}.tif")
    assert [each.why for each in explained.tried] == [
        f"{text!r} does not say on which day a period of {duration} begins"
    ]


@pytest.mark.parametrize(
    ("pattern", "source"),
    [
        ("m/{year}/{doy}/{item}.tif", {"group": "year", "duration": "P8D"}),
        ("m/{year}/{month}/{item}.tif", {"group": "year", "duration": "P1M"}),
        (r"m/{d:\d{6}}/{item}.tif", {"group": "d", "duration": "P8D"}),
        (r"m/{d:\d{4}-?\d\d}/{item}.tif", {"group": "d", "duration": "dekad"}),
        ("m/{d}/{item}.tif", {"group": "d", "duration": "P30D", "format": "%Y.%m"}),
        ("m/{d}/{item}.tif", {"group": "d", "duration": "P8D", "format": "%b %y"}),
        ("m/{d}/{item}.tif", {"group": "d", "duration": "P365D", "format": "%Y"}),
        (["m/{year}/{doy}/{item}.tif", "n/{year}/{item}.tif"], {"group": "year", "duration": "dekad"}),
    ],
)
def test_a_period_shorter_than_what_its_group_leaves_open_is_a_mistake(
    pattern: str | list[str], source: dict[str, Any]
) -> None:
    found = told({"pattern": pattern, "datetime": [source]})
    assert f"{source['group']!r} says no day for a period of {source['duration']} to begin on" in found
    assert found.count(" says no day") == 1
    assert "Make one group of all that say it" in found or "name a group that says the day, too" in found


EIGHT_DAYS, ONE_DAY = ({"group": "d", "duration": duration} for duration in ("P8D", "P1D"))


def test_a_period_that_another_source_leaves_to_the_next_is_none() -> None:
    rule = {
        "pattern": [r"8d/{d:\d{8}}/{item}.tif", r"1m/{d:\d{6}}/{item}.tif"],
        "datetime": [EIGHT_DAYS, {"group": "d"}],
    }
    rules = load_rules(text_of(rule), file="c.yaml")
    assert not rules.warnings
    ends = [matched(rules, f"{SOURCE}{path}/a.tif").end for path in ("8d/20240401", "1m/202404")]
    assert [str(end)[:10] for end in ends] == ["2024-04-08", "2024-04-30"]
    assert "'d' says no day for a period of P8D" in told({**rule, "datetime": [EIGHT_DAYS]})


@pytest.mark.parametrize("begins", [EIGHT_DAYS, {**EIGHT_DAYS, "format": "%Y%m"}])
@pytest.mark.parametrize("other", [{"group": "d"}, {"value": "2024"}])
def test_a_period_that_never_begins_is_only_warned_of_where_another_source_says_when(
    begins: dict[str, Any], other: dict[str, Any]
) -> None:
    rule = {"pattern": r"m/{d:\d{6}}/{item}.tif", "datetime": [begins, other]}
    [warning] = load_rules(text_of(rule), file="c.yaml").warnings
    assert "'d' says no day for a period of P8D" in warning.what


def test_periods_of_which_none_ever_begins_are_mistakes() -> None:
    found = told({"pattern": r"m/{d:\d{6}}/{item}.tif", "datetime": [EIGHT_DAYS, ONE_DAY]})
    assert found.count(" says no day") == 2


@pytest.mark.parametrize(
    ("names", "duration", "template", "read", "lasting"),
    [
        ("{year}/{doy}_", "P8D", "{year}-{doy}", "%Y-%j", "P8D"),
        ("{year}/{month}/{doy}_", "P8D", "{year}-{doy}", "%Y-%j", "P8D"),
        ("{year}/{month}_", "P3M", "{year}-{month}", "%Y-%m", "P3M"),
        ("{year}/{month}_", "P8D", "{year}-{month}", "%Y-%m", "P1M"),
        ("{year}/{month}_", "dekad", "{year}-{month}", "%Y-%m", "P1M"),
        ("{year}/{month}/{day}/{hour}_", "PT1H", "{year}-{month}-{day}T{hour}", "%Y-%m-%dT%H", "PT1H"),
        ("{year}/{doy}/{hour}_{minute}_", "PT15M", "{year}-{doy}T{hour}:{minute}", "%Y-%jT%H:%M", "PT15M"),
        ("{year}/{doy}/{hour}{minute}_", "PT15M", "{year}-{doy}T{hour}{minute}", "%Y-%jT%H%M", "PT15M"),
        (
            "{year}/{doy}/{hour}{minute}{second}_",
            "PT15M",
            "{year}-{doy}T{hour}{minute}{second}",
            "%Y-%jT%H%M%S",
            "PT15M",
        ),
        ("{year}/{month}/{day}/{hour}_", "P1D", "{year}-{month}-{day}T{hour}", "%Y-%m-%dT%H", "P1D"),
        ("{year}.{month}.{day}/", "P90D", "{year}-{month}-{day}", "%Y-%m-%d", "P90D"),
    ],
)
def test_what_is_to_be_one_group_is_told(
    names: str, duration: str, template: str, read: str, lasting: str
) -> None:
    rule = {
        "pattern": f"m/{names}{{item}}.tif",
        "datetime": [{"group": "year", "duration": duration}],
    }
    source = f'{{group: begins, format: "{read}", duration: {lasting}}}'
    instead = f"`groups: {{begins: {{template: '{template}'}}}}` and `datetime: [{source}]`"
    assert f"Make one group of all that say it, {instead}, or write `duration: P1Y`" in told(rule)
    begins = {"groups": {"begins": {"template": template}}, "datetime": [yaml.safe_load(source)]}
    assert not load_rules(text_of({**rule, **begins}), file="c.yaml").warnings


@pytest.mark.parametrize(
    ("pattern", "group", "duration", "longer"),
    [
        ("m/{year}/{item}.tif", "year", "P365D", "P1Y"),
        (r"m/{d:\d{6}}/{item}.tif", "d", "P30D", "P1M"),
        (r"m/{d:\d{6}}/{day}/{item}.tif", "d", "P8D", "P1M"),
        (r"m/{d:\d{4}-W\d\d}/{item}.tif", "d", "P5D", "P1W"),
        (["m/{year}/{doy}/{item}.tif", "n/{year}/{month}/{day}/{item}.tif"], "year", "P8D", "P1Y"),
    ],
)
def test_where_not_all_paths_have_groups_of_a_day_a_longer_period_is_told(
    pattern: str | list[str], group: str, duration: str, longer: str
) -> None:
    rule = {"pattern": pattern, "datetime": [{"group": group, "duration": duration}]}
    assert f"Write `duration: {longer}`, or name a group that says the day, too." in told(rule)


@pytest.mark.parametrize("text", ["{d}01", "{d}{item}"])
def test_a_period_of_a_group_that_a_change_makes_is_none_that_never_begins(text: str) -> None:
    rule = {
        "pattern": r"m/{d:\d{6}}/{item:\d\d}.tif",
        "groups": {"d": {"template": text}},
        "datetime": [EIGHT_DAYS],
    }
    assert not load_rules(text_of(rule), file="c.yaml").warnings


def test_a_rule_of_days_does_not_overlap_with_one_of_months() -> None:
    days = {"pattern": "m/{item}_{x:[0-9-]+}.tif", "datetime": [{"group": "x", "duration": "P8D"}]}
    months = {"pattern": "m/{item}_{y:[0-9-]+}.tif", "datetime": [{"group": "y", "format": "%Y-%m"}]}
    assert not load_rules(text_of(days, months), file="c.yaml").warnings
    assert "both match" in told({**days, "datetime": [{"group": "x", "duration": "P1M"}]}, months)


@pytest.mark.parametrize("duration", ["P9999Y", "P8100Y", "P9999Y9999M"])
def test_a_period_that_never_ends_by_the_year_9999_is_a_mistake(duration: str) -> None:
    rule = {"pattern": "m/{item}_{date}.tif", "datetime": [{"group": "date", "duration": duration}]}
    assert f"{duration} ends after the year 9999" in told(rule)


@pytest.mark.parametrize(
    ("pattern", "source"),
    [
        ("m/{year}/{item}.tif", {"group": "year", "duration": "P1Y"}),
        ("m/{d:[0-9]+}/{item}.tif", {"group": "d", "duration": "P8D"}),
        (r"m/{d:\d{6}}/{item}.tif", {"group": "d", "duration": "P1M"}),
        ("m/{d}/{item}.tif", {"group": "d", "duration": "P3M", "format": "%Y.%m"}),
        ("m/{d}/{item}.tif", {"group": "d", "duration": "PT6H", "format": "%Y%m%d"}),
        (r"m/{d:\d{4}-W\d\d}/{item}.tif", {"group": "d", "duration": "P1W"}),
    ],
)
def test_a_period_as_long_as_what_its_group_leaves_open_is_none(pattern: str, source: dict[str, Any]) -> None:
    assert not load_rules(text_of({"pattern": pattern, "datetime": [source]}), file="c.yaml").warnings


@pytest.mark.parametrize(
    "duration", ["8D", "P", "PT", "P0D", "P8", "P8DT", "8 days", "P1.5D", "P1D\n", "decade"]
)
def test_what_is_no_duration_is_a_mistake(duration: str) -> None:
    rule = {"pattern": "{item}_{date}.tif", "datetime": [{"group": "date", "duration": duration}]}
    found = told(rule)
    assert "`duration` cannot be" in found
    assert "P8D" in found


@pytest.mark.parametrize("duration", ["P9999Y", "P9999W"])
def test_a_period_that_never_ends_is_of_no_date(duration: str) -> None:
    with pytest.raises(ValueError, match="no year up to 9999"):
        period_from(datetime(9900, 1, 1, tzinfo=UTC), duration)


def test_a_beginning_without_an_end_is_told_how_to_say_how_long_it_lasts() -> None:
    found = load_rules(text_of({"pattern": "{item}/{start}.tif"}), file="c.yaml").warnings
    assert "`datetime: [{group: start, duration: P8D}]`" in str(found[0])
