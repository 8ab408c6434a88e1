"""Queues of dead letters whose messages are partly settled already, or come without an end."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from azure.servicebus.amqp import AmqpMessageBodyType
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError

from eventstac.azure import dead_letter_queues
from eventstac.azure.dead_letter_queues import DeadLetterQueues
from eventstac.dead_letters import DeadLetter

ENQUEUED = datetime(2024, 5, 1, tzinfo=UTC)


def message(sequence: int) -> SimpleNamespace:
    return SimpleNamespace(
        sequence_number=sequence,
        message_id="m",
        body_type=AmqpMessageBodyType.DATA,
        body=[b"{}"],
        dead_letter_reason=None,
        dead_letter_error_description=None,
        delivery_count=10,
        enqueued_time_utc=ENQUEUED,
        application_properties=None,
    )


class Client:
    """Service Bus with messages in one queue; settling the one of a number fails as is said."""

    def __init__(self, messages: Iterator[SimpleNamespace], failures: dict[int, Exception]) -> None:
        self.messages, self.failures = messages, failures
        self.completed: list[int] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @contextmanager
    def get_subscription_receiver(self, topic: str, subscription: str, sub_queue: Any) -> Iterator[Any]:
        is_ours = (topic, subscription) == ("asset-facts", "loader")
        yield self if is_ours else SimpleNamespace(receive_messages=lambda **_: [])

    def receive_messages(self, max_message_count: int, max_wait_time: float) -> list[SimpleNamespace]:
        return list(itertools.islice(self.messages, max_message_count))

    def complete_message(self, message: SimpleNamespace) -> None:
        if message.sequence_number in self.failures:
            raise self.failures[message.sequence_number]
        self.completed.append(message.sequence_number)


def drain(client: Any) -> tuple[int, list[DeadLetter]]:
    kept: list[DeadLetter] = []
    return DeadLetterQueues(lambda: client).drain(kept.extend), kept


def test_one_whose_lock_is_lost_keeps_no_other_in_the_queue() -> None:
    client = Client(map(message, range(60)), {3: MessageLockLostError(), 5: MessageAlreadySettled()})
    count, kept = drain(client)
    assert count == len({one.rejection()[0] for one in kept}) == 60
    assert client.completed == [number for number in range(60) if number not in (3, 5)]
    assert {(one.deliveries, one.first_sent) for one in kept} == {(10, ENQUEUED)}
    assert {one.rejection()[1].detail for one in kept} == {"unknown reason"}


def test_a_queue_that_never_ends_is_left_to_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letter_queues, "_LIMIT", 120)
    count, kept = drain(Client(map(message, itertools.count()), {}))
    assert count == len(kept) == 150
