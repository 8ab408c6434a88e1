"""The world is told of changes, through Event Grid."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from eventstac.events import CATALOG_CHANGES, Envelope


class Topic(Protocol):
    """An Event Grid topic, as this handler sees it."""

    def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Publish structured CloudEvents."""


def decode(envelope: Envelope) -> Mapping[str, Any]:
    """The event as it came; Rejected for one that is not for the world."""
    envelope.expect("change of the catalog", *CATALOG_CHANGES)
    return envelope.raw


def handle(events: Sequence[Mapping[str, Any]], *, topic: Topic) -> None:
    """Forward events as they are.

    Key: the event's id, which stays the same over repetitions, so that receivers can drop duplicates. Stale rule:
    none. Side effects: the events at Event Grid.
    """
    topic.publish(events)
