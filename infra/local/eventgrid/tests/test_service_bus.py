"""Delivery to the laptop's Service Bus, received by the unmodified azure-servicebus SDK."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AzureKeyCredential
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient
from azure.servicebus import ServiceBusClient, ServiceBusReceivedMessage
from azure.storage.blob import BlobServiceClient, ContainerClient

from infra.local.azurite.testing import Azurite
from infra.local.blob_events.testing import running_blob_storage
from infra.local.eventgrid.testing import CONFIG, KEY, RunningEventGrid, running_eventgrid
from infra.local.eventgrid.tests.conftest import NO_STORAGE, wait_until
from infra.local.servicebus.testing import RunningServer, running_server

TOPOLOGY = CONFIG.parent / "topology.json"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(TOPOLOGY, tmp_path_factory.mktemp("broker") / "servicebus") as running:
        yield running


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory, broker: RunningServer) -> Iterator[RunningEventGrid]:
    """For the tests that leave nothing pending."""
    directory = tmp_path_factory.mktemp("eventgrid")
    with running_eventgrid(directory, broker.connection_string, NO_STORAGE, shuffle_s=0.05) as running:
        yield running


def received(
    broker: RunningServer, topic: str, subscription: str, count: int
) -> list[ServiceBusReceivedMessage]:
    """Receive and complete this many messages, then look once more that there are not more."""
    found: list[ServiceBusReceivedMessage] = []
    with (
        ServiceBusClient.from_connection_string(broker.connection_string) as client,
        client.get_subscription_receiver(topic, subscription) as receiver,
    ):
        while len(found) < count:
            batch = receiver.receive_messages(max_message_count=100, max_wait_time=15)
            assert batch, f"{len(found)} of {count} messages came"
            for message in batch:
                receiver.complete_message(message)
            found += batch
        assert receiver.peek_messages() == []
    return found


def publish(grid: RunningEventGrid, *events: CloudEvent[Any]) -> None:
    with EventGridPublisherClient(
        grid.endpoint("cog-events"), AzureKeyCredential(KEY), retry_total=0
    ) as client:
        client.send(list(events))


def test_a_published_event_is_a_message_of_its_topic(grid: RunningEventGrid, broker: RunningServer) -> None:
    event = CloudEvent(
        "/converter",
        "eventstac.cog.completed.v1",
        id="job-1",
        data={"source_url": "ü"},
        extensions={"correlationid": "c"},
    )
    publish(grid, event)
    [message] = received(broker, "cog-events", "cog-updater", 1)
    body = json.loads(str(message))
    assert (body["id"], body["type"], body["data"]) == (
        "job-1",
        "eventstac.cog.completed.v1",
        {"source_url": "ü"},
    )
    assert (body["specversion"], body["correlationid"]) == ("1.0", "c")
    assert message.content_type == "application/cloudevents+json"
    properties = {
        (name if isinstance(name, str) else name.decode()): (
            value.decode() if isinstance(value, bytes) else value
        )
        for name, value in (message.application_properties or {}).items()
    }
    assert properties == {
        "aeg-subscription-name": "COG-EVENTS",
        "aeg-delivery-count": "0",
        "aeg-event-type": "Notification",
        "aeg-metadata-version": "1.0",
        "aeg-output-event-id": message.message_id,
    }


def test_upload_and_deletion_reach_the_scanner_once_each(
    tmp_path: Path, grid: RunningEventGrid, broker: RunningServer
) -> None:
    with (
        running_blob_storage(tmp_path, grid.url) as storage,
        BlobServiceClient.from_connection_string(storage.connection_string) as service,
    ):
        for name in ("source", "cogs", "thumbnails"):
            service.create_container(name)
            for number in range(5):
                service.get_blob_client(name, f"{number}.tif").upload_blob(b"1")
            service.get_blob_client(name, "0.tif").delete_blob()
        messages = received(broker, "blob-events", "scanner", 7)
    told = sorted((body["data"]["api"], body["subject"]) for body in map(json.loads, map(str, messages)))
    subject = "/blobServices/default/containers/{}/blobs/{}.tif"
    assert told == sorted(
        [("PutBlob", subject.format("source", number)) for number in range(5)]
        + [("DeleteBlob", subject.format("source", 0)), ("DeleteBlob", subject.format("cogs", 0))]
    )


def test_events_wait_for_a_broker_that_is_away_and_come_once(
    grid: RunningEventGrid, broker: RunningServer
) -> None:
    broker.kill()
    try:
        publish(grid, *(CloudEvent("/converter", "demo.done", id=f"e{number}") for number in range(30)))
        wait_until(lambda: grid.stats()["cog-events/cog-events"].get("failed attempts"))
    finally:
        broker.start()
    wait_until(lambda: grid.stats()["cog-events/cog-events"]["pending"] == 0, 30)
    messages = received(broker, "cog-events", "cog-updater", 30)
    assert sorted(json.loads(str(one))["id"] for one in messages) == sorted(
        f"e{number}" for number in range(30)
    )


def test_an_event_that_is_too_large_for_the_topic_is_dead_lettered_and_the_others_pass(
    tmp_path: Path, broker: RunningServer, azurite: Azurite
) -> None:
    config = json.loads(CONFIG.read_text())
    container = config["customTopics"][0]["eventSubscriptions"][0]["deadLetterContainer"] = "too-large"
    with ContainerClient.from_connection_string(azurite.connection_string, container) as client:
        client.create_container()
    with running_eventgrid(
        tmp_path, broker.connection_string, azurite.connection_string, config, retry_scale=0.001
    ) as grid:
        publish(
            grid,
            CloudEvent("/converter", "demo.done", id="small"),
            CloudEvent("/converter", "demo.done", id="large", data="x" * 400_000),
            CloudEvent("/converter", "demo.done", id="last"),
        )
        wait_until(lambda: grid.stats()["cog-events/cog-events"].get("dead-lettered") == 1)
        messages = received(broker, "cog-events", "cog-updater", 2)
    assert sorted(json.loads(str(one))["id"] for one in messages) == ["last", "small"]
    with ContainerClient.from_connection_string(azurite.connection_string, container) as client:
        [blob] = client.list_blobs(name_starts_with="COG-EVENTS/")
        [event] = json.loads(client.download_blob(blob.name).readall())
    assert (event["id"], event["lastdeliveryoutcome"]) == ("large", "PayloadTooLarge")


def test_a_topic_that_the_broker_does_not_have_is_not_found(tmp_path: Path, broker: RunningServer) -> None:
    config = json.loads(CONFIG.read_text())
    config["customTopics"][0]["eventSubscriptions"][0]["destination"]["topic"] = "nowhere"
    with running_eventgrid(
        tmp_path, broker.connection_string, NO_STORAGE, config, retry_scale=0.0001
    ) as grid:
        publish(grid, CloudEvent("/converter", "demo.done"))
        wait_until(lambda: grid.stats()["cog-events/cog-events"].get("failed attempts", 0) >= 2)
    assert "outcome=NotFound" in (tmp_path / "eventgrid.log").read_text()
