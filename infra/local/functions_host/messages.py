"""Turns received Service Bus messages into what the host sends to the Python worker."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from azure.functions.meta import Datum
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.amqp import AmqpMessageBodyType

Payload = tuple[Datum, dict[str, Datum]]


@dataclass(frozen=True)
class Delivery:
    """A message as binding data: `fields` are named as the Service Bus extension names them.

    TimeToLive is left out, as in the extension's binding data: the worker's converter reads no more than a day.
    """

    body: bytes
    fields: Mapping[str, Any]


def from_message(message: ServiceBusReceivedMessage) -> Delivery:
    """Take over a received message."""
    properties = {_text(key): _plain(value) for key, value in (message.application_properties or {}).items()}
    fields = {
        "MessageId": message.message_id,
        "DeliveryCount": (message.delivery_count or 0) + 1,  # AMQP counts failed deliveries, .NET all of them
        "SequenceNumber": message.sequence_number,
        "EnqueuedSequenceNumber": message.enqueued_sequence_number,
        "LockToken": str(message.lock_token or ""),
        "LockedUntil": _time(message.locked_until_utc),
        "EnqueuedTimeUtc": _time(message.enqueued_time_utc),
        "ExpiresAtUtc": _time(message.expires_at_utc),
        "ScheduledEnqueueTimeUtc": _time(message.scheduled_enqueue_time_utc),
        "ContentType": message.content_type,
        "CorrelationId": message.correlation_id,
        "Label": message.subject,
        "Subject": message.subject,
        "To": message.to,
        "ReplyTo": message.reply_to,
        "ReplyToSessionId": message.reply_to_session_id,
        "SessionId": message.session_id,
        "PartitionKey": message.partition_key,
        "State": int(message.state),
        "DeadLetterSource": message.dead_letter_source,
        "DeadLetterReason": message.dead_letter_reason,
        "DeadLetterErrorDescription": message.dead_letter_error_description,
    }
    plain = {name: _plain(value) for name, value in fields.items()}
    return Delivery(
        _body(message), plain | {"ApplicationProperties": properties, "UserProperties": properties}
    )


def from_text(text: str) -> Delivery:
    """A message made by hand, for running a function from the admin endpoint."""
    return Delivery(
        text.encode(),
        {"MessageId": "", "DeliveryCount": 1, "UserProperties": {}, "ApplicationProperties": {}},
    )


def single(delivery: Delivery, binary: bool) -> Payload:
    """The input of a function with cardinality one."""
    metadata = {name: _datum(value) for name, value in delivery.fields.items() if value is not None}
    if binary:
        return Datum(delivery.body, "bytes"), metadata
    return Datum(delivery.body.decode("utf-8", "replace"), "string"), metadata


def batch(deliveries: Sequence[Delivery], binary: bool) -> Payload:
    """The input of a function with cardinality many: every field becomes a JSON list named `…Array`."""
    names = dict.fromkeys(name for delivery in deliveries for name in delivery.fields)
    metadata = {
        f"{name}Array": Datum(json.dumps([delivery.fields.get(name) for delivery in deliveries]), "json")
        for name in names
    }
    bodies = [delivery.body for delivery in deliveries]
    if binary:
        return Datum(SimpleNamespace(bytes=bodies), "collection_bytes"), metadata
    texts = [body.decode("utf-8", "replace") for body in bodies]
    try:
        # JSON bodies travel as one JSON array, and the converter prints each anew: bytes are not preserved.
        return Datum(json.dumps([json.loads(text) for text in texts]), "json"), metadata
    except ValueError:
        return Datum(SimpleNamespace(string=texts), "collection_string"), metadata


def _body(message: ServiceBusReceivedMessage) -> bytes:
    body = message.body
    if message.body_type is AmqpMessageBodyType.DATA:
        return body if isinstance(body, bytes) else b"".join(body)
    if isinstance(body, bytes | str):
        return body.encode() if isinstance(body, str) else body
    return json.dumps(
        _plain(body) if message.body_type is AmqpMessageBodyType.VALUE else list(body), default=str
    ).encode()


def _datum(value: object) -> Datum:
    if isinstance(value, str):
        return Datum(value, "string")
    return Datum(json.dumps(value), "json")  # numbers too: the worker takes no "int" from the wire


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _plain(value: object) -> Any:
    """A property's value as JSON has it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _time(value) if isinstance(value, datetime) else str(value)
