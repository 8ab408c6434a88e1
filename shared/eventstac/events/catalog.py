"""Events after the catalog changed: what the world is told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from eventstac.errors import Rejected
from eventstac.events import timeline as timelines
from eventstac.facts import Json, Stage
from eventstac.fields import Fields
from eventstac.times import to_text


def _text(moment: datetime | None) -> str | None:
    return to_text(moment) if moment else None


def _bbox(data: Fields) -> tuple[float, ...] | None:
    numbers = data.optional_sequence("bbox")
    try:
        return tuple(float(number) for number in numbers) if numbers else None
    except (TypeError, ValueError, OverflowError) as error:
        raise Rejected("malformed-event", f"data.bbox must be numbers, not {numbers!r}") from error


@dataclass(frozen=True)
class ItemChanged:
    """An Item was created or updated in the catalog.

    `urls` are the blobs it shows; None where they would make the event too large for the bus.
    """

    TYPE: ClassVar[str] = "eventstac.item.changed.v1"

    collection: str
    item: str
    bbox: tuple[float, ...] | None
    start: datetime | None
    end: datetime | None
    change: Literal["created", "updated"]
    updated: datetime
    urls: tuple[str, ...] | None
    timeline: tuple[Stage, ...] = ()

    @property
    def subject(self) -> str:
        """COLLECTION/ITEM."""
        return f"{self.collection}/{self.item}"

    def data(self) -> dict[str, Any]:
        """The event's data as JSON."""
        data = {
            "collection": self.collection,
            "item": self.item,
            "bbox": list(self.bbox) if self.bbox else None,
            "start": _text(self.start),
            "end": _text(self.end),
            "change": self.change,
            "updated": to_text(self.updated),
            "timeline": timelines.to_json(self.timeline),
        }
        return data if self.urls is None else {**data, "urls": list(self.urls)}

    @classmethod
    def read(cls, data: Fields) -> "ItemChanged":
        """Read the event's data."""
        urls = data.optional_sequence("urls")
        return cls(
            collection=data.text("collection"),
            item=data.text("item"),
            bbox=_bbox(data),
            start=data.optional_moment("start"),
            end=data.optional_moment("end"),
            change=data.one_of("change", "created", "updated"),  # type: ignore[arg-type]  # one of the Literal's
            updated=data.moment("updated"),
            urls=None if urls is None else tuple(str(url) for url in urls),
            timeline=timelines.read(data),
        )


@dataclass(frozen=True)
class ItemRemoved:
    """An Item left the catalog; bbox, start and end are those it had."""

    TYPE: ClassVar[str] = "eventstac.item.removed.v1"

    collection: str
    item: str
    bbox: tuple[float, ...] | None
    start: datetime | None
    end: datetime | None
    timeline: tuple[Stage, ...] = ()

    @property
    def subject(self) -> str:
        """COLLECTION/ITEM."""
        return f"{self.collection}/{self.item}"

    def data(self) -> dict[str, Any]:
        """The event's data as JSON."""
        return {
            "collection": self.collection,
            "item": self.item,
            "bbox": list(self.bbox) if self.bbox else None,
            "start": _text(self.start),
            "end": _text(self.end),
            "timeline": timelines.to_json(self.timeline),
        }

    @classmethod
    def read(cls, data: Fields) -> "ItemRemoved":
        """Read the event's data."""
        return cls(
            collection=data.text("collection"),
            item=data.text("item"),
            bbox=_bbox(data),
            start=data.optional_moment("start"),
            end=data.optional_moment("end"),
            timeline=timelines.read(data),
        )


@dataclass(frozen=True)
class CollectionUpdated:
    """A Collection's extent or count changed; `extent` is the STAC extent object."""

    TYPE: ClassVar[str] = "eventstac.collection.updated.v1"

    collection: str
    extent: Json
    items: int

    @property
    def subject(self) -> str:
        """The Collection's id."""
        return self.collection

    def data(self) -> dict[str, Any]:
        """The event's data as JSON."""
        return {"collection": self.collection, "extent": dict(self.extent), "items": self.items}


CATALOG_CHANGES = (ItemChanged.TYPE, ItemRemoved.TYPE, CollectionUpdated.TYPE)
