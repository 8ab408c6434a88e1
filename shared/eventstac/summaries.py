"""What the Items of a Collection have in common, kept in parts that join in any order and are taken apart again.

Numbers give a range, texts and booleans the list of their values; the elements of a list count each. Values are
counted, so that the last Item of a value takes it along; a range that loses an end has to be recomputed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eventstac.facts import Json

MOST_VALUES = 100  # more different texts sum nothing up: then the property is not shown
LONGEST_VALUE = 200  # characters: a longer text is prose


def summed_of(properties: Json, names: Iterable[str]) -> dict[str, Any]:
    """The values of an Item that are summed up; None for a property that it lacks or that is no value to sum up."""
    return {name: _values_of(properties.get(name)) for name in names}


def _values_of(value: Any) -> Any:
    if not isinstance(value, list):
        return value if _is_summed(value) else None
    values: list[Any] = []
    for element in value:
        if _is_summed(element) and element not in values:
            values.append(element)
    return values


def _is_summed(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= LONGEST_VALUE)


@dataclass
class Tally:
    """One property over many Items: the ends of its numbers, and how many Items have each other value.

    `counts` is None where there are more than MOST_VALUES.
    """

    low: float | None = None
    high: float | None = None
    counts: dict[str | bool, int] | None = field(default_factory=dict)

    def add(self, value: Any) -> None:
        """An Item came."""
        for one in _each(value):
            if _is_number(one):
                self.low = one if self.low is None else min(self.low, one)
                self.high = one if self.high is None else max(self.high, one)
            elif self.counts is not None:
                self.counts[one] = self.counts.get(one, 0) + 1
                if len(self.counts) > MOST_VALUES:
                    self.counts = None

    def remove(self, value: Any) -> bool:
        """An Item left; whether what remains is known."""
        known = True
        for one in _each(value):
            if _is_number(one):
                known &= self.low is not None and self.high is not None and self.low < one < self.high
            elif self.counts is None or not self.counts.get(one):
                known = False
            else:
                self.counts[one] -= 1
                if not self.counts[one]:
                    del self.counts[one]
        return known

    def shown(self) -> Any:
        """As the Collection shows it; None where there is nothing to show."""
        if self.counts:
            return sorted(self.counts, key=lambda value: (isinstance(value, str), value))
        if self.counts is None or self.low is None:
            return None
        return {"minimum": self.low, "maximum": self.high}

    def to_json(self) -> dict[str, Any]:
        """As the database keeps it: a name of a JSON object cannot be true or false."""
        counts = (
            None if self.counts is None else [[value, items] for value, items in sorted_counts(self.counts)]
        )
        return {"low": self.low, "high": self.high, "counts": counts}

    @classmethod
    def from_json(cls, document: Json) -> "Tally":
        """Read what `to_json` wrote, or what the database counted."""
        counts = document["counts"]
        if counts is not None and len(counts) > MOST_VALUES:
            counts = None
        return cls(
            document["low"], document["high"], None if counts is None else {one: n for one, n in counts}
        )


def sorted_counts(counts: Mapping[str | bool, int]) -> list[tuple[str | bool, int]]:
    """In an order that does not depend on which came first."""
    return sorted(counts.items(), key=lambda each: (isinstance(each[0], str), each[0]))


def _each(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
