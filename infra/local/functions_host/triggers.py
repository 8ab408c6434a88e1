"""What makes each function run: its trigger, read from the raw bindings with the checks that only a host makes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.functions import HttpMethod

from infra.local.functions_host import ncrontab, routes, settings
from infra.local.functions_host.errors import AppRefused
from infra.local.functions_host.host_json import HostConfig
from infra.local.functions_host.runtime import IndexedFunction

_FUNCTION_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}")
_ARGUMENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*|\$return")
_DEAD_LETTER = re.compile(r"/\$deadletterqueue$", re.IGNORECASE)
_METHODS = frozenset(method.value for method in HttpMethod)


@dataclass(frozen=True)
class ServiceBusTrigger:
    """A queue, or a subscription of a topic; `many` hands over lists; `binary` keeps bodies as bytes."""

    argument: str
    connection: str
    entity: str
    subscription: str | None
    dead_letter: bool
    many: bool
    binary: bool
    auto_complete: bool | None
    max_batch: int | None

    @property
    def source(self) -> str:
        """The path that people know it by."""
        path = f"{self.entity}/{self.subscription}" if self.subscription else self.entity
        return f"{path}/$DeadLetterQueue" if self.dead_letter else path


@dataclass(frozen=True)
class HttpTrigger:
    """A route, the methods it answers (empty: all) and who may call it."""

    argument: str
    route: routes.Route
    methods: frozenset[str]
    open_to_all: bool


@dataclass(frozen=True)
class TimerTrigger:
    """A schedule in UTC; `monitor` keeps its state, so that a missed run is made up for."""

    argument: str
    schedule: ncrontab.Schedule
    monitor: bool
    run_on_startup: bool


Trigger = ServiceBusTrigger | HttpTrigger | TimerTrigger


def read(function: IndexedFunction, config: HostConfig, values: Mapping[str, str]) -> Trigger:
    """The trigger of a function. Raises AppRefused or BadSetting naming the function and the reason."""
    where = f"function {function.name}"
    if not _FUNCTION_NAME.fullmatch(function.name):
        raise AppRefused(
            f"{where}: a function's name is a letter, then letters, digits, _ and - (127 at most)."
        )
    for binding in function.bindings:
        if not _ARGUMENT_NAME.fullmatch(str(binding["name"])):
            raise AppRefused(
                f"{where}: the binding argument {binding['name']!r} must be letters and digits only,"
                " or Azure's host does not start the function."
            )
    found = [binding for binding in function.bindings if str(binding["type"]).lower().endswith("trigger")]
    if len(found) != 1:
        raise AppRefused(f"{where} has {len(found)} triggers; it must have exactly one.")
    trigger = _expanded(found[0], values, where)
    _refuse_other_bindings(function, trigger, where)
    match str(trigger["type"]).lower():
        case "servicebustrigger":
            return _service_bus(trigger, values, where)
        case "httptrigger":
            return _http(trigger, function.name, config, where)
        case "timertrigger":
            return _timer(trigger, where)
    raise AppRefused(
        f"{where}: a {trigger['type']} is not driven by this host; it knows Service Bus, HTTP and timer triggers."
    )


def _expanded(binding: Mapping[str, Any], values: Mapping[str, str], where: str) -> dict[str, Any]:
    return {
        key: settings.expand(value, values, where) if isinstance(value, str) else value
        for key, value in binding.items()
    }


def _refuse_other_bindings(function: IndexedFunction, trigger: Mapping[str, Any], where: str) -> None:
    answers = trigger["type"] == "httpTrigger"
    for binding in function.bindings:
        kind = str(binding["type"])
        if binding["name"] == trigger["name"] or (answers and kind == "http"):
            continue
        raise AppRefused(
            f"{where}: its {kind} binding {binding['name']!r} is not served by this host;"
            " send and read with the service's SDK instead."
        )


def _service_bus(binding: Mapping[str, Any], values: Mapping[str, str], where: str) -> ServiceBusTrigger:
    if binding.get("isSessionsEnabled"):
        raise AppRefused(f"{where}: sessions are not supported by this host.")
    access = str(binding.get("accessRights") or "manage").lower()
    if access not in {"manage", "listen"}:
        raise AppRefused(f"{where}: accessRights {binding['accessRights']!r} is neither manage nor listen.")
    topic, queue = binding.get("topicName"), binding.get("queueName")
    subscription = binding.get("subscriptionName")
    entity = str(topic or queue or "")
    if not entity or (topic and not subscription):
        raise AppRefused(f"{where}: its trigger names neither a queue nor a topic with a subscription.")
    path = str(subscription) if topic else entity
    dead_letter = bool(_DEAD_LETTER.search(path))
    path = _DEAD_LETTER.sub("", path)
    batch = binding.get("maxMessageBatchSize")
    return ServiceBusTrigger(
        argument=str(binding["name"]),
        connection=settings.connection(str(binding.get("connection") or ""), values, where),
        entity=entity if topic else path,
        subscription=path if topic else None,
        dead_letter=dead_letter,
        many=str(binding.get("cardinality") or "one").lower() == "many",
        binary=str(binding.get("dataType") or "").lower() == "binary",
        auto_complete=binding.get("autoCompleteMessages"),
        max_batch=None if batch is None else int(batch),
    )


def _http(binding: Mapping[str, Any], name: str, config: HostConfig, where: str) -> HttpTrigger:
    level = str(binding.get("authLevel") or "FUNCTION").upper()
    if level not in {"ANONYMOUS", "FUNCTION", "ADMIN"}:
        raise AppRefused(f"{where}: authLevel {level!r} is none of ANONYMOUS, FUNCTION, ADMIN.")
    methods = frozenset(str(method).upper() for method in binding.get("methods") or ())
    if unknown := methods - _METHODS:
        raise AppRefused(f"{where}: unknown HTTP methods {sorted(unknown)}.")
    template = str(binding.get("route") or name).strip("/")
    if re.match(r"(admin|runtime)(/|$)", f"{config.route_prefix}/{template}".lstrip("/"), re.IGNORECASE):
        raise AppRefused(
            f"{where}: the route {template!r} is reserved; admin/ and runtime/ belong to the host."
        )
    return HttpTrigger(
        argument=str(binding["name"]),
        route=routes.parse(f"{config.route_prefix}/{template}", where),
        methods=methods,
        open_to_all=level == "ANONYMOUS",
    )


def _timer(binding: Mapping[str, Any], where: str) -> TimerTrigger:
    schedule = ncrontab.parse(str(binding.get("schedule") or ""), where)
    return TimerTrigger(
        argument=str(binding["name"]),
        schedule=schedule,
        # The real one stops keeping state for schedules that fire more than once a minute.
        monitor=binding.get("useMonitor") is not False and not schedule.fires_within_a_minute,
        run_on_startup=bool(binding.get("runOnStartup")),
    )
