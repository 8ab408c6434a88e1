"""Sends events so that one which the bus does not take takes no other along."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from eventstac.bus import REJECTED, Bus, Message
from eventstac.errors import Rejected
from eventstac.events import EventRejected
from eventstac.events.about import url_of
from eventstac.events.envelope import seal_instead

log = logging.getLogger("eventstac")

_LONGEST = 2_000  # characters of what is told of an event that cannot be sent


def send_apart(bus: Bus, messages: Sequence[Message], stage: str | None = None) -> None:
    """Send events; one that is too large for the bus is given up alone, and told of on the topic `rejected`.

    `stage` is who gives it up; without one its topic is. Some of the others may be sent twice, under the same ids.
    Errors: Transient.
    """
    if not messages:
        return
    try:
        bus.send(messages)
    except Rejected as refusal:
        if len(messages) == 1:
            bus.send([_given_up(messages[0], refusal, stage)])
            return
        half = len(messages) // 2
        send_apart(bus, messages[:half], stage)
        send_apart(bus, messages[half:], stage)


def _given_up(message: Message, refusal: Rejected, stage: str | None) -> Message:
    """That an event cannot be sent: its attributes and its blob, without the data that is too much for the bus."""
    if not isinstance(message.body, Mapping):
        raise refusal
    event = message.body
    attributes = {name: _short(value) for name, value in event.items() if name != "data"}
    rejected = EventRejected(
        stage=stage or message.topic,
        reason=refusal.reason,
        detail=f"{event['type']} of {attributes['subject']}: {refusal.detail}",
        url=url_of(event),
        attempts=1,
        event=attributes,
    )
    log.warning(
        "event_rejected",
        extra={
            "reason": rejected.reason,
            "detail": rejected.detail,
            "blob": rejected.url,
            "message_id": message.message_id,
        },
    )
    body = seal_instead(event, rejected)
    return Message(REJECTED, body["id"], body)


def _short(value: Any) -> Any:
    return value[:_LONGEST].encode(errors="replace").decode() if isinstance(value, str) else value
