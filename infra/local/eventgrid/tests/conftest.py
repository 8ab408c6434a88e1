"""What the tests of Event Grid share: a webhook that remembers, and a configuration that calls it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from infra.local.azurite.server import connection_string
from infra.local.azurite.testing import Azurite, running_azurite

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

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_OPTIONS(self) -> None:
            hook.asked.append(dict(self.headers))
            self.send_response(200)
            if hook.allow:
                self.send_header("WebHook-Allowed-Origin", hook.allow)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hook.received.append((dict(self.headers), event))
            self.send_response(hook.answer(event))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that was killed is no news here."""

    server = Server(("127.0.0.1", 0), Handler)
    hook = Webhook(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
