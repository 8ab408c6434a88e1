"""What the Items of a Collection have in common, from the values that each of them has.

Numbers give a range, texts and booleans the list of their values; the elements of a list count each.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from eventstac.facts import Json

MOST_VALUES = 100  # more different texts sum nothing up: then the property is not shown
LONGEST_VALUE = 200  # characters: a longer text is prose


def summed_of(properties: Json, names: Iterable[str]) -> dict[str, Any]:
    """The values of an Item that are summed up; None for a property that it lacks or that is no value to sum up."""
    return {name: _values_of(properties.get(name)) for name in names}


def each_value(value: Any) -> Iterable[Any]:
    """The single values of what `summed_of` gave for one property."""
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def summary_of(low: float | None, high: float | None, values: Sequence[str | bool]) -> Any:
    """What is shown of a property: of the ends of its numbers, and its other values, of which MOST_VALUES + 1 suffice.

    None where there is nothing to show.
    """
    if len(values) > MOST_VALUES:
        return None
    if values:
        return sorted(values, key=lambda value: (isinstance(value, str), value))
    return None if low is None else {"minimum": low, "maximum": high}


def _values_of(value: Any) -> Any:
    if not isinstance(value, list):
        return _as_stored(value) if _is_summed(value) else None
    values: list[Any] = []
    for element in value:
        if _is_summed(element) and not any(_is_same(element, known) for known in values):
            values.append(_as_stored(element))
    return values


def _as_stored(value: Any) -> Any:
    """As PostgreSQL gives it back, -0.0 as 0.0: an Item is compared with what it was."""
    return value + 0.0 if isinstance(value, float) else value


def _is_same(one: Any, other: Any) -> bool:
    """Whether JSON has them for one value: true is not 1, as it is in Python."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _is_summed(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= LONGEST_VALUE)
