"""Publishes what commits announced: after a commit, and by a timer for what a crash left behind."""

import logging
import time
from collections.abc import Sequence

from eventstac.bus import Bus, Message
from eventstac.catalog.port import Announcement, Catalog
from eventstac.errors import Transient
from eventstac.events import Origin
from eventstac.sending import send_apart
from eventstac.telemetry.spans import OFF, Span, Telemetry

log = logging.getLogger("eventstac")


def publish_outbox(catalog: Catalog, bus: Bus, telemetry: Telemetry = OFF) -> int:
    """Publish the outbox; what the bus does not take stays in it, for the timer. Returns how many were published."""

    def send(announcements: Sequence[Announcement]) -> None:
        started_ns = time.time_ns()
        send_apart(bus, [_message(one) for one in announcements], "outbox")
        if telemetry.is_on:
            for one in announcements:
                telemetry.record(_span(one, started_ns))

    try:
        return catalog.publish_outbox(send)
    except Transient as failure:
        log.warning("outbox_waits", extra={"detail": failure.detail})
        return 0


def _span(announcement: Announcement, started_ns: int) -> Span:
    """That an announcement was published: beside what it causes, below what committed it."""
    event = announcement.event
    origin = Origin.of(event)
    return Span(
        f"publish {announcement.topic}",
        origin.within("publish", event["id"]),
        origin.span,
        started_ns,
        time.time_ns(),
        "producer",
        {"topic": announcement.topic, "event_type": event["type"], "subject": event["subject"]},
    )


def _message(announcement: Announcement) -> Message:
    event = announcement.event
    return Message(announcement.topic, event["id"], event, not_before=announcement.not_before)
