"""Reads the fields of an event's data, and says which one is wrong."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from eventstac.errors import Rejected
from eventstac.times import from_text


class Fields:
    """A JSON object whose fields are read with a type; what is missing or wrong is Rejected `malformed-event`.

    `where` names the object in messages, such as `data.match`. Unknown fields are ignored.
    """

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, Mapping):
            raise Rejected("malformed-event", f"{where} must be an object, not {_kind(data)}")
        self._data: Mapping[str, Any] = data
        self._where = where

    def text(self, name: str) -> str:
        """A string that must be there."""
        return self._typed(name, str, "a string")

    def optional_text(self, name: str) -> str | None:
        """A string, or None where it is null or missing."""
        return self.text(name) if self._data.get(name) is not None else None

    def integer(self, name: str) -> int:
        """A whole number that must be there."""
        value = self._typed(name, int, "a whole number")
        if isinstance(value, bool):
            raise self._wrong(name, "a whole number", value)
        return value

    def optional_integer(self, name: str) -> int | None:
        """A whole number, or None where it is null or missing."""
        return self.integer(name) if self._data.get(name) is not None else None

    def boolean(self, name: str) -> bool:
        """true or false."""
        return self._typed(name, bool, "true or false")

    def moment(self, name: str) -> datetime:
        """An RFC 3339 instant."""
        text = self.text(name)
        try:
            return from_text(text)
        except ValueError as error:
            raise self._wrong(name, "an RFC 3339 date-time with a time zone", text) from error

    def optional_moment(self, name: str) -> datetime | None:
        """An RFC 3339 instant, or None where it is null or missing."""
        return self.moment(name) if self._data.get(name) is not None else None

    def one_of(self, name: str, *allowed: str) -> str:
        """A string out of a closed set."""
        value = self.text(name)
        if value not in allowed:
            raise self._wrong(name, f"one of {', '.join(allowed)}", value)
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object, as it is."""
        return self._typed(name, dict, "an object")

    def optional_mapping(self, name: str) -> Mapping[str, Any] | None:
        """An object, or None where it is null or missing."""
        return self.mapping(name) if self._data.get(name) is not None else None

    def nested(self, name: str) -> "Fields":
        """An object whose fields are read in turn."""
        return Fields(self.mapping(name), f"{self._where}.{name}")

    def optional_nested(self, name: str) -> "Fields | None":
        """As `nested`, or None where it is null or missing."""
        return self.nested(name) if self._data.get(name) is not None else None

    def items(self, name: str) -> "list[Fields]":
        """A list of objects."""
        values = self.sequence(name)
        return [Fields(value, f"{self._where}.{name}[{index}]") for index, value in enumerate(values)]

    def sequence(self, name: str) -> Sequence[Any]:
        """A list, as it is."""
        return self._typed(name, list, "a list")

    def optional_sequence(self, name: str) -> Sequence[Any] | None:
        """A list, or None where it is null or missing."""
        return self.sequence(name) if self._data.get(name) is not None else None

    def object_or_text(self, name: str) -> Mapping[str, Any] | str:
        """An object as it is, or a string."""
        return self.text(name) if isinstance(self._data.get(name), str) else self.mapping(name)

    def _typed[T](self, name: str, kind: type[T], expected: str) -> T:
        if name not in self._data:
            raise Rejected("malformed-event", f"{self._where}.{name} is missing: expected {expected}")
        value = self._data[name]
        if not isinstance(value, kind):
            raise self._wrong(name, expected, value)
        return value

    def _wrong(self, name: str, expected: str, value: object) -> Rejected:
        return Rejected("malformed-event", f"{self._where}.{name} must be {expected}, not {_kind(value)}")


def _kind(value: object) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= 80 else value[:77] + "…")
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return "a list" if isinstance(value, list) else "an object"
