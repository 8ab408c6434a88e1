"""What the tests of the blob proxy share: an Event Grid that only remembers, and a running storage account."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from azure.storage.blob import BlobServiceClient

from infra.local.blob_events.testing import BlobStorage, running_blob_storage
from infra.local.testing import running_receiver

Json = dict[str, Any]
CONTRACTS = Path(__file__).resolve().parents[4] / "contracts" / "events"


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Return once the condition holds; fail after a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


@dataclass
class Recorder:
    """An Event Grid that takes everything (or answers `status`) and remembers what it took."""

    url: str
    status: int = 200
    events: list[Json] = field(default_factory=list)

    def of(self, container: str) -> list[Json]:
        """What was emitted for a container's blobs."""
        return [one for one in self.events if f"/containers/{container}/" in one["subject"]]

    def told(self, container: str) -> list[tuple[str, str]]:
        """(api, blob name) of the container's events, in order."""
        return [(one["data"]["api"], one["subject"].partition("/blobs/")[2]) for one in self.of(container)]


@contextmanager
def running_recorder() -> Iterator[Recorder]:
    """A recorder on loopback until the block ends."""

    def receive(_method: str, _headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        if taking.status == 200:
            taking.events.extend(json.loads(body))
        return taking.status, {}

    with running_receiver(receive) as url:
        taking = Recorder(url)
        yield taking


def check_against_contracts(events: list[Json]) -> None:
    """Fail on the first event that the schema of its type in `contracts/events` refuses."""
    validators: dict[str, jsonschema_rs.Draft202012Validator] = {}
    for event in events:
        kind = event["type"]
        if kind not in validators:
            schema = json.loads((CONTRACTS / f"{kind}.json").read_text())
            validators[kind] = jsonschema_rs.Draft202012Validator(schema, retriever=_contract)
        validators[kind].validate(event)


def _contract(uri: str) -> Json:
    found: Json = json.loads((CONTRACTS.parent / uri.partition(":/")[2]).read_text())
    return found


@pytest.fixture(scope="session")
def recorder() -> Iterator[Recorder]:
    with running_recorder() as running:
        yield running
    check_against_contracts(running.events)


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory, recorder: Recorder) -> Iterator[BlobStorage]:
    """One account for all tests; each test has a container of its own."""
    with running_blob_storage(tmp_path_factory.mktemp("storage"), recorder.url) as running:
        yield running


@pytest.fixture
def service(storage: BlobStorage) -> Iterator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(storage.connection_string, retry_total=0) as client:
        yield client


@pytest.fixture
def container(service: BlobServiceClient, request: pytest.FixtureRequest) -> str:
    """A new container, named after the test."""
    name = "t" + format(abs(hash(request.node.nodeid)), "x")[:20]
    service.create_container(name, public_access="container")
    return name


@pytest.fixture
def settled(storage: BlobStorage) -> Callable[[], None]:
    """Wait until nothing is unsettled or on its way, so that "no event" can be asserted."""

    def wait() -> None:
        wait_until(lambda: (found := storage.stats())["pending"] == 0 and found["unsettled"] == 0)

    return wait
