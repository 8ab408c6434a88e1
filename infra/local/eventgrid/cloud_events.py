"""CloudEvents 1.0 in JSON, checked as Event Grid checks what is published to it."""

import json
import re
from datetime import datetime
from typing import Any

MAX_BYTES = 1024 * 1024  # Event Grid's limit for a request, and so for an event

# Levels of nesting: for the list of a dead letter's blob, and for calls that are deeper than this one.
_ROOM = 16

_SINGLE = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
_EXTENSION_NAME = re.compile(r"[a-z0-9]+")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_OPTIONAL_TEXT = ("subject", "datacontenttype", "dataschema")
_KNOWN = {"id", "source", "type", "specversion", "time", "data", "data_base64", *_OPTIONAL_TEXT}

Event = dict[str, Any]


class BadEventError(ValueError):
    """What was published is no CloudEvent; the message names the field and what it must be."""


def parse(body: bytes, content_type: str) -> list[Event]:
    """The events of a request body. Raises BadEventError (source: CloudEvents 1.0, "JSON Event Format")."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in (_SINGLE, _BATCH):
        raise BadEventError(
            f"Content-Type is {media_type or 'missing'!r}; this topic takes {_SINGLE} and {_BATCH}"
        )
    try:
        document = json.loads(body)
        _try_to_send_on(document)
    except (ValueError, RecursionError) as error:
        raise BadEventError(f"the body is not JSON of UTF-8: {error}") from error
    if media_type == _SINGLE:
        return [_checked(document, "event")]
    if not isinstance(document, list) or not document:
        raise BadEventError(f"the body of {_BATCH} must be a JSON array of at least one event")
    return [_checked(event, f"events[{index}]") for index, event in enumerate(document)]


def _try_to_send_on(document: object) -> None:
    """Raises where it cannot be: half a surrogate pair is no character, and dead letters are nested deeper."""
    for _ in range(_ROOM):
        document = [document]
    json.dumps(document, ensure_ascii=False).encode()


def _checked(event: object, where: str) -> Event:
    if not isinstance(event, dict):
        raise BadEventError(f"{where} must be a JSON object")
    for name in ("id", "source", "type", "specversion"):
        if name not in event:
            raise BadEventError(f"{where}.{name} is missing: CloudEvents 1.0 requires it")
        if not isinstance(event[name], str) or not event[name]:
            raise BadEventError(f"{where}.{name} must be a non-empty string")
    if event["specversion"] != "1.0":
        raise BadEventError(f"{where}.specversion is {event['specversion']!r}; only '1.0' is taken")
    for name in _OPTIONAL_TEXT:
        if event.get(name) is not None and (not isinstance(event[name], str) or not event[name]):
            raise BadEventError(f"{where}.{name} must be a non-empty string")
    if event.get("time") is not None and not _is_timestamp(event["time"]):
        raise BadEventError(f"{where}.time must be an RFC 3339 timestamp such as 2026-01-31T10:00:00Z")
    if event.get("data") is not None and event.get("data_base64") is not None:
        raise BadEventError(f"{where}.data_base64 must not stand beside data")
    for name in event.keys() - _KNOWN:
        _check_extension(name, event[name], where)
    return event


def _check_extension(name: str, value: object, where: str) -> None:
    if not _EXTENSION_NAME.fullmatch(name):
        raise BadEventError(f"{where}.{name} is no extension name: only a-z and 0-9 are allowed")
    if isinstance(value, dict | list | float):
        raise BadEventError(f"{where}.{name} must be a string, an integer or a boolean")


def _is_timestamp(value: object) -> bool:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value[:19])
    except ValueError:
        return False
    return True
