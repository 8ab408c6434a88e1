"""JSON of documents that others stored, which the database takes with more levels and digits than orjson does."""

import json
import sys
from typing import Any

import orjson

# PostgreSQL stores numbers of as many digits; Python reads and writes 4,300 of an integer unless told.
sys.set_int_max_str_digits(131_072)


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
