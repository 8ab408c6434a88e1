"""Stands in for the module that makes Azure resources for Microsoft's tests: a broker for each test.

The names are those that the tests import. Each decorator notes the entity that its test wants; the namespace's
decorator, which is outside them, starts a broker with all of them.
"""

import asyncio
import contextlib
import functools
import itertools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.local.servicebus.testing import running_server

SERVICEBUS_ENDPOINT_SUFFIX = ""
KEY = "c2VjcmV0LW9mLXRoZS1jb25mb3JtYW5jZS1ydW4="
_numbers = itertools.count(1)
_PROPERTIES = {
    "requires_duplicate_detection": "RequiresDuplicateDetection",
    "dead_lettering_on_message_expiration": "DeadLetteringOnMessageExpiration",
    "requires_session": "RequiresSession",
    "lock_duration": "LockDuration",
    "max_delivery_count": "MaxDeliveryCount",
}


@dataclass(frozen=True)
class Resource:
    """What a test gets for a resource that it asked for."""

    name: str


@dataclass(frozen=True)
class Wanted:
    """One resource that a test asks for: kind, the test's parameter, the settings in the topology's words."""

    kind: str
    parameter: str
    properties: dict[str, Any] = field(default_factory=dict)


class _Preparer:
    kind = ""

    def __init__(self, name_prefix: str = "", **settings: Any) -> None:
        defaults = {} if self.kind not in ("queue", "subscription") else {"LockDuration": "PT30S"}
        given = {_PROPERTIES[key]: value for key, value in settings.items() if key in _PROPERTIES}
        parameter = settings.get("parameter_name", f"servicebus_{self.kind}")
        self._wanted = Wanted(self.kind, parameter, {**defaults, **given})

    def __call__(self, test: Callable[..., Any]) -> Callable[..., Any]:
        wanted = (self._wanted, *getattr(test, "wanted", ()))

        if asyncio.iscoroutinefunction(test):

            @functools.wraps(test)
            async def wrapper(*args: Any, **kwargs: Any) -> None:
                with _made(wanted, outermost=self.kind == "namespace") as made:
                    await test(*args, **kwargs, **made)

        else:

            @functools.wraps(test)
            def wrapper(*args: Any, **kwargs: Any) -> None:
                with _made(wanted, outermost=self.kind == "namespace") as made:
                    test(*args, **kwargs, **made)

        wrapper.wanted = wanted  # type: ignore[attr-defined]  # read by the decorator around this one
        return wrapper


def _made(
    wanted: tuple[Wanted, ...], *, outermost: bool
) -> contextlib.AbstractContextManager[dict[str, Any]]:
    return _broker(wanted) if outermost else contextlib.nullcontext({})


@contextlib.contextmanager
def _broker(wanted: tuple[Wanted, ...]) -> Iterator[dict[str, Any]]:
    """A broker with the wanted entities; yields the test's arguments."""
    made: dict[str, Any] = {}
    queues: list[dict[str, Any]] = []
    topics: list[dict[str, Any]] = []
    for want in wanted:
        name = f"entity-{next(_numbers)}"
        if want.kind == "queue":
            queues.append({"Name": name, "Properties": want.properties})
        elif want.kind == "topic":
            topics.append({"Name": name, "Properties": want.properties, "Subscriptions": []})
        elif want.kind == "subscription":
            topics[-1]["Subscriptions"].append({"Name": name, "Properties": want.properties})
        if want.kind != "namespace":
            made[want.parameter] = Resource(name)
    namespace = {"Name": "sbemulatorns", "Queues": queues, "Topics": topics}
    document = {"UserConfig": {"Namespaces": [namespace]}}
    with (
        tempfile.TemporaryDirectory(prefix="servicebus-conformance-") as directory,
        running_server(document, Path(directory) / "data", key=KEY) as server,
    ):
        yield {
            **made,
            "servicebus_namespace": Resource(f"127.0.0.1:{server.port}"),
            "servicebus_namespace_connection_string": server.connection_string,
            "servicebus_namespace_key_name": "RootManageSharedAccessKey",
            "servicebus_namespace_primary_key": KEY,
        }


class ServiceBusNamespacePreparer(_Preparer):
    """Starts the broker."""

    kind = "namespace"


class ServiceBusQueuePreparer(_Preparer):
    """A queue."""

    kind = "queue"


class ServiceBusTopicPreparer(_Preparer):
    """A topic."""

    kind = "topic"


class ServiceBusSubscriptionPreparer(_Preparer):
    """A subscription of the topic before it."""

    kind = "subscription"


class ServiceBusResourceGroupPreparer:
    """There is no resource group here."""

    def __init__(self, *_args: Any, **_settings: Any) -> None:
        pass

    def __call__(self, test: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing to make."""
        return test


CachedServiceBusResourceGroupPreparer = ServiceBusResourceGroupPreparer
CachedServiceBusNamespacePreparer = ServiceBusNamespacePreparer
CachedServiceBusQueuePreparer = ServiceBusQueuePreparer
CachedServiceBusTopicPreparer = ServiceBusTopicPreparer
CachedServiceBusSubscriptionPreparer = ServiceBusSubscriptionPreparer
