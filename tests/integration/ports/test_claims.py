"""An event over the bus's limit goes through real parts: Service Bus's protocol, and Azurite for its text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient
from azure.storage.blob import BlobServiceClient

from eventstac.azure.blob_storage import BlobStorage
from eventstac.azure.service_bus import ServiceBus, open_client
from eventstac.bus import ASSET_FACTS, LIMIT_BYTES, Message, Outgoing, Received, size_of
from eventstac.claims import ClaimingBus, Claims
from eventstac.consumption import Consumer
from eventstac.events import Envelope, Origin, asset_event, seal
from eventstac.facts import Match
from infra.local.azurite.testing import running_azurite
from infra.local.servicebus.testing import running_server
from tests.samples import START, present
from tests.twins.bus import as_received

BROKER_BYTES = 256 * 1024


@dataclass
class Parts:
    bus: ServiceBus
    claims: Claims
    receiving: ServiceBusClient
    azurite: BlobServiceClient

    def take(self) -> tuple[int, Received]:
        """One message as it lies in the subscription, and its bytes."""
        with self.receiving.get_subscription_receiver(ASSET_FACTS, "loader") as receiver:
            [message] = receiver.receive_messages(max_message_count=1, max_wait_time=20)
            receiver.complete_message(message)
        body = str(message)
        return len(body.encode()), as_received(Message(ASSET_FACTS, str(message.message_id), body), "loader")

    def stored(self) -> list[str]:
        return list(self.azurite.get_container_client("claims").list_blob_names())


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    data: Path = tmp_path_factory.mktemp("parts")
    (data / "azurite").mkdir()
    with (
        running_server(Path("contracts/topology.json"), data / "servicebus") as server,
        running_azurite(data / "azurite") as azurite,
        BlobServiceClient.from_connection_string(azurite.connection_string) as service,
        ServiceBusClient.from_connection_string(server.connection_string) as receiving,
    ):
        service.create_container("claims")
        state = BlobStorage(service)
        bus = ServiceBus(open_client({"ServiceBus": server.connection_string}))
        yield Parts(bus, Claims(state, state.account_url, "claims"), receiving, service)
        bus.close()


def fact(parts: Parts, over: int, name: str) -> dict[str, Any]:
    """What the extractor says of a raster, in so many bytes more than the limit."""
    finding = present(Match("scenes", "a", "b1", rule="scenes"), 1, "e1")
    url = f"{parts.claims.account_url}/source/{name}.tif"

    def sealed(padding: int) -> dict[str, Any]:
        metadata = {**(finding.metadata or {}), "properties": {"note": "x" * padding}}
        event = asset_event(url, replace(finding, metadata=metadata), "a test", None)
        return seal(event, app="extractor", origin=Origin.new(name), at=START)

    body = sealed(LIMIT_BYTES + over - size_of(sealed(0)))
    assert size_of(body) == LIMIT_BYTES + over
    return body


def send(parts: Parts, body: dict[str, Any]) -> None:
    ClaimingBus(parts.bus, parts.claims).send([Message(ASSET_FACTS, body["id"], body)])


def consumed(parts: Parts, received: Received) -> tuple[str, list[Envelope]]:
    arrived: list[Envelope] = []

    def handle(envelope: Envelope) -> Sequence[Outgoing]:
        arrived.append(envelope)
        return ()

    return Consumer("loader", parts.bus, claims=parts.claims).consume(received, handle), arrived


@pytest.mark.parametrize(("over", "claims"), [(-1, 0), (0, 0), (1, 1), (BROKER_BYTES, 1)])
def test_an_event_travels_as_a_claim_from_the_limit_on_and_arrives_whole(
    parts: Parts, over: int, claims: int
) -> None:
    before, body = parts.stored(), fact(parts, over, f"limit{over}")
    send(parts, body)
    size, received = parts.take()
    assert len(parts.stored()) - len(before) == claims
    assert size < 2_000 if claims else size == LIMIT_BYTES + over
    outcome, [envelope] = consumed(parts, received)
    assert (outcome, envelope.raw) == ("handled", body)


def test_a_claim_with_another_content_is_not_taken_for_the_event(parts: Parts) -> None:
    before = set(parts.stored())
    send(parts, fact(parts, BROKER_BYTES, "changed"))
    [name] = set(parts.stored()) - before
    blob = parts.azurite.get_blob_client("claims", name)
    text = blob.download_blob().readall()
    blob.upload_blob(text.replace(b"xxxx", b"yyyy", 1), overwrite=True)
    _, received = parts.take()
    outcome, arrived = consumed(parts, received)
    assert (outcome, arrived) == ("stale", [])  # its blob is looked at anew
