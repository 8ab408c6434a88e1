"""What a blob is by its URL."""

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eventstac.blob_urls import BlobName
from eventstac.rules import Rule, Rules, load_rules, loaded
from tests.unit.rules.asking import asset_of, matched, rule_of

ACCOUNT = "http://127.0.0.1:10000/devstoreaccount1"
SOURCE = f"{ACCOUNT}/source/"

FILE = """
ignore: ["**/.*", "tmp/**"]
collections:
  rmnp:
    rules:
      - name: scenes
        pattern: rmnp/{date}/{asset}.tif
        item: rmnp-{date}
        assets: {red: , green: , blue: }
  sensors:
    ignore: "sensors/**/*_draft.tif"
    rules:
      - name: days
        container: source
        pattern: sensors/{sensor}/{when}/{item}_{asset}.tif
        item: "{sensor}-{item}"
        groups:
          platform: {from: sensor, lookup: {lc08: landsat-8, lc09: landsat-9}}
          item: {transform: lower}
        datetime: [{group: when, format: "%Y%j"}, file]
        properties: {platform: "{platform}", "landsat:collection": 2, "x:day": {from: when, type: integer}}
"""


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules(FILE, file="collections.yaml")


def test_a_path_gives_item_asset_and_datetime(rules: Rules) -> None:
    match = matched(rules, SOURCE + "rmnp/2018-07-01/red.tif")
    assert (match.collection, match.item, match.asset, match.rule) == (
        "rmnp",
        "rmnp-2018-07-01",
        "red",
        "scenes",
    )
    assert match.start == match.end == datetime(2018, 7, 1, tzinfo=UTC)


def test_groups_are_transformed_and_give_properties(rules: Rules) -> None:
    match = matched(rules, SOURCE + "sensors/lc08/2020032/Scene_7_b4.tif")
    assert (match.item, match.asset) == ("lc08-scene_7", "b4")
    assert match.start == datetime(2020, 2, 1, tzinfo=UTC)
    rule = rule_of(rules, "sensors", "days")
    assert rule.properties_for(match.groups) == {
        "platform": "landsat-8",
        "landsat:collection": 2,
        "x:day": 2020032,
    }


def test_what_a_lookup_lacks_does_not_match_and_is_explained(rules: Rules) -> None:
    explanation = rules.explain(SOURCE + "sensors/lc07/2020032/s_b4.tif")
    assert explanation.match is not None
    assert explanation.match.collection == "bronze-tier"
    assert "sensors/days: 'lc07' is not in the lookup of 'platform'" in str(explanation)


def test_a_date_that_is_none_does_not_match_the_rule(rules: Rules) -> None:
    match = matched(rules, SOURCE + "rmnp/2018-02-30/red.tif")
    assert match.collection == "bronze-tier"
    assert "2018-02-30" in str(rules.explain(SOURCE + "rmnp/2018-02-30/red.tif"))


def test_an_asset_that_the_rule_does_not_name_is_not_of_it(rules: Rules) -> None:
    match = matched(rules, SOURCE + "rmnp/2018-07-01/nir.tif")
    assert match.collection == "bronze-tier"


def test_a_rule_for_another_container_is_not_tried(rules: Rules) -> None:
    match = matched(rules, f"{ACCOUNT}/other/sensors/lc08/2020032/s_b4.tif")
    assert match.collection == "bronze-tier"


def test_a_group_that_stands_twice_is_the_same_text_both_times() -> None:
    text = "collections: {a: {rules: [{name: r, pattern: '{item}/{item}_{asset}.tif'}]}}"
    rules = load_rules(text, file="x", default_collection=None)
    assert matched(rules, SOURCE + "s1/s1_red.tif").item == "s1"
    assert rules.match(SOURCE + "s1/s2_red.tif") is None


def test_start_and_end_give_an_interval_that_does_not_end_before_it_starts() -> None:
    text = "collections: {a: {rules: [{name: r, pattern: '{item}_{start}_{end}.tif'}]}}"
    rules = load_rules(text, file="x", default_collection=None)
    match = matched(rules, SOURCE + "m_2020-01-01_2020-02.tif")
    assert match.start == datetime(2020, 1, 1, tzinfo=UTC)
    assert match.end == datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC)
    assert rules.match(SOURCE + "m_2020-01-02_2020-01-01.tif") is None
    assert "before it starts" in str(rules.explain(SOURCE + "m_2020-01-02_2020-01-01.tif"))


PROPERTY = "collections: {a: {rules: [{name: r, pattern: '{item}_{g}.tif', properties: {p: {from: g, %s}}}]}}"


@pytest.mark.parametrize(
    ("how", "path", "value"),
    [
        ("type: number", "a_1.5.tif", 1.5),
        ("type: integer", "a_007.tif", 7),
        ("type: boolean", "a_no.tif", False),
        ("lookup: {x: 0.5}", "a_x.tif", 0.5),
        ("lookup: {x: 0.5}, default: [1]", "a_y.tif", [1]),
    ],
)
def test_a_property_is_of_the_type_that_is_declared(how: str, path: str, value: object) -> None:
    rules = load_rules(PROPERTY % how, file="x", default_collection=None)
    assert rule_of(rules, "a", "r").properties_for(matched(rules, SOURCE + path).groups) == {"p": value}


@pytest.mark.parametrize("how", ["type: number", "type: integer", "type: boolean", "lookup: {x: 1}"])
@pytest.mark.parametrize("text", ["nan", "y"])
def test_a_property_that_is_not_of_its_type_is_no_match_with_a_reason(how: str, text: str) -> None:
    rules = load_rules(PROPERTY % how, file="x", default_collection=None)
    explanation = rules.explain(f"{SOURCE}a_{text}.tif")
    assert explanation.outcome == "unmatched"
    assert text in explanation.tried[0].why


@pytest.mark.parametrize("path", ["tmp/a.tif", "a/.hidden.tif", "sensors/lc08/2020032/s_b4_draft.tif"])
def test_ignored_is_ignored_and_not_the_default_collections(rules: Rules, path: str) -> None:
    explanation = rules.explain(SOURCE + path)
    assert explanation.outcome == "ignored"
    assert explanation.match is None


@pytest.mark.parametrize("path", ["readme.txt", "a/b/noextension", "x.tif.aux.xml"])
def test_what_is_no_raster_and_has_no_rule_is_unmatched(rules: Rules, path: str) -> None:
    assert rules.explain(SOURCE + path).outcome == "unmatched"


def test_what_is_no_blob_url_is_unmatched_and_does_not_raise(rules: Rules) -> None:
    assert rules.match("ftp://x/y.tif") is None
    assert rules.match(f"{ACCOUNT}/source") is None


def test_default_items_are_named_by_container_and_path(rules: Rules) -> None:
    items = [matched(rules, SOURCE + path).item for path in ("x.tif", "x.jp2", "a-b.tif", "a/b.tif")]
    assert items[:3] == ["source_x.tif", "source_x.jp2", "source_a-b.tif"]
    assert items[3].startswith("source_a-b.tif-")
    assert len(items[3]) == len("source_a-b.tif-") + 8


def test_the_default_collection_is_always_there() -> None:
    rules = load_rules("collections: {}", file="x", default_collection="landing")
    assert asset_of(rule_of(rules, "landing", ""), "data").roles == ("data",)
    assert matched(rules, SOURCE + "x.tif").collection == "landing"
    assert load_rules("collections: {}", file="x", default_collection=None).match(SOURCE + "x.tif") is None


@pytest.mark.parametrize("text", [None, "", "# nothing yet\n", "collections: {}\n"])
def test_without_a_file_or_rules_there_is_the_default_collection_only(text: str | None) -> None:
    rules = load_rules(text, file="x", checked=True)
    assert [collection.id for collection in rules.collections] == ["bronze-tier"]
    assert matched(rules, SOURCE + "x.tif").collection == "bronze-tier"


def test_the_digest_is_of_the_meaning() -> None:
    one = load_rules("collections: {a: {title: x, description: y}}", file="one")
    same = load_rules("# why\ncollections:\n  a:\n    description: y\n    title: x\n", file="two")
    other = load_rules("collections: {a: {title: x, description: z}}", file="one")
    assert one.digest == same.digest != other.digest


def test_the_order_of_assets_is_part_of_the_meaning() -> None:
    text = "collections: {{a: {{rules: [{{name: r, pattern: '{{item}}/{{asset}}.tif', assets: {{{}}}}}]}}}}"
    assert (
        load_rules(text.format("a: , b: "), file="x").digest
        != load_rules(text.format("b: , a: "), file="x").digest
    )


SEGMENT = st.text(
    st.one_of(
        st.sampled_from(" #%+-_.äß東🙂&?=;,'\"()[]{}~"),
        st.characters(exclude_characters="/\\", codec="utf-8"),
    ),
    min_size=1,
    max_size=12,
)
PATHS = st.lists(SEGMENT, min_size=1, max_size=4).map("/".join)
CONTAINERS = st.sampled_from(["source", "a", "a-b", "a-b-c", "$web"])
RASTERS = st.builds(
    lambda container, path, extension: BlobName(ACCOUNT, container, path + extension),
    CONTAINERS,
    PATHS,
    st.sampled_from([".tif", ".jp2", ".TIFF"]),
)
RULES = load_rules(FILE, file="collections.yaml")


@settings(deadline=None)
@given(RASTERS, RASTERS)
def test_two_blobs_of_the_default_collection_are_two_items(one: BlobName, other: BlobName) -> None:
    matches = [match for name in (one, other) if (match := RULES.match(name.url)) and not match.rule]
    assume(len(matches) == 2)
    assert (matches[0].item == matches[1].item) == (one.url == other.url)


@settings(deadline=None)
@given(RASTERS)
def test_similar_names_stay_apart(name: BlobName) -> None:
    mangled = name.path.replace("/", "-")
    assume(mangled != name.path)
    assert RULES.match(name.url) is None or RULES.match(name.url) != RULES.match(
        BlobName(name.account_url, name.container, mangled).url
    )


@settings(deadline=None)
@given(st.one_of(st.text(), PATHS.map(SOURCE.__add__), RASTERS.map(lambda name: name.url)))
def test_matching_is_total_and_the_same_each_time(url: str) -> None:
    assert RULES.match(url) == RULES.match(url) == load_rules(FILE, file="again").match(url)


@settings(deadline=None)
@given(RASTERS)
def test_item_ids_are_safe_in_urls(name: BlobName) -> None:
    match = RULES.match(name.url)
    item = match.item if match else "ignored"
    assert item.isascii()
    assert all(character.isalnum() or character in "._-" for character in item)


@settings(deadline=None)
@given(RASTERS)
def test_every_spelling_of_a_url_matches_the_same(name: BlobName) -> None:
    spelled = name.url.replace("-", "%2D").replace("%C3", "%c3")
    assert RULES.match(spelled + "?sv=2020&sig=x") == RULES.match(name.url)


@pytest.mark.parametrize("name", [".", ".."])
def test_an_id_that_clients_take_for_a_folder_is_made_another(name: str) -> None:
    text = "collections:\n  a:\n    rules:\n      - {name: r, pattern: 's/{item}_{asset}.tif'}\n"
    item = matched(load_rules(text, file="c.yaml"), SOURCE + f"s/{name}_a.tif").item
    assert item.startswith("-" * len(name) + "-")
    assert len(item) == len(name) + 9
    assert matched(load_rules(text, file="c.yaml"), SOURCE + "s/.x_a.tif").item == ".x"


@pytest.mark.parametrize(
    ("pattern", "more", "path", "why"),
    [
        ("{item}/{asset}.tif", "assets: {red: , green: {match: [g, 'G?']}}", "x/nir.tif",
         "{asset} would be 'nir', which is none of its assets (red, green)"),
        ("{year}/{month}/{item}.tif", "", "2024/13/n.tif", "{month} would be '13', but is 01 to 12"),
        ("{year}/{month}/{item}.tif", "", "2024/5/n.tif", "{month} would be '5', but is 01 to 12"),
        ("{item}_{date}.tif", "", "x_May24.tif", "{date} would be 'May24', but is as 2024-05-01, 20240501 or 2024122"),
        ("{item}_{start}_{end}.tif", "", "x_20240501_May24.tif",
         "{end} would be 'May24', but is as 2024-05-01, 20240501, 2024122 or 20240501T120000"),
        ("{item}/{item}_{doy}_{year}.tif", "", "a/a_400_2020.tif", "{doy} would be '400', but is 001 to 366"),
        ("{item}/{item}_{asset}.tif", "assets: {SR_B2: , SR_B3: }", "s_1/s_1_SR_B4.tif",
         "{asset} would be 'SR_B4', which is none of its assets (SR_B2, SR_B3)"),
        ("{item}_{p}.tif", "groups: {p: {lookup: {a: b}}}", "x_c.tif", "{p} would be 'c', which its lookup has not"),
        ("{item}_{d}.tif", "datetime: [{group: d, format: '%d%m%Y'}]", "x_2024.tif",
         "{d} would be '2024', which is of no format that `datetime:` names for it"),
    ],
)  # fmt: skip
def test_a_path_that_fits_but_for_a_group_is_told_which(pattern: str, more: str, path: str, why: str) -> None:
    text = f"collections:\n  a:\n    rules:\n      - name: r\n        pattern: '{pattern}'\n        {more}\n"
    explained = load_rules(text, file="c.yaml").explain(SOURCE + path)
    assert explained.tried[0].why == f"the path is not {pattern}: {why}"


def test_of_a_path_that_holds_two_texts_of_one_name_no_other_group_is_told() -> None:
    pattern = "{item}/{item}_{asset}.tif"
    text = f"collections:\n  a:\n    rules:\n      - {{name: r, pattern: '{pattern}', assets: {{SR_B2: }}}}\n"
    explained = load_rules(text, file="c.yaml").explain(SOURCE + "s_1/s_2_SR_B2.tif")
    assert explained.tried[0].why == f"the path is not {pattern}"


def test_why_a_rule_is_not_the_one_is_found_only_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def why(rule: Rule, path: str) -> str:
        asked.append(path)
        return f"not {rule.name}"

    monkeypatch.setattr(loaded, "why_not", why)
    rules = load_rules(
        "collections:\n  a:\n    rules:\n      - {name: r, pattern: '{item}/x'}\n", file="c.yaml"
    )
    rules.match(SOURCE + "a.tif")
    explained = rules.explain(SOURCE + "a.tif")
    assert asked == []
    assert [each.to_json() for each in explained.tried] == [{"collection": "a", "rule": "r", "why": "not r"}]


def test_of_a_path_that_fits_nowhere_no_group_is_told() -> None:
    text = "collections:\n  a:\n    rules:\n      - {name: r, pattern: ['{year}/{item}.tif', 'regex:(?P<item>b)']}\n"
    explained = load_rules(text, file="c.yaml").explain(SOURCE + "a/b/c.tif")
    assert explained.tried[0].why == "the path is not {year}/{item}.tif or regex:(?P<item>b)"
