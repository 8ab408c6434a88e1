"""The operators of SQL filters on values of messages.

Three-valued logic: a property that is missing (or null) is unknown, here None; a filter lets a message through only
when it is true. Where the language defers to C# operator binding, operands that C# would refuse (a string compared with
a number) are an error, not false.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from infra.local.servicebus.amqp.codec import Timestamp

Properties = Mapping[str, Any]
Evaluate = Callable[[Properties, Properties], Any]  # of a message's system and user properties
LONG = range(-(2**63), 2**63)
SYSTEM_NAMES = frozenset(
    [
        "messageid",
        "to",
        "label",
        "subject",
        "replyto",
        "correlationid",
        "contenttype",
        "sessionid",
        "replytosessionid",
    ]
)


class FilterError(ValueError):
    """A message made the filter fail: operands that do not go together, a division by zero."""


def constant(value: Any) -> Evaluate:
    """The value itself."""
    return lambda _system, _user: value


def _lookup(properties: Properties, name: str) -> Any:
    """The value of a property by its name in any case; None without one."""
    if name in properties:
        return properties[name]
    wanted = name.lower()
    return next((value for key, value in properties.items() if key.lower() == wanted), None)


def property_value(scope: str, name: str) -> Evaluate:
    """The value of a property; None where it is missing."""
    if scope == "sys":
        return lambda system, _user: system.get(name.lower())
    return lambda _system, user: _lookup(user, name)


def by_name(argument: Evaluate) -> Evaluate:
    """The value of the property that an expression names."""

    def evaluate(system: Properties, user: Properties) -> Any:
        name = argument(system, user)
        if not isinstance(name, str):
            raise FilterError("property() needs a name that is a string")
        scope, dot, rest = name.partition(".")
        if dot and scope.lower() == "sys":
            if rest.lower() not in SYSTEM_NAMES:
                raise FilterError(f"{name} is no system property")
            return system.get(rest.lower())
        return _lookup(user, rest if dot and scope.lower() == "user" else name)

    return evaluate


def exists(scope: str, name: str) -> Evaluate:
    """Whether a property is there, even if it is null."""
    if scope == "sys":
        return lambda system, _user: system.get(name.lower()) is not None
    return lambda _system, user: any(key.lower() == name.lower() for key in user)


def is_null(operand: Evaluate) -> Evaluate:
    """Whether a value is null or missing."""
    return lambda system, user: operand(system, user) is None


def _truth(value: Any) -> bool | None:
    if not isinstance(value, bool | None):
        raise FilterError(f"{value!r} is neither true nor false")
    return value


def negate(operand: Evaluate) -> Evaluate:
    """NOT."""

    def evaluate(system: Properties, user: Properties) -> bool | None:
        value = _truth(operand(system, user))
        return None if value is None else not value

    return evaluate


def both(left: Evaluate, right: Evaluate) -> Evaluate:
    """AND."""

    def evaluate(system: Properties, user: Properties) -> bool | None:
        first = _truth(left(system, user))
        if first is False:
            return False
        second = _truth(right(system, user))
        return second if first is True or second is False else None

    return evaluate


def either(left: Evaluate, right: Evaluate) -> Evaluate:
    """OR."""

    def evaluate(system: Properties, user: Properties) -> bool | None:
        first = _truth(left(system, user))
        if first is True:
            return True
        second = _truth(right(system, user))
        return second if first is False or second is True else None

    return evaluate


def _kind(value: Any) -> str:
    """The family within which values compare."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, Timestamp):
        return "time"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "guid" if isinstance(value, UUID) else "opaque"


def _order(sign: str, left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    kind = _kind(left)
    if kind != _kind(right) or kind == "opaque":
        raise FilterError(f"{left!r} and {right!r} cannot be compared")
    if sign == "=":
        return bool(left == right)
    if sign in ("<>", "!="):
        return bool(left != right)
    if kind not in ("number", "time"):
        raise FilterError(f"{left!r} and {right!r} have no order")
    results = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}
    return bool(results[sign])


def compare(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    """A comparison; unknown if a side is."""
    return lambda system, user: _order(sign, left(system, user), right(system, user))


def contained(operand: Evaluate, items: list[Evaluate]) -> Evaluate:
    """IN: unknown if no item is equal and one is unknown."""

    def evaluate(system: Properties, user: Properties) -> bool | None:
        value = operand(system, user)
        found = [_order("=", value, item(system, user)) for item in items]
        return True if True in found else (None if None in found else False)

    return evaluate


def like(operand: Evaluate, pattern: Evaluate, escape: Evaluate | None) -> Evaluate:
    """LIKE, with % and _ and an escape character."""

    def evaluate(system: Properties, user: Properties) -> bool | None:
        value, shape = operand(system, user), pattern(system, user)
        mark = None if escape is None else escape(system, user)
        if value is None or shape is None or (escape is not None and mark is None):
            return None
        if not isinstance(value, str) or not isinstance(shape, str):
            raise FilterError("LIKE needs strings on both sides")
        if escape is not None and (not isinstance(mark, str) or len(mark) != 1):
            raise FilterError("ESCAPE needs a string of one character")
        return _pattern(shape, mark).fullmatch(value) is not None

    return evaluate


def _pattern(shape: str, mark: str | None) -> re.Pattern[str]:
    parts, escaped = [], False
    for character in shape:
        if escaped or character not in ("%", "_", mark):
            parts.append(re.escape(character))
            escaped = False
        elif character == mark:
            escaped = True
        else:
            parts.append(".*" if character == "%" else ".")
    return re.compile("".join(parts), re.DOTALL)


def calculate(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    """Arithmetic, and strings put together."""

    def evaluate(system: Properties, user: Properties) -> Any:
        first, second = left(system, user), right(system, user)
        if first is None or second is None:
            return None
        if sign == "+" and isinstance(first, str) and isinstance(second, str):
            return first + second
        if _kind(first) != "number" or _kind(second) != "number":
            raise FilterError(f"{first!r} {sign} {second!r} cannot be calculated")
        return _arithmetic(sign, first, second)

    return evaluate


def _arithmetic(sign: str, first: float, second: float) -> float:
    whole = isinstance(first, int) and isinstance(second, int)
    result: float
    if sign in "/%":
        if second == 0:
            if whole:
                raise FilterError("division by zero")
            return math.nan if sign == "%" or first == 0 else math.copysign(math.inf, first)
        if sign == "%":
            result = (
                math.fmod(first, second) if not whole else abs(first) % abs(second) * (-1 if first < 0 else 1)
            )
        elif whole:
            result = abs(int(first)) // abs(int(second)) * (1 if (first < 0) == (second < 0) else -1)
        else:
            result = first / second
    else:
        result = {"+": first + second, "-": first - second, "*": first * second}[sign]
    if whole and result not in LONG:
        raise FilterError("the result does not fit 64 bits")
    return result


def signed(sign: str, operand: Evaluate) -> Evaluate:
    """A sign before a number."""

    def evaluate(system: Properties, user: Properties) -> Any:
        value = operand(system, user)
        if value is None:
            return None
        if _kind(value) != "number":
            raise FilterError(f"{value!r} has no sign")
        return -value if sign == "-" else value

    return evaluate
