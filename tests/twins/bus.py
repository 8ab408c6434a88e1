"""The bus in memory: topics are lists of messages; it can refuse, and crash between two messages."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from eventstac.bus import Message, Received, text_of
from eventstac.errors import Rejected, Transient
from eventstac.validation import event_problems

LIMIT_BYTES = 256 * 1024
_FOREIGN = ("blob-events", "cog-events")  # what others send may have more fields


class Crash(BaseException):
    """The process was killed: nothing below may handle it."""


class MemoryBus:
    """Keeps what was sent; every event must be valid by its contract."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.is_away = False
        self.crash_after: int | None = None

    def send(self, messages: Sequence[Message]) -> None:
        if self.is_away:
            raise Transient("the bus is away")
        for message in messages:
            body = self._checked(message)
            if len(body.encode()) > LIMIT_BYTES:
                raise Rejected("too-large", f"{len(body)} characters")
            if self.crash_after is not None and len(self.sent) >= self.crash_after:
                raise Crash
            self.sent.append(message)

    def to(self, topic: str) -> list[Message]:
        return [message for message in self.sent if message.topic == topic]

    def data(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(text_of(message))["data"] for message in self.to(topic)]

    @staticmethod
    def _checked(message: Message) -> str:
        body = text_of(message)
        if isinstance(message.body, dict):
            problems = event_problems(json.loads(body), exact=message.topic not in _FOREIGN)
            assert not problems, f"{message.topic}: {problems}"
        return body


def as_received(message: Message, subscription: str, enqueued: datetime | None = None) -> Received:
    """A sent message as a subscription delivers it."""
    from eventstac.azure.triggers import received  # the same decoding as in the apps

    return received(_Delivered(message, enqueued), message.topic, subscription)  # type: ignore[arg-type]  # the part it reads


class _Delivered:
    def __init__(self, message: Message, enqueued: datetime | None) -> None:
        self.message_id = message.message_id
        self.application_properties = dict(message.properties)
        self.enqueued_time_utc = enqueued
        self._body = text_of(message).encode()

    def get_body(self) -> bytes:
        return self._body
