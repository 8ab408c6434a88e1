"""JSON of documents that others stored, which the database takes with more levels than orjson does."""

import json
from typing import Any

import orjson


def as_json(document: object) -> bytes:
    """A document's JSON text, of one that is nested deeper than orjson writes (254) too."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def from_json(text: bytes) -> Any:
    """The document that was stored as this text, of more levels than the 1,024 that orjson reads too."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
