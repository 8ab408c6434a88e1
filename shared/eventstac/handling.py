"""One message that is being handled: its event, its span, and what its own messages inherit."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from eventstac.blob_urls import canonical_url
from eventstac.bus import Received
from eventstac.errors import Rejected
from eventstac.events import Envelope, Origin, open_envelope
from eventstac.events.about import named
from eventstac.json_text import read_loosely
from eventstac.telemetry.spans import Span, Value, inside
from eventstac.url_secrets import told_url


@dataclass
class Handling:
    """A message from when it was received until its outcome is known.

    `envelope` is its event, or None where `refusal` says why it is none. `origin` is what it causes inherits: the
    trace that it came with, inside the span of this handling.
    """

    received: Received
    envelope: Envelope | None
    refusal: Rejected | None
    origin: Origin
    parent: str | None
    started_ns: int
    notes: dict[str, Value] = field(default_factory=dict)

    @classmethod
    def begin(cls, received: Received) -> "Handling":
        """Open a message. Nothing is raised for what is no event: `event` does."""
        started_ns = time.time_ns()
        envelope: Envelope | None = None
        refusal: Rejected | None = None
        try:
            envelope = open_envelope(received.body)
        except Rejected as no_event:
            refusal = no_event
        came_with = envelope.origin if envelope else Origin.new(received.message_id)
        # Named by the message and who handles it: a delivery that was cut short by a crash is the same span again.
        origin = came_with.within(f"{received.topic}/{received.subscription}", received.message_id)
        if envelope:
            envelope = replace(envelope, origin=origin)
        parent = envelope.parent if envelope else None
        return cls(received, envelope, refusal, origin, parent, started_ns)

    def event(self) -> Envelope:
        """The event; Rejected where the message is none."""
        if self.envelope is None:
            raise self.refusal or Rejected("malformed-event", "the message is no event")
        return self.envelope

    @property
    def url(self) -> str | None:
        """The blob that the event is about, where one can tell."""
        return _blob_of(self.envelope.raw if self.envelope else read_loosely(self.received.body))

    @property
    def told_id(self) -> str:
        """The MessageId as it is told: its sender may have made it of a URL with a SAS."""
        return told_url(self.received.message_id)

    def inside(self) -> AbstractContextManager[None]:
        """While in here, logs and notes are about this message."""
        return inside(self.origin, self.notes)

    def span(self, outcome: str, details: Mapping[str, Any], error: str | None = None) -> Span:
        """The span of this handling, which ends now."""
        received = self.received
        attributes: dict[str, Value] = {
            "topic": received.topic,
            "subscription": received.subscription,
            "message_id": self.told_id,
            "attempt": received.attempt,
            "outcome": outcome,
            **_about(self.envelope),
            **self.notes,
            **{name: value for name, value in details.items() if isinstance(value, str | int | float)},
        }
        return Span(
            name=f"{received.topic}/{received.subscription}",
            origin=self.origin,
            parent=self.parent,
            started_ns=self.started_ns,
            ended_ns=time.time_ns(),
            kind="consumer",
            attributes=attributes,
            error=error,
        )


def _about(envelope: Envelope | None) -> dict[str, Value]:
    """What the event is about, as attributes."""
    if envelope is None:
        return {}
    notes: dict[str, Value] = {"event_type": told_url(envelope.type), "event_id": told_url(envelope.id)}
    url, cog_url = _blob_of(envelope.raw), _blob_of(envelope.raw, "cog_url")
    if url:
        notes["blob"] = url
    if cog_url and cog_url != url:
        notes["cog"] = cog_url  # who looks for the COG finds what its event met with, too
    data = envelope.raw.get("data")
    if isinstance(data, dict):
        match = data.get("match")
        for place in (data, match if isinstance(match, dict) else {}):
            for name in ("collection", "item"):
                if isinstance(place.get(name), str):
                    notes[name] = told_url(place[name])
    return notes


def _blob_of(event: Any, *fields: str) -> str | None:
    """The first blob that an event names, told also where it is the name of none."""
    for name in named(event, *fields):
        try:
            return canonical_url(name)
        except Rejected:
            return told_url(name.encode(errors="replace").decode())
    return None
