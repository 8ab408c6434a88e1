"""What a subscription's rule lets through: correlation filters, and SQL filters by way of `sqlfilter`."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from infra.local.servicebus.amqp.message import Message
from infra.local.servicebus.sqlfilter import compile_filter


class Filter(Protocol):
    """Decides on one message. Raises FilterError where Azure would dead-letter on a filter's exception."""

    def matches(self, message: Message) -> bool:
        """Whether the subscription keeps the message."""


class Correlation:
    """Every named property equals the given value, byte for byte."""

    FIELDS: ClassVar[Mapping[str, int]] = {
        "MessageId": 0,
        "To": 2,
        "Label": 3,
        "ReplyTo": 4,
        "CorrelationId": 5,
        "ContentType": 6,
        "SessionId": 10,
        "ReplyToSessionId": 12,
    }

    def __init__(self, conditions: Mapping[str, Any]) -> None:
        self._system = [
            (self.FIELDS[k], v) for k, v in conditions.items() if k != "Properties" and v is not None
        ]
        self._user = dict(conditions.get("Properties") or {})

    def matches(self, message: Message) -> bool:
        """Whether all conditions hold."""
        properties = message.properties
        if any(properties[n] is None or str(properties[n]) != value for n, value in self._system):
            return False
        user = message.application_properties
        return all(name in user and _same(user[name], value) for name, value in self._user.items())


class Sql:
    """A SQL filter; the text is compiled once. Raises FilterSyntaxError."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self._test = compile_filter(expression)

    def matches(self, message: Message) -> bool:
        """Whether the expression is true (not unknown, not false)."""
        return self._test(SystemProperties(message), message.application_properties)


class SystemProperties(Mapping[str, Any]):
    """A message's system properties under the names that SQL filters use."""

    NAMES: ClassVar[Mapping[str, int]] = {
        "messageid": 0,
        "to": 2,
        "label": 3,
        "subject": 3,
        "replyto": 4,
        "correlationid": 5,
        "contenttype": 6,
        "sessionid": 10,
        "replytosessionid": 12,
    }

    def __init__(self, message: Message) -> None:
        self._message = message

    def __getitem__(self, name: str) -> Any:
        value = self._message.properties[self.NAMES[name.lower()]]
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Any:
        return iter(self.NAMES)

    def __len__(self) -> int:
        return len(self.NAMES)


def _same(found: Any, expected: Any) -> bool:
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    return bool(found == expected)
