"""CQL2 JSON as clients send it, checked and turned into the dialect that pgstac 0.10.0 translates."""

import re
from typing import Any

from stac_api.array_functions import ARRAY_FUNCTIONS, array_function, misplaced
from stac_api.errors import BadRequest
from stac_api.geometries import box_from_json, geometry_from_json
from stac_api.instants import for_postgresql
from stac_api.moments import (
    date_problem,
    end_problem,
    operand,
    plain_problem,
    span_problem,
    timestamp_problem,
)

Cql2 = dict[str, Any]

_MAX_POSITIONS = 10_000

# How many arguments each operator takes (least, most): the ones that pgstac translates.
_COMPARISONS = {name: (2, 2) for name in ("=", "<>", "<", "<=", ">", ">=", "like", "in")}
_SPATIAL = {
    f"s_{name}": (2, 2)
    for name in ("intersects", "equals", "disjoint", "touches", "within", "overlaps", "crosses", "contains")
}
_TEMPORAL = {
    f"t_{name}": (2, 2)
    for name in (
        "after", "before", "contains", "disjoint", "during", "equals", "finishedby", "finishes", "intersects",
        "meets", "metby", "overlappedby", "overlaps", "startedby", "starts",
    )
}  # fmt: skip
_ARRAY = {name: (2, 2) for name in ARRAY_FUNCTIONS}
# One is enough, against the letter of CQL2: STAC Browser wraps a lone filter, and pgstac takes it.
_JUNCTIONS = {"and": (1, 1000), "or": (1, 1000), "not": (1, 1)}
_VALUES = {
    "casei": (1, 1),
    "accenti": (1, 1),
}  # no arithmetic: pgstac compares its result as text inside an "and"
_CONDITIONS = {
    **_JUNCTIONS, **_COMPARISONS, **_SPATIAL, **_TEMPORAL, **_ARRAY, "between": (3, 3), "isnull": (1, 1),
}  # fmt: skip
_OPERATORS = {**_CONDITIONS, **_VALUES}
# What has another name when its operands change places.
_MIRRORED = {
    "<": ">", ">": "<", "<=": ">=", ">=": "<=", "s_within": "s_contains", "s_contains": "s_within",
}  # fmt: skip
# A comparison with an instant, as temporal operators: pgstac compares a property that it does not know as text.
_WITH_INSTANT = {
    "<": ("t_before",), ">": ("t_after",), "=": ("t_equals",),
    "<=": ("t_before", "t_equals"), ">=": ("t_after", "t_equals"),
}  # fmt: skip
_TIMES = ("datetime", "start_datetime", "end_datetime")
_COLUMNS = ("id", "collection", "geometry", *_TIMES)
_PREFIX = re.compile(r"(?:properties\.)*")  # pgstac passes over as many as there are
_GEOMETRY = {"property": "geometry"}
_TRUTHS = {True: {"op": "=", "args": [1, 1]}, False: {"op": "=", "args": [1, 0]}}
# As the drafts of CQL2 spelled them: clients that were written for pgstac still send these.
_ALIASES = {
    "eq": "=", "neq": "<>", "ne": "<>", "gt": ">", "gte": ">=", "ge": ">=", "lt": "<", "lte": "<=", "le": "<=",
}  # fmt: skip


def condition(node: object, where: str, depth: int, *, negated: bool = False) -> Cql2:
    """An expression that is true or false, at most `depth` levels deep; `negated` within an odd number of "not".

    Raises BadRequest with the path of what is wrong: an operator that is not known or has the wrong number of
    arguments, a name or literal that is none.
    """
    if isinstance(node, bool):
        return _TRUTHS[node]
    node = _of_today(node)
    if not isinstance(node, dict) or _name(node) not in _CONDITIONS:
        raise _wrong(where, 'expected a condition such as {"op": "=", "args": [{"property": "id"}, "a"]}')
    return _operation(node, where, depth, negated=negated)


def scalar(value: object, where: str) -> str | int | float | bool:
    """A literal. Raises BadRequest for null, and for what no text of the database can hold."""
    if isinstance(value, str) and "\0" in value:
        raise _wrong(where, "a text with a null character")
    if not isinstance(value, str | int | float | bool):
        raise _wrong(where, "expected a text, a number or true or false")
    return value


def _of_today(node: object) -> object:
    """A node of the CQL JSON that was before CQL2, {"eq": [a, b]}, as CQL2 writes it; any other as it is."""
    if isinstance(node, dict) and len(node) == 1:
        ((name, args),) = node.items()
        if isinstance(args, list) and _name({"op": name}) in _CONDITIONS:
            return {"op": name, "args": args}
    return node


def _name(node: Cql2) -> str:
    """The operator, as CQL2 spells it."""
    name = str(node.get("op")).lower()
    return _ALIASES.get(name, name)


def _operation(node: Cql2, where: str, depth: int, *, negated: bool = False) -> Cql2:
    if depth <= 0:
        raise BadRequest("filter", "it is nested too deeply")
    name, args = _name(node), node.get("args")
    if name == "between" and isinstance(args, list) and len(args) == 2 and isinstance(args[1], list):
        args = [args[0], *args[1]]  # as the drafts of CQL2 had it, and some clients still do
    if name not in _OPERATORS:
        raise _wrong(f"{where}.op", f"{node['op']!r} is no operator of this API")
    least, most = _OPERATORS[name]
    if not isinstance(args, list) or not least <= len(args) <= most:
        count = (
            f"{least} argument{'' if least == 1 else 's'}" if least == most else f"{least} or more arguments"
        )
        raise _wrong(f"{where}.args", f"{name!r} takes {count}")
    places = [f"{where}.args[{index}]" for index in range(len(args))]
    if name in _JUNCTIONS:
        turned = negated != (name == "not")
        parts = [
            condition(arg, place, depth - 1, negated=turned) for arg, place in zip(args, places, strict=True)
        ]
        return parts[0] if len(parts) == 1 and name != "not" else {"op": name, "args": parts}
    if name in _SPATIAL or (name == "isnull" and _is_geometry(args[0])):
        return _of_geometry(name, args, places)
    if name == "in":
        value, members = _value(args[0], places[0], depth - 1), _array(args[1], places[1], depth - 1)
        members = [_instant(member) for member in members]
        value, *members = plain_times([value, *members], places[:1] + places[1:] * len(members))
        if _is_unknown(value) and all(_is_instant(member) for member in members):
            return _any_of([{"op": "t_equals", "args": [value, member]} for member in members])
        return {"op": name, "args": [value, members]}
    checked = [_value(*pair, depth - 1) for pair in zip(args, places, strict=True)]
    checked = plain_times(checked, places, temporal=name in _TEMPORAL)
    if name not in _TEMPORAL:
        checked = [_instant(arg) for arg in checked]
    if any(_is_instant(arg) for arg in checked) and (told := _told_by_instants(name, checked)):
        return told
    if name in _ARRAY:
        return _of_arrays(name, checked, places, negated=negated)
    return {"op": name, "args": checked}


def _of_arrays(name: str, args: list[Any], places: list[str], *, negated: bool) -> Cql2:
    if where := misplaced(args, places):
        raise _wrong(where, f"{name!r} takes properties, and arrays of texts, numbers, true and false")
    told = array_function(name, args, negated=negated)
    return _TRUTHS[told] if isinstance(told, bool) else told


def _of_geometry(name: str, args: list[Any], places: list[str]) -> Cql2:
    """pgstac reads a spatial operator as the Item's geometry, then a literal."""
    if name == "isnull":
        return {"op": name, "args": [_GEOMETRY]}
    if _is_geometry(args[1]) and not _is_geometry(args[0]):
        name, args, places = _MIRRORED.get(name, name), args[::-1], places[::-1]
    if not _is_geometry(args[0]):
        raise _wrong(places[0], 'expected {"property": "geometry"}, with another geometry beside it')
    return {"op": name, "args": [_GEOMETRY, _geometry(args[1], places[1])]}


def _is_geometry(arg: object) -> bool:
    return _is_column(arg, ("geometry",))


def no_geometry(arg: object, where: str) -> None:
    """Refuse the geometry beside what is none; BadRequest. PostGIS would read any text there as one."""
    if _is_geometry(arg):
        raise _wrong(
            where, "a geometry takes spatial operators of a filter, such as S_INTERSECTS, and isNull"
        )


def _geometry(node: object, where: str) -> Any:
    try:
        if isinstance(node, dict) and set(node) == {"bbox"}:
            return box_from_json(node["bbox"]).geojson()
        geometry = geometry_from_json(node, _MAX_POSITIONS)
        # pgstac takes only what has coordinates for a geometry, PostGIS reads the geometries
        return geometry | {"coordinates": []} if "geometries" in geometry else geometry
    except BadRequest as error:
        raise _wrong(where, error.description.partition(": ")[2]) from error


def _value(node: object, where: str, depth: int) -> Any:
    if isinstance(node, list):
        return _array(node, where, depth, least=0)
    if not isinstance(node, dict):
        return scalar(node, where)
    if "op" in node:
        if _name(node) in _CONDITIONS:
            raise _wrong(where, "expected a value, not a condition")
        return _operation(node, where, depth)
    if "property" in node:
        no_geometry(node, where)
        return _property(node["property"], where)
    if set(node) == {"interval"} and isinstance(node["interval"], list) and len(node["interval"]) == 2:
        return {"interval": [_end(end, where) for end in node["interval"]]}
    if set(node) in ({"timestamp"}, {"date"}):
        ((name, text),) = node.items()
        if problem := (timestamp_problem if name == "timestamp" else date_problem)(text):
            raise _wrong(where, problem)
        return node
    raise _wrong(where, "neither a literal, an operation, a property nor a time")


def _end(node: object, where: str) -> Any:
    """An end of an interval: a time, or the property that holds it."""
    if isinstance(node, dict):
        return _value(node, where, 1)
    if problem := end_problem(node):
        raise _wrong(where, problem)
    return node


def plain_times(args: list[Any], places: list[str], *, temporal: bool = False) -> list[Any]:
    """The arguments, with texts beside a column of times (or of a `temporal` operator) as PostgreSQL reads them.

    Raises BadRequest for those that are no times.
    """
    if not temporal and not any(_is_column(arg, _TIMES) for arg in args):
        return args
    for arg, place in zip(args, places, strict=True):
        problem = span_problem(arg) if temporal else plain_problem(arg) if isinstance(arg, str) else None
        if problem:
            raise _wrong(place, problem)
    if temporal:
        return [operand(arg) for arg in args]
    return [for_postgresql(arg) if isinstance(arg, str) else arg for arg in args]


def _array(node: object, where: str, depth: int, least: int = 1) -> list[Any]:
    if not isinstance(node, list) or len(node) < least:
        raise _wrong(where, "expected an array of values")
    if depth <= 0:
        raise BadRequest("filter", "it is nested too deeply")
    return [_value(member, f"{where}[{index}]", depth - 1) for index, member in enumerate(node)]


def _property(name: object, where: str) -> Cql2:
    if not isinstance(name, str) or "\0" in name or not name.strip().removeprefix("properties").strip(". "):
        raise _wrong(f"{where}.property", "expected the name of a property")
    return {"property": name}


def _instant(arg: Any) -> Any:
    """A time beside a comparison; of a date its first moment: pgstac knows dates in temporal operators only."""
    if isinstance(arg, dict) and "date" in arg:
        return {"timestamp": for_postgresql(f"{arg['date']}T00:00:00Z")}
    return operand(arg) if _is_instant(arg) else arg


def _is_instant(arg: object) -> bool:
    return isinstance(arg, dict) and "timestamp" in arg


def _is_unknown(arg: object) -> bool:
    """A property that is no column of the database, whose type is in nobody's hands."""
    return isinstance(arg, dict) and "property" in arg and not _is_column(arg, _COLUMNS)


def _is_column(arg: object, columns: tuple[str, ...]) -> bool:
    return isinstance(arg, dict) and _PREFIX.sub("", str(arg.get("property")), count=1) in columns


def _told_by_instants(name: str, args: list[Any]) -> Cql2 | None:
    """A comparison of such a property with instants; None for any other."""
    if name == "between" and _is_unknown(args[0]) and _is_instant(args[1]) and _is_instant(args[2]):
        lower, upper = _told_by_instants(">=", args[:2]), _told_by_instants("<=", [args[0], args[2]])
        return {"op": "and", "args": [lower, upper]}
    if len(args) == 2 and _is_instant(args[0]):
        name, args = _MIRRORED.get(name, name), args[::-1]
    if len(args) != 2 or not _is_unknown(args[0]) or not _is_instant(args[1]):
        return None
    if name == "<>":
        return {"op": "not", "args": [{"op": "t_equals", "args": args}]}
    told = _WITH_INSTANT.get(name)
    return _any_of([{"op": each, "args": args} for each in told]) if told else None


def _any_of(conditions: list[Cql2]) -> Cql2:
    return conditions[0] if len(conditions) == 1 else {"op": "or", "args": conditions}


def _wrong(where: str, problem: str) -> BadRequest:
    return BadRequest("query" if where.startswith("query") else "filter", f"at {where}: {problem}")
