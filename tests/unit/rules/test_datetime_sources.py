"""Where a rule takes the datetime from: the first source that gives one, and no source that never can."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from eventstac.rules import RulesInvalid, load_rules
from tests.unit.rules.asking import matched

SOURCE = "https://account.blob.core.windows.net/source/"
TWO_FORMATS = [{"group": "acq", "format": "%Y%m%d"}, {"group": "acq", "format": "%Y-%m-%d"}]


def text_of(*rules: dict[str, Any]) -> str:
    numbered = [{"name": f"r{number}", **rule} for number, rule in enumerate(rules)]
    return yaml.safe_dump({"collections": {"a": {"rules": numbered}}}, sort_keys=False)


def start_of(path: str, *rules: dict[str, Any]) -> datetime | None:
    match = matched(load_rules(text_of(*rules), file="c.yaml"), SOURCE + path)
    assert match.collection == "a"
    return match.start


def told(*rules: dict[str, Any]) -> str:
    with pytest.raises(RulesInvalid) as caught:
        load_rules(text_of(*rules), file="c.yaml")
    return str(caught.value)


@pytest.mark.parametrize("group", ["{acq}", "{acq:[0-9-]+}"])
@pytest.mark.parametrize("text", ["20240115", "2024-01-15"])
def test_a_source_that_cannot_read_the_path_leaves_it_to_the_next(group: str, text: str) -> None:
    rule = {"pattern": f"{{item}}_{group}.tif", "datetime": TWO_FORMATS}
    assert start_of(f"x_{text}.tif", rule) == datetime(2024, 1, 15, tzinfo=UTC)


def test_a_path_that_no_source_can_read_is_not_of_the_rule_and_the_first_reason_is_told() -> None:
    rule = {"pattern": "{item}_{acq:[0-9-]+}.tif", "datetime": [*TWO_FORMATS, "file"]}
    explained = load_rules(text_of(rule), file="c.yaml").explain(SOURCE + "x_2024-02-30.tif")
    assert explained.match is not None
    assert explained.match.collection == "bronze-tier"
    assert "does not match the format '%Y%m%d'" in explained.tried[0].why


def test_a_group_that_may_be_left_out_leaves_the_date_to_the_next_source() -> None:
    rule = {"pattern": r"regex:(?P<item>[a-z]+)(?:_(?P<d>\d{8}))?(?:_(?P<e>\d{4}))?\.tif",
            "datetime": [{"group": "d", "format": "%Y%m%d"}, {"group": "e"}]}  # fmt: skip
    assert start_of("x_2021.tif", rule) == datetime(2021, 1, 1, tzinfo=UTC)
    assert start_of("x.tif", rule) is None


def test_rules_that_overlap_by_a_later_source_alone_are_found() -> None:
    one = {"pattern": "s/{item}_{acq:[0-9-]+}.tif", "datetime": TWO_FORMATS}
    other = {"pattern": "s/{item}_{day:[0-9-]+}.tif", "datetime": [{"group": "day", "format": "%Y-%m-%d"}]}
    assert "both match" in told(one, other)


def test_rules_that_overlap_by_another_source_are_told() -> None:
    pattern = "s/{item}_{acq:[0-9-]+}_{b:[0-9-]+}.tif"
    first = {"group": "acq", "format": "%Y%m%d"}
    other = {"pattern": pattern, "datetime": [{"group": "acq", "format": "%Y-%m-%d"}]}
    assert "both match" in told({"pattern": pattern, "datetime": [first, {"value": "2024"}]}, other)
    either = {"pattern": pattern, "datetime": [first, {"group": "b"}]}
    [warning] = load_rules(text_of(either, other), file="c.yaml").warnings
    assert "is not decided" in warning.what


def test_rules_whose_formats_share_no_text_do_not_overlap() -> None:
    pattern = "s/{item}_{acq:[0-9-]+}.tif"
    third = {"pattern": pattern, "datetime": [{"group": "acq", "format": "%d-%m-%Y"}]}
    assert not load_rules(
        text_of({"pattern": pattern, "datetime": TWO_FORMATS}, third), file="c.yaml"
    ).warnings


SIDECAR = {"match": "m.json", "sidecar": {"format": "json", "datetime": "$.d"}}


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ({"datetime": ["path"]}, "`path` gives no datetime"),
        (
            {"assets": {"r": {}, "m": {"sidecar": {"format": "json", "end": "$.d"}}}},
            "A sidecar with only an end gives no datetime",
        ),
        (
            {"assets": {"r": {}, "m": {"sidecar": {"format": "json", "properties": {"created": "$.d"}}}}},
            "`created` is not a property to set. Leave it out",
        ),
        (
            {
                "assets": {
                    "r": {},
                    "m": {"sidecar": {"format": "json", "properties": {"end_datetime": "$.d"}}},
                }
            },
            "`end_datetime` is not a property to set. Write `end:` beside",
        ),
        (
            {
                "datetime": [{"group": "item"}, "sidecar", {"group": "asset"}],
                "assets": {"r": {}, "m": SIDECAR},
            },
            "Dates of the path stand apart",
        ),
        ({"datetime": [{"group": "item", "format": "%Y%M%d"}]}, "%M is minutes: write %m for the month"),
        ({"datetime": [{"group": "item", "format": "%Y%d"}]}, "has a day but no month"),
        ({"datetime": [{"group": "item", "format": "%Y%m%b"}]}, "the month twice (%m and %b)"),
        ({"datetime": [{"group": "item", "format": "%Y%jT%M"}]}, "a minute but no hour"),
        ({"datetime": [{"group": "item", "format": "%Y%m%H"}]}, "an hour but no day"),
        ({"datetime": [{"group": "item", "format": "%Y%m%j"}]}, "a day of the year beside a month"),
    ],
)
def test_a_source_that_never_gives_a_datetime_is_a_mistake(rule: dict[str, Any], what: str) -> None:
    assert what in told({"pattern": "{item}/{asset}", **rule})


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("{item}/{start}_{asset}", "'start' gives no datetime without {end}"),
        ("{item}/{end}_{asset}", "'end' gives no datetime without {start}"),
        ("{item}/{month}/{day}/{asset}", "'month' gives no datetime without {year}"),
        ("{item}/{month}/{day}/{asset}", "'day' gives no datetime without {year}"),
        ("{item}/{doy}/{asset}", "'doy' gives no datetime without {year}"),
        ("{item}/{year}/{day}/{asset}", "'day' gives no datetime without {month}"),
        ("{item}/{year}/{start}_{asset}", "'start' gives no datetime without {end}"),
        ("{item}/{date}/{start}_{end}_{asset}", "'start' is not asked for the datetime, as {date} is"),
        ("{item}/{datetime}/{start}_{asset}", "'start' is not asked for the datetime, as {datetime} is"),
    ],
)
def test_a_group_that_is_to_say_when_but_does_not_is_warned_of_where_something_else_does(
    pattern: str, what: str
) -> None:
    rules: tuple[dict[str, Any], ...] = ({}, {"datetime": ["path", "file"]}, {"item": pattern})
    for rule in rules:  # the last has another use for it
        warned = load_rules(text_of({"pattern": pattern, **rule}), file="c.yaml").warnings
        assert any(what in str(each) for each in warned)
    only = text_of({"pattern": pattern, "datetime": ["path"]})
    assert load_rules(only, file="c.yaml", checked=True)
    if "{year}" in pattern or "{date" in pattern:
        assert load_rules(only, file="c.yaml").warnings
    else:  # nothing is left that says when
        assert what in told({"pattern": pattern, "datetime": ["path"]})


def test_a_group_of_a_date_that_one_of_several_patterns_completes_is_no_mistake() -> None:
    for patterns in (["{year}/{month}/{item}.tif", "old/{month}/{item}.tif"], ["{year}/{day}/{item}.tif"]):
        assert load_rules(text_of({"pattern": patterns, "datetime": ["path"]}), file="c.yaml").warnings


def test_a_group_of_a_date_that_a_change_takes_is_warned_of_though_the_change_has_a_default() -> None:
    season = {"from": "month", "lookup": {"01": "winter"}, "default": "summer"}
    rule = {"pattern": "{item}/{month}_{asset}", "groups": {"season": season}, "item": "{item}{season}"}
    found = told({**rule, "datetime": ["path"]})
    assert "`path` gives no datetime" in found
    assert "'month'" not in found


@pytest.mark.parametrize(
    "rule",
    [
        {"pattern": "{item}/{month}/{asset}", "datetime": ["file"]},
        {"pattern": "{item}/{start}_{asset}", "datetime": [{"group": "start"}]},
        {"pattern": "{item}/{start}_{asset}", "groups": {"end": {"from": "start"}}},
        {"pattern": "{item}/{month}_{asset}", "datetime": [{"value": "2020"}]},
        {"pattern": "{year}/{month}/{day}/{item}_{date}_{asset}"},
        {"pattern": "{year}/{month}/{doy}/{item}_{asset}"},
        {"pattern": "{year}/{month}/{item}_{start}_{end}_{asset}"},
    ],
)
def test_groups_of_dates_that_a_source_uses_or_that_repeat_it_are_none(rule: dict[str, Any]) -> None:
    assert not load_rules(text_of(rule), file="c.yaml").warnings


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ({"datetime": ["sidecar"]}, "`sidecar` gives no datetime"),  # unless a rule beside it has one
        (
            {"datetime": ["path", "sidecar", "file", "last-modified"]},
            "`path` gives no datetime",
        ),  # the default
        ({"datetime": ["path", "sidecar", "file", "last-modified"]}, "`sidecar` gives no datetime"),
        ({"datetime": ["file"], "assets": {"r": {}, "m": SIDECAR}}, "The sidecar 'm' says when, but"),
    ],
)
def test_a_source_that_is_passed_over_is_no_mistake(rule: dict[str, Any], what: str) -> None:
    warned = load_rules(text_of({"pattern": "{item}/{asset}", **rule}), file="c.yaml").warnings
    assert any(what in str(each) for each in warned)


@pytest.mark.parametrize(
    "rule",
    [
        {"datetime": ["path"]},
        {"datetime": [{"group": "item", "format": "%Y%d"}]},
        {"datetime": [{"group": "item"}, "sidecar", {"group": "asset"}], "assets": {"r": {}, "m": SIDECAR}},
        {"assets": {"r": {}, "m": {"sidecar": {"format": "json", "properties": {"created": "$.d"}}}}},
        {"assets": {"r": {}, "m": {"sidecar": {"format": "json", "end": "$.d"}}}},
    ],
)
def test_rules_in_force_that_an_older_version_let_pass_are_read(rule: dict[str, Any]) -> None:
    text = text_of({"pattern": "{item}/{asset}", **rule})
    with pytest.raises(RulesInvalid):
        load_rules(text, file="c.yaml")
    assert load_rules(text, file="c.yaml", checked=True)


def test_sources_that_give_a_datetime_are_no_mistakes() -> None:
    rules = (
        {"pattern": "a/{item}/{asset}", "assets": {"r": {}, "m": SIDECAR}, "datetime": ["sidecar", "path"]},
        {"pattern": "b/{date}_{asset}", "item": "{date}", "datetime": ["path"]},
    )
    assert load_rules(text_of(rules[0]), file="c.yaml").warnings
    assert not load_rules(
        text_of({**rules[0], "datetime": ["sidecar", "file"]}, rules[1]), file="c.yaml"
    ).warnings


@pytest.mark.parametrize(
    ("pattern", "path", "meant"),
    [
        ("w/{year}/{month}/{day}/{hour}/{item}.tif", "w/2024/05/06/13/a.tif", (13, 0, 0)),
        ("w/{year}/{doy}/{hour}{minute}/{item}.tif", "w/2024/127/1305/a.tif", (13, 5, 0)),
        ("w/{date}T{hour}{minute}{second}_{item}.tif", "w/20240506T130507_a_b.tif", (13, 5, 7)),
        ("w/{date}/{hour:[0-9]+}/{item}.tif", "w/2024-05-06/9/a.tif", (9, 0, 0)),
        ("w/{date}/{hour:[0-9]+}/{item}.tif", "w/2024-05-06/36/a.tif", (0, 0, 0)),
        ("w/{date}/{hour:[0-9]{2}}{minute:[0-9]+}/{item}.tif", "w/2024-05-06/1375/a.tif", (13, 0, 0)),
        ("w/{date}/{item}_{first:[0-9]+}_{second}.tif", "w/2024-05-06/a_1_20240518.tif", (0, 0, 0)),
        ("w/{date}/{item}_f{hour:[0-9]{3}}.tif", "w/2024-05-06/a_f012.tif", (0, 0, 0)),
        ("w/{datetime}/{item}_f{hour}.tif", "w/20240506T1305/a_f012.tif", (13, 5, 0)),
        (r"w/{date:\d{8}T\d{4}}/{item}_f{hour:\d+}.tif", "w/20240506T1305/a_f12.tif", (13, 5, 0)),
    ],
)
def test_a_day_of_the_path_has_the_time_that_its_groups_say(
    pattern: str, path: str, meant: tuple[int, int, int]
) -> None:
    assert start_of(path, {"pattern": pattern}) == datetime(2024, 5, 6, *meant, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("s1a-iw-grd-{asset}-{start}-{end}-{item}.tiff", "s1a-iw-grd-vv-20240506t130507-20240506t130532-053219.tiff"),
        ("s/{item}_{datetime}.tif", "s/a_2024-05-06t13:05:07z.tif"),
    ],
)  # fmt: skip
def test_a_time_may_have_its_letters_small(pattern: str, path: str) -> None:
    assert start_of(path, {"pattern": pattern}) == datetime(2024, 5, 6, 13, 5, 7, tzinfo=UTC)


@pytest.mark.parametrize("sources", [["file"], [{"value": "2021"}], [{"group": "date"}]])
def test_an_hour_that_no_source_asks_for_is_any_text(sources: list[Any]) -> None:
    rules = load_rules(
        text_of({"pattern": "w/{date}/f{hour}_{item}.tif", "datetime": sources}), file="c.yaml"
    )
    assert matched(rules, SOURCE + "w/20240506/f036_a.tif").collection == "a"


def test_an_hour_that_no_day_has_is_not_of_the_rule() -> None:
    rules = load_rules(text_of({"pattern": "w/{date}/{hour}/{item}.tif"}), file="c.yaml")
    assert matched(rules, SOURCE + "w/2024-05-06/23/a.tif").collection == "a"
    explained = rules.explain(SOURCE + "w/2024-05-06/24/a.tif")
    assert explained.match is None or explained.match.collection == "bronze-tier"
    assert "hour" in explained.tried[0].why


LEFT_OUT = "is part of a date by its name, but no source of the datetime takes it"


@pytest.mark.parametrize(
    ("pattern", "source", "groups"),
    [
        ("s/{start}_{end}_{item}.tif", {"group": "start", "duration": "P8D"}, ["end"]),
        ("s/{date}/{end}/{item}.tif", {"group": "date", "duration": "P8D"}, ["end"]),
        ("s/{year}/{doy}/{item}.tif", {"group": "year"}, ["doy"]),
        ("s/{year}/{month}/{day}_{item}.tif", {"group": "year", "format": "%Y"}, ["day", "month"]),
        ("s/{year}/{month:[0-9]+}/{item}.tif", {"start": "year", "end": "year"}, ["month"]),
    ],
)
def test_a_part_of_the_date_that_the_only_source_leaves_out_is_warned_of(
    pattern: str, source: dict[str, Any], groups: list[str]
) -> None:
    warned = load_rules(text_of({"pattern": pattern, "datetime": [source, "file"]}), file="c.yaml").warnings
    assert [each.what for each in warned] == [f"The group {name!r} {LEFT_OUT}" for name in groups]


@pytest.mark.parametrize(
    ("pattern", "source", "instead"),
    [
        (
            "s/{year}/{doy}/{tile}.tif",
            {"group": "year"},
            "or `[{group: year, duration: P1Y}]` where all of the year",
        ),
        ("s/{start}_{end}_{tile}.tif", {"group": "start", "duration": "P8D"}, "[{start: start, end: end}]"),
    ],
)
def test_a_part_of_the_date_that_only_the_id_has_is_warned_of_with_what_to_write(
    pattern: str, source: dict[str, Any], instead: str
) -> None:
    rule = {"pattern": pattern, "item": pattern.replace("/", "-"), "datetime": [source]}
    [warning] = load_rules(text_of(rule), file="c.yaml").warnings
    assert LEFT_OUT in warning.what
    assert instead in str(warning)


@pytest.mark.parametrize(
    "rule",
    [
        {"pattern": "s/{start}_{end}_{item}.tif", "datetime": [{"group": "start"}]},  # an instant is meant
        {"pattern": "s/{start}_{end:[0-9]{3}}_{item}.tif", "datetime": [{"group": "start", "duration": "P8D"}]},
        {"pattern": "s/{year}/{day:day|night}/{item}.tif", "datetime": [{"group": "year"}]},
        {"pattern": "s/{year}/{month}/{date}_{item}.tif", "datetime": [{"group": "date", "duration": "P8D"}]},
        {"pattern": "s/{year}/{month}.tif", "item": "{year}", "asset": "{month}", "datetime": [{"group": "year"}]},
        {
            "pattern": "s/{year}/{month}/{item}.tif",
            "groups": {"ym": {"template": "{year}{month}"}},
            "datetime": [{"group": "ym", "format": "%Y%m"}, {"group": "year"}],
        },
        {"pattern": "s/{year}/{month}/{item}.tif", "datetime": [{"group": "year"}, "path"]},
        {"pattern": "s/{year}.{month}.{day}/{item}.tif", "datetime": [{"group": "year", "duration": "P1Y"}]},
        {"pattern": "s/{year}/{month}/{item}.tif", "datetime": ["file", {"group": "year"}]},
        {
            "pattern": "s/{year}/{month}/{start}_{end}_{item}.tif",
            "datetime": [{"start": "start", "end": "end"}, {"group": "year"}],
        },
    ],
)  # fmt: skip
def test_a_part_of_a_date_that_has_another_use_or_is_none_is_not_warned_of(rule: dict[str, Any]) -> None:
    assert not load_rules(text_of(rule), file="c.yaml").warnings


UNASKED = "is a time by its name, but is not asked for the datetime"


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ({"pattern": "{date}/{time}/{item}.tif"}, f"'time' {UNASKED}"),
        ({"pattern": "{year}/{month}/{hour}/{item}.tif"}, f"'hour' {UNASKED}"),
        ({"pattern": "{date}/{minute}/{item}.tif"}, f"'minute' {UNASKED}"),
        ({"pattern": "{date}T{hh}_{item}.tif"}, f"'hh' {UNASKED}"),
        ({"pattern": "{hh}{mm}/{item}_{date}.tif"}, f"'hh' {UNASKED}"),
        ({"pattern": "hrrr.{date}/conus/hrrr.t{hh}z.{item}.tif"}, f"'hh' {UNASKED}"),
        ({"pattern": "gfs/{date}/cycle_{hh:[0-9]{2}}/{item}.tif"}, f"'hh' {UNASKED}"),
        ({"pattern": "{item}_{year}-{month}-{day} {hh}.tif"}, f"'hh' {UNASKED}"),
        ({"pattern": "{item}_{hh}_{date}_H{hh}.tif"}, f"'hh' {UNASKED}"),
        ({"pattern": "{hh:[0-9]+}/{date}/v{v}/{item}.tif"}, f"'hh' {UNASKED}"),
        (
            {"pattern": "gfs.{d}/{hh}/{item}.tif", "datetime": [{"group": "d", "format": "%Y%m%d"}]},
            f"'hh' {UNASKED}",
        ),
        ({"pattern": "{date}/{hour}/{item}.tif", "datetime": [{"group": "date"}]}, f"'hour' {UNASKED}"),
        ({"pattern": "{date}/f{hour:[0-9]{3}}/{item}.tif"}, "'hour' can never be a day's hour"),
        ({"pattern": "{date}/f{hour:[0-9]{2}}/{item}.tif"}, "'hour' takes texts that are no day's hour"),
    ],
)
def test_a_group_that_is_a_time_by_its_name_but_is_not_asked_is_warned_of(
    rule: dict[str, Any], what: str
) -> None:
    warned = [str(each) for each in load_rules(text_of(rule), file="c.yaml").warnings]
    assert any(what in each for each in warned), warned


@pytest.mark.parametrize(
    "rule",
    [
        {"pattern": "{date}/{hour}{minute}/{item}.tif"},
        {"pattern": "{year}/{doy}/{hour}/{item}.tif"},
        {
            "pattern": "{date}/{time}/{item}.tif",
            "groups": {"stamp": {"template": "{date}T{time}"}},
            "datetime": [{"group": "stamp", "format": "%Y%m%dT%H%M"}],
        },
        {"pattern": "{date}/{first}_{second}/{item}.tif"},
        {"pattern": "MCD.A{date}.h{hh}v{vv}.{item}.tif"},
        {"pattern": "MCD.A{date}.H{hh:[0-9]{2}}V{row}.{item}.tif"},
        {"pattern": "MCD.A{date}.{hh}{vv}.{item}.tif"},
        {"pattern": "{item}_{date}_{hh:HH|HV}.tif"},
        {"pattern": "MCD.A{date}.{hh}.{v}.{item}.tif"},
        {"pattern": "{hour}/{item}.tif", "datetime": ["file"]},
        {"pattern": "{date}/f{hour:[0-9]{3}}/{item}.tif", "datetime": ["file"]},
        {"pattern": "{date}/{hour:[01][0-9]|2[0-3]}/{item}.tif"},
        {"pattern": "{datetime}_{time}/{item}.tif"},
        {"pattern": "{datetime}/f{hour}/{item}.tif"},
        {"pattern": "{start}_{end}/{time}/{item}.tif"},
        {"pattern": "{date}/{time:day|night}/{item}.tif"},
    ],
)
def test_a_time_that_is_asked_and_one_beside_no_date_is_not_warned_of(rule: dict[str, Any]) -> None:
    assert not load_rules(text_of(rule), file="c.yaml").warnings
