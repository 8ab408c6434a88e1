"""Collections by rule: their STAC documents, queryables, assets, builders."""

import sys
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eventstac.errors import Rejected
from eventstac.rules import RulesInvalid, collection_document, load_rules
from eventstac.rules.builder import Builder, run_builder
from eventstac.validation import validate_collection
from tests.unit.rules.asking import asset_of, collection_of, matched, rule_of

GALLERY = Path(__file__).parents[3] / "contracts" / "rules" / "gallery"

FILE = """
collections:
  plain: {}
  full:
    title: Full
    description: All of it.
    license: CC-BY-4.0
    keywords: [a, b]
    providers: [{name: P, roles: [host], url: "https://example.org"}]
    extent: {spatial: {bbox: [[1, 2, 3, 4]]}}
    summaries: ["eo:cloud_cover"]
    partition_trunc: month
    queryables:
      "eo:cloud_cover": {type: number, sortable: true, title: Clouds}
      "x:seen": {type: datetime}
    extra: {"sci:doi": "10.1/x"}
    rules:
      - name: r
        container: [source, other]
        pattern: full/{item}/{asset}
        cog: replace
        keep_last_good: true
        builder: package.module:finish
        require: [red]
        read: {statistics: {exact: true}}
        geometry: {type: Polygon, coordinates: [[[1, 2], [3, 2], [3, 4], [1, 2]]]}
        assets:
          red: {match: red.tif, title: Red, gsd: 10, bands: [red], options: {nodata: 0}}
          doc: {match: "*.pdf", read: file, media_type: application/pdf}
          "*": {roles: [data]}
"""
RULES = load_rules(FILE, file="collections.yaml")


def test_a_plain_collection_has_the_defaults_of_an_empty_one() -> None:
    content, private = collection_document(collection_of(RULES, "plain"))
    assert content["license"] == "other"
    assert content["extent"] == {
        "spatial": {"bbox": [[-180.0, -90.0, 180.0, 90.0]]},
        "temporal": {"interval": [[None, None]]},
    }
    assert private == {"item_assets": {}}


def test_how_the_items_are_divided_is_left_as_it_is_unless_it_is_said() -> None:
    assert collection_of(RULES, "plain").partition_trunc is None
    assert collection_of(RULES, "full").partition_trunc == "month"
    with pytest.raises(RulesInvalid, match=r"partition_trunc"):
        load_rules("collections: {c: {partition_trunc: week}}", file="collections.yaml")


@pytest.mark.parametrize("collection_id", ["plain", "full", "bronze-tier"])
def test_every_collection_is_valid_stac(collection_id: str) -> None:
    content, private = collection_document(collection_of(RULES, collection_id))
    assert validate_collection({**content, **private}) == []


@pytest.mark.parametrize("file", sorted(GALLERY.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_collections_of_known_products_are_valid_stac(file: Path) -> None:
    for collection in load_rules(file.read_text(), file=file.name).collections:
        content, private = collection_document(collection)
        assert validate_collection({**content, **private}) == []


def test_a_collection_has_the_fields_of_its_rules() -> None:
    content, private = collection_document(collection_of(RULES, "full"))
    assert "item_assets" not in content
    assert content["extent"]["spatial"] == {"bbox": [[1, 2, 3, 4]]}
    assert content["sci:doi"] == "10.1/x"
    assert private["item_assets"]["red"] == {
        "title": "Red",
        "roles": ["data"],
        "bands": [{"name": "red", "eo:common_name": "red"}],
        "gsd": 10,
    }
    assert list(private["item_assets"]) == ["red", "doc"]


def test_queryables_have_types_and_say_what_is_sortable() -> None:
    cloud, seen = collection_of(RULES, "full").queryables
    assert (cloud.name, cloud.sortable, cloud.definition) == (
        "eo:cloud_cover",
        True,
        {"title": "Clouds", "type": "number"},
    )
    assert seen.definition["format"] == "date-time"


def test_a_rule_carries_its_settings() -> None:
    rule = rule_of(RULES, "full", "r")
    assert (rule.cog, rule.keep_last_good, rule.builder, rule.require) == (
        "replace",
        True,
        "package.module:finish",
        ("red",),
    )
    assert asset_of(rule, "red").title == "Red"
    assert asset_of(rule, "anything").roles == ("data",)
    assert collection_of(RULES, "full").rule("gone") is None


def test_settings_for_reading_travel_in_the_match() -> None:
    base = "https://account.blob.core.windows.net/source/full/i/"
    red = matched(RULES, base + "red.tif")
    assert red.options == {"statistics": {"exact": True}, "nodata": 0, "allow_no_footprint": True}
    assert matched(RULES, base + "x.pdf").read == "file"
    assert matched(RULES, base + "x.pdf").asset == "doc"
    assert matched(RULES, base + "b10m.tif").asset == "b10m.tif"


@pytest.fixture
def finish(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("a_builder")
    monkeypatch.setitem(sys.modules, "a_builder", module)
    return module


def define(module: ModuleType, build: Builder) -> None:
    vars(module)["build"] = build


ITEM = {
    "id": "i",
    "collection": "c",
    "geometry": {"type": "Point", "coordinates": [0, 0]},
    "bbox": [0, 0, 0, 0],
    "properties": {},
    "assets": {},
    "links": [],
}


def test_a_builder_finishes_the_item(finish: ModuleType) -> None:
    define(finish, lambda item, facts: {**item, "properties": {"facts": len(facts)}})
    assert run_builder("a_builder:build", dict(ITEM), ()) == {**ITEM, "properties": {"facts": 0}}
    define(finish, lambda item, facts: None)
    assert run_builder("a_builder:build", dict(ITEM), ()) is None


def test_a_builder_that_fails_rejects_with_its_name(finish: ModuleType) -> None:
    define(finish, lambda item, facts: {**item, "id": "other"})
    with pytest.raises(Rejected, match="changed the id"):
        run_builder("a_builder:build", dict(ITEM), ())
    define(finish, lambda item, facts: item["nothing"])
    with pytest.raises(Rejected, match=r"a_builder:build.*KeyError"):
        run_builder("a_builder:build", dict(ITEM), ())
    with pytest.raises(Rejected, match="cannot be found"):
        run_builder("a_builder:none", dict(ITEM), ())
    with pytest.raises(Rejected, match="no_such"):
        run_builder("no_such_module:build", dict(ITEM), ())


def recursing(item: Any, facts: object) -> Any:
    """Goes on for ever."""
    return [recursing(item, facts)]


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda item, _: [item], "a list, no Item"),
        (lambda item, _: "text", "text, no Item"),
        (lambda item, _: 3, "a number, no Item"),
        (lambda item, _: True, "true or false, no Item"),
        (lambda item, _: (each for each in item), "TypeError"),
        (lambda item, _: sys.exit(3), "SystemExit"),
        (recursing, "RecursionError"),
        (lambda item, _: {**item, "properties": None}, "`properties` is not a mapping"),
        (lambda item, _: {key: item[key] for key in ("id", "collection")}, "is not a mapping"),
        (lambda item, _: {**item, "assets": None}, "`assets` is not a mapping"),
        (lambda item, _: {**item, "assets": {"a": None}}, "asset 'a'"),
        (lambda item, _: {**item, "assets": {"a": {"bands": [3]}}}, "asset 'a'"),
        (lambda item, _: {**item, "links": None}, "`links` is not a list"),
        (lambda item, _: {**item, "geometry": None}, "`geometry` is not a mapping"),
        (lambda item, _: {**item, "bbox": [0, 0, 0, 1, 1, 1]}, "four numbers"),
        (lambda item, _: {**item, "properties": {"x": float("nan")}}, "ValueError"),
        (lambda item, _: {**item, "properties": {"x": {1}}}, "TypeError"),
        (lambda item, _: {**item, "properties": {"x": "a\0"}}, "a NUL"),
        (lambda item, _: {**item, "properties": {"x": "\ud800"}}, "UnicodeEncodeError"),
    ],
)
def test_what_is_no_item_is_a_rejection_that_names_the_builder(
    finish: ModuleType, build: Any, says: str
) -> None:
    define(finish, build)
    with pytest.raises(Rejected) as caught:
        run_builder("a_builder:build", deepcopy(ITEM), ())
    assert caught.value.reason == "bad-builder"
    assert "a_builder:build" in caught.value.detail
    assert says in caught.value.detail


def test_what_json_spells_otherwise_is_taken(finish: ModuleType) -> None:
    spelled = {"bbox": (0, 0, 0, 0), "properties": {3: "a\\u0000"}}
    define(finish, lambda item, _: {**item, **spelled})
    built = run_builder("a_builder:build", deepcopy(ITEM), ())
    assert built == {**ITEM, "properties": {"3": "a\\u0000"}}


@pytest.mark.parametrize(
    ("one", "other", "warns"),
    [
        ("integer", "number", False),
        ("string", "boolean", False),
        ("string", "number", True),
        ("integer", "boolean", True),
        ("datetime", "string", True),
    ],
)
def test_one_property_as_text_here_and_a_number_there_is_warned_of(one: str, other: str, warns: bool) -> None:
    text = (
        f"collections:\n  a: {{queryables: {{gsd: {{type: {one}}}}}}}\n  b: {{}}\n"
        f"  c: {{queryables: {{'properties.gsd': {{type: {other}}}}}}}\n"
    )
    warnings = load_rules(text, file="collections.yaml").warnings
    assert [each.line for each in warnings] == ([4] if warns else [])
    for each in warnings:
        assert f"'gsd' is {other} here and {one} in 'a'" in each.what
