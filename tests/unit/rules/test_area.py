"""A rule's `geometry:` becomes what an Item may have, or a mistake; never an Item that is refused for it."""

from typing import Any

import pytest
import yaml

from eventstac.compose import compose
from eventstac.facts import fact_of
from eventstac.rules import Rules, RulesInvalid, load_rules
from tests.samples import present, url_of
from tests.unit.rules.asking import collection_of, matched

SQUARE = [[6, 50], [7, 50], [7, 51], [6, 51], [6, 50]]


def rules_with(geometry: dict[str, Any]) -> Rules:
    rule = {"name": "r", "pattern": "{item}.tif", "asset": "data", "geometry": geometry}
    return load_rules(yaml.safe_dump({"collections": {"a": {"rules": [rule]}}}), file="c.yaml")


def item_of(geometry: dict[str, Any]) -> dict[str, Any]:
    rules = rules_with(geometry)
    url = url_of("x.tif")
    composition = compose([fact_of(url, present(matched(rules, url), 1, "e"))], collection_of(rules, "a"))
    assert composition.state == "published", composition.detail
    return composition.item or {}


@pytest.mark.parametrize(
    ("geometry", "bbox"),
    [
        ({"type": "Polygon", "coordinates": [SQUARE]}, [6, 50, 7, 51]),
        ({"type": "Polygon", "coordinates": [SQUARE[::-1]]}, [6, 50, 7, 51]),
        ({"type": "Polygon", "coordinates": [SQUARE[:-1]]}, [6, 50, 7, 51]),
        ({"type": "Polygon", "coordinates": [[[*spot, 100] for spot in SQUARE]]}, [6, 50, 7, 51]),
        ({"type": "Polygon", "coordinates": [[[179, 1], [181, 1], [181, 2], [179, 2]]]}, [179, 1, -179, 2]),
        (
            {"type": "Polygon", "coordinates": [[[-181, 1], [-179, 1], [-179, 2], [-181, 2]]]},
            [179, 1, -179, 2],
        ),
        ({"type": "Polygon", "coordinates": [[[190, 1], [191, 1], [191, 2]]]}, [-170, 1, -169, 2]),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE], [[[8, 50], [9, 51], [9, 50]]]]}, [6, 50, 9, 51]),
        (
            {"type": "Polygon", "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90]]]},
            [-180, -90, 180, 90],
        ),
        (
            {
                "type": "Polygon",
                "coordinates": [SQUARE, [[6.2, 50.2], [6.4, 50.2], [6.4, 50.4], [6.2, 50.2]]],
            },
            [6, 50, 7, 51],
        ),
    ],
)
def test_an_area_that_is_wound_closed_or_cut_otherwise_gives_a_published_item(
    geometry: dict[str, Any], bbox: list[float]
) -> None:
    assert item_of(geometry)["bbox"] == bbox


@pytest.mark.parametrize(
    ("geometry", "said"),
    [
        ({"type": "Point", "coordinates": [6, 50]}, "Point"),
        ({"type": "LineString", "coordinates": [[6, 50], [7, 51]]}, "LineString"),
        ({"type": "Polygon", "coordinates": [[[6, 50], [7, 51]]]}, "three corners"),
        ({"type": "Polygon", "coordinates": [3]}, "list of positions"),
        ({"type": "Polygon", "coordinates": [["x"]]}, "'x' is no position"),
        ({"type": "Polygon", "coordinates": [[[6, 50], [7, 50], [8, 50]]]}, "no area"),
        ({"type": "Polygon", "coordinates": [[[6, 50], [7, 51], [7, 50], [6, 51]]]}, "Self-intersection"),
        ({"type": "Polygon", "coordinates": [[[6, 50], [500, 50], [7, 51]]]}, "not on Earth"),
        ({"type": "Polygon", "coordinates": [[[6, 50], [7, 91], [7, 50]]]}, "not on Earth"),
        ({"type": "MultiPolygon", "coordinates": [SQUARE]}, "no position"),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE]]}, "no area"),
    ],
)
def test_what_is_no_area_is_a_mistake(geometry: dict[str, Any], said: str) -> None:
    with pytest.raises(RulesInvalid) as caught:
        rules_with(geometry)
    [mistake] = caught.value.mistakes
    assert said in mistake.what
    assert mistake.instead


@pytest.mark.parametrize(
    ("geometry", "said"),
    [
        ({"type": "Polygon", "coordinates": [[[6, 50], [7, 1e30], [7, 50]]]}, "not on Earth"),
        ({"type": "Polygon", "coordinates": 3}, "list"),
        ({"type": "MultiPolygon", "coordinates": 3}, "no list"),
        ({"type": "Point", "coordinates": [6, 50]}, "no Polygon's or MultiPolygon's"),
        ({"type": "Polygon"}, "no Polygon's or MultiPolygon's"),
    ],
)
@pytest.mark.parametrize("of_an_asset", [False, True])
def test_a_footprint_to_read_with_that_is_no_area_is_a_mistake(
    geometry: dict[str, Any], said: str, of_an_asset: bool
) -> None:
    options = {"footprint": {"geometry": geometry}}
    rule: dict[str, Any] = {"name": "r", "pattern": "{item}.tif", "asset": "data"}
    rule |= {"assets": {"data": {"options": options}}} if of_an_asset else {"read": options}
    with pytest.raises(RulesInvalid) as caught:
        load_rules(yaml.safe_dump({"collections": {"a": {"rules": [rule]}}}), file="c.yaml")
    [mistake] = caught.value.mistakes
    assert said in mistake.what
    assert mistake.instead


def test_an_edge_the_long_way_around_is_a_warning_that_says_what_to_write() -> None:
    rules = rules_with({"type": "Polygon", "coordinates": [[[179, 1], [-179, 1], [-179, 2], [179, 2]]]})
    assert "the long way around" in rules.warnings[0].what
    assert "write 181 for -179" in rules.warnings[0].instead
