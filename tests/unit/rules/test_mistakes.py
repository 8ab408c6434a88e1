"""Mistakes in a rules file are found, each with its line and what to write instead."""

import pytest

from eventstac.rules import RulesInvalid, RulesRefused, load_rules
from tests.unit.rules.asking import collection_of, rule_of

HEAD = "collections:\n  a:\n    rules:\n      - name: r\n        pattern: "


def mistakes(text: str) -> list[str]:
    with pytest.raises(RulesInvalid) as caught:
        load_rules(text, file="c.yaml")
    assert all(mistake.instead for mistake in caught.value.mistakes)
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("text", "line", "what", "instead"),
    [
        ("collections: [", 1, "This is not YAML", "Check indentation"),
        ("collections:\n  a: {}\n  a: {}\n", 3, "`a` is here twice (first in line 2)", "Keep one"),
        ("collections:\n  a:\n    tilte: x\n", 3, "`tilte` is not known", "Write `title`"),
        ("collections:\n  a:\n    rules:\n      - name: r\n", 4, "has no `pattern`", "Add `pattern:`"),
        (
            HEAD + "'{item}/{asset}'\n        assets:\n          b: {proj:epsg: 4326}",
            7,
            "`proj:epsg` is not known",
            "Write it under `extra:`",
        ),
        (
            HEAD + "'{item}'\n        eo:cloud_cover: 4",
            6,
            "`eo:cloud_cover` is not known",
            "Write it under `properties:`",
        ),
        ("collections:\n  a:\n    sci:doi: x\n", 3, "`sci:doi` is not known", "Write it under `extra:`"),
        ("collections:\n  a b: {}\n", 2, "'a b' under `collections`", "Use letters"),
        ("collections:\n  a:\n    queryables:\n      q: {type: float}\n", 4, '"float"', "string, number"),
        ("just words", 1, "the file", "Write a mapping"),
        ("rules: []\n", 1, "`rules` is not known here", "Known here: collections, ignore"),
        (HEAD + "'x/{item'", 5, "opens a brace", "Close it"),
        (HEAD + "'x/{1tem}'", 5, "has no name", "Use letters"),
        (HEAD + "'/x/{item}'", 5, "not a path within", "Leave out"),
        (HEAD + "'{item}'\n        container: Source", 6, '"Source"', "lower-case letters"),
        (HEAD + "'x/{a}'\n        item: '{a}-{'", 6, "a brace that is part of no group", "{{"),
        (HEAD + "'{item}/{date:[a-z]+}'", 5, "'date' can never be a date", "Leave its expression out"),
        (
            HEAD + "'{item}/{d:[0-9]{4}}'\n        datetime:\n          - {group: d, format: '%Y%m%d'}",
            5,
            "'d' can never be a date of the format '%Y%m%d'",
            "another `format:`",
        ),
        (HEAD + "'{item:[}/x'", 5, "no regular expression", "Mend"),
        (HEAD + "'x/{scene}.tif'", 4, "needs a group 'item'", "Put {item} into the pattern"),
        (HEAD + "'x/{item}.tif'\n        asset: '{key}'", 6, "'key'", "Put {key}"),
        (HEAD + "'x/{item}.tif'\n        properties:\n          p: '{q}'", 7, "'q'", "Put {q}"),
        (HEAD + "'x/{item}.tif'\n        properties:\n          datetime: now", 7, "to set", "datetime:"),
        (HEAD + "'x/{item}.tif'\n        groups:\n          p: {from: q}", 7, "'q'", "Put {q}"),
        (HEAD + "'x/{item}.tif'\n        datetime:\n          - {group: day}", 7, "'day'", "Put {day}"),
        (HEAD + "'{item}_{d}'\n        datetime:\n          - {group: d, format: '%Q'}", 7, "%Q", "strptime"),
        (
            HEAD + "'{item}_{d}'\n        datetime:\n          - {group: d, format: '%m%d'}",
            7,
            "no year",
            "%Y",
        ),
        (
            HEAD + "'{item}/{asset}'\n        assets:\n          t: {read: file}",
            6,
            "no data asset",
            "other files make no Item by themselves",
        ),
        (
            HEAD + "'{item}/{asset}'\n        assets: {b: }\n        require:\n          - c",
            8,
            "'c'",
            "one of: b",
        ),
        (HEAD + "'{item}'\n        assets:\n          b: {bands: [{eo:common_name: rde}]}", 7, "rde", "red"),
        (
            HEAD + "'{item}'\n        assets:\n          b:\n            extra: {href: 'http://x'}",
            8,
            "`href` is no field to put under `extra:`",
            "Leave it out",
        ),
        (
            HEAD + "'{item}'\n        assets:\n          b:\n            extra:\n              roles: [x]",
            9,
            "`roles` is no field",
            "Write `roles:`",
        ),
        (
            HEAD
            + "'{item}'\n        assets:\n          b:\n            extra:\n              eo:bands: [{name: x}]",
            9,
            "`eo:bands` is no field",
            "Write `bands:` beside `extra:`: STAC 1.1 has one list",
        ),
        (
            HEAD + "'{item}'\n        read:\n          footprint.mode: valid-data",
            7,
            "`footprint.mode` is not known",
            "Write `footprint: {mode: …}`",
        ),
        (
            HEAD + "'{item}'\n        read:\n          footprint: {tolerance_m: -3}",
            7,
            "`tolerance_m` is not right: -3 is less than the minimum",
            "Write a number from 0.01",
        ),
        (
            HEAD + "'{item}'\n        read:\n          crs: 4326",
            7,
            "`crs` cannot be `4326`",
            "Write EPSG:4326",
        ),
        (
            HEAD + "'{item}_{d}'\n        datetime: [{group: d, duration: 8}]",
            6,
            "`duration` cannot be `8`",
            "What may stand here: How long the period lasts that begins then: P8D",
        ),
        (HEAD + "'{item}'\n        container: 12", 6, "`container` cannot be `12`", "What may stand here: "),
        (HEAD + "'{item}'\n        container: 123", 6, "`container` cannot be `123`", "in quotes: '123'"),
        (
            HEAD + "'{item}'\n        links: [{rel: via, href: 'https://a/b', hreflang: en}]",
            6,
            "`hreflang` is not known here",
            "Known here: href, rel, title, type",
        ),
        (
            HEAD + "'{item}'\n        nominal_datetime: centre",
            6,
            '`nominal_datetime` cannot be `"centre"`',
            "Write one of start, middle, end, null",
        ),
        ("collections:\n  a:\n    links: []\n", 3, "`links` is not known", "Write it under `extra:`"),
        (HEAD + "'{item}'\n        footprint_asset: c\n        assets: {b: }", 6, "'c'", "one of: b"),
    ],
)
def test_a_mistake_names_its_line_and_what_to_write(text: str, line: int, what: str, instead: str) -> None:
    found = mistakes(text)
    assert any(
        each.startswith(f"c.yaml:{line}: ") and what in each and instead in each.split(". ", 1)[-1]
        for each in found
    ), found


@pytest.mark.parametrize("number", [".nan", "-.inf", "1.0e+400", "-1" + 400 * "0"])
@pytest.mark.parametrize(
    "where",
    [
        "properties: {x: %s}",
        "read: {nodata: %s}",
        "read: {thumbnail: {stretch: [2, %s]}}",
        "geometry: {type: Point, coordinates: [0, %s]}",
        "read: {footprint: {geometry: {type: Point, coordinates: [%s, 0]}}}",
    ],
)
def test_a_number_that_no_float_holds_is_a_mistake_wherever_it_stands(number: str, where: str) -> None:
    [found] = mistakes(HEAD + f"'{{item}}'\n        {where % number}")
    assert found.startswith("c.yaml:6: ")
    assert "a number that is not finite, or that no float holds: put it in quotes" in found


def test_a_sidecar_path_that_cannot_be_read_is_a_mistake() -> None:
    text = HEAD + (
        "'{item}_{asset}'\n        assets:\n          b: {match: b.tif}\n          m:\n            match: m.json\n"
        "            sidecar: {format: FORMAT, properties: {p: 'PATH'}}\n"
    )
    assert "no JSONPath" in mistakes(text.replace("FORMAT", "json").replace("PATH", "$.["))[0]
    assert "no XPath" in mistakes(text.replace("FORMAT", "xml").replace("PATH", "n:a/b"))[0]


def test_a_mistake_is_told_as_the_file_has_it() -> None:
    href = "https://example.org/wms?bbox=[1,2]&id={item}"
    with pytest.raises(RulesInvalid) as caught:
        load_rules(HEAD + f"'{{item}}'\n        links: [{{rel: about, href: '{href}'}}]", file="c.yaml")
    assert caught.value.detail == str(caught.value.mistakes[0])
    again = RulesRefused(caught.value.detail)  # of mistakes that were kept
    assert (again.reason, again.detail, str(again)) == (
        "rules-invalid",
        caught.value.detail,
        str(caught.value),
    )
    assert href in again.detail


def test_all_mistakes_are_told_at_once_in_the_order_of_lines() -> None:
    found = mistakes("collections:\n  a:\n    x: 1\n    y: 2\n  b:\n    z: 3\n")
    assert [each.split(":")[1] for each in found] == ["3", "4", "6"]


def test_an_alias_within_itself_is_a_mistake_and_no_recursion() -> None:
    for text in ("collections: &a\n  x: *a\n", "x-a: &a [*a]\ncollections: {}\n"):
        [found] = mistakes(text)
        assert found.endswith("far too many aliases. Write out what the alias stands for.")


def test_anchors_and_merge_keys_work() -> None:
    rules = load_rules(
        "collections:\n  a: &a {license: MIT, title: A}\n  b:\n    <<: *a\n    title: B\n", file="c.yaml"
    )
    assert (collection_of(rules, "b").license, collection_of(rules, "b").title) == ("MIT", "B")


def test_a_nominal_datetime_that_is_merged_in_can_be_taken_out() -> None:
    base = "x-base: &base {container: source, nominal_datetime: middle}\n"
    text = base + HEAD + "'{item}.tif'\n        <<: *base\n        nominal_datetime: null\n"
    rule = rule_of(load_rules(text, file="c.yaml"), "a", "r")
    assert (rule.containers, rule.nominal_datetime) == (("source",), None)


def test_where_a_sidecar_says_when_the_wrong_place_is_told_once() -> None:
    sidecar = "{format: json, datetime: {start: $.s, end: $.e}}"
    text = HEAD + f"'{{item}}/{{asset}}'\n        assets: {{r: , m: {{sidecar: {sidecar}}}}}"
    assert mistakes(text) == [
        f"c.yaml:6: `{name}` is not known here. Write `{name}:` beside `datetime:`, under `sidecar:`."
        for name in ("end", "start")
    ]


def test_words_that_yaml_takes_for_dates_and_booleans_stay_words() -> None:
    rules = load_rules("collections:\n  a: {title: no, description: 2018-07-01}\n", file="c.yaml")
    assert (collection_of(rules, "a").title, collection_of(rules, "a").description) == ("no", "2018-07-01")


def rules_with(first: str, second: str, more: str = "") -> str:
    return (
        "collections:\n  a:\n    rules:\n"
        f"      - {{name: one, pattern: '{first}'{more}}}\n"
        f"      - {{name: two, pattern: '{second}'}}\n"
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x/{item}/{asset}.tif", "x/{item}/b.tif"),
        ("**/{item}.tif", "x/y/z/{item}.tif"),
        ("{item}_*.tif", "regex:(?P<item>s[0-9]{3,})_b.tif"),
        ("{item}/{item}_{asset}.tif", "aa/{item}.tif"),
        ("x/{date}/{item}.tif", "x/{year}{month}{day}/{item}.tif"),
    ],
)
def test_rules_that_overlap_are_a_mistake_with_a_path_that_both_match(first: str, second: str) -> None:
    found = mistakes(rules_with(first, second))
    assert len(found) == 1
    assert found[0].startswith("c.yaml:5: The rules 'one' (line 4) and 'two' both match ")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x/{item}/{asset}.tif", "y/{item}/b.tif"),
        ("x/{item}.tif", "x/{item}.jp2"),
        ("x/{item}.tif", "x/y/{item}.tif"),
        ("{item:[a-z]+}.tif", "{item:[0-9]+}.tif"),
        ("{item}_{year}.tif", "{item}-{asset:b}.tif"),
    ],
)
def test_rules_that_share_no_path_are_fine(first: str, second: str) -> None:
    assert rule_of(load_rules(rules_with(first, second), file="c.yaml"), "a", "two")


def test_rules_for_different_containers_do_not_overlap() -> None:
    text = rules_with("{item}.tif", "{item}.tif", ", container: xxx").replace(
        "name: two,", "name: two, container: [yyy, zzz],"
    )
    assert load_rules(text, file="c.yaml")
    assert "both match" in mistakes(text.replace("[yyy, zzz]", "[yyy, xxx]"))[0]


def test_two_rules_of_one_name_are_a_mistake() -> None:
    assert "named 'one'" in mistakes(rules_with("a/{item}", "b/{item}").replace("two", "one"))[0]


def test_settings_for_reading_that_no_event_could_carry_are_a_mistake() -> None:
    table = "".join(f"                    k{number:05}: value number {number}\n" for number in range(4000))
    rule = (
        HEAD
        + f"""'{{item}}/{{asset}}.{{ext}}'
        assets:
          b1: {{roles: [data]}}
          mtl:
            sidecar:
              format: json
              properties:
                x:small: $.b
                x:large:
                  path: $.a
                  lookup:
{table}"""
    )
    [mistake] = mistakes(rule)
    assert mistake.startswith("c.yaml:13: The asset 'mtl' is read by settings of ")
    assert "65536 is the most" in mistake
    assert "Leave out of a `lookup`" in mistake
    load_rules(rule, file="c.yaml", checked=True)  # what was taken before goes on, but for that asset


def test_a_text_of_a_lookup_that_no_event_could_carry_is_a_mistake() -> None:
    groups = f"        groups:\n          p:\n            lookup:\n              a: b\n              c: {'x' * 2000}\n"
    [mistake] = mistakes(HEAD + "'{item}/{p}.tif'\n" + groups)
    assert mistake.startswith("c.yaml:10: The lookup of 'p' gives a text of 2000 characters")


def test_a_mistake_hides_none_of_another_rule_or_collection() -> None:
    text = """collections:
  a:
    lisence: MIT
    queryables: {datetime: {type: string}}
    rules:
      - {name: one, patern: x}
      - {name: two, pattern: "s/{item}/{asset}.tif"}
      - {name: three, pattern: "s/{item}/b.tif"}
      - {name: four, pattern: "t/{scene}.tif"}
      - {name: five, pattern: "s/{item:[}/b.tif"}
  b c:
    rules: [{name: six, pattern: "{item}.tif"}]
  d:
    rules: [{name: seven, pattern: "u/{item}.tif", datetime: [{group: item, format: "%m%d"}]}]
"""
    found = mistakes(text)
    said = {line: each for each in found for line in [each.split(":")[1]]}
    assert [each.split(":")[1] for each in found] == ["3", "4", "6", "6", "8", "9", "10", "11", "14"]
    assert "Write `license`" in said["3"]
    assert "can be searched" in said["4"]
    assert "The rules 'two' (line 7) and 'three' both match" in said["8"]
    assert "needs a group 'item'" in said["9"]
    assert "no regular expression" in said["10"]
    assert "has no year" in said["14"]


def test_a_key_that_stands_twice_hides_no_other_mistake() -> None:
    found = mistakes("collections:\n  a: {title: x, title: y}\n  b: {tilte: z}\n")
    assert [each.split(":")[1] for each in found] == ["2", "3"]


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (HEAD + "{item}.tif", "'{item}.tif'"),
        (HEAD + "{item:\\d{3}}/{asset}.tif", "'{item:\\d{3}}/{asset}.tif'"),
        ("collections: {a: {rules: [{name: r, pattern: {item}_{asset}.tif}]}}", "'{item}_{asset}.tif'"),
        (HEAD + "**/{item}.tif  # all", "'**/{item}.tif'"),
        (HEAD + "regex:(?P<item>a): it's", "'regex:(?P<item>a): it''s'"),
        (HEAD + "x/{item}\n        datetime: [{group: item, format: %Y%m}]", "'%Y%m'"),
        (
            HEAD + "x/{item}\n        datetime:\n        - group: item\n          format: %Y%m%d %H",
            "'%Y%m%d %H'",
        ),
    ],
)
def test_text_that_yaml_takes_for_something_else_is_to_be_put_in_single_quotes(
    text: str, advice: str
) -> None:
    [found] = mistakes(text)
    assert f"Put it in single quotes: {advice}." in found


def test_a_backslash_in_double_quotes_and_a_tab_are_told() -> None:
    assert "Use single quotes" in mistakes(HEAD + '"{item:\\d+}"')[0]
    assert "no tabs" in mistakes("collections:\n\ta: {}")[0]


@pytest.mark.parametrize(
    ("written", "quoted"),
    [
        ("item: {scene}", "'{scene}'"),
        ("datetime: [{value: 2021}]", "'2021'"),
        ("require: [04]", "'04'"),
        ("asset: true", "'true'"),
        ("assets: {b: {match: 1.50}}", "'1.50'"),
    ],
)
def test_a_number_where_text_belongs_is_to_be_put_in_quotes_as_it_was_written(
    written: str, quoted: str
) -> None:
    [found] = mistakes(HEAD + "'{scene}/{asset}'\n        " + written)
    assert f"Put it in quotes: {quoted}." in found


def test_a_box_or_an_interval_that_is_no_list_of_them_is_told_once() -> None:
    found = mistakes(
        "collections:\n  a:\n    extent:\n      spatial: {bbox: [1, 2, 3, 4]}\n"
        "      temporal: {interval: [2020-01-01T00:00:00Z, null]}\n"
    )
    assert len(found) == 2
    assert "c.yaml:4: `bbox` cannot be `[1, 2, 3, 4]`. Write a list of lists: [[1, 2, 3, 4]]." in found[0]
    assert '[["2020-01-01T00:00:00Z", null]]' in found[1]


def test_mistakes_below_keys_that_look_like_numbers_are_told_by_their_own_line() -> None:
    found = mistakes(
        HEAD
        + "'{item}/{asset}'\n        assets:\n          1:\n            titel: x\n          2: {gsd: x}\n"
        "          '03': {roles: data}\n  2020:\n    title: {}\n"
    )
    assert [each.split(":")[1] for each in found] == ["8", "9", "10", "12"]


@pytest.mark.parametrize(
    ("more", "who"),
    [
        ("item: '{scene}-{part}'", "The Item id"),
        ("properties: {p: '{part}'}", "The property 'p'"),
        ("properties: {p: {from: part, type: integer}}", "The property 'p'"),
        ("groups: {other: {from: part}}", "The group 'other'"),
    ],
)
@pytest.mark.parametrize("pattern", [r"regex:(?P<item>(?P<scene>[a-z]+)(?:_(?P<part>\d+))?)\.tif",
                                     r"{item:(?P<scene>[a-z]+)(?:_(?P<part>\d+)|-x)}.tif"])  # fmt: skip
def test_a_group_that_a_path_may_lack_is_warned_of_where_it_is_needed(
    pattern: str, more: str, who: str
) -> None:
    text = HEAD + f"'{pattern}'\n        {more}\n"
    [warning] = load_rules(text, file="c.yaml").warnings
    assert warning.what.startswith(f"{who} needs the group 'part', which is optional in the pattern")
    assert warning.line == 6
    if not more.startswith("groups"):
        kept = load_rules(text + "        groups: {part: {default: '0'}}\n", file="c.yaml")
        assert not kept.warnings
        assert kept.match("https://account.blob.core.windows.net/c/a.tif")


def test_a_group_that_every_path_has_is_not_warned_of() -> None:
    text = (
        HEAD + "'regex:(?:(?P<item>a)|(?P<item2>b)|c)+(?P<part>d)(?P<n>[0-9]{4})?'\n        item: '{part}'\n"
    )
    assert not load_rules(text + "        datetime: [{group: n}, file]\n", file="c.yaml").warnings
