"""Messages as the Functions triggers give them, as our own."""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256

import azure.functions as func

from eventstac.bus import ATTEMPT, FIRST_FAILED, FIRST_SENT, Received, read_attempt, read_moment


def received(message: func.ServiceBusMessage, topic: str, subscription: str) -> Received:
    """One message of a subscription."""
    properties = message.application_properties or {}
    body = message.get_body()
    enqueued = _aware(message.enqueued_time_utc or datetime.now(UTC))
    return Received(
        topic=topic,
        subscription=subscription,
        # Retries are told apart by it: without one, two messages' retries would be taken for duplicates.
        message_id=message.message_id or sha256(body).hexdigest()[:32],
        body=body,
        attempt=read_attempt(properties.get(ATTEMPT)),
        # The broker's clock bounds it: what is said in a property may be in the future.
        first_sent=min(read_moment(properties.get(FIRST_SENT)) or enqueued, enqueued),
        first_failed=read_moment(properties.get(FIRST_FAILED)),
    )


def received_all(messages: Iterable[func.ServiceBusMessage], topic: str, subscription: str) -> list[Received]:
    """A batch of a subscription."""
    return [received(message, topic, subscription) for message in messages]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
