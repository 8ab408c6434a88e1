"""The asynchronous SDK, along the way of a message."""

import asyncio
import json
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import AutoLockRenewer, ServiceBusClient
from azure.servicebus.exceptions import MessageSizeExceededError

from infra.local.servicebus.testing import RunningServer


async def test_the_asynchronous_client_can_do_what_the_synchronous_one_can(
    server: RunningServer, queue: str
) -> None:
    async with (
        ServiceBusClient.from_connection_string(server.connection_string) as client,
        client.get_queue_sender(queue) as sender,
        client.get_queue_receiver(queue, prefetch_count=10) as receiver,
        AutoLockRenewer() as renewer,
    ):
        await sender.send_messages([ServiceBusMessage(str(n)) for n in range(4)])
        messages: list[ServiceBusReceivedMessage] = []
        while len(messages) < 4:  # one call gives what is there, which may be fewer
            more = await receiver.receive_messages(4 - len(messages), max_wait_time=10)
            assert more, f"only {len(messages)} came"
            messages += more
        first, second, third, fourth = messages
        renewer.register(receiver, first)
        await asyncio.gather(
            receiver.complete_message(first), receiver.dead_letter_message(second, reason="r")
        )
        await receiver.abandon_message(third)
        await receiver.defer_message(fourth)
        (again,) = await receiver.receive_messages(1, max_wait_time=10)
        assert (str(again), again.delivery_count) == ("2", 1)
        assert await receiver.renew_message_lock(again) > datetime.now(UTC)
        await receiver.complete_message(again)
        (deferred,) = await receiver.receive_deferred_messages(fourth.sequence_number or 0)
        await receiver.complete_message(deferred)
        numbers = await sender.schedule_messages(
            ServiceBusMessage("never"), datetime.now(UTC) + timedelta(hours=1)
        )
        await sender.cancel_scheduled_messages(numbers)
        assert await receiver.peek_messages(5, sequence_number=1) == []
        with pytest.raises(MessageSizeExceededError):
            await sender.send_messages(ServiceBusMessage(b"x" * 300_000))


def test_the_status_port_counts_what_waits(server: RunningServer) -> None:
    with urllib.request.urlopen(f"{server.status_url}/health") as response:
        assert json.load(response) == {"status": "ok"}
    with urllib.request.urlopen(f"{server.status_url}/entities") as response:
        found = json.load(response)
    line = next(line for line in found["entities"] if line["name"] == "plain-39")
    empty = {"active": 0, "locked": 0, "deferred": 0, "scheduled": 0, "dead_letter": 0}
    assert line == {"name": "plain-39", **empty, "oldest_enqueued": None, "oldest_dead_letter": None}
    assert {"name": "shapes", "scheduled": 0} in found["topics"]
