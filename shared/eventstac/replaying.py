"""What is sent to try a given-up event again: a new look at its blob, never an old result."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from eventstac.bus import (
    BLOB_EVENTS,
    COG_EVENTS,
    CONFIG_EVENTS,
    FIRST_SENT,
    ITEMS_CHANGED,
    RETRY_FOR,
    SCAN_REQUESTS,
    Message,
    read_moment,
)
from eventstac.catalog.rejections import Rejection
from eventstac.claims import look_again
from eventstac.dead_letters import EVENT_GRID, NEWS
from eventstac.errors import Rejected
from eventstac.events import (
    CogCompleted,
    Origin,
    ScanRequested,
    open_envelope,
    seal,
)
from eventstac.events.storage import OF_MANY
from eventstac.json_text import read_json, write_json
from eventstac.origin import valid_traceparent
from eventstac.telemetry.spans import Span, Telemetry, Value
from eventstac.times import to_text

OUTBOUND = "outbound"  # the subscription of items-changed from which Event Grid is told


def replay(rejection: Rejection, run: str, at: datetime, app: str = "operator") -> Message:
    """The message that makes the pipeline try again.

    A blob goes back to the first stage, as a look of the scanner. A finished COG is announced again, a page of a scan
    asked for again: nothing else knows of them; nor does it of the blobs of a directory, and of both ends of a rename,
    but the storage's event, a hint whenever it comes. News for the world go to their own consumer. Rejected
    `not-replayable` for an event that names nothing, or of which only its attributes were kept.
    """
    original = _original(rejection)
    event_type = original.get("type") if isinstance(original.get("data"), Mapping) else None
    again = f"{rejection.id}~{run}"
    if event_type == CogCompleted.TYPE:
        renewed = _renewed(original, again, rejection, app)
        return Message(COG_EVENTS, again, _as_it_was_said(renewed, _heard(rejection)))
    if event_type == ScanRequested.TYPE:
        return Message(SCAN_REQUESTS, again, _renewed(original, again, rejection, app))
    topic, _, subscription = rejection.stage.partition("/")
    if event_type in NEWS and topic in (ITEMS_CHANGED, EVENT_GRID):
        # What Event Grid could not deliver is handed to it once more: its receivers are no subscriptions of the bus.
        # They know by its id what they have had.
        consumer = subscription if topic == ITEMS_CHANGED else OUTBOUND
        return Message(ITEMS_CHANGED, again, original, {RETRY_FOR: consumer, FIRST_SENT: to_text(at)})
    if topic == CONFIG_EVENTS:
        raise Rejected(
            "not-replayable",
            f"{rejection.id} is about the rules file: mend it and upload it again, which settles this",
        )
    if event_type in OF_MANY:
        return Message(BLOB_EVENTS, again, _renewed(original, again, rejection, app))
    if rejection.url is None:
        raise Rejected(
            "not-replayable",
            f"{rejection.id} names no blob, so there is nothing to look at again. See what it is with `eventstac "
            "rejected show`, then discard it",
        )
    request = look_again(rejection.url, run)
    return Message(SCAN_REQUESTS, again, seal(request, app=app, origin=Origin.new(again), at=at))


def _original(rejection: Rejection) -> Mapping[str, Any]:
    """The event that was given up, empty where it is none; versions before kept one of a refused envelope as text."""
    event = rejection.event
    if isinstance(event, str):
        try:
            event = read_json(event)
        except ValueError:
            return {}
    return event if isinstance(event, Mapping) else {}


def _renewed(event: Mapping[str, Any], identity: str, rejection: Rejection, app: str) -> Mapping[str, Any]:
    """An event under a new id; one whose envelope was refused in a new one around its data.

    Ids of what an event causes are made of its own: under the same one, what it led to the first time would hide it.
    """
    renewed = {**event, "id": identity}
    try:
        open_envelope(write_json(renewed))
    except (Rejected, ValueError, RecursionError):
        bare = {
            "specversion": "1.0",
            "id": identity,
            "source": f"eventstac/{app}",
            "type": event["type"],
            "time": event.get("time"),
            "traceparent": Origin.new(identity).traceparent,
            "correlationid": identity,
            "data": event["data"],
        }
        return _as_it_was_said(bare, _heard(rejection))
    return renewed


def _heard(rejection: Rejection) -> datetime:
    """When the bus first had an event; of what was kept without that, when it was given up."""
    return min(rejection.first_sent or rejection.rejected_at, rejection.rejected_at)


def _as_it_was_said(event: Mapping[str, Any], heard: datetime) -> Mapping[str, Any]:
    """An event, said no later than it was heard: sent again, a finished COG's hides nothing that was said since."""
    said = read_moment(event.get("time"))
    return event if said and said <= heard else {**event, "time": to_text(heard)}


@contextmanager
def told(telemetry: Telemetry, message: Message, rejection: Rejection) -> Iterator[None]:
    """While a message of `replay` is sent: a span of it.

    It is the root of a new look's trace; of an event that is sent again, beside what handled it the first time.
    """
    started_ns = time.time_ns()
    yield
    body: Any = message.body if isinstance(message.body, Mapping) else {}
    context = valid_traceparent(body.get("traceparent"))
    if not telemetry.is_on or context is None:
        return
    origin, parent = Origin(message.message_id, message.message_id, context), None
    original = _original(rejection)
    if context == valid_traceparent(original.get("traceparent")):  # it is no new look
        origin, parent = origin.within("replay", message.message_id), origin.span
    about: dict[str, Value] = {"reason": rejection.reason, "rejection": rejection.id}
    if rejection.url:
        about["blob"] = rejection.url
    telemetry.record(
        Span("eventstac rejected replay", origin, parent, started_ns, time.time_ns(), "producer", about)
    )
