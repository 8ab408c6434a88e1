"""Dead letters are taken out of a real broker's queues after they were kept."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageProperties

from eventstac.azure.dead_letter_queues import DeadLetterQueues
from eventstac.azure.peeking import backlogs, queued_about
from eventstac.contracts import contract_path
from eventstac.dead_letters import DeadLetter
from eventstac.errors import Transient
from eventstac.times import to_text
from infra.local.servicebus.testing import RunningServer, running_server
from tests.samples import url_of


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(contract_path("topology.json"), tmp_path_factory.mktemp("broker")) as server:
        yield server


@pytest.fixture
def client(broker: RunningServer) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(broker.connection_string) as client:
        yield client


def die(client: ServiceBusClient, topic: str, subscription: str, *bodies: str) -> None:
    with client.get_topic_sender(topic) as sender:
        sender.send_messages([ServiceBusMessage(body, message_id=f"{topic} {body}") for body in bodies])
    with client.get_subscription_receiver(topic, subscription) as receiver:
        left = len(bodies)
        while left:
            for message in receiver.receive_messages(left, max_wait_time=10):
                receiver.dead_letter_message(message, reason="poison", error_description="as a test wants it")
                left -= 1


def test_every_subscription_s_dead_letters_are_handed_over_once(
    broker: RunningServer, client: ServiceBusClient
) -> None:
    die(client, "asset-facts", "loader", "1", "2", "3")
    die(client, "blobs-matched", "extractor", "4")
    queues = DeadLetterQueues(lambda: ServiceBusClient.from_connection_string(broker.connection_string))

    def refuse(_: Sequence[DeadLetter]) -> None:
        raise Transient("the database is away")

    with pytest.raises(Transient, match="database"):
        queues.drain(refuse)
    found = {(one.topic, one.subscription): one.dead for one in backlogs(client)}
    assert (found["asset-facts", "loader"], found["blobs-matched", "extractor"]) == (3, 1)

    kept: list[DeadLetter] = []
    assert queues.drain(kept.extend) == 4
    assert sorted(one.body for one in kept) == [b"1", b"2", b"3", b"4"]
    assert {(one.reason, one.description) for one in kept} == {("poison", "as a test wants it")}
    assert len({one.rejection()[0] for one in kept}) == 4
    assert all(one.first_sent and one.first_sent < datetime.now(UTC) for one in kept)
    assert queues.drain(kept.extend) == 0
    assert not any(one.dead for one in backlogs(client))


def test_a_message_that_is_tried_again_is_as_old_as_its_first_attempt(client: ServiceBusClient) -> None:
    first = datetime(2024, 5, 1, 10, tzinfo=UTC)
    with client.get_topic_sender("cog-events") as sender:
        sender.send_messages(
            [
                ServiceBusMessage("new", message_id="new"),
                ServiceBusMessage("odd", message_id="odd", application_properties={"firstsent": "long ago"}),
                ServiceBusMessage(
                    "again", message_id="again", application_properties={"firstsent": to_text(first)}
                ),
            ]
        )
    [found] = [one for one in backlogs(client) if one.topic == "cog-events"]
    assert (found.messages, found.oldest) == (3, first)
    [page] = [one for one in backlogs(client, counted=1) if one.topic == "cog-events"]
    assert page.messages == 1


def test_a_message_that_waits_to_be_tried_again_is_in_no_queue(client: ServiceBusClient) -> None:
    """As on Azure, where it lies in the topic until its time: what is said of queues must allow for it."""
    event = json.dumps({"data": {"url": url_of("a.tif")}})
    later = datetime.now(UTC) + timedelta(seconds=300)
    with client.get_topic_sender("asset-facts") as sender:
        (number,) = sender.schedule_messages(ServiceBusMessage(event, message_id="later"), later)
        assert queued_about(client, url_of("a.tif")) == []
        assert not any(one.messages for one in backlogs(client) if one.topic == "asset-facts")
        sender.cancel_scheduled_messages(number)


def test_a_message_whose_parts_are_of_any_type_of_amqp_is_handed_over(
    broker: RunningServer, client: ServiceBusClient
) -> None:
    messages = [
        AmqpAnnotatedMessage(
            value_body={"url": "a.tif"}, properties=AmqpMessageProperties(message_id=uuid4())
        ),
        AmqpAnnotatedMessage(
            sequence_body=[[1, "two"]], properties=AmqpMessageProperties(message_id=b"\xff")
        ),
        AmqpAnnotatedMessage(data_body=[b"no ", b"id"]),
    ]
    with client.get_topic_sender("config-events") as sender:
        sender.send_messages(messages)
    assert queued_about(client, url_of("a.tif")) == []
    with client.get_subscription_receiver("config-events", "loader") as receiver:
        left = len(messages)
        while left:
            for message in receiver.receive_messages(left, max_wait_time=10):
                receiver.dead_letter_message(message)
                left -= 1
    kept: list[DeadLetter] = []
    queues = DeadLetterQueues(lambda: ServiceBusClient.from_connection_string(broker.connection_string))
    queues.drain(kept.extend)
    bodies = sorted(one.body for one in kept if one.topic == "config-events")
    assert b"two" in bodies[0]
    assert bodies[1] == b"no id"
    assert b"a.tif" in bodies[2]
    assert len({one.rejection()[0] for one in kept}) == len(kept)


def test_a_rename_that_waits_is_about_both_names(client: ServiceBusClient) -> None:
    old, new = url_of("old.tif"), url_of("new%20name.tif")
    event = {"data": {"sourceUrl": old, "destinationUrl": new.replace("%20", " ")}}
    with client.get_topic_sender("blob-events") as sender:
        sender.send_messages(ServiceBusMessage(json.dumps(event), message_id="renamed"))
    assert [queued.topic for queued in queued_about(client, old)] == ["blob-events"]
    assert [queued.topic for queued in queued_about(client, new)] == ["blob-events"]
    assert queued_about(client, url_of("other.tif")) == []
