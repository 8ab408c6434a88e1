"""The event that stands for one too large for the bus."""

from dataclasses import dataclass
from typing import Any, ClassVar

from eventstac.fields import Fields


@dataclass(frozen=True)
class EventClaimed:
    """An event lies in a blob of the claims container; `sha256` (hex) and `size` (bytes) are those of its text.

    `event_type` and `url` are those of the event, so that its blob is known where the claim is lost.
    """

    TYPE: ClassVar[str] = "eventstac.event.claimed.v1"

    claim_url: str
    sha256: str
    size: int
    event_type: str
    url: str | None

    @property
    def subject(self) -> str:
        """The blob that the event is about, else the claim."""
        return self.url or self.claim_url

    def data(self) -> dict[str, Any]:
        """The event's data as JSON."""
        return {
            "claim_url": self.claim_url,
            "sha256": self.sha256,
            "size": self.size,
            "event_type": self.event_type,
            "url": self.url,
        }

    @classmethod
    def read(cls, data: Fields) -> "EventClaimed":
        """Read the event's data."""
        return cls(
            claim_url=data.text("claim_url"),
            sha256=data.text("sha256"),
            size=data.integer("size"),
            event_type=data.text("event_type"),
            url=data.optional_text("url"),
        )
