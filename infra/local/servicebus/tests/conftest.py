"""One broker for the module's tests, and a fresh queue for each of them."""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusReceiver, ServiceBusSender

from infra.local.servicebus.testing import RunningServer, running_server

PLAIN = {"LockDuration": "PT1M", "MaxDeliveryCount": 10}
SHORT = {"LockDuration": "PT3S", "MaxDeliveryCount": 2}
EXPIRING = {"DefaultMessageTimeToLive": "PT1S", "DeadLetteringOnMessageExpiration": True}
ONCE = {"RequiresDuplicateDetection": True, "DuplicateDetectionHistoryTimeWindow": "P1D"}


def sql(name: str, expression: str) -> dict[str, Any]:
    return {"Name": name, "Properties": {"FilterType": "Sql", "SqlFilter": {"SqlExpression": expression}}}


def correlation(name: str, **conditions: Any) -> dict[str, Any]:
    return {"Name": name, "Properties": {"FilterType": "Correlation", "CorrelationFilter": conditions}}


def document(queues: dict[str, dict[str, Any]], topics: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    listed = [{"Name": name, "Properties": properties} for name, properties in queues.items()]
    namespace = {"Name": "sbemulatorns", "Queues": listed, "Topics": topics or []}
    return {"UserConfig": {"Namespaces": [namespace]}}


TOPIC = {
    "Name": "shapes",
    "Properties": {},
    "Subscriptions": [
        {"Name": "everything"},
        {"Name": "first", "Rules": [sql("retries", "retryfor IS NULL OR retryfor = 'first'")]},
        {"Name": "second", "Rules": [sql("retries", "retryfor IS NULL OR retryfor = 'second'")]},
        {"Name": "round", "Rules": [correlation("circle", Label="circle", Properties={"size": 3})]},
        {"Name": "either", "Rules": [sql("a", "size = 1"), sql("b", "sys.Label = 'square'")]},
        {"Name": "failing", "Rules": [sql("sum", "size + 1 > 2")]},
        {
            "Name": "lenient",
            "Properties": {"DeadLetteringOnFilterEvaluationExceptions": False},
            "Rules": [sql("sum", "size + 1 > 2")],
        },
    ],
}
QUEUES = {
    "shared": PLAIN,
    **{f"plain-{n}": PLAIN for n in range(40)},
    **{f"short-{n}": SHORT for n in range(6)},
    **{f"expiring-{n}": EXPIRING for n in range(4)},
    **{f"once-{n}": ONCE for n in range(4)},
}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(document(QUEUES, [TOPIC]), tmp_path_factory.mktemp("broker") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def client(server: RunningServer) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(server.connection_string, retry_total=0) as connected:
        yield connected


class Talk(NamedTuple):
    """A sender and a receiver that stay open: opening them takes the SDK a second."""

    sender: ServiceBusSender
    receiver: ServiceBusReceiver

    def send(self, *bodies: str) -> None:
        self.sender.send_messages([ServiceBusMessage(body) for body in bodies])


@pytest.fixture(scope="session")
def _talk(client: ServiceBusClient) -> Iterator[Talk]:
    with client.get_queue_sender("shared") as sender, client.get_queue_receiver("shared") as receiver:
        yield Talk(sender, receiver)


@pytest.fixture
def talk(_talk: Talk) -> Iterator[Talk]:
    """On a queue that every test leaves empty."""
    yield _talk
    while _talk.receiver.peek_messages(1, sequence_number=1):
        left = _talk.receiver.receive_messages(100, max_wait_time=1)
        assert left, "the test leaves messages that cannot be received"
        for message in left:
            _talk.receiver.complete_message(message)


@pytest.fixture(scope="session")
def _numbers() -> dict[str, Iterator[int]]:
    return {kind: itertools.count() for kind in ("plain", "short", "expiring", "once")}


@pytest.fixture
def queue(_numbers: dict[str, Iterator[int]]) -> str:
    return f"plain-{next(_numbers['plain'])}"


@pytest.fixture
def short_queue(_numbers: dict[str, Iterator[int]]) -> str:
    """Locks of one second, two deliveries."""
    return f"short-{next(_numbers['short'])}"


@pytest.fixture
def expiring_queue(_numbers: dict[str, Iterator[int]]) -> str:
    return f"expiring-{next(_numbers['expiring'])}"


@pytest.fixture
def once_queue(_numbers: dict[str, Iterator[int]]) -> str:
    return f"once-{next(_numbers['once'])}"


def eventually[T](look: Callable[[], T], what: str, seconds: float = 15) -> T:
    """The first true result of `look`, or a failure that says what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = look()
        if result:
            return result
        time.sleep(0.02)  # the pace of looking, not a wait for the result
    pytest.fail(f"after {seconds} s: not {what}")


def rss_mb(pid: int) -> float:
    """The resident memory of a process."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
