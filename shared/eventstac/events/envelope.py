"""The CloudEvents 1.0 envelope around every event (structured JSON mode)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar, Protocol

from eventstac.errors import Rejected
from eventstac.fields import Fields
from eventstac.json_text import read_json
from eventstac.origin import Origin, told_correlation, valid_traceparent
from eventstac.times import from_text, to_text

CONTENT_TYPE = "application/cloudevents+json"


class Event(Protocol):
    """An event that the pipeline sends: a versioned type, data, and what it is about."""

    TYPE: ClassVar[str]

    @property
    def subject(self) -> str:
        """What the event is about: a blob's URL, or COLLECTION/ITEM."""

    def data(self) -> dict[str, Any]:
        """The event's data as JSON."""


@dataclass(frozen=True)
class Envelope:
    """A CloudEvent as received: its attributes, its data, and all of it as it came (`raw`).

    `parent` is the span that sent it; None where the event begins its trace.
    """

    id: str
    type: str
    time: datetime | None
    subject: str | None
    data: Fields
    origin: Origin
    parent: str | None
    raw: Mapping[str, Any]

    def expect(self, what: str, *types: str) -> None:
        """Refuse, as Rejected `unknown-event`, an event of none of these types; `what` is a word for theirs."""
        if self.type not in types:
            raise Rejected("unknown-event", f"{self.type!r} is no {what}: expected {', '.join(types)}")


def open_envelope(body: bytes | str) -> Envelope:
    """Read a structured CloudEvent; Rejected `malformed-event` says which attribute is wrong."""
    raw = _json(body)
    fields = Fields(raw, "event")
    if "data" not in raw and "data_base64" in raw:
        raise Rejected(
            "malformed-event",
            "event.data_base64 is not read: send the data as a JSON object, in event.data. Clients encode what they "
            "are given as bytes: give them an object",
        )
    version = fields.text("specversion")
    if version != "1.0":
        raise Rejected("malformed-event", f"event.specversion must be '1.0', not {version!r}")
    identity = fields.text("id")
    source = fields.text("source")
    traceparent = valid_traceparent(_text_or_none(raw.get("traceparent")))
    origin = Origin(
        identity,
        told_correlation(_text_or_none(raw.get("correlationid")) or identity),
        traceparent or Origin.new(f"{source} {identity}").traceparent,
    )
    return Envelope(
        id=identity,
        type=fields.text("type"),
        time=fields.optional_moment("time"),
        subject=fields.optional_text("subject"),
        data=Fields(raw.get("data"), "data"),
        origin=origin,
        parent=origin.span if traceparent else None,
        raw=raw,
    )


def _json(body: bytes | str) -> Any:
    try:
        return read_json(body)
    except ValueError as error:
        raise Rejected("malformed-event", f"the message is no JSON: {error}") from error


def seal(event: Event, *, app: str, origin: Origin, at: datetime) -> dict[str, Any]:
    """The CloudEvent that carries an event; its id is the same whenever the same cause makes the same event."""
    return {
        "specversion": "1.0",
        "id": event_id(event.TYPE, event.subject, origin.id),
        "source": f"eventstac/{app}",
        "type": event.TYPE,
        "subject": event.subject,
        "time": to_text(at),
        "datacontenttype": "application/json",
        "traceparent": origin.traceparent,
        "correlationid": origin.correlation,
        "data": event.data(),
    }


def seal_instead(sealed: Mapping[str, Any], event: Event) -> dict[str, Any]:
    """The CloudEvent that goes instead of one of ours: by the same app, at the same time, in the same story."""
    app = str(sealed["source"]).rpartition("/")[2]
    return seal(event, app=app, origin=Origin.of(sealed), at=from_text(sealed["time"]))


def event_id(*parts: str) -> str:
    """An id made from what the event is about and what caused it."""
    return sha256("\n".join(parts).encode(errors="backslashreplace")).hexdigest()[:32]


def _text_or_none(attribute: object) -> str | None:
    """An extension's attribute, which may be of other types; what we make of it is not worth a rejection."""
    if isinstance(attribute, int) and not isinstance(attribute, bool):
        return str(attribute)
    return attribute if isinstance(attribute, str) else None
