"""Validates events against the schemas in `contracts/events`."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any, Literal

from eventstac.contracts import contract_path, read_contract
from eventstac.validation.problems import Problem, ordered
from eventstac.validation.schemas import Validator, compile_2020, json_problem, schema_problems

_BASE = "eventstac:/events/"  # the folder, as `$id`s name it


@cache
def event_types() -> tuple[str, ...]:
    """The types that have a contract, sorted."""
    return tuple(sorted(path.name.removesuffix(".json") for path in contract_path("events").glob("*.json")))


def event_problems(event: Mapping[str, Any], *, exact: bool = False) -> list[Problem]:
    """What is wrong with a CloudEvent as received, by its type's schema; a type without one is a problem.

    Fields that the schema does not know are none: readers ignore them. `exact` makes them problems, for tests of
    what we send ourselves.
    """
    document = dict(event)
    not_json = json_problem(document, any_text=True)  # a rejection holds whatever came
    if not_json:
        return [not_json]
    name = document.get("type")
    if not isinstance(name, str):
        return [Problem("type", "an event must have its type as text", "events/parts/envelope.json")]
    if name not in event_types():
        known = ", ".join(event_types())
        return [
            Problem("type", f"{name!r} is no event type with a contract: expected one of {known}", "events")
        ]
    return ordered([*schema_problems(_validator(name, exact), document, f"events/{name}.json")])


def part_problems(name: Literal["storage", "metadata"], part: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a part that several events share: a few µs where nothing is."""
    return ordered([*schema_problems(_part_validator(name), dict(part), "events/parts/fields.json")])


@cache
def _part_validator(name: str) -> Validator:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{_BASE}part",
        "$ref": f"parts/fields.json#/$defs/{name}",
    }
    return compile_2020(schema, lambda uri: read_contract(f"events/{uri.removeprefix(_BASE)}"))


@cache
def _validator(name: str, exact: bool) -> Validator:
    def retrieve(uri: str) -> dict[str, Any]:
        part = read_contract(f"events/{uri.removeprefix(_BASE)}")
        return _closed(part) if exact and uri.endswith("/fields.json") else part

    schema = read_contract(f"events/{name}.json")
    if exact:
        schema = deepcopy(schema)
        schema["properties"]["data"] = _closed(schema["properties"]["data"])
    return compile_2020(schema, retrieve)


def _closed(schema: Any) -> Any:
    """The schema with every object that lists its properties closed to others, unless it says otherwise."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed
