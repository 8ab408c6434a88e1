"""What the tests of Event Grid share: a webhook that remembers, and a configuration that calls it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.local.azurite.server import connection_string
from infra.local.azurite.testing import Azurite, running_azurite
from infra.local.testing import running_receiver

# Nothing listens there: for tests that use neither.
NO_SERVICE_BUS = (
    "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=k;SharedAccessKey=a2V5;UseDevelopmentEmulator=true;"
)
NO_STORAGE = connection_string("http://127.0.0.1:9/devstoreaccount1")


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Return once the condition holds; fail after a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


@dataclass
class Webhook:
    """A webhook on loopback: what it was sent, and what it answers (a status, or a function of the event)."""

    url: str
    answer: Callable[[dict[str, Any]], int] = lambda event: 200
    allow: str = "eventgrid.azure.net"
    received: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [event["id"] for _, event in self.received]


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as hook:
        yield hook


@contextmanager
def running_webhook() -> Iterator[Webhook]:
    """A webhook that answers until the block ends."""

    def receive(method: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        if method == "OPTIONS":
            hook.asked.append(headers)
            return 200, {"WebHook-Allowed-Origin": hook.allow} if hook.allow else {}
        event = json.loads(body)
        hook.received.append((headers, event))
        return hook.answer(event), {}

    with running_receiver(receive) as url:
        hook = Webhook(f"{url}/hook")
        yield hook


def config_for(hook: Webhook, **subscription: Any) -> dict[str, Any]:
    """One custom topic and one system topic with one subscription each, both to the webhook."""
    destination = {"endpointType": "WebHook", "endpointUrl": hook.url}
    route = {"name": "hook", "destination": destination, **subscription}
    return {
        "systemTopics": [{"name": "storage", "eventSubscriptions": [route]}],
        "customTopics": [{"name": "cog-events", "eventSubscriptions": [route]}],
    }


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    with running_azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running
