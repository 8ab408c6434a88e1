"""The ready rules for known products: real file names in, the Items that they give out.

A case is a file here beside the rules of its name in contracts/rules/gallery/. Adding one is adding two files.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from eventstac.blob_urls import BlobName
from eventstac.rules import Rules, load_rules
from eventstac.rules.sidecar import read_sidecar
from eventstac.times import to_text
from tests.unit.rules.asking import rule_of

CASES = Path(__file__).parent / "gallery"
GALLERY = Path(__file__).parents[3] / "contracts" / "rules" / "gallery"
PRODUCTS = sorted(file.stem for file in GALLERY.glob("*.yaml"))


def rules_of(product: str) -> Rules:
    file = GALLERY / f"{product}.yaml"
    return load_rules(file.read_text(), file=file.name)


def case_of(product: str) -> dict[str, Any]:
    case: dict[str, Any] = json.loads((CASES / f"{product}.json").read_text())
    return case


def url(path: str) -> str:
    return BlobName("https://account.blob.core.windows.net", "source", path).url


def items_of(rules: Rules, paths: list[str]) -> dict[str, Any]:
    found: defaultdict[str, dict[str, Any]] = defaultdict(lambda: {"assets": {}})
    for path in paths:
        match = rules.match(url(path))
        if match is None:
            continue
        item = found[f"{match.collection}/{match.item}"]
        properties = rule_of(rules, match.collection, match.rule).properties_for(match.groups)
        assert item.setdefault("properties", properties) == properties
        assert match.asset not in item["assets"], f"two blobs for {match.asset}"
        item["assets"][match.asset] = path.rpartition("/")[2]
        for name, moment in (("start", match.start), ("end", match.end)):
            assert moment is not None
            text = to_text(moment)
            assert item.setdefault(name, text) == text
    return dict(found)


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_files_of_a_product_give_its_items(product: str) -> None:
    case, rules = case_of(product), rules_of(product)
    assert items_of(rules, case["blobs"]) == case["items"]


@pytest.mark.parametrize("product", PRODUCTS)
def test_files_that_are_no_assets_are_ignored_or_unmatched(product: str) -> None:
    case, rules = case_of(product), rules_of(product)
    outcomes = {path: rules.explain(url(path)).outcome for path in case["blobs"]}
    assert [path for path, outcome in outcomes.items() if outcome == "ignored"] == case["ignored"]
    assert [path for path, outcome in outcomes.items() if outcome == "unmatched"] == case["unmatched"]


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_item_of_the_case_has_what_its_rule_requires(product: str) -> None:
    case, rules = case_of(product), rules_of(product)
    for path in case["blobs"]:
        match = rules.match(url(path))
        if match is None:
            continue
        rule = rule_of(rules, match.collection, match.rule)
        there = case["items"][f"{match.collection}/{match.item}"]["assets"]
        assert set(rule.require) <= set(there)


@pytest.mark.parametrize("product", [product for product in PRODUCTS if case_of(product)["sidecars"]])
def test_the_sidecar_of_a_product_gives_its_properties(product: str) -> None:
    case, rules = case_of(product), rules_of(product)
    for path in case["blobs"]:
        match = rules.match(url(path))
        if match and match.read == "sidecar":
            expected = case["sidecars"][match.asset]
            data = (CASES / expected["file"]).read_bytes()
            assert read_sidecar(data, match.options["sidecar"]) == expected["gives"]


def test_a_landsat_scene_of_an_evening_has_a_sun_in_the_west_and_may_have_no_cloud_cover() -> None:
    mtl = next(
        asset.sidecar for asset in rules_of("landsat-c2-l2").collections[0].rules[0].assets if asset.sidecar
    )
    data = (CASES / "LC08_MTL.json").read_bytes()
    evening = data.replace(b"149.14582911", b"-133.3").replace(
        b'"CLOUD_COVER": "2.41"', b'"CLOUD_COVER": "-1.00"'
    )
    assert evening != data
    found = read_sidecar(evening, mtl)
    assert found["view:sun_azimuth"] == 226.7
    assert "eo:cloud_cover" not in found


def test_all_products_together_are_one_rules_file_without_overlaps() -> None:
    collections: dict[str, Any] = {}
    for product in PRODUCTS:
        collections |= yaml.safe_load((GALLERY / f"{product}.yaml").read_text())["collections"]
    rules = load_rules(yaml.safe_dump({"collections": collections}, sort_keys=False), file="all.yaml")
    for product in PRODUCTS:
        case = case_of(product)
        assert items_of(rules, case["blobs"]) == case["items"]
