"""Which blobs an event is about, whoever sent it and whatever its shape."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from eventstac.blob_urls import canonical_url
from eventstac.errors import Rejected

# Where events name the blobs that they are about, the most telling first; of what was renamed, where it was.
FIELDS = ("url", "source_url", "cog_url", "sourceUrl", "destinationUrl")


def named(event: Any, *fields: str) -> list[str]:
    """What an event names in these fields of its data, or in any that are about blobs, as it says it."""
    data = event.get("data") if isinstance(event, Mapping) else None
    said = [data.get(field) for field in fields or FIELDS] if isinstance(data, Mapping) else []
    return [text for text in said if isinstance(text, str)]


def urls_of(event: Any, *fields: str) -> list[str]:
    """The blobs that an event is about, where one can tell."""
    urls: list[str] = []
    for text in named(event, *fields):
        with suppress(Rejected):
            urls.append(canonical_url(text))
    return urls


def url_of(event: Any) -> str | None:
    """The blob that an event is about before any other, where one can tell."""
    return next(iter(urls_of(event)), None)
