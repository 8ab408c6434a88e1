"""Builders that rules in tests name."""

from collections.abc import Sequence
from typing import Any

from eventstac.facts import Fact


def count_files(item: dict[str, Any], facts: Sequence[Fact]) -> dict[str, Any]:
    item["properties"]["files"] = len(facts)
    return item


def use_up(item: dict[str, Any], facts: Sequence[Fact]) -> dict[str, Any]:
    """Takes from what it was given: it may."""
    for fact in facts:
        assert isinstance(fact.finding.metadata, dict)
        item["properties"].setdefault("drivers", []).append(fact.finding.metadata.pop("driver"))
    return item


def nothing(item: dict[str, Any], facts: Sequence[Fact]) -> None:
    return None


def spoil(item: dict[str, Any], facts: Sequence[Fact]) -> dict[str, Any]:
    del item["properties"]["datetime"]
    return item


def name_extension(item: dict[str, Any], facts: Sequence[Fact]) -> dict[str, Any]:
    item["stac_extensions"].append("https://example.org/own/v1.0.0/schema.json")
    return item


def drop_extensions(item: dict[str, Any], facts: Sequence[Fact]) -> dict[str, Any]:
    del item["stac_extensions"]
    return item


def spoil_extensions(item: dict[str, Any], facts: Sequence[Fact]) -> dict[str, Any]:
    return {**item, "stac_extensions": "https://example.org/own/v1.0.0/schema.json"}


def whole_degrees(item: dict[str, Any], facts: Sequence[Fact]) -> dict[str, Any]:
    ring = [[10, 50], [11, 50], [11, 51], [10, 51], [10, 50]]
    return {**item, "bbox": [10, 50, 11, 51], "geometry": {"type": "Polygon", "coordinates": [ring]}}
