"""Publishes what commits announced: after a commit, and by a timer for what a crash left behind."""

import logging
import time
from collections.abc import Sequence

from eventstac.breaker import Breaker
from eventstac.bus import REJECTED, Bus, Message
from eventstac.catalog.outbox import Announcement
from eventstac.catalog.port import Catalog
from eventstac.errors import Rejected, Transient
from eventstac.events import EventRejected, Origin, seal
from eventstac.telemetry.spans import OFF, Span, Telemetry
from eventstac.times import from_text

log = logging.getLogger("eventstac")


def publish_outbox(
    catalog: Catalog, bus: Bus, breaker: Breaker | None = None, telemetry: Telemetry = OFF
) -> int:
    """Publish the outbox; what the bus does not take stays in it, for the timer. Returns how many were published.

    A catalog that its `breaker` knows to be away is not asked.
    """
    if breaker and breaker.is_open:
        return 0

    def send(announcements: Sequence[Announcement]) -> None:
        started_ns = time.time_ns()
        try:
            bus.send([_message(one) for one in announcements])
        except Rejected:  # one of them is too large: it must not keep the others back
            for one in announcements:
                _send_alone(bus, one)
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
    origin = Origin(event["id"], event["correlationid"], event["traceparent"])
    return Span(
        f"publish {announcement.topic}",
        origin.within("publish", event["id"]),
        origin.span,
        started_ns,
        time.time_ns(),
        "producer",
        {"topic": announcement.topic, "event_type": event["type"], "subject": event["subject"]},
    )


def _send_alone(bus: Bus, announcement: Announcement) -> None:
    try:
        bus.send([_message(announcement)])
    except Rejected as rejection:
        bus.send([_message(_given_up(announcement, rejection))])


def _message(announcement: Announcement) -> Message:
    event = announcement.event
    return Message(announcement.topic, event["id"], event, not_before=announcement.not_before)


def _given_up(announcement: Announcement, rejection: Rejected) -> Announcement:
    """That an event cannot be published: its attributes, without the data that is too much for the bus."""
    event = announcement.event
    rejected = EventRejected(
        stage="outbox",
        reason=rejection.reason,
        detail=f"{event['type']} of {event['subject']}: {rejection.detail}",
        url=None,
        attempts=1,
        event={name: value for name, value in event.items() if name != "data"},
    )
    app = event["source"].rpartition("/")[2]
    origin = Origin(event["id"], event["correlationid"], event["traceparent"])
    return Announcement(REJECTED, seal(rejected, app=app, origin=origin, at=from_text(event["time"])))
