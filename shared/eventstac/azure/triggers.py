"""Messages as the Functions triggers give them, as our own."""

from collections.abc import Iterable
from datetime import UTC, datetime

import azure.functions as func

from eventstac.bus import ATTEMPT, FIRST_SENT, Received
from eventstac.times import from_text


def received(message: func.ServiceBusMessage, topic: str, subscription: str) -> Received:
    """One message of a subscription."""
    properties = message.application_properties or {}
    enqueued = message.enqueued_time_utc or datetime.now(UTC)
    first_sent = properties.get(FIRST_SENT)
    return Received(
        topic=topic,
        subscription=subscription,
        message_id=message.message_id,
        body=message.get_body(),
        attempt=int(properties.get(ATTEMPT, 1)),
        first_sent=from_text(str(first_sent)) if first_sent else _aware(enqueued),
    )


def received_all(messages: Iterable[func.ServiceBusMessage], topic: str, subscription: str) -> list[Received]:
    """A batch of a subscription."""
    return [received(message, topic, subscription) for message in messages]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
