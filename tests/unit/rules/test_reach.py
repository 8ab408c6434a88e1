"""Of a rule by which no blob can become what it says, `rules check` tells before anything waits for it in vain."""

import pytest

from eventstac.rules import load_rules
from tests.unit.rules.test_mistakes import mistakes

HEAD = "collections:\n  a:\n    rules:\n      - name: r\n        "  # what follows begins in line 5


def warned(text: str) -> list[str]:
    rules = load_rules(text, file="c.yaml")
    return [str(each) for each in rules.warnings]


@pytest.mark.parametrize(
    ("rule", "key", "why"),
    [
        ("pattern: '{item}.tif'\n        assets: {data: {}, qa: {}}\n        asset: data", "qa", "is 'data'"),
        (
            "pattern: '{item}.tif'\n        assets: {data: {}, qa: {match: q}}\n        asset: data",
            "qa",
            "is 'data'",
        ),
        ("pattern: '{item}_{asset:red|green}.tif'\n        assets: {red: {}, nir: {}}", "nir", "never 'nir'"),
        (
            "pattern: '{item}/{asset}.tif'\n        assets: {red: {}, b: {match: B2}}\n"
            "        groups: {asset: {transform: upper}}",
            "red",
            "never 'red'",
        ),
        (
            "pattern: '{item}/{band}.tif'\n        assets: {red: {}, blue: {match: [b, 'c*']}}\n"
            "        asset: '{key}'\n        groups: {key: {from: band, lookup: {B4: red, B2: BLUE}}}",
            "blue",
            "never 'b' or 'c*'",
        ),
    ],
)
def test_an_asset_that_no_path_gives_is_warned_of_and_one_that_is_required_a_mistake(
    rule: str, key: str, why: str
) -> None:
    [warning] = warned(f"{HEAD}{rule}")
    assert warning.startswith("c.yaml:6: ")
    assert f"The asset {key!r} is never there" in warning
    assert why in warning
    [mistake] = mistakes(f"{HEAD}{rule}\n        require: [{key}]")
    assert f"{key!r} is required, but no file can be it" in mistake
    assert why in mistake


def test_an_asset_may_come_by_another_rule_of_the_collection() -> None:
    assets = "assets: &assets {red: {}, meta: {read: file}}"
    other = "\n      - {name: other, pattern: 'meta/{item}_{asset:meta}', assets: *assets}"
    text = f"{HEAD}pattern: 'r/{{item}}_{{asset:red}}.tif'\n        {assets}\n        require: [meta]{other}"
    assert warned(text) == []


@pytest.mark.parametrize(
    "other",
    [
        "{name: other, pattern: 'm/{item}_{asset:meta(?=x)}', assets: *assets}",
        "{name: other, pattern: 'm/{item}_{asset:meta}', assets: *assets, requires: [red]}",
    ],
)
def test_a_mistake_in_another_rule_of_the_collection_makes_no_second_one(other: str) -> None:
    first = "pattern: 'r/{item}_{asset:red}.tif'\n        assets: &assets {red: {}, meta: {read: file}}"
    [found] = mistakes(f"{HEAD}{first}\n        require: [meta]\n      - {other}")
    assert found.startswith("c.yaml:8: ")


@pytest.mark.parametrize(
    ("pattern", "match", "name"),
    [
        ("s/{item}/{asset}.tif", "MTL.json", "MTL.json.tif"),
        ("{item}_{asset}.TIF", "[B4.tif, '*_B4.tif']", "B4.tif.TIF"),
    ],
)
def test_an_ending_that_is_written_twice_is_warned_of(pattern: str, match: str, name: str) -> None:
    [warning] = warned(
        f"{HEAD}pattern: '{pattern}'\n        assets:\n          r: {{}}\n          m: {{match: {match}}}"
    )
    assert warning.startswith("c.yaml:8: ")
    assert f"The asset 'm' is a file {name!r}" in warning


@pytest.mark.parametrize(
    "rule",
    [
        "pattern: 's/{item}/{asset}.tif'\n        assets: {r: {}, v: {match: 'v1.2'}}",
        "pattern: 's/{item}/{asset}.gz'\n        assets: {r: {match: r.nc}}",
        "pattern: 's/{item}/{asset}.tif'\n        asset: '{asset}.tif'\n        assets: {red: {match: red.tif}}",
        "pattern: 's/{item}/{asset}.tif'\n        assets: {red: {match: red.tif}, b: {match: '*.tif'}}\n"
        "        groups: {asset: {lookup: {B4: red.tif, B3: b.tif}}}",
        "pattern: 's/{item}/{asset}.tif'\n        groups: {key: {template: '{asset}.tif'}}\n"
        "        asset: '{key}'\n        assets: {red: {match: red.tif}}",
        "pattern: ['regex:tiles/./(?P<item>\\w+)[.]tif', 'regex:x/../(?P<item>\\w+)[.]tif']",
        "pattern: 'y/{item:\\w+/./\\w+}.tif'",
        "pattern: ['s/{item}/{asset}.tif', 'm/{item}/{asset}']\n        assets: {r: {}, m: {match: MTL.json}}",
        "pattern: 's/{item}_{asset}.tif'\n        assets: {a: {match: '*.x'}, '*': {}}\n        require: [b]",
        "pattern: 's/{item}_{a}_{b}.tif'\n        asset: '{a}-{b}'\n        assets: {x-y: {}, 'u': {match: 'u*'}}",
        "pattern: 's/{item}_{asset}.tif'\n        groups: {asset: {lookup: {B4: red}, default: x}}\n"
        "        assets: {red: {}, x: {}}",
        "pattern: '.hidden/..{item}/{asset}.tif'",
        "pattern: 's/{item}_{asset:red|blue}.tif'\n        assets: {red: {match: B4}, '*': {}}\n"
        "        require: [red]",
        "pattern: 's/{item}.tif'\n        asset: red\n        assets: {red: {match: B4}, '*': {}}\n"
        "        require: [red]",
        "pattern: 's/{item}_{asset:r d}.tif'\n        assets: {r-d-7b1d9a2c: {match: B4}, '*': {}}",
    ],
)
def test_assets_that_some_path_gives_are_not_warned_of(rule: str) -> None:
    assert warned(HEAD + rule) == []


OPTIONAL = "regex:(?P<item>[a-z]+)(?:_(?P<k>mean|std))?[.]tif"


@pytest.mark.parametrize(
    ("pattern", "groups", "asset"),
    [
        (OPTIONAL.replace("<k>", "<asset>"), "asset: {default: V}", "{asset}"),
        (OPTIONAL.replace("<k>", "<asset>"), "asset: {transform: upper, default: V}", "{asset}"),
        (OPTIONAL, "key: {from: k, default: V}", "{key}"),
        (OPTIONAL, "k: {default: v}, asset: {from: k, lookup: {v: V, mean: MEAN}}", "{asset}"),
        (OPTIONAL, "k: {default: V}", "{k}"),
        ("w/{item:[a-z]+(?:_(?P<asset>mean|std))?}.tif", "asset: {default: V}", "{asset}"),
    ],
)
def test_an_asset_may_be_what_stands_for_a_group_that_a_path_lacks(
    pattern: str, groups: str, asset: str
) -> None:
    rule = f"pattern: '{pattern}'\n        groups: {{{groups}}}\n        asset: '{asset}'"
    assert warned(f"{HEAD}{rule}\n        assets: {{V: {{}}}}\n        require: [V]") == []


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        (
            "pattern: '{item}_{p:LC0[89]}.tif'\n        groups: {p: {transform: lower, lookup: {LC08: l8}}}",
            "its group 'p'",
        ),
        (
            "pattern: '{item}_{p:LC0[89]}.tif'\n        properties: {platform: {from: p, lookup: {LE07: l7}}}",
            "its group 'p'",
        ),
        (
            "pattern: '{item:\\d{8}_\\d{6}_\\w{4}}_3B.tif'\n        groups: {acq: {template: '{item}'}}\n"
            "        datetime: [{group: acq, format: '%Y%m%d_%H%M%S'}]",
            "its group 'item'",
        ),
        ("pattern: './a/{item}.tif'", "no URL has . or .."),
        ("pattern: 'a/../{item}.tif'", "no URL has . or .."),
        ("pattern: 'regex:a/[.]{1,2}/(?P<item>.*)'", "no URL has . or .."),
        ("pattern: 'drafts/{item}.tif'", "`ignore: drafts/**` has all of its paths"),
    ],
)
def test_a_pattern_that_matches_no_blob_is_warned_of(rule: str, what: str) -> None:
    [warning] = warned(f"{HEAD}{rule}\nignore: ['drafts/**']")
    assert warning.startswith("c.yaml:5: ")
    assert "matches no blob" in warning
    assert what in warning


def test_a_group_that_a_path_may_lack_leaves_those_without_it() -> None:
    pattern = "'regex:(?P<item>[a-z]+)(?:_(?P<day>[a-z]+))?[.]tif'"
    made = "groups: {date: {template: '{day}', default: ''}}\n        datetime: [path, file]"
    found = warned(f"{HEAD}pattern: {pattern}\n        {made}")
    assert not [each for each in found if "matches no blob" in each]


def test_what_a_collection_ignores_of_a_pattern_in_part_is_not_warned_of() -> None:
    ignored = HEAD.replace("    rules:", "    ignore: ['a/**', '**/x_*.tif']\n    rules:")
    [warning] = warned(f"{ignored}pattern: ['a/{{item}}.tif', 'b/{{item}}.tif']")
    assert "'a/{item}.tif' matches no blob: `ignore: a/**`" in warning
