"""Publishes what commits announced: after a commit, and by a timer for what a crash left behind."""

import logging
from collections.abc import Sequence

from eventstac.bus import Bus, Message
from eventstac.catalog.outbox import Announcement
from eventstac.catalog.port import Catalog
from eventstac.errors import Transient

log = logging.getLogger("eventstac")


def publish_outbox(catalog: Catalog, bus: Bus) -> int:
    """Publish the outbox; what the bus does not take stays in it, for the timer. Returns how many were published."""

    def send(announcements: Sequence[Announcement]) -> None:
        bus.send(
            [
                Message(one.topic, one.event["id"], one.event, not_before=one.not_before)
                for one in announcements
            ]
        )

    try:
        return catalog.publish_outbox(send)
    except Transient as failure:
        log.warning("outbox_waits", extra={"detail": failure.detail})
        return 0
