"""Validates Items and Collections: the core schemas, our profiles, then what the fields mean together."""

from collections.abc import Iterator, Mapping
from typing import Any

from eventstac.validation import meaning
from eventstac.validation.geometry import bbox_problems, geometry_problems
from eventstac.validation.problems import Problem, ordered
from eventstac.validation.profiles import prefixes_in_other_versions, profile_problems
from eventstac.validation.schemas import json_problem, schema_problems
from eventstac.validation.stac_core import collection_validator, item_validator

_EXTENT = "checks/extent"


def validate_item(item: Mapping[str, Any], *, published: bool = True) -> list[Problem]:
    """What is wrong with a STAC 1.1.0 Item, in an order that depends on nothing else; empty for a valid one.

    Offline. What the fields mean together is asked only of an Item whose form is right. STAC allows one that is not to
    be `published` here to be in no collection, to have no asset, relative addresses, any id, leap seconds, times in
    +00:00, empty texts, rings that turn either way, and other versions of our extensions, which are not checked.
    """
    document = dict(item)
    not_json = json_problem(document)
    if not_json:
        return [not_json]
    unknown = frozenset[str]() if published else prefixes_in_other_versions(document)
    problems = [
        *map(_readable, _item_problems(document)),
        *profile_problems(document, unknown, published=published),
    ]
    if _well_formed(problems):
        problems += [
            *meaning.date_problems(document, any_second=not published),
            *geometry_problems(document, any_turn=not published),
            *(meaning.asset_problems(document, needed=True) if published else ()),
            *(meaning.link_problems(document) if published else ()),
            *meaning.field_problems(document, unknown),
        ]
    return ordered(problems)


def validate_collection(collection: Mapping[str, Any], *, published: bool = True) -> list[Problem]:
    """What is wrong with a STAC 1.1.0 Collection; empty for a valid one. Offline. `published` as with Items."""
    document = dict(collection)
    not_json = json_problem(document)
    if not_json:
        return [not_json]
    unknown = frozenset[str]() if published else prefixes_in_other_versions(document)
    problems = [
        *map(_readable, schema_problems(collection_validator(), document, "stac/collection.json")),
        *profile_problems(document, unknown, published=published),
    ]
    if _well_formed(problems):
        problems += [
            *_extent_problems(document["extent"], any_second=not published),
            *(meaning.asset_problems(document, needed=False) if published else ()),
            *meaning.field_problems(document, unknown),
        ]
    return ordered(problems)


def _item_problems(item: dict[str, Any]) -> Iterator[Problem]:
    """What the core schema says; where only one of geometry and bbox is there, it quotes the Item, or wants the
    geometry to be null.
    """
    geometry, has_bbox = item.get("geometry", ...), "bbox" in item
    for problem in schema_problems(item_validator(), item, "stac/item.json"):
        place, said, message = problem.path, problem.message, None
        if (
            geometry is None
            and has_bbox
            and (place == "bbox" or (not place and said.endswith("'oneOf' keyword")))
        ):
            message = "an Item whose geometry is null has no bbox: leave it out"
        if (
            isinstance(geometry, dict)
            and not has_bbox
            and place == "geometry"
            and said.endswith('type "null"')
        ):
            message = "an Item with a geometry has a bbox, which is missing"
        yield Problem("bbox", message, problem.schema) if message else problem


def _readable(problem: Problem) -> Problem:
    """Two sentences of the core schemas in words that help.

    `collection` without a link to it is said to match `not {}`, and of another version of STAC that 1.1.0 was expected.
    """
    if problem.path == "collection" and problem.message.startswith("{} is not allowed"):
        message = 'an Item with a "collection" has a link with rel "collection", which is missing'
        return Problem("links", message, problem.schema)
    if problem.path == "stac_version" and problem.message.endswith("was expected"):
        return Problem(problem.path, "only STAC 1.1.0 is checked here", problem.schema)
    return problem


def _well_formed(problems: list[Problem]) -> bool:
    return not any(problem.schema.startswith(("stac/", "profiles/")) for problem in problems)


def _extent_problems(extent: Mapping[str, Any], *, any_second: bool) -> Iterator[Problem]:
    for number, bbox in enumerate(extent["spatial"]["bbox"]):
        yield from bbox_problems(bbox, f"extent/spatial/bbox/{number}", _EXTENT)
    for number, interval in enumerate(extent["temporal"]["interval"]):
        message = _interval_mistake(*interval, any_second=any_second)
        if message:
            yield Problem(f"extent/temporal/interval/{number}", message, _EXTENT)


def _interval_mistake(start: str | None, end: str | None, *, any_second: bool) -> str | None:
    try:
        begins, ends = (meaning.moment(each, any_second) if each else None for each in (start, end))
    except ValueError as error:
        return f"a date cannot be read: {error}"
    return f"the end {end} is before the start {start}" if begins and ends and ends < begins else None
