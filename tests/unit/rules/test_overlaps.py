"""Two rules that both match a blob are never taken without a word: it is a mistake, or a warning that nobody knows."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstac.blob_urls import BlobName
from eventstac.rules import Rules, RulesInvalid, load_rules
from eventstac.rules.automaton import Automaton, Language, literal, share_a_text
from eventstac.rules.characters import in_case
from eventstac.rules.dates import READ_DATE, parse_date
from eventstac.rules.formats import format_regex, read_by_format

Rule = dict[str, Any]


def loaded(*rules: Rule) -> Rules:
    numbered = [{"name": f"r{number}", "asset": "data", **rule} for number, rule in enumerate(rules)]
    text = yaml.safe_dump({"collections": {"a": {"rules": numbered}}})
    return load_rules(text, file="c.yaml", default_collection=None)


def verdict(*rules: Rule) -> str:
    try:
        found = loaded(*rules)
    except RulesInvalid as invalid:
        return "overlap" if "both match" in str(invalid) else "invalid"
    return "not decided" if found.warnings else "none"


ANY: Rule = {"pattern": "s/{item}.tif"}


@pytest.mark.parametrize(
    "rule",
    [
        {"pattern": "s/{item}/{asset}.tif", "asset": "{asset}", "groups": {"asset": {"transform": "lower"}},
         "assets": {"red": {}, "green": {}}},
        {"pattern": "s/{item}/{k}.tif", "asset": "{k}", "assets": {"red": {"match": ["B4*"]}}},
        {"pattern": "s/{item}/{k}.tif", "asset": "B{k}", "assets": {"red": {"match": ["B4"]}, "nir": {"match": "B8"}}},
        {"pattern": "s/{item}_{k}.tif", "properties": {"gsd": {"from": "k", "lookup": {"060": 0.6}}}},
        {"pattern": "s/{item}_{k}.tif", "properties": {"x:n": {"from": "k", "type": "boolean"}}},
        {"pattern": "s/{item}_{k}.tif", "properties": {"x:n": {"from": "k", "type": "integer"}}},
        {"pattern": "s/{item}_{k}.tif", "groups": {"p": {"from": "k", "lookup": {"LC08": "l8"}}}},
        {"pattern": "s/{item}_{k}.tif", "groups": {"k": {"transform": "upper", "lookup": {"É1": "x"}}}},
        {"pattern": r"s/{item}_{k:\w+}.tif", "datetime": [{"group": "k", "format": "%Y%m%d"}]},
        {"pattern": "s/{item}_{k:[^_]+}.tif", "datetime": [{"group": "k"}]},
        {"pattern": "s/{item}_{start:[^_]+}_{end:[^_]+}.tif"},
        {"pattern": "regex:(?i)S/(?P<item>[A-Z]+)_[^/]+[.]TIF"},
        {"pattern": "s/{k}/{k}_{asset}.tif", "item": "{k}"},
    ],
)  # fmt: skip
def test_an_overlap_is_found_whatever_the_rule_does_with_its_groups(rule: Rule) -> None:
    assert verdict(rule, {"pattern": "s/**/{item}.tif"}) == "overlap"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"groups": {"k": {"lookup": {"LC08": "a"}}}}, {"groups": {"k": {"lookup": {"LC09": "a"}}}}),
        (
            {"groups": {"p": {"from": "k", "lookup": {"a": "x"}}}},
            {"groups": {"p": {"from": "k", "lookup": {"b": "x"}}}},
        ),
        (
            {"groups": {"k": {"transform": "lower", "lookup": {"red": "x"}}}},
            {"groups": {"k": {"transform": "upper", "lookup": {"NIR": "x"}}}},
        ),
        ({"properties": {"x:n": {"from": "k", "type": "number"}}}, {"groups": {"k": {"lookup": {"a": "b"}}}}),
        (
            {"datetime": [{"group": "k", "format": "%Y%m%d"}]},
            {"datetime": [{"group": "k", "format": "%Y-%m-%d"}]},
        ),
        ({"asset": "{k}", "assets": {"red": {}}}, {"asset": "{k}", "assets": {"nir": {"match": "n*"}}}),
    ],
)
def test_rules_that_differ_in_what_they_do_with_a_group_alone_are_fine(one: Rule, other: Rule) -> None:
    pattern = "s/{item}/{k:[^/]+}.tif"
    assert verdict({"pattern": pattern, **one}, {"pattern": pattern, **other}) == "none"


def test_times_with_small_letters_are_told_apart_by_an_expression_of_the_large_ones() -> None:
    small = {"pattern": r"s/{item}-{a:\d{8}t\d{6}}.tif", "datetime": [{"group": "a"}]}
    assert verdict(small, {"pattern": "s/{item}-{datetime}.tif"}) == "overlap"
    assert verdict(small, {"pattern": r"s/{item}-{datetime:\d{8}T\d{6}}.tif"}) == "none"


def test_what_is_not_decided_is_a_warning_with_both_names() -> None:
    greedy = {"pattern": "s/{item}_{k}.tif", "groups": {"k": {"lookup": {"a_b": "x"}, "from": "k"}}}
    rules = loaded(
        greedy, {"pattern": "s/x_{item}.tif"}
    )  # "as much as possible" for {item} leaves no a_b for {k}
    [warning] = rules.warnings
    assert "'r0'" in warning.what
    assert "'r1' can match the same path is not decided" in warning.what
    assert "Narrow" in warning.instead


KEYS = (
    "red",
    "RED",
    "nir",
    "b1",
    "B1",
    "2018",
    "20180701",
    "2018-07-01",
    "01Jul2018",
    "1",
    "yes",
    "LC08",
    "1_0",
)
TABLES = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["red", "x"]), min_size=1, max_size=3)
TYPES = st.sampled_from(["integer", "number", "boolean"])
CASES = st.sampled_from(["lower", "upper"])
DOINGS: st.SearchStrategy[Rule] = st.one_of(
    st.builds(lambda case: {"groups": {"k": {"transform": case}}}, CASES),
    st.builds(lambda case, table: {"groups": {"k": {"transform": case, "lookup": table}}}, CASES, TABLES),
    st.builds(lambda table: {"groups": {"p": {"from": "k", "lookup": table}}}, TABLES),
    st.builds(
        lambda table: {
            "groups": {"p": {"from": "k", "lookup": table}},
            "asset": "{p}",
            "assets": {"red": {}, "green": {}},
        },
        TABLES,
    ),
    st.builds(lambda kind: {"properties": {"x:k": {"from": "k", "type": kind}}}, TYPES),
    st.builds(lambda table: {"properties": {"x:k": {"from": "k", "lookup": table}}}, TABLES),
    st.builds(
        lambda form: {"datetime": [{"group": "k", "format": form}]},
        st.sampled_from(["%Y%m%d", "%Y", "%d%b%Y"]),
    ),
    st.just({"datetime": [{"group": "k"}]}),
    st.just({"asset": "{k}", "assets": {"red": {}, "nir": {"match": ["n*", "b[0-9]"]}}}),
    st.just({"asset": "B{k}", "assets": {"red": {"match": ["Bred", "B1"]}, "nir": {"match": "B2"}}}),
)
PATTERNS = st.sampled_from(
    [
        "s/{item}_{k}.tif",
        "s/{item}/{k}.tif",
        "{item}_{k}",
        "s/{k}_{item}.tif",
        "s/{item}_{k}_{k}.tif",
        "{k:[a-z]+}/{item}.tif",
        "s/{item}_{k:(?i:[a-f]+)}.tif",
        r"{item}_{k:\w+}.tif",
    ]
)
RULES = st.builds(
    lambda pattern, doings: {
        "item": "{item}",
        **{k: v for d in doings for k, v in d.items()},
        "pattern": pattern,
    },
    PATTERNS,
    st.lists(DOINGS, max_size=2),
)
SHAPES = (
    "s/x_{}.tif",
    "s/x/{}.tif",
    "x_{}",
    "s/{}_x.tif",
    "{}/x.tif",
    "s/x_{}_{}.tif",
    "s/x_y_{}.tif",
    "s/{}.tif",
)
SHAPED = [shape.format(key, key) for shape in SHAPES for key in KEYS]


@settings(max_examples=150, deadline=None)
@given(RULES, RULES)
def test_rules_that_both_match_some_blob_are_a_mistake_or_a_warning(one: Rule, other: Rule) -> None:
    try:
        alone = [loaded(one), loaded(other)]
    except RulesInvalid:
        return
    urls = [BlobName("https://account.blob.core.windows.net", "source", path).url for path in SHAPED]
    if any(all(each.match(url) for each in alone) for url in urls):
        assert verdict(one, other) in ("overlap", "not decided")


def test_a_text_that_large_expressions_share_is_found_without_a_walk_through_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("eventstac.rules.automaton.MAX_PAIRS", 200)
    many = [Automaton.of("|".join(f"[^/]*_{letter}{n}_[^/]*" for n in range(50))) for letter in "abc"]
    assert share_a_text(many[0], many[0])
    assert share_a_text(*many)
    assert not share_a_text(Automaton.of("a*b"), Automaton.of("[ab]*"), Automaton.of("b*a"))


def is_of(text: str, language: Language) -> bool:
    return share_a_text(Automaton.of_language(language), Automaton.of(literal(text)))


@settings(deadline=None)
@given(st.text(max_size=4), st.sampled_from(["lower", "upper"]))
def test_what_a_transform_makes_a_text_of_is_known_backwards(text: str, case: str) -> None:
    made = in_case(text, case)
    assert len(made) == len(text)
    assert is_of(text, Language(literal(made), (case,)))
    assert not is_of(text + "x", Language(literal(made), (case,)))


FORMS = ("%Y%m%d", "%Y-%m-%dT%H:%M:%S", "%d %b %Y", "%d%B%y", "%Y%j", "%Y%m%dT%H%M%S%z", "%Y %j%%%H")
MOMENTS = st.datetimes(datetime(1800, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=400, deadline=None)
@given(MOMENTS, st.sampled_from(FORMS), st.data())
def test_every_text_that_is_read_as_a_date_is_of_the_expression_of_dates(
    moment: datetime, form: str, data: st.DataObject
) -> None:
    written = data.draw(st.sampled_from([moment.isoformat(), f"{moment:{form}}", f"{moment:%G-W%V-%u}"]))
    at = data.draw(st.integers(0, len(written)))
    cut = data.draw(st.integers(0, 2))
    text = written[:at] + data.draw(st.text("0123456789-_:TZ.W+, a１", max_size=2)) + written[at + cut :]
    loose = read_by_format(form)
    assert loose is not None
    assert format_regex(form) is not None
    for expression, given_form in ((READ_DATE, None), (loose, form)):
        try:
            parse_date(text, given_form)
        except ValueError:
            continue
        assert is_of(text, Language(expression)), text
