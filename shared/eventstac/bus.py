"""The port to the message bus: what is sent, and what was received."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from eventstac.errors import Rejected
from eventstac.events.envelope import Event
from eventstac.json_text import write_json
from eventstac.times import from_text

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
class Outgoing:
    """An event that a handler wants sent to a topic."""

    topic: str
    event: Event


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


_MOST_ATTEMPTS = 1_000_000  # a retry's id, which has the number in it, stays within the broker's limit


# Properties are anybody's to write: one that nobody can read must not take a batch to the dead letters.
def read_attempt(value: object) -> int:
    """The attempt that a property tells of; 1 where it is no number."""
    try:
        return max(1, min(int(str(value)), _MOST_ATTEMPTS))
    except ValueError:
        return 1


def read_moment(value: object) -> datetime | None:
    """The instant that a property tells of; None where it is none."""
    try:
        return from_text(str(value))
    except ValueError:
        return None


def text_of(message: Message) -> str:
    """The text of a message's body; Rejected `unsendable` for what no reader could take."""
    try:
        if isinstance(message.body, str):
            message.body.encode()
            return message.body
        return write_json(message.body)
    except (ValueError, RecursionError) as error:
        raise Rejected("unsendable", f"a message to {message.topic} would be no JSON: {error}") from error


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
