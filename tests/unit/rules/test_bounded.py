"""No pattern and no name of a blob keeps anybody busy: every path is matched in a bounded number of steps."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstac.rules import RulesInvalid, load_rules
from eventstac.rules.glob import PatternError
from eventstac.rules.pattern import parse_pattern
from eventstac.rules.repeating import TooAmbiguous
from tests.samples import url_of
from tests.unit.rules.asking import matched
from tests.unit.rules.test_mistakes import mistakes

PIECES = [
    "a", "b", "/", "*", "**/", "?", "{x}", "{y:[ab]+}", "{z:**}", "[ab]", "[!a]", "[^b]", "_", "{x}", "{y}",
    "{w:(?i:a+)}", "{v:a{1,3}?}", "{u:(?:a|ab)(?:b|_)?}", "{date}", "{t:(?P<s>a*)b}", "é", "[à-ü]",
]  # fmt: skip
LONG = [("_" * 1020) + ".tif", "a_" * 510, "/" * 1000 + "x.tif", "a/" * 510, "a" * 1024, "é_" * 340 + ".tif"]


def pattern_of(pieces: list[str]) -> str:
    return "".join(pieces).lstrip("/")


def python_groups(regex: str, path: str) -> dict[str, str] | None:
    found = re.fullmatch(regex, path, re.DOTALL)
    return (
        None
        if found is None
        else {name: text for name, text in found.groupdict().items() if text is not None}
    )


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map(pattern_of),
    st.one_of(
        st.text("aabbAB/__2018é\n", max_size=9),
        st.tuples(st.text("ab", max_size=3), st.text("ab_/", max_size=2)).map(lambda t: t[0] + t[1] + t[0]),
    ),
)
def test_globs_match_what_pythons_own_expressions_match(text: str, path: str) -> None:
    try:
        pattern = parse_pattern(text)
    except PatternError:
        return
    assert pattern.match(path) == python_groups(pattern.regex, path)


@pytest.mark.parametrize("repeated", ["x{,3}", "x{,}", r"[\]x]{,3}", r"(?:x\\{,2})?"])
@pytest.mark.parametrize("around", ["s/{{item:{}}}.tif", "regex:s/(?P<item>{})"])
def test_a_repetition_without_its_least_number_which_engines_take_for_a_text_is_refused(
    around: str, repeated: str
) -> None:
    pattern = around.format(repeated)
    text = f"collections:\n  a:\n    rules:\n      - name: r\n        pattern: '{pattern}'\n"
    found = mistakes(text)
    assert [each for each in found if each.startswith("c.yaml:5: ") and "is no repetition" in each], found
    assert "Write {0," in found[0]
    assert load_rules(text, file="c.yaml", checked=True)  # in force it holds nobody up


@pytest.mark.parametrize("text", [r"x\{,3\}", "x[{,3}]", "x[]{,3}]", "x{0,3}", "x{1,}"])
def test_braces_that_are_meant_are_no_repetitions(text: str) -> None:
    rule = f"collections:\n  a:\n    rules:\n      - name: r\n        pattern: 'regex:(?P<item>{text})'\n"
    assert load_rules(rule, file="c.yaml")


@pytest.mark.timeout(60)  # Python's own engine takes longer than anybody waits
@pytest.mark.parametrize(
    "text",
    ["**/*_{a}_{b}_{c}.tif", "*_*_*_*.x", "**/**/**/{a}.x", "regex:(?P<a>(a+)+)b", "{a}*{b}*{c}*{d}*.x"],
)
def test_patterns_that_would_be_tried_in_endless_ways_are_matched_at_once(text: str) -> None:
    pattern = parse_pattern(text)
    assert [pattern.match(path) for path in LONG if not path.endswith(".tif")] == [None] * 3


@pytest.mark.parametrize(
    ("pattern", "path", "scene"),
    [
        (
            "**/{s}/{s}_{asset}.tif",
            "a/b/c/LC08_L2SP_2021_T1/LC08_L2SP_2021_T1_SR_B4.tif",
            "LC08_L2SP_2021_T1",
        ),
        ("{s}/{s}.tif", "x" * 500 + "/" + "x" * 500 + ".tif", "x" * 500),
        ("{s}_{s}_{s}.tif", "ab_ab_ab.tif", "ab"),
        ("{s:(?i:[a-c]+)}/{s}", "aBc/aBc", "aBc"),
    ],
)
def test_a_name_that_stands_twice_holds_the_same_text(pattern: str, path: str, scene: str) -> None:
    assert (parse_pattern(pattern).match(path) or {})["s"] == scene
    assert parse_pattern(pattern).match("z".join(path.rsplit(scene, 1))) is None


@pytest.mark.timeout(60)
def test_a_path_that_can_be_taken_apart_in_too_many_ways_matches_no_rule_and_check_warns() -> None:
    text = "collections: {a: {rules: [{name: r, pattern: '**/*_{s}_{s}_{s}.tif', item: i, asset: k}]}}"
    rules = load_rules(text, file="c.yaml")
    [warning] = rules.warnings
    assert "in too many ways" in warning.what
    path = "a_" * 500 + ".tif"
    with pytest.raises(TooAmbiguous):
        rules.collections[0].rules[0].patterns[0].match(path)
    explanation = rules.explain(url_of(path))
    assert matched(rules, url_of(path)).collection == "bronze-tier"
    assert "too many ways" in explanation.tried[0].why
    assert matched(rules, url_of("x/b_a_a_a.tif")).collection == "a"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"regex:(?=s)(?P<item>\w+)", "bounded time: invalid perl operator: (?="),
        (r"regex:(?<!s)(?P<item>\w+)", "bounded time"),
        (r"regex:(?P<item>\w+)_(?P=item)", "bounded time"),
        (r"regex:(\w+)_\1(?P<item>x)", "bounded time"),
        (r"regex:(?P<item>(?>a+)b)", "bounded time"),
        (r"regex:(?P<item>a*+)", "bounded time"),
        (r"regex:(?P<item>[[a])", "no regular expression"),
        (r"{item:(?:[a-z]{1,1000}_){1,30}}", "bounded time"),
        (
            r"{item:(?:abcdefgh|ijklmnop[qr]){1,900}(?:stuvwxyz|ABCDEFG[HI]){1,900}}",
            "too large",
        ),
        ("{item}[z-a]", "wrong way round"),
        ("regex:" + "(" * 3000, "no regular expression"),
    ],
)
def test_what_cannot_be_matched_in_bounded_time_is_a_mistake(pattern: str, said: str) -> None:
    quoted = pattern.replace("'", "''")
    with pytest.raises(RulesInvalid) as caught:
        load_rules(
            f"collections:\n  a:\n    rules:\n      - name: r\n        pattern: '{quoted}'\n", file="c.yaml"
        )
    [mistake] = caught.value.mistakes
    assert (mistake.line, said in mistake.what, bool(mistake.instead)) == (5, True, True), str(mistake)


def test_a_class_of_other_characters_has_no_slash_however_it_is_written() -> None:
    for text in ("x[!q]y", "x[^q]y"):
        assert [parse_pattern(text).match(path) is not None for path in ("xay", "xqy", "x/y")] == [
            True,
            False,
            False,
        ]
    assert parse_pattern("x[a^]y").match("x^y") == {}
    assert parse_pattern("x[^]y").match("x^y") == {}
