"""Delivery to a webhook: the handshake, retries, giving up, dead letters, kills and order."""

import asyncio
import json
import random
import threading
import time
from pathlib import Path
from typing import Any

from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import AzureError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient
from azure.storage.blob import ContainerClient

from infra.local.azurite.testing import Azurite
from infra.local.eventgrid.store import Accepted, Store
from infra.local.eventgrid.testing import KEY, RunningEventGrid, running_eventgrid
from infra.local.eventgrid.tests.conftest import NO_SERVICE_BUS, NO_STORAGE, Webhook, config_for, wait_until

ROUTE = "cog-events/hook"


def publish(grid: RunningEventGrid, *ids: str, data: Any = None) -> None:
    events = [CloudEvent("/test", "demo.done", id=one, data=data) for one in ids]
    with EventGridPublisherClient(
        grid.endpoint("cog-events"), AzureKeyCredential(KEY), retry_total=0
    ) as client:
        client.send(events)


def dead_letters(azurite: Azurite, container: str) -> dict[str, list[dict[str, Any]]]:
    with ContainerClient.from_connection_string(azurite.connection_string, container) as client:
        return {
            blob.name: json.loads(client.download_blob(blob.name).readall()) for blob in client.list_blobs()
        }


def test_nothing_is_sent_before_the_webhook_agreed(tmp_path: Path, webhook: Webhook) -> None:
    webhook.allow = "someone.else.example"
    with running_eventgrid(
        tmp_path, NO_SERVICE_BUS, NO_STORAGE, config_for(webhook), retry_scale=0.0005
    ) as grid:
        publish(grid, "e")
        wait_until(lambda: len(webhook.asked) >= 2)
        assert webhook.received == []
        assert webhook.asked[0]["WebHook-Request-Origin"] == "eventgrid.azure.net"
        webhook.allow = "*"
        wait_until(lambda: webhook.ids == ["e"])
        assert webhook.received[0][0]["Origin"] == "eventgrid.azure.net"


def test_a_failure_is_tried_again_with_the_same_id(tmp_path: Path, webhook: Webhook) -> None:
    webhook.answer = lambda _: 500 if len(webhook.received) <= 2 else 204
    with running_eventgrid(tmp_path, NO_SERVICE_BUS, NO_STORAGE, config_for(webhook)) as grid:
        publish(grid, "e")
        wait_until(lambda: grid.stats()[ROUTE].get("delivered") == 1)
    assert webhook.ids == ["e", "e", "e"]
    assert [headers["aeg-delivery-count"] for headers, _ in webhook.received] == ["0", "1", "2"]
    assert len({headers["aeg-output-event-id"] for headers, _ in webhook.received}) == 1


def test_delivery_properties_are_fixed_or_taken_from_the_event(tmp_path: Path, webhook: Webhook) -> None:
    config = config_for(webhook)
    config["customTopics"][0]["eventSubscriptions"][0]["destination"]["deliveryAttributeMappings"] = [
        {"name": "X-Fixed", "type": "Static", "properties": {"value": "v"}},
        {"name": "X-Size", "type": "Dynamic", "properties": {"sourceField": "data.size"}},
        {"name": "X-Absent", "type": "Dynamic", "properties": {"sourceField": "data.none"}},
    ]
    with running_eventgrid(tmp_path, NO_SERVICE_BUS, NO_STORAGE, config) as grid:
        publish(grid, "e", data={"size": 7})
        wait_until(lambda: webhook.received)
    headers = webhook.received[0][0]
    assert (headers["X-Fixed"], headers["X-Size"]) == ("v", "7")
    assert "X-Absent" not in headers


def container_in(azurite: Azurite, name: str) -> str:
    with ContainerClient.from_connection_string(azurite.connection_string, name) as client:
        client.create_container()
    return name


def test_what_cannot_be_delivered_becomes_a_dead_letter_blob(
    tmp_path: Path, webhook: Webhook, azurite: Azurite
) -> None:
    expected = {
        "400": (1, "UndeliverableDueToHttpBadRequest", "BadRequest"),
        "403": (1, "UndeliverableDueToHttpForbidden", "Forbidden"),
        "413": (1, "UndeliverableDueToHttpRequestEntityTooLarge", "PayloadTooLarge"),
        "500": (3, "MaxDeliveryAttemptsExceeded", "GenericError"),
    }
    container = container_in(azurite, "deadletter")
    webhook.answer = lambda event: int(event["id"])
    policy = {"maxDeliveryAttempts": 3, "eventTimeToLiveInMinutes": 1440}
    config = config_for(webhook, retryPolicy=policy, deadLetterContainer=container)
    with running_eventgrid(
        tmp_path, NO_SERVICE_BUS, azurite.connection_string, config, retry_scale=0.001
    ) as grid:
        publish(grid, *expected, data={"a": "ü"})
        wait_until(lambda: grid.stats()[ROUTE].get("dead-lettered") == 4)
        assert grid.stats()[ROUTE]["pending"] == 0
    blobs = dead_letters(azurite, container)
    for name in blobs:
        subscription, *when, file = name.split("/")
        assert subscription == "HOOK"
        assert [part == str(int(part)) for part in when] == [True] * 4
        assert len(file) == 36 + len(".json")
    events = {event["id"]: event for blob in blobs.values() for event in blob}
    assert {
        name: (one["deliveryattempts"], one["deadletterreason"], one["lastdeliveryoutcome"])
        for name, one in events.items()
    } == expected
    for name, event in events.items():
        assert event["data"] == {"a": "ü"}
        assert event["publishtime"] < event["lastdeliveryattempttime"]
        assert webhook.ids.count(name) == expected[name][0]


def test_an_event_that_outlives_its_time_is_given_up(
    tmp_path: Path, webhook: Webhook, azurite: Azurite
) -> None:
    container = container_in(azurite, "deadletter-ttl")
    webhook.answer = lambda _: 500
    policy = {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1}
    config = config_for(webhook, retryPolicy=policy, deadLetterContainer=container)
    with running_eventgrid(tmp_path, NO_SERVICE_BUS, azurite.connection_string, config) as grid:
        publish(grid, "e")
        wait_until(lambda: grid.stats()[ROUTE].get("dead-lettered") == 1)
    [[event]] = dead_letters(azurite, container).values()
    assert event["deadletterreason"] == "TimeToLiveExceeded"
    assert 1 <= event["deliveryattempts"] == len(webhook.received) <= 3


def test_without_a_dead_letter_container_a_refused_event_is_dropped(tmp_path: Path, webhook: Webhook) -> None:
    webhook.answer = lambda _: 400
    with running_eventgrid(tmp_path, NO_SERVICE_BUS, NO_STORAGE, config_for(webhook)) as grid:
        publish(grid, "e")
        wait_until(lambda: grid.stats()[ROUTE].get("dropped") == 1)
        assert grid.stats()[ROUTE]["pending"] == 0


def test_what_was_accepted_is_delivered_although_the_service_is_killed(
    tmp_path: Path, webhook: Webhook
) -> None:
    random_ = random.Random(3)
    webhook.answer = lambda _: 503 if random_.random() < 0.2 else 200
    accepted: list[str] = []
    stop = threading.Event()

    def produce(grid: RunningEventGrid) -> None:
        number = 0
        while not stop.is_set():
            ids = [f"{number}-{part}" for part in range(10)]
            try:
                publish(grid, *ids)
                accepted.extend(ids)
                number += 1
            except AzureError:
                pass  # it is dead: the same batch again
            stop.wait(0.05)

    with running_eventgrid(
        tmp_path, NO_SERVICE_BUS, NO_STORAGE, config_for(webhook), retry_scale=0.001
    ) as grid:
        producer = threading.Thread(target=produce, args=(grid,))
        producer.start()
        for _ in range(3):
            enough = len(accepted) + 10 * random_.randrange(2, 6)
            wait_until(lambda enough=enough: len(accepted) >= enough)  # type: ignore[misc]  # bound now, not later
            grid.restart()
        stop.set()
        producer.join()
        wait_until(lambda: grid.stats()[ROUTE]["pending"] == 0, 30)
    assert set(accepted) <= set(webhook.ids)
    ids_of: dict[str, set[str]] = {}
    for headers, event in webhook.received:
        ids_of.setdefault(event["id"], set()).add(headers["aeg-output-event-id"])
    # Only a batch that was stored but not acknowledged, and so published again, has a second id: one for each kill.
    assert sum(len(ids) - 1 for ids in ids_of.values()) <= 3 * 10


async def keep(directory: Path, event: dict[str, Any]) -> None:
    store = Store(directory)
    await store.add([Accepted(ROUTE, "m", event, time.time(), 0.0)])
    await store.close()


def test_what_no_text_can_be_made_of_does_not_stop_the_others(
    tmp_path: Path, webhook: Webhook, azurite: Azurite
) -> None:
    """Versions before took it in."""
    container = container_in(azurite, "deadletter-odd")
    webhook.answer = lambda event: 400 if event["id"] == "odd" else 200
    kept = {"specversion": "1.0", "id": "odd", "source": "s", "type": "t", "subject": "\ud800"}
    asyncio.run(keep(tmp_path, kept))
    config = config_for(webhook, deadLetterContainer=container)
    with running_eventgrid(
        tmp_path, NO_SERVICE_BUS, azurite.connection_string, config, retry_scale=0.001
    ) as grid:
        publish(grid, "whole")
        wait_until(lambda: sorted(webhook.ids) == ["odd", "whole"])
        wait_until(lambda: grid.stats()[ROUTE].get("dead-lettered") == 1)
    [[event]] = dead_letters(azurite, container).values()
    assert event["subject"] == "\ud800"


def test_shuffled_events_arrive_in_another_order(tmp_path: Path, webhook: Webhook) -> None:
    ids = [str(number) for number in range(40)]
    with running_eventgrid(tmp_path, NO_SERVICE_BUS, NO_STORAGE, config_for(webhook), shuffle_s=0.5) as grid:
        for one in ids:
            publish(grid, one)
        wait_until(lambda: len(webhook.received) == 40)
    assert webhook.ids != ids
    assert sorted(webhook.ids) == sorted(ids)
