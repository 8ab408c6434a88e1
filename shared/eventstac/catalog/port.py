"""The port to the catalog: what handlers ask of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from eventstac.events import EventRejected, Origin, ScanRequested
from eventstac.facts import Fact, ItemKey
from eventstac.rules.applied import AppliedRules


@dataclass(frozen=True)
class Merged:
    """What merging did: facts that were new, facts that told nothing new, and Items that changed."""

    fresh: int
    stale: int
    changed: tuple[ItemKey, ...]


@dataclass(frozen=True)
class Announcement:
    """A sealed CloudEvent on its way to a topic, not before a time if there is one."""

    topic: str
    event: dict[str, Any]
    not_before: datetime | None = None


class Catalog(Protocol):
    """The facts and the Items made of them. Every method raises Transient where the database does not answer."""

    def rules(self) -> AppliedRules:
        """The rules in force."""

    def fact(self, url: str) -> Fact | None:
        """What is known about a blob."""

    def facts(self, urls: Sequence[str]) -> dict[str, Fact]:
        """What is known about some blobs, by URL."""

    def facts_below(self, prefix: str, after: str, limit: int) -> list[Fact]:
        """What is known of blobs whose URL starts with a prefix, in URL order after a URL; gone ones left out."""

    def note_deleted_directory(self, prefix: str, at: datetime) -> None:
        """Remember that all blobs below a URL were deleted: of one that was seen before, `merge` asks a second look."""

    def note_scan(self, page: ScanRequested, blobs: int, looks: int, *, is_over: bool) -> None:
        """Note a page that a scan went through, for people: how many blobs it lists, and how many looks it caused."""

    def merge(self, facts: Sequence[Fact]) -> Merged:
        """Join facts, compose and write their Items, put what changed into the outbox: one transaction.

        Rejected where any fact cannot be stored at all: nothing is merged then, try them one by one.
        """

    def publish_outbox(self, publish: Callable[[Sequence[Announcement]], None]) -> int:
        """Publish what commits announced, until nothing is left that nobody else is publishing; returns how many."""

    def update_collections(
        self,
        collections: Mapping[str, Origin | None] | None,
        now: datetime,
        origin: Origin | None = None,
    ) -> None:
        """Bring extents, summaries and counts up to date: of some Collections, or (None) of all that need it.

        With each Collection comes the message that told of its change, if one did.
        """

    def reject(self, identity: str, rejected: EventRejected) -> None:
        """Keep a given-up event for the operator."""
