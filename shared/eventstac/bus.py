"""The port to the message bus: what is sent, and what was received."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

BLOB_EVENTS = "blob-events"
SCAN_REQUESTS = "scan-requests"
BLOBS_MATCHED = "blobs-matched"
ASSET_FACTS = "asset-facts"
COG_EVENTS = "cog-events"
CONFIG_EVENTS = "config-events"
ITEMS_CHANGED = "items-changed"
REJECTED = "rejected"

LIMIT_BYTES = 192 * 1024  # of an event: the bus takes 256 KB with all its headers

# Application properties of a re-sent message; subscription filters read the first (contracts/topology.json).
RETRY_FOR = "retryfor"
ATTEMPT = "attempt"
FIRST_SENT = "firstsent"
FIRST_FAILED = "firstfailed"


@dataclass(frozen=True)
class Message:
    """One message to a topic: a structured CloudEvent (an object, or the text as it came), not before a time."""

    topic: str
    message_id: str
    body: Mapping[str, Any] | str
    properties: Mapping[str, str | int] = field(default_factory=dict)
    not_before: datetime | None = None


@dataclass(frozen=True)
class Received:
    """One message as a subscription delivered it.

    `attempt` is 1 for a message that was never re-sent, `first_sent` when the first attempt was sent, and
    `first_failed` when the first attempt failed, if one did.
    """

    topic: str
    subscription: str
    message_id: str
    body: bytes
    attempt: int
    first_sent: datetime
    first_failed: datetime | None = None


def size_of(event: Mapping[str, Any]) -> int:
    """The bytes of an event as it is sent."""
    return len(json.dumps(event, ensure_ascii=False).encode())


class Bus(Protocol):
    """The message bus, as handlers see it."""

    def send(self, messages: Sequence[Message]) -> None:
        """Send messages, each to its topic, before returning.

        Errors: Transient where the bus does not take them (some may have been sent), Rejected `too-large` for a
        message over the bus's limit.
        """
