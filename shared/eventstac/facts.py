"""What is known about one blob, and which of two looks at it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Json = Mapping[str, Any]

State = Literal["present", "gone", "rejected"]
Kind = Literal["source", "cog"]


@dataclass(frozen=True)
class Match:
    """What a blob is in the catalog, by the rules: collection, Item, asset key, and what its path says.

    `rule` names the rule ("" for the default collection's). `groups` are the named groups of the path, as text.
    `start` and `end` are the datetime that the path gives (equal for an instant), None where it gives none.
    `read` says how the content is looked at: "raster", "sidecar" (metadata file whose values become properties) or
    "file" (only that it is there: thumbnails, documents). `options` are the rule's settings for reading, passed
    through to the extractor.
    """

    collection: str
    item: str
    asset: str
    rule: str = ""
    read: Literal["raster", "sidecar", "file"] = "raster"
    groups: Mapping[str, str] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None
    options: Json = field(default_factory=dict)
