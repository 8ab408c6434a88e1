"""What a file may state and no Item may hold: the Item is rejected with its reason, and nothing crashes."""

from dataclasses import replace
from typing import Any

import pytest

from eventstac.compose import compose
from eventstac.facts import Fact, Match, fact_of
from tests.samples import cog_fact, metadata, present, url_of


def fact(asset: str, **changes: Any) -> Fact:
    finding = present(Match("scenes", "one", asset), 1, "e")
    return fact_of(url_of(f"{asset}.tif"), replace(finding, metadata={**metadata(), **changes}))


def polygon(*ring: tuple[float, float]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[list(point) for point in ring]]}


@pytest.mark.parametrize(
    "footprint",
    [
        polygon((0, 0), (1, 1), (1, 0), (0, 1), (0, 0)),
        polygon((0, 0), (1, 1)),
        {"type": "Circle", "coordinates": []},
        {"type": "Polygon"},
    ],
)
@pytest.mark.parametrize("others", [(), ("nir",)])
def test_a_footprint_that_is_no_area_rejects_the_item(footprint: Any, others: tuple[str, ...]) -> None:
    composition = compose([fact("red", footprint=footprint), *map(fact, others)], None)
    assert composition.state == "rejected"
    assert composition.reason in ("bad-footprint", "invalid-item")


def test_a_point_is_no_footprint() -> None:
    composition = compose([fact("red", footprint={"type": "Point", "coordinates": [0, 0]})], None)
    assert (composition.state, composition.reason) == ("rejected", "bad-footprint")


@pytest.mark.parametrize("text", ["a NUL: \x00", "half a pair: \ud83d"])
def test_text_that_no_database_takes_rejects_the_item(text: str) -> None:
    """Or the fact of the blob that completes the Item would be refused, whichever that is."""
    for properties in ({"note": text}, {text: 1}, {"deep": [{"note": text}]}):
        composition = compose([fact("red", properties=properties)], None)
        assert (composition.state, composition.reason) == ("rejected", "invalid-item")


def test_characters_beyond_the_basic_plane_and_backslashes_are_text() -> None:
    note = "\U0001f6f0 \\u0000 \\ud800"
    composition = compose([fact("red", properties={"note": note})], None)
    assert composition.item is not None
    assert composition.item["properties"]["note"] == note


def test_a_cog_whose_asset_key_another_blob_has_is_a_conflict_and_crashes_nothing() -> None:
    source, other = fact("red"), fact("red_cog")
    finding = replace(source.finding, etag="cog", metadata={**metadata(), "cog": {"valid": True}})
    cog = cog_fact(url_of("red.tif", "cogs"), finding, source.url)
    composition = compose([source, other, cog], None)
    assert composition.item is not None
    assert composition.item["assets"]["red_cog"]["href"] == other.url
    assert composition.conflicts == (cog.url,)
    assert composition.urls == (source.url, other.url)
