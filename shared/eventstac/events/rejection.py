"""The event of a message that cannot be handled, whoever sent it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from eventstac.fields import Fields
from eventstac.times import to_text


@dataclass(frozen=True)
class EventRejected:
    """A stage gave an event up; `event` is the original, as an object or as the text that came.

    `first_sent` is when the bus first had it, None where it never did or nobody knows.
    """

    TYPE: ClassVar[str] = "eventstac.event.rejected.v1"

    stage: str
    reason: str
    detail: str
    url: str | None
    attempts: int
    event: Mapping[str, Any] | str
    first_sent: datetime | None = None

    @property
    def subject(self) -> str:
        """The blob's URL where it is known, else the stage."""
        return self.url or self.stage

    def data(self) -> dict[str, Any]:
        """The event's data as JSON."""
        return {
            "stage": self.stage,
            "reason": self.reason,
            "detail": self.detail,
            "url": self.url,
            "attempts": self.attempts,
            "first_sent": to_text(self.first_sent) if self.first_sent else None,
            "event": dict(self.event) if isinstance(self.event, Mapping) else self.event,
        }

    @classmethod
    def read(cls, data: Fields) -> "EventRejected":
        """Read the event's data."""
        return cls(
            stage=data.text("stage"),
            reason=data.text("reason"),
            detail=data.text("detail"),
            url=data.optional_text("url"),
            attempts=data.integer("attempts"),
            event=data.object_or_text("event"),
            first_sent=data.optional_moment("first_sent"),
        )
