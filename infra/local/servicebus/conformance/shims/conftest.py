"""Runs Microsoft's tests without TLS, in shards, and says why a test is not applicable."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, TransportType
from azure.servicebus.aio import ServiceBusClient as AsyncServiceBusClient

from infra.local.servicebus.conformance.applicable import why_not


def _without_tls(original: Callable[..., None]) -> Callable[..., None]:
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("use_tls", False)
        if kwargs.get("transport_type") is TransportType.AmqpOverWebsocket:
            # Tests that are about web sockets are skipped; in the others the transport is by the way.
            kwargs["transport_type"] = TransportType.Amqp
        original(self, *args, **kwargs)

    return init


for _client in (ServiceBusClient, AsyncServiceBusClient):
    _client.__init__ = _without_tls(_client.__init__)  # type: ignore[method-assign]  # what this shim is for


def pytest_configure(config: pytest.Config) -> None:
    """Make the tests' marks known."""
    for name in ("liveTest", "live_test_only", "playback_test_only"):
        config.addinivalue_line("markers", f"{name}: of Microsoft's tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep this shard's tests, and skip what is not applicable."""
    shard, shards = int(os.environ["CONFORMANCE_SHARD"]), int(os.environ["CONFORMANCE_SHARDS"])
    mine = items[shard::shards]
    config.hook.pytest_deselected(items=[item for item in items if item not in mine])
    items[:] = mine
    for item in items:
        wanted = getattr(getattr(item, "function", None), "wanted", ())
        reason = why_not(item.name, any(want.properties.get("RequiresSession") for want in wanted))
        if reason:
            item.add_marker(pytest.mark.skip(reason=f"not applicable: {reason}"))
