"""Validates Items and Collections: the core schemas, our profiles, then what the fields mean together."""

from collections.abc import Iterator, Mapping
from typing import Any

from eventstac.times import from_text
from eventstac.validation import meaning
from eventstac.validation.geometry import bbox_problems, geometry_problems
from eventstac.validation.problems import Problem, ordered
from eventstac.validation.profiles import profile_problems
from eventstac.validation.schemas import json_problem, schema_problems
from eventstac.validation.stac_core import collection_validator, item_validator

_EXTENT = "checks/extent"


def validate_item(item: Mapping[str, Any], *, published: bool = True) -> list[Problem]:
    """What is wrong with a STAC 1.1.0 Item, in an order that depends on nothing else; empty for a valid one.

    Offline. What the fields mean together is asked only of an Item whose form is right. STAC allows one that is not to
    be `published` here to be in no collection, to have no asset, relative addresses, and rings that turn either way.
    """
    document = dict(item)
    not_json = json_problem(document)
    if not_json:
        return [not_json]
    problems = [
        *map(_readable, schema_problems(item_validator(), document, "stac/item.json")),
        *profile_problems(document),
    ]
    if _well_formed(problems):
        problems += [
            *meaning.date_problems(document),
            *geometry_problems(document, any_turn=not published),
            *(meaning.asset_problems(document, needed=True) if published else ()),
            *(meaning.link_problems(document) if published else ()),
            *meaning.field_problems(document),
        ]
    return ordered(problems)


def validate_collection(collection: Mapping[str, Any], *, published: bool = True) -> list[Problem]:
    """What is wrong with a STAC 1.1.0 Collection; empty for a valid one. Offline. `published` as with Items."""
    document = dict(collection)
    not_json = json_problem(document)
    if not_json:
        return [not_json]
    problems = [
        *map(_readable, schema_problems(collection_validator(), document, "stac/collection.json")),
        *profile_problems(document),
    ]
    if _well_formed(problems):
        problems += [
            *_extent_problems(document["extent"]),
            *(meaning.asset_problems(document, needed=False) if published else ()),
            *meaning.field_problems(document),
        ]
    return ordered(problems)


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


def _extent_problems(extent: Mapping[str, Any]) -> Iterator[Problem]:
    for number, bbox in enumerate(extent["spatial"]["bbox"]):
        yield from bbox_problems(bbox, f"extent/spatial/bbox/{number}", _EXTENT)
    for number, interval in enumerate(extent["temporal"]["interval"]):
        message = _interval_mistake(*interval)
        if message:
            yield Problem(f"extent/temporal/interval/{number}", message, _EXTENT)


def _interval_mistake(start: str | None, end: str | None) -> str | None:
    try:
        begins, ends = (from_text(each) if each else None for each in (start, end))
    except ValueError as error:  # a leap second is RFC 3339 but no datetime
        return f"a date cannot be read: {error}"
    return f"the end {end} is before the start {start}" if begins and ends and ends < begins else None
