"""The array functions of CQL2: an array is the set of what is in it, in no order."""

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

ARRAY_FUNCTIONS = ("a_equals", "a_contains", "a_containedby", "a_overlaps")

_Set = frozenset[str]
_HOLDS: dict[str, Callable[[_Set, _Set], bool]] = {
    "a_equals": operator.eq,
    "a_contains": operator.ge,
    "a_containedby": operator.le,
    "a_overlaps": lambda one, other: not one.isdisjoint(other),
}


def misplaced(args: list[Any], places: list[str]) -> str | None:
    """The place of a function, a time or, within an array, a property or array: pgstac compares its JSON text."""
    for arg, place in zip(args, places, strict=True):
        if isinstance(arg, dict) and "property" not in arg:
            return place
        for number, member in enumerate(arg if isinstance(arg, list) else ()):
            if isinstance(member, dict | list):
                return f"{place}[{number}]"
    return None


def array_function(name: str, args: list[Any], *, negated: bool = False) -> dict[str, Any] | bool:
    """The function as pgstac knows it; of two literals, whether it is true: PostgreSQL cannot tell their types.

    Of a property that is null it is neither true nor, where it is `negated`, false. pgstac reads it as an array that
    holds a null, of which only "it contains none of these" is true.
    """
    one, other = map(_as_set, args)
    if one is not None and other is not None:
        return _HOLDS[name](one, other)
    told = _of_pgstac(name, args)
    nulls = [{"op": "a_equals", "args": [arg, [None]]} for arg in args if isinstance(arg, dict)]
    if negated:
        return {"op": "or", "args": [told, *nulls]}
    if (name == "a_contains" and not other) or (name == "a_containedby" and not one):
        # an empty array, or a property that may be one
        return {"op": "and", "args": [told, *({"op": "not", "args": [null]} for null in nulls)]}
    return told


def _of_pgstac(name: str, args: list[Any]) -> dict[str, Any]:
    if name == "a_equals":  # pgstac's own asks for the same members in the same order, as often
        return {
            "op": "and",
            "args": [{"op": "a_contains", "args": args}, {"op": "a_contained_by", "args": args}],
        }
    return {"op": "a_contained_by" if name == "a_containedby" else name, "args": args}


def _as_set(arg: Any) -> _Set | None:
    """A literal's members; of a single value itself, as pgstac reads it. None for what is asked of the database."""
    if isinstance(arg, dict):
        return None
    return frozenset(map(_as_text, arg if isinstance(arg, list) else [arg]))


def _as_text(member: str | int | float | bool) -> str:
    """A member as PostgreSQL prints it, which keeps a number's zeros behind the point but not its exponent."""
    if isinstance(member, str):
        return member
    if isinstance(member, bool):
        return str(member).lower()
    return f"{Decimal(repr(member)):zf}"  # z: no zero is below zero
