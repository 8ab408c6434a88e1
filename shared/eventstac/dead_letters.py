"""What the bus or Event Grid gave up, as rejections that the operator sees."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eventstac.bus import read_moment
from eventstac.events import CollectionUpdated, EventRejected, ItemChanged, ItemRemoved, ScanRequested
from eventstac.events.about import url_of
from eventstac.events.envelope import event_id
from eventstac.json_text import read_json, read_loosely
from eventstac.origin import told_correlation
from eventstac.url_secrets import kept_json, without_secrets

DEAD_LETTER = "dead-letter"
UNDELIVERED = "undelivered"

EVENT_GRID = "event-grid"  # the first part of the stage of what Event Grid could not deliver

# What Event Grid adds to an event that it gives up (CloudEvents schema; Microsoft Learn, "Dead letter and retry").
_ADDED = (
    "deadletterreason",
    "deliveryattempts",
    "lastdeliveryoutcome",
    "publishtime",
    "lastdeliveryattempttime",
)

# News for the world: sent again as they are, and only to the consumer that gave them up.
NEWS = (ItemChanged.TYPE, ItemRemoved.TYPE, CollectionUpdated.TYPE)


@dataclass(frozen=True)
class DeadLetter:
    """A message that a subscription's consumer could not handle in all its deliveries, or that expired.

    `sequence` is the broker's number of it: unique in its subscription. `first_sent` is when the bus first had it.
    """

    topic: str
    subscription: str
    sequence: int
    message_id: str
    body: bytes
    reason: str
    description: str
    deliveries: int
    first_sent: datetime | None = None

    def rejection(self) -> tuple[str, EventRejected]:
        """The row that keeps it: its id, the same whenever it is read again, and what it says."""
        identity = event_id(DEAD_LETTER, self.topic, self.subscription, str(self.sequence), self.message_id)
        url = url_of(read_loosely(self.body))
        detail = f"{self.reason}: {self.description}" if self.description else self.reason
        stage = f"{self.topic}/{self.subscription}"
        event = object_or_text(self.body)
        return identity, EventRejected(
            stage, DEAD_LETTER, without_secrets(detail), url, self.deliveries, event, self.first_sent
        )


def undelivered(blob_url: str, subscription: str, content: bytes) -> Iterable[tuple[str, EventRejected]]:
    """The rows for a blob in which Event Grid keeps events that it could not deliver.

    `subscription` is the event subscription's name. A blob that is no JSON array is one row itself; an event that no
    reader of ours takes is kept as text.
    """
    stage = f"{EVENT_GRID}/{subscription}"
    events = read_loosely(content)
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        text = kept_text(content)
        detail = f"{blob_url} is no array of events"
        yield event_id(UNDELIVERED, blob_url), EventRejected(stage, UNDELIVERED, detail, None, 0, text)
        return
    for position, event in enumerate(events):
        original = {name: value for name, value in event.items() if name not in _ADDED}
        said = [str(event[name]) for name in ("deadletterreason", "lastdeliveryoutcome") if event.get(name)]
        attempts = event.get("deliveryattempts")
        yield (
            event_id(UNDELIVERED, blob_url, str(position), str(event.get("id"))),
            EventRejected(
                stage,
                UNDELIVERED,
                ": ".join(said) or "Event Grid does not say why",
                url_of(original),
                int(attempts) if isinstance(attempts, int) else 0,
                _kept(original),
                read_moment(event.get("publishtime")),
            ),
        )


def _kept(event: Mapping[str, Any]) -> Mapping[str, Any] | str:
    try:
        return object_or_text(json.dumps(event).encode())
    except RecursionError:
        return f"(its values are too deep inside each other; its fields: {', '.join(event)})"


def object_or_text(body: bytes) -> Mapping[str, Any] | str:
    """A message as it is kept: as an object where any reader of ours takes it for one, also in an `event.rejected`.

    A SAS that its sender left in a URL is not kept: who sends the event again needs none. Its story has the name that
    it had when it was handled.
    """
    try:
        found = read_json(body, wrapped=2)  # as its data's `event`
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return kept_text(body)
    kept = found if _is_sent_again_as_it_is(found) else kept_json(found)
    story = found.get("correlationid")
    return {**kept, "correlationid": told_correlation(story)} if isinstance(story, str) else kept


def _is_sent_again_as_it_is(event: Mapping[str, Any]) -> bool:
    """Whether an event of ours, without anybody's URL, is about names: of an Item `a&sig=1` no part is a signature."""
    is_ours = str(event.get("source")).startswith("eventstac/")
    return is_ours and event.get("type") in (*NEWS, ScanRequested.TYPE)


def kept_text(body: bytes) -> str:
    """A message as it is kept that is no event."""
    return without_secrets(body.decode("utf-8", errors="replace").replace("\x00", "\ufffd"))
