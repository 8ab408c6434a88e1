"""Delivery to a Service Bus topic, through the Azure SDK."""

import json
import logging
from collections.abc import Iterator
from typing import Any

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
    MessagingEntityDisabledError,
    MessagingEntityNotFoundError,
    OperationTimeoutError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusError,
    ServiceBusQuotaExceededError,
    ServiceBusServerBusyError,
)

from infra.local.eventgrid.config import EventSubscription
from infra.local.eventgrid.destinations import (
    ATTEMPT_S,
    DELIVERED,
    PAYLOAD_TOO_LARGE,
    Outcome,
    delivery_properties,
    system_properties,
    text_of,
)
from infra.local.eventgrid.store import Delivery

BATCH_BYTES = 128 * 1024  # half of what a Standard namespace takes: room for the properties
CONTENT_TYPE = "application/cloudevents+json"

_log = logging.getLogger(__name__)

_OUTCOMES: tuple[tuple[type[Exception], Outcome], ...] = (
    (MessageSizeExceededError, PAYLOAD_TOO_LARGE),
    (MessagingEntityNotFoundError, Outcome("NotFound")),
    (MessagingEntityDisabledError, Outcome("Disabled")),
    (ServiceBusQuotaExceededError, Outcome("Full")),
    (ServiceBusAuthenticationError, Outcome("Unauthorized")),
    (ServiceBusAuthorizationError, Outcome("Unauthorized")),
    (ServiceBusServerBusyError, Outcome("Busy")),
    (OperationTimeoutError, Outcome("TimedOut")),
)

# Delivery properties of these names set a field of the message itself ("Service Bus as an event handler").
_MESSAGE_FIELDS = {
    "MessageId": "message_id",
    "PartitionKey": "partition_key",
    "SessionId": "session_id",
    "CorrelationId": "correlation_id",
    "Label": "subject",
    "ReplyTo": "reply_to",
    "ReplyToSessionId": "reply_to_session_id",
    "To": "to",
}


class TopicSender:
    """Sends to one topic over a connection that stays open, and is opened anew after a failure."""

    def __init__(self, subscription: EventSubscription, connection_string: str) -> None:
        self._subscription = subscription
        self._connection_string = connection_string
        self._client: ServiceBusClient | None = None
        self._sender: ServiceBusSender | None = None

    async def deliver(self, deliveries: list[Delivery]) -> list[Outcome]:
        """One AMQP batch for as many as fit; a batch that is too large for the topic is sent one by one."""
        outcomes: list[Outcome] = []
        for batch in _batches([(one, message(self._subscription, one)) for one in deliveries]):
            outcome = await self._send(batch)
            if outcome is PAYLOAD_TOO_LARGE and len(batch) > 1:
                outcomes += [await self._send([one]) for one in batch]
            else:
                outcomes += [outcome] * len(batch)
        return outcomes

    async def close(self) -> None:
        """Close link and connection; what the broker says to that no longer matters."""
        sender, client, self._sender, self._client = self._sender, self._client, None, None
        for one in (sender, client):
            if one is not None:
                try:
                    await one.close()
                except (ServiceBusError, OSError) as error:
                    _log.debug("servicebus.close_failed", extra={"error": str(error)})

    async def _send(self, messages: list[ServiceBusMessage]) -> Outcome:
        try:
            await self._open().send_messages(messages, timeout=ATTEMPT_S)
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises, the event is still owed
            outcome = _outcome(error)
            _log.warning(
                "delivery.failed subscription=%s outcome=%s detail=%s",
                self._subscription.key,
                outcome.name,
                error,
            )
            await self.close()
            return outcome
        return DELIVERED

    def _open(self) -> ServiceBusSender:
        if self._sender is None:
            # Event Grid's own schedule decides about retries, so the SDK makes one attempt.
            self._client = ServiceBusClient.from_connection_string(self._connection_string, retry_total=0)
            self._sender = self._client.get_topic_sender(self._subscription.destination.address)
        return self._sender


def message(subscription: EventSubscription, delivery: Delivery) -> ServiceBusMessage:
    """The message that Event Grid makes of an event: the structured CloudEvent, and the `aeg-` properties."""
    own = delivery_properties(subscription.destination.properties, delivery.event)
    fields: dict[str, Any] = {
        _MESSAGE_FIELDS[name]: value for name, value in own.items() if name in _MESSAGE_FIELDS
    }
    others: dict[str, Any] = {name: value for name, value in own.items() if name not in _MESSAGE_FIELDS}
    both = others | system_properties(subscription, delivery)
    properties: dict[str | bytes, Any] = {name: value for name, value in both.items()}
    return ServiceBusMessage(
        text_of(delivery.event),
        content_type=CONTENT_TYPE,
        application_properties=properties,
        **{"message_id": delivery.message_id, **fields},
    )


def _batches(messages: list[tuple[Delivery, ServiceBusMessage]]) -> Iterator[list[ServiceBusMessage]]:
    batch: list[ServiceBusMessage] = []
    size = 0
    for delivery, one in messages:
        length = len(json.dumps(delivery.event))
        if batch and size + length > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += length
    if batch:
        yield batch


def _outcome(error: Exception) -> Outcome:
    known = (outcome for kind, outcome in _OUTCOMES if isinstance(error, kind))
    fallback = "SocketError" if isinstance(error, ServiceBusError | OSError) else "GenericError"
    return next(known, Outcome(fallback))
