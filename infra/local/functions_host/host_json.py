"""Reads host.json into the settings that this host obeys."""

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.local.functions_host.errors import BadSetting
from infra.local.functions_host.timespan import seconds_of

DEFAULT_TIMEOUT_S = 30 * 60  # host.json v4 outside the old Consumption plan
CALLS_PER_CORE = 16  # the Service Bus extension's default for maxConcurrentCalls


@dataclass(frozen=True)
class ServiceBusOptions:
    """`extensions.serviceBus`, with the defaults of extension 5.10 and later. Times in seconds."""

    max_concurrent_calls: int = CALLS_PER_CORE
    max_message_batch_size: int = 1000
    min_message_batch_size: int = 1
    max_batch_wait_s: float = 30.0
    prefetch_count: int = 0
    auto_complete_messages: bool = True
    max_auto_lock_renewal_s: float = 300.0


@dataclass(frozen=True)
class HostConfig:
    """What host.json says. `function_timeout_s` is None where the app sets -1 (no limit)."""

    function_timeout_s: float | None = DEFAULT_TIMEOUT_S
    route_prefix: str = "api"
    log_level: str = "Information"
    service_bus: ServiceBusOptions = field(default_factory=ServiceBusOptions)


def read(app_dir: Path) -> HostConfig:
    """Read `host.json` of an app. Raises BadSetting with the path of the mistake inside the file."""
    path = app_dir / "host.json"
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadSetting(f'{path} is missing; a function app needs at least {{"version": "2.0"}}.') from None
    except ValueError as error:
        raise BadSetting(f"{path} is not JSON: {error}.") from error
    if not isinstance(content, dict) or content.get("version") != "2.0":
        raise BadSetting(f'{path}: "version" must be "2.0".')
    extensions = _mapping(content, "extensions", "host.json")
    return HostConfig(
        function_timeout_s=_function_timeout(content.get("functionTimeout")),
        route_prefix=_route_prefix(_mapping(extensions, "http", "extensions")),
        log_level=_log_level(_mapping(content, "logging", "host.json")),
        service_bus=_service_bus(_mapping(extensions, "serviceBus", "extensions")),
    )


def _mapping(parent: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = parent.get(key, {})
    if not isinstance(value, dict):
        raise BadSetting(f"{where}: {key} must be an object.")
    return value


def _function_timeout(text: object) -> float | None:
    if text is None:
        return DEFAULT_TIMEOUT_S
    if text == "-1":
        return None
    seconds = seconds_of(str(text), "host.json: functionTimeout")
    if seconds <= 0:
        raise BadSetting(
            f"host.json: functionTimeout is {text!r}; it must be more than zero, or '-1' for none."
        )
    return seconds


def _route_prefix(http: Mapping[str, Any]) -> str:
    prefix = http.get("routePrefix", "api")
    if not isinstance(prefix, str):
        raise BadSetting("host.json: extensions.http.routePrefix must be a string.")
    return prefix.strip("/")


def _log_level(logging: Mapping[str, Any]) -> str:
    return str(_mapping(logging, "logLevel", "logging").get("default", "Information"))


def _service_bus(options: Mapping[str, Any]) -> ServiceBusOptions:
    where = "host.json: extensions.serviceBus"
    values: dict[str, Any] = {"max_concurrent_calls": CALLS_PER_CORE * (os.cpu_count() or 1)}
    readers: dict[str, tuple[str, Callable[[object, str], Any]]] = {
        "maxConcurrentCalls": ("max_concurrent_calls", _at_least(1)),
        "maxMessageBatchSize": ("max_message_batch_size", _at_least(1)),
        "minMessageBatchSize": ("min_message_batch_size", _at_least(1)),
        "maxBatchWaitTime": ("max_batch_wait_s", _span),
        "prefetchCount": ("prefetch_count", _at_least(0)),
        "autoCompleteMessages": ("auto_complete_messages", _boolean),
        "maxAutoLockRenewalDuration": ("max_auto_lock_renewal_s", _renewal),
    }
    for key, value in options.items():
        if key in readers:
            name, reader = readers[key]
            values[name] = reader(value, f"{where}.{key}")
    result = ServiceBusOptions(**values)
    if result.min_message_batch_size > result.max_message_batch_size:
        raise BadSetting(f"{where}: minMessageBatchSize must not be greater than maxMessageBatchSize.")
    return result


def _at_least(lowest: int) -> Callable[[object, str], int]:
    def read_int(value: object, where: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
            raise BadSetting(f"{where} is {value!r}; it must be a whole number of {lowest} or more.")
        return value

    return read_int


def _boolean(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadSetting(f"{where} is {value!r}; it must be true or false.")
    return value


def _span(value: object, where: str) -> float:
    seconds = seconds_of(str(value), where)
    if not 0 <= seconds <= 150:
        raise BadSetting(f"{where} is {value!r}; the extension allows 00:00:00 to 00:02:30.")
    return seconds


def _renewal(value: object, where: str) -> float:
    seconds = seconds_of(str(value), where)
    return math.inf if seconds < 0 else seconds  # .NET writes "for ever" as -00:00:00.001
