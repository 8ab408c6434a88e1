"""Looks for messages about a blob in the topics' subscriptions, without taking them.

What waits to be tried again is not seen: it is scheduled, and until its time it is in the topic only, into which the
SDK cannot look (0006).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from azure.core.exceptions import AzureError
from azure.servicebus import (
    ServiceBusClient,
    ServiceBusReceivedMessage,
    ServiceBusSubQueue,
)
from azure.servicebus.amqp import AmqpMessageBodyType

from eventstac.bus import ATTEMPT, FIRST_SENT, read_attempt, read_moment
from eventstac.contracts import read_contract
from eventstac.errors import Transient
from eventstac.events.about import urls_of
from eventstac.evidence import Queued
from eventstac.json_text import read_loosely

PAGE = 250  # messages of one peek; Service Bus gives fewer where they are large
COUNTED = 1000  # messages of one subscription that are counted: beyond it the number says little
LIMIT = 20_000  # messages of one subscription that are gone through: beyond it a blob is not searched for


def subscriptions() -> tuple[tuple[str, str], ...]:
    """Every (topic, subscription) of contracts/topology.json."""
    namespace = read_contract("topology.json")["UserConfig"]["Namespaces"][0]
    return tuple(
        (topic["Name"], subscription["Name"])
        for topic in namespace["Topics"]
        for subscription in topic["Subscriptions"]
    )


def queued_about(client: ServiceBusClient, url: str) -> list[Queued]:
    """The messages about a blob that are in a queue or are dead letters; Transient where the bus is away."""
    places = [(topic, name, dead) for topic, name in subscriptions() for dead in (False, True)]

    def about(place: tuple[str, str, bool]) -> list[Queued]:
        topic, _, dead = place
        return [
            _queued(message, topic, dead)
            for message in _peek(client, *place)
            if url in urls_of(read_loosely(body_of(message)))
        ]

    try:
        # The SDK sleeps for a second in opening and closing each receiver: all at once, not one after the other.
        with ThreadPoolExecutor(len(places)) as pool:
            return [queued for found in pool.map(about, places) for queued in found]
    except AzureError as error:
        raise _away(client, error) from error


@dataclass(frozen=True)
class Backlog:
    """What waits in one subscription: how many messages (counted to COUNTED), since when, and how many are dead."""

    topic: str
    subscription: str
    messages: int
    oldest: datetime | None
    dead: int


def backlogs(client: ServiceBusClient, counted: int = COUNTED) -> list[Backlog]:
    """What waits in every subscription, and in its dead-letter queue; Transient where the bus is away.

    At most `counted` messages of each are looked at, those that were sent first. A message that is tried again is
    as old as its first attempt.
    """
    places = subscriptions()
    asked = [(topic, name, dead) for topic, name in places for dead in (False, True)]

    def waiting(place: tuple[str, str, bool]) -> list[datetime]:
        return [since(message) for message in islice(_peek(client, *place), counted)]

    try:
        with ThreadPoolExecutor(len(asked)) as pool:
            times = dict(zip(asked, pool.map(waiting, asked), strict=True))
    except AzureError as error:
        raise _away(client, error) from error
    return [
        Backlog(
            topic,
            name,
            len(times[topic, name, False]),
            min(times[topic, name, False], default=None),
            len(times[topic, name, True]),
        )
        for topic, name in places
    ]


def _away(client: ServiceBusClient, error: AzureError) -> Transient:
    where = client.fully_qualified_namespace
    return Transient(
        f"Service Bus at {where} does not answer (on a laptop `make status` says what runs): {error}"
    )


def _peek(
    client: ServiceBusClient, topic: str, subscription: str, dead: bool
) -> Iterator[ServiceBusReceivedMessage]:
    queue = ServiceBusSubQueue.DEAD_LETTER if dead else None
    with client.get_subscription_receiver(topic, subscription, sub_queue=queue) as receiver:
        following, seen = 0, 0
        while seen < LIMIT:
            page = receiver.peek_messages(max_message_count=PAGE, sequence_number=following)
            if not page:
                return
            yield from page
            seen += len(page)
            following = (page[-1].sequence_number or following) + 1


def body_of(message: ServiceBusReceivedMessage) -> bytes:
    """The bytes of a message; of one whose body is an AMQP value or a sequence of lists, its values as text."""
    if message.body_type == AmqpMessageBodyType.DATA:
        return b"".join(message.body)
    value = message.body if message.body_type == AmqpMessageBodyType.VALUE else list(message.body)
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def since(message: ServiceBusReceivedMessage) -> datetime:
    """When a message was first sent."""
    return read_moment(_properties(message).get(FIRST_SENT)) or message.enqueued_time_utc or datetime.now(UTC)


def _queued(message: ServiceBusReceivedMessage, topic: str, dead: bool) -> Queued:
    return Queued(
        topic=topic,
        since=since(message),
        attempt=read_attempt(_properties(message).get(ATTEMPT)),
        dead_letter_reason=str(message.dead_letter_reason or "unknown reason") if dead else None,
    )


def _properties(message: ServiceBusReceivedMessage) -> dict[str, str]:
    properties: dict[Any, Any] = message.application_properties or {}
    return {_text(name): _text(value) for name, value in properties.items()}


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
