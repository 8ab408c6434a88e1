"""Which events an event subscription wants: types, subject and the advanced operators."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_ABSENT = object()


@dataclass(frozen=True)
class AdvancedFilter:
    """One condition: `operator` over the value at `key`, against any of `values` (ranges are pairs)."""

    operator: str
    key: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Filter:
    """All conditions of a subscription, joined by AND. Empty `types` means every type."""

    subject_begins_with: str = ""
    subject_ends_with: str = ""
    subject_case_sensitive: bool = False
    types: frozenset[str] = frozenset()
    advanced: tuple[AdvancedFilter, ...] = ()
    arrays: bool = False

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether the subscription wants this CloudEvent."""
        return (
            (not self.types or event["type"] in self.types)
            and self._subject_matches(event.get("subject") or "")
            and all(matches(condition, event, arrays=self.arrays) for condition in self.advanced)
        )

    def _subject_matches(self, subject: str) -> bool:
        begin, end = self.subject_begins_with, self.subject_ends_with
        if not self.subject_case_sensitive:
            subject, begin, end = subject.lower(), begin.lower(), end.lower()
        return subject.startswith(begin) and subject.endswith(end)


def matches(condition: AdvancedFilter, event: Mapping[str, Any], *, arrays: bool) -> bool:
    """One advanced filter on one event, by the rules of "Understand event filtering for Event Grid".

    Strings compare without case. A missing key (or null) satisfies only the operators that say so. In an array
    (looked into only if `arrays`) values of another type are ignored: one that fits is enough for a positive
    operator, one that fits fails a negative one.
    """
    value = _lookup(event, condition.key)
    absent = value is _ABSENT or value is None
    if condition.operator == "IsNullOrUndefined":
        return absent
    if condition.operator == "IsNotNull":
        return not absent
    if absent:
        return condition.operator in _TRUE_WHEN_ABSENT
    if isinstance(value, list) and not arrays:
        return False
    negative = "Not" in condition.operator
    test, kind = _OPERATORS[condition.operator.replace("Not", "")]
    found = [_as(kind, item) for item in (value if isinstance(value, list) else [value])]
    if kind is str and not isinstance(value, list) and not condition.key.lower().startswith("data"):
        found = [str(value)]  # a context attribute is text to a string operator, whatever its JSON type
    fits = any(
        test(_fold(item), _fold(wanted)) for item in found if item is not None for wanted in condition.values
    )
    return fits is not negative


def _lookup(event: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key. The first part is matched without case, as in `Data.Key1` or `Subject`."""
    first, *rest = key.split(".")
    names = {name.lower(): name for name in event}
    if first.lower() not in names:
        return _ABSENT
    value: Any = event[names[first.lower()]]
    for part in rest:
        if not isinstance(value, dict) or part not in value:
            return _ABSENT
        value = value[part]
    return value


def _as(kind: type, value: Any) -> Any:
    """The value if it is of the operator's kind, else None. JSON's true is no number."""
    if kind is float:
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return value if isinstance(value, kind) else None


def _fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


_OPERATORS: dict[str, tuple[Callable[[Any, Any], bool], type]] = {
    "NumberIn": (lambda value, wanted: value == wanted, float),
    "NumberLessThan": (lambda value, wanted: value < wanted, float),
    "NumberGreaterThan": (lambda value, wanted: value > wanted, float),
    "NumberLessThanOrEquals": (lambda value, wanted: value <= wanted, float),
    "NumberGreaterThanOrEquals": (lambda value, wanted: value >= wanted, float),
    "NumberInRange": (lambda value, wanted: wanted[0] <= value <= wanted[1], float),
    "BoolEquals": (lambda value, wanted: value is wanted, bool),
    "StringContains": (lambda value, wanted: wanted in value, str),
    "StringBeginsWith": (lambda value, wanted: value.startswith(wanted), str),
    "StringEndsWith": (lambda value, wanted: value.endswith(wanted), str),
    "StringIn": (lambda value, wanted: value == wanted, str),
}

# The documentation names the first two; the third is their twin, on which it is silent.
_TRUE_WHEN_ABSENT = {"NumberNotIn", "StringNotIn", "NumberNotInRange"}
