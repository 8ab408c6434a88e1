"""The entities of a namespace, read from the Service Bus emulator's configuration shape.

Source: Azure/azure-service-bus-emulator-installer, ServiceBus-Emulator/Schema/Config-schema.json. The limits are those
of Azure (time to live, duplicate windows, delivery counts), which are wider than the emulator's.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.servicebus.filters import Correlation, Filter, Sql
from infra.local.servicebus.sqlfilter import FilterSyntaxError

_NAME = re.compile(r"[A-Za-z0-9]([\w\-./]*[A-Za-z0-9])?")
_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
MAX_DURATION_MS = 922337203685477  # .NET's TimeSpan.MaxValue, which Azure shows for "never"


class TopologyError(ValueError):
    """A mistake in the topology, with the path of what is wrong."""


@dataclass(frozen=True)
class QueueSettings:
    """How a queue or a subscription treats its messages. Durations in milliseconds; ttl None is for ever."""

    lock_ms: int = 60_000
    max_deliveries: int = 10
    ttl_ms: int | None = None
    dead_letter_expired: bool = False
    dead_letter_filter_errors: bool = True
    duplicate_window_ms: int | None = None


@dataclass(frozen=True)
class Subscription:
    """A subscription of a topic; a message that any of `rules` lets through is kept (no rules: none)."""

    name: str
    settings: QueueSettings
    rules: tuple[tuple[str, Filter], ...] | None


@dataclass(frozen=True)
class Topic:
    """A topic and its subscriptions."""

    name: str
    ttl_ms: int | None
    duplicate_window_ms: int | None
    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True)
class Topology:
    """Everything that a namespace holds."""

    queues: tuple[tuple[str, QueueSettings], ...]
    topics: tuple[Topic, ...]


def load(path: Path) -> Topology:
    """Read a topology file. Raises TopologyError with the path of the mistake."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TopologyError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TopologyError(f"{path}: is not JSON: {error}") from error
    return parse(document)


def parse(document: Any) -> Topology:
    """Validate a topology document. Raises TopologyError with the path of the mistake."""
    root = _object(document, "$", {"UserConfig", "$schema"})
    config = _object(root.get("UserConfig"), "$.UserConfig", {"Namespaces", "Logging"})
    namespaces = _array(config.get("Namespaces"), "$.UserConfig.Namespaces")
    if len(namespaces) != 1:
        raise TopologyError("$.UserConfig.Namespaces: expected exactly one namespace")
    path = "$.UserConfig.Namespaces[0]"
    namespace = _object(namespaces[0], path, {"Name", "Queues", "Topics"})
    queues = tuple(
        _queue(item, f"{path}.Queues[{n}]")
        for n, item in enumerate(_array(namespace.get("Queues"), f"{path}.Queues"))
    )
    topics = tuple(
        _topic(item, f"{path}.Topics[{n}]")
        for n, item in enumerate(_array(namespace.get("Topics"), f"{path}.Topics"))
    )
    _unique([name for name, _ in queues] + [topic.name for topic in topics], path)
    return Topology(queues, topics)


def duration_ms(text: Any, path: str) -> int:
    """An ISO 8601 duration in milliseconds. Raises TopologyError."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not any(match.groupdict().values()):
        raise TopologyError(f"{path}: {text!r} is no ISO 8601 duration such as PT1M or P14D")
    parts = {name: float(value or 0) for name, value in match.groupdict().items()}
    seconds = parts["days"] * 86400 + parts["hours"] * 3600 + parts["minutes"] * 60 + parts["seconds"]
    return int(seconds * 1000)


def _queue(item: Any, path: str) -> tuple[str, QueueSettings]:
    entity = _object(item, path, {"Name", "Properties"})
    return _name(entity, path), _settings(entity.get("Properties"), f"{path}.Properties", duplicates=True)


def _topic(item: Any, path: str) -> Topic:
    entity = _object(item, path, {"Name", "Properties", "Subscriptions"})
    allowed = {"DefaultMessageTimeToLive", *_DUPLICATES}
    properties = _object(entity.get("Properties", {}), f"{path}.Properties", allowed)
    subscriptions = tuple(
        _subscription(each, f"{path}.Subscriptions[{n}]")
        for n, each in enumerate(_array(entity.get("Subscriptions"), f"{path}.Subscriptions"))
    )
    _unique([subscription.name for subscription in subscriptions], path)
    return Topic(
        _name(entity, path),
        _ttl(properties, f"{path}.Properties"),
        _duplicate_window(properties, f"{path}.Properties"),
        subscriptions,
    )


def _subscription(item: Any, path: str) -> Subscription:
    entity = _object(item, path, {"Name", "Properties", "Rules"})
    rules = None
    if entity.get("Rules"):
        listed = enumerate(_array(entity["Rules"], f"{path}.Rules"))
        rules = tuple(_rule(each, f"{path}.Rules[{n}]") for n, each in listed)
        _unique([name for name, _ in rules], path)
    settings = _settings(entity.get("Properties"), f"{path}.Properties", duplicates=False)
    return Subscription(_name(entity, path), settings, rules)


def _rule(item: Any, path: str) -> tuple[str, Filter]:
    entity = _object(item, path, {"Name", "Properties"})
    path = f"{path}.Properties"
    allowed = {"FilterType", "SqlFilter", "CorrelationFilter", "Action"}
    properties = _object(entity.get("Properties"), path, allowed)
    if properties.get("Action"):
        raise TopologyError(f"{path}.Action: rule actions are not supported here")
    kind = properties.get("FilterType")
    if kind == "Sql":
        inner = _object(properties.get("SqlFilter"), f"{path}.SqlFilter", {"SqlExpression"})
        expression = inner.get("SqlExpression")
        if not isinstance(expression, str):
            raise TopologyError(f"{path}.SqlFilter.SqlExpression: expected a string")
        try:
            return _name(entity, path), Sql(expression)
        except FilterSyntaxError as error:
            raise TopologyError(f"{path}.SqlFilter.SqlExpression: {error}") from error
    if kind == "Correlation":
        allowed = {*Correlation.FIELDS, "Properties"}
        inner = _object(properties.get("CorrelationFilter"), f"{path}.CorrelationFilter", allowed)
        if not inner:
            raise TopologyError(f"{path}.CorrelationFilter: names nothing to compare")
        return _name(entity, path), Correlation(inner)
    raise TopologyError(f"{path}.FilterType: expected Sql or Correlation, found {kind!r}")


_DUPLICATES = {"RequiresDuplicateDetection", "DuplicateDetectionHistoryTimeWindow"}
_SETTINGS = {
    "DeadLetteringOnMessageExpiration",
    "DeadLetteringOnFilterEvaluationExceptions",
    "DefaultMessageTimeToLive",
    "ForwardDeadLetteredMessagesTo",
    "ForwardTo",
    "LockDuration",
    "MaxDeliveryCount",
    "RequiresSession",
}


def _settings(item: Any, path: str, *, duplicates: bool) -> QueueSettings:
    properties = _object(
        {} if item is None else item, path, _SETTINGS | (_DUPLICATES if duplicates else set())
    )
    for name in ("ForwardTo", "ForwardDeadLetteredMessagesTo"):
        if properties.get(name):
            raise TopologyError(f"{path}.{name}: forwarding is not supported here")
    if _flag(properties, "RequiresSession", path):
        raise TopologyError(f"{path}.RequiresSession: sessions are not supported here")
    deliveries = properties.get("MaxDeliveryCount", 10)
    if not isinstance(deliveries, int) or isinstance(deliveries, bool) or not 1 <= deliveries <= 2000:
        raise TopologyError(f"{path}.MaxDeliveryCount: expected a whole number from 1 to 2000")
    lock_ms = _between(properties.get("LockDuration", "PT1M"), f"{path}.LockDuration", 1, 300)
    return QueueSettings(
        lock_ms=lock_ms,
        max_deliveries=deliveries,
        ttl_ms=_ttl(properties, path),
        dead_letter_expired=_flag(properties, "DeadLetteringOnMessageExpiration", path),
        dead_letter_filter_errors=_flag(
            properties, "DeadLetteringOnFilterEvaluationExceptions", path, default=True
        ),
        duplicate_window_ms=_duplicate_window(properties, path) if duplicates else None,
    )


def _ttl(properties: Mapping[str, Any], path: str) -> int | None:
    if "DefaultMessageTimeToLive" not in properties:
        return None
    ttl = duration_ms(properties["DefaultMessageTimeToLive"], f"{path}.DefaultMessageTimeToLive")
    if ttl < 1000:
        raise TopologyError(f"{path}.DefaultMessageTimeToLive: at least PT1S")
    return ttl if ttl < MAX_DURATION_MS else None


def _duplicate_window(properties: Mapping[str, Any], path: str) -> int | None:
    window = _between(
        properties.get("DuplicateDetectionHistoryTimeWindow", "PT10M"),
        f"{path}.DuplicateDetectionHistoryTimeWindow",
        5,
        7 * 86400,
    )
    return window if _flag(properties, "RequiresDuplicateDetection", path) else None


def _between(text: Any, path: str, least_s: int, most_s: int) -> int:
    ms = duration_ms(text, path)
    if not least_s * 1000 <= ms <= most_s * 1000:
        raise TopologyError(f"{path}: {text!r} is not from {least_s} s to {most_s} s")
    return ms


def _flag(properties: Mapping[str, Any], name: str, path: str, *, default: bool = False) -> bool:
    value = properties.get(name, default)
    if not isinstance(value, bool):
        raise TopologyError(f"{path}.{name}: expected true or false")
    return value


def _object(value: Any, path: str, allowed: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TopologyError(f"{path}: expected an object")
    unknown = sorted(set(value) - allowed)
    if unknown:
        raise TopologyError(f"{path}.{unknown[0]}: is not known here; expected {', '.join(sorted(allowed))}")
    return value


def _array(value: Any, path: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise TopologyError(f"{path}: expected an array")
    return value


def _name(entity: Mapping[str, Any], path: str) -> str:
    name = entity.get("Name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 260:
        raise TopologyError(f"{path}.Name: {name!r} is no entity name (letters, digits, '-', '.', '_', '/')")
    return name


def _unique(names: list[str], path: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise TopologyError(f"{path}: the name {name!r} is given twice")
        seen.add(name.lower())
