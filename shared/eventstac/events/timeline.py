"""The small timeline that travels with a blob through the stages."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from eventstac.facts import Stage
from eventstac.fields import Fields
from eventstac.times import to_text

# A blob that is looked at again starts a new timeline; this bounds one that goes in circles by a fault.
_LENGTH = 32


def passed(timeline: Sequence[Stage], stage: str, at: datetime) -> tuple[Stage, ...]:
    """The timeline with one more stage."""
    return (*timeline, Stage(at, stage))[-_LENGTH:]


def written(timeline: tuple[Stage, ...], at: datetime) -> tuple[Stage, ...]:
    """The timeline of a blob that was written after its event: until then it was not whole.

    Of a later look, which no event began, it says since when there was something to find; of a scan's nothing.
    """
    first = timeline[0] if timeline else None
    if (
        first is None
        or first.stage not in ("event", "second-look")
        or (first.stage == "event" and at <= first.at)
    ):
        return timeline
    return tuple(sorted((*timeline, Stage(at, "written"))))


def to_json(timeline: Iterable[Stage]) -> list[dict[str, str]]:
    """The timeline as events carry it."""
    return [{"stage": entry.stage, "at": to_text(entry.at)} for entry in timeline]


def read(data: Fields) -> tuple[Stage, ...]:
    """The timeline in an event's data."""
    return tuple(Stage(entry.moment("at"), entry.text("stage")) for entry in data.items("timeline"))


def from_json(entries: Sequence[Any]) -> tuple[Stage, ...]:
    """Read what `to_json` wrote."""
    return read(Fields({"timeline": list(entries)}, "fact"))


def freshness_s(timeline: Sequence[Stage]) -> float | None:
    """Seconds from a blob's event, or its last write after it, to the commit of its Item.

    None for what neither began, as a scan's looks.
    """
    begun = max((entry.at for entry in timeline if entry.stage in ("event", "written")), default=None)
    merged = next((entry.at for entry in timeline if entry.stage == "merged"), None)
    return max(0.0, (merged - begun).total_seconds()) if begun and merged else None
