"""The topics and event subscriptions that `contracts/eventgrid.json` declares."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jsonschema_rs

from infra.local.eventgrid.filters import AdvancedFilter, Filter

_SCHEMA = Path(__file__).resolve().parents[3] / "contracts" / "eventgrid.schema.json"
MAX_FILTER_VALUES = 25  # over all advanced filters of a subscription


class ConfigError(ValueError):
    """The configuration cannot be used; the message gives the file and the path of each mistake."""


@dataclass(frozen=True)
class DeliveryProperty:
    """A header or message property that is added to what is delivered: a fixed text, or a field of the event."""

    name: str
    value: str = ""
    source_field: str = ""


@dataclass(frozen=True)
class Destination:
    """Where a subscription's events go: a Service Bus topic's name, or a webhook's URL."""

    kind: Literal["ServiceBusTopic", "WebHook"]
    address: str
    properties: tuple[DeliveryProperty, ...] = ()


@dataclass(frozen=True)
class EventSubscription:
    """One route: a filter, a destination and what happens when delivery fails. `key` is unique over all topics."""

    topic: str
    name: str
    destination: Destination
    filter: Filter
    max_attempts: int = 30
    time_to_live_s: float = 1440 * 60
    dead_letter_container: str | None = None

    @property
    def key(self) -> str:
        """The name under which deliveries are stored."""
        return f"{self.topic}/{self.name}"


@dataclass(frozen=True)
class Config:
    """All subscriptions by topic; a topic without any is there with an empty tuple."""

    system: Mapping[str, tuple[EventSubscription, ...]]
    custom: Mapping[str, tuple[EventSubscription, ...]]

    @property
    def subscriptions(self) -> tuple[EventSubscription, ...]:
        """Every subscription of every topic."""
        return tuple(one for topics in (self.system, self.custom) for subs in topics.values() for one in subs)


def load(path: Path) -> Config:
    """Read and check the file. Raises ConfigError with all mistakes."""
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from error
    validator = jsonschema_rs.validator_for(json.loads(_SCHEMA.read_text()))
    mistakes = [
        f"{_dotted(error.instance_path)}: {error.message}" for error in validator.iter_errors(document)
    ]
    if mistakes:
        raise ConfigError(f"{path} is not a valid Event Grid configuration:\n  " + "\n  ".join(mistakes))
    config = Config(_topics(document["systemTopics"]), _topics(document["customTopics"]))
    problems = _inconsistencies(document, config)
    if problems:
        raise ConfigError(f"{path} is not a valid Event Grid configuration:\n  " + "\n  ".join(problems))
    return config


def _topics(topics: list[dict[str, Any]]) -> dict[str, tuple[EventSubscription, ...]]:
    return {
        topic["name"]: tuple(_subscription(topic["name"], one) for one in topic["eventSubscriptions"])
        for topic in topics
    }


def _subscription(topic: str, document: dict[str, Any]) -> EventSubscription:
    retry = document.get("retryPolicy", {})
    return EventSubscription(
        topic=topic,
        name=document["name"],
        destination=_destination(document["destination"]),
        filter=_filter(document.get("filter", {})),
        max_attempts=retry.get("maxDeliveryAttempts", 30),
        time_to_live_s=60 * retry.get("eventTimeToLiveInMinutes", 1440),
        dead_letter_container=document.get("deadLetterContainer"),
    )


def _destination(document: dict[str, Any]) -> Destination:
    properties = tuple(
        DeliveryProperty(
            one["name"], one["properties"].get("value", ""), one["properties"].get("sourceField", "")
        )
        for one in document.get("deliveryAttributeMappings", [])
    )
    if document["endpointType"] == "WebHook":
        return Destination("WebHook", document["endpointUrl"], properties)
    return Destination("ServiceBusTopic", document["topic"], properties)


def _filter(document: dict[str, Any]) -> Filter:
    types = document.get("includedEventTypes", ["All"])
    return Filter(
        subject_begins_with=document.get("subjectBeginsWith", ""),
        subject_ends_with=document.get("subjectEndsWith", ""),
        subject_case_sensitive=document.get("isSubjectCaseSensitive", False),
        types=frozenset() if types == ["All"] else frozenset(types),
        advanced=tuple(_advanced(one) for one in document.get("advancedFilters", [])),
        arrays=document.get("enableAdvancedFilteringOnArrays", False),
    )


def _advanced(document: dict[str, Any]) -> AdvancedFilter:
    values = (
        document["values"] if "values" in document else [document["value"]] if "value" in document else []
    )
    return AdvancedFilter(document["operatorType"], document["key"], tuple(values))


def _inconsistencies(document: dict[str, Any], config: Config) -> list[str]:
    """What a JSON Schema cannot say: names that are used twice, and the limit over all filters together."""
    problems = []
    names = [topic["name"] for topic in [*document["systemTopics"], *document["customTopics"]]]
    problems += [
        f"the topic name {name!r} is used twice" for name in sorted(set(names)) if names.count(name) > 1
    ]
    keys = [one.key for one in config.subscriptions]
    problems += [
        f"the event subscription {key!r} is there twice" for key in sorted(set(keys)) if keys.count(key) > 1
    ]
    for one in config.subscriptions:
        values = sum(len(condition.values) for condition in one.filter.advanced)
        if values > MAX_FILTER_VALUES:
            problems.append(f"{one.key} has {values} filter values; Event Grid allows {MAX_FILTER_VALUES}")
    return problems


def _dotted(path: list[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the document"
