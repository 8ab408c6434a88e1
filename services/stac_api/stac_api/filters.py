"""The `filter` and `query` parameters: what an Item's properties must be, as one CQL2 condition."""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from stac_api import cql2_text
from stac_api.cql2_mistakes import explained
from stac_api.errors import BadRequest
from stac_api.expressions import Cql2, condition, no_geometry, plain_times, scalar

_QUERY_OPERATORS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_LIKE_SPECIAL = re.compile(r"([%_\\])")
# What the parser goes one level deeper for, at 8,000 to beyond its stack: brackets are counted by their depth.
_OPERATOR = re.compile(r"[-+*/^%=<>]|\b(?:and|or|not|div|like|in|between|is)\b", re.IGNORECASE)
_MAX_OPERATORS = 1_000
_MAX_CONDITIONS = 500  # pgstac takes 4 to 10 ms to translate each
_MAX_TEXT = 100_000  # characters: takes the parser up to a second
# What is wrong within brackets is read twice for each bracket around it: at a microsecond a character, half a second.
_MAX_READ = 400_000
# The numbers of a geometry or of IN's list, within their brackets.
_NUMBERS = re.compile(r"(?<=[\w(,])\s*\((?:[\s\d.,+e'-]*)\)", re.IGNORECASE)
_DEEPEST_NUMBERS = 4  # GEOMETRYCOLLECTION(MULTIPOLYGON(((0 0, ...)))) without its outermost bracket
_BRACKET = re.compile(r"[()]")
# Of a geometry or a list: signs in there are no operators.
_POSITION = re.compile(
    rf"(?<=[(,])\s*{cql2_text.NUMBER}(?:\s+{cql2_text.NUMBER}){{0,3}}\s*(?=[),])", re.IGNORECASE
)


def from_text(text: str, max_depth: int) -> Cql2:
    """Parse CQL2 text. Raises BadRequest with the place of the mistake."""
    _check_nesting(text, max_depth)
    try:
        parsed = cql2_text.parse(text)
    except Exception as error:  # its own, ValueError, and plain ones, such as for an empty geometry
        raise BadRequest("filter", f"no CQL2 text: {explained(error, text)}") from error
    return condition(_whole_numbers(parsed), "filter", max_depth)


def from_json(value: object, max_depth: int) -> Cql2:
    """Check CQL2 JSON. Raises BadRequest with the path of the mistake."""
    return condition(value, "filter", max_depth)


def from_json_text(text: str, max_depth: int) -> Cql2:
    """CQL2 JSON in a query string."""
    return from_json(json_from_text("filter", text), max_depth)


def json_from_text(parameter: str, text: str) -> Any:
    """A JSON value that a query string carries."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(parameter, f"no JSON: {error}") from error


def from_query(value: object) -> Cql2 | None:
    """Turn the Query extension's object into CQL2; None where it asks for nothing."""
    if not isinstance(value, dict):
        raise BadRequest("query", 'expected {"property": {"operator": value}}')
    conditions: list[Cql2] = []
    # the members of an object have no order: the same search, the same text
    for name, tests in sorted(value.items()):
        if not name.strip() or "\0" in name or not isinstance(tests, dict):
            raise BadRequest("query", f"{name!r}: expected an object of operators")
        conditions += [
            _query_condition(name, operator, operand) for operator, operand in sorted(tests.items())
        ]
    return all_of(conditions, "query")


def all_of(conditions: list[Cql2], parameter: str = "filter") -> Cql2 | None:
    """One condition that asks for them all; None for none. Raises BadRequest for more than the database can take."""
    asked = sum(map(_conditions_in, conditions))
    if asked > _MAX_CONDITIONS:
        raise BadRequest(
            parameter,
            f"{asked} conditions and functions, at most {_MAX_CONDITIONS}: `in` takes a list of values",
        )
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return {"op": "and", "args": conditions}


def geometries_in(asked: Cql2 | None) -> Iterator[Any]:
    """The geometries that a filter compares with, as GeoJSON; its boxes are some, too."""
    waiting: list[Any] = [asked]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict) and "coordinates" in node:
            yield node
        elif isinstance(node, dict):
            waiting += node.values()


def _conditions_in(asked: Cql2) -> int:
    """How many conditions pgstac has to translate, with the functions within them."""
    count = 0
    waiting: list[Any] = [asked]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict) and "op" in node:
            count += node["op"] not in ("and", "or", "not")
            waiting += node["args"]
    return count


def _query_condition(name: str, operator: str, operand: object) -> Cql2:
    left, where = {"property": name}, f"query.{name}.{operator}"
    no_geometry(left, where)
    if operator in _QUERY_OPERATORS:
        args = plain_times([left, scalar(operand, where)], [where, where])
        return {"op": _QUERY_OPERATORS[operator], "args": args}
    if operator == "in" and isinstance(operand, list) and operand:
        args = [left, *(scalar(each, where) for each in operand)]
        args = plain_times(args, [where] * len(args))
        return {"op": "in", "args": [left, args[1:]]}
    if operator in ("startsWith", "endsWith", "contains") and isinstance(operand, str):
        text = _LIKE_SPECIAL.sub(r"\\\1", str(scalar(operand, where)))
        pattern = ("" if operator == "startsWith" else "%") + text + ("" if operator == "endsWith" else "%")
        return {"op": "like", "args": [left, pattern]}
    raise BadRequest("query", f"at {where}: no such operator, or not with this kind of value")


def _whole_numbers(node: Any) -> Any:
    """Whole numbers as integers again: the parser makes every number of a text a float."""
    held = [node]
    waiting: list[Any] = [held]
    while waiting:  # not by recursion: what is nested too deeply is told so later
        holder = waiting.pop()
        for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if isinstance(value, dict | list):
                waiting.append(value)
            elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
                holder[key] = int(value)
    return held[0]


def _check_nesting(text: str, max_depth: int) -> None:
    """Refuse what would overflow the parser's stack, or take it long: what is nested, and many operators in a row."""
    if len(text) > _MAX_TEXT:
        raise BadRequest("filter", f"{len(text)} characters, at most {_MAX_TEXT}: send it as CQL2 JSON")
    bare = text if "\\" in text else cql2_text.QUOTED.sub(_blank, text)  # a backslash may leave a quote open
    plain = bare
    for _ in range(_DEEPEST_NUMBERS):
        plain = _NUMBERS.sub(_blank, plain)
    if _most_read(plain, max_depth) > _MAX_READ:
        raise BadRequest(
            "filter",
            "it is too long for so many brackets one within another: send it as CQL2 JSON, or leave some out",
        )
    operators = sum(1 for _ in _OPERATOR.finditer(_POSITION.sub(" ", bare)))
    if operators > _MAX_OPERATORS:
        raise BadRequest(
            "filter", f"{operators} operators, at most {_MAX_OPERATORS}: a list with IN is no operator each"
        )


def _blank(told: re.Match[str]) -> str:
    """As many characters, in which nothing opens or joins."""
    return "'" * len(told[0])


def _most_read(bare: str, max_depth: int) -> int:
    """How many characters the parser may have to read, those counted twice that it may read twice."""
    read = begun = depth = 0
    for bracket in _BRACKET.finditer(bare):
        read += (bracket.start() - begun) << depth
        begun = bracket.start()
        depth = depth + 1 if bracket[0] == "(" else max(depth - 1, 0)
        if depth > max_depth:
            raise BadRequest("filter", "it is nested too deeply")
    return read + ((len(bare) - begun) << depth)
