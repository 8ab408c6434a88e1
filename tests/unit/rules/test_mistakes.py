"""Mistakes in a rules file are found, each with its line and what to write instead."""

import pytest

from eventstac.rules import RulesInvalid, load_rules
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
        ("collections:\n  a b: {}\n", 2, "'a b' under `collections`", "Use letters"),
        ("collections:\n  a:\n    queryables:\n      q: {type: float}\n", 4, '"float"', "string, number"),
        ("just words", 1, "the file", "Write a mapping"),
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
            "role data",
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
        (HEAD + "'{item}'\n        footprint_asset: c\n        assets: {b: }", 6, "'c'", "one of: b"),
    ],
)
def test_a_mistake_names_its_line_and_what_to_write(text: str, line: int, what: str, instead: str) -> None:
    found = mistakes(text)
    assert any(
        each.startswith(f"c.yaml:{line}: ") and what in each and instead in each.split(". ", 1)[-1]
        for each in found
    ), found


def test_a_sidecar_path_that_cannot_be_read_is_a_mistake() -> None:
    text = HEAD + (
        "'{item}_{asset}'\n        assets:\n          b: {match: b.tif}\n          m:\n            match: m.json\n"
        "            sidecar: {format: FORMAT, properties: {p: 'PATH'}}\n"
    )
    assert "no JSONPath" in mistakes(text.replace("FORMAT", "json").replace("PATH", "$.["))[0]
    assert "no XPath" in mistakes(text.replace("FORMAT", "xml").replace("PATH", "n:a/b"))[0]


def test_all_mistakes_are_told_at_once_in_the_order_of_lines() -> None:
    found = mistakes("collections:\n  a:\n    x: 1\n    y: 2\n  b:\n    z: 3\n")
    assert [each.split(":")[1] for each in found] == ["3", "4", "6"]


def test_an_alias_within_itself_is_a_mistake_and_no_recursion() -> None:
    assert "alias" in mistakes("collections: &a\n  x: *a\n")[0]


def test_anchors_and_merge_keys_work() -> None:
    rules = load_rules(
        "collections:\n  a: &a {license: MIT, title: A}\n  b:\n    <<: *a\n    title: B\n", file="c.yaml"
    )
    assert (collection_of(rules, "b").license, collection_of(rules, "b").title) == ("MIT", "B")


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
