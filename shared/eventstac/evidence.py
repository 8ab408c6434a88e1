"""All that is known about one blob: what the storage, the rules, the catalog and the bus say of it."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from eventstac.blobs import Look
from eventstac.bus import ASSET_FACTS, BLOB_EVENTS, BLOBS_MATCHED, COG_EVENTS, REJECTED
from eventstac.catalog.item_rows import ItemRow
from eventstac.catalog.rejections import Rejection
from eventstac.facts import Fact
from eventstac.rules import Explanation

# How long a message that failed is seen by nobody (`retrying.RetryPolicy`).
AS_A_RULE = "as a rule up to five minutes at a time (longer where the far side asks for it)"

STAGES = {
    BLOB_EVENTS: "scanner",
    BLOBS_MATCHED: "extractor",
    ASSET_FACTS: "loader",
    COG_EVENTS: "cog_updater",
    REJECTED: "rejected",
}


@dataclass(frozen=True)
class Queued:
    """A message about the blob that is on its way: at which stage, since when, and whether it was given up."""

    topic: str
    since: datetime
    attempt: int
    dead_letter_reason: str | None = None

    @property
    def stage(self) -> str:
        """The app that it waits for."""
        return STAGES.get(self.topic, self.topic)


@dataclass(frozen=True)
class Evidence:
    """All that is known about one blob.

    `look` is what the storage says, None for a blob that is not watched, and `not_watched` then says why; and for one
    that is still being copied, which `copying` says. `extractor` is the extractor's number in force.
    `is_source` tells a source container from a COG container. `published` is whether the Item is in the catalog
    itself. `revision` is the one since which the rules say the same of the blob. `bus_away` is why nothing is known of
    what waits, empty where it is known. `is_traced_on_azure` tells Application Insights from files of a laptop.
    `source` is what is known of the blob that it is said to be a COG of.
    """

    url: str
    look: Look | None
    not_watched: str | None
    is_source: bool
    explanation: Explanation
    revision: int
    fact: Fact | None
    item: ItemRow | None
    published: bool
    queued: Sequence[Queued]
    rejections: Sequence[Rejection]
    bus_away: str = ""
    copying: str = ""
    extractor: int = 0
    is_traced_on_azure: bool = False
    source: Fact | None = None

    @property
    def no_message(self) -> str:
        """What is to be said where no message about the blob was seen."""
        if self.bus_away:
            return "whether a message about it is on its way is not known"
        return "no message about it is in a queue"

    @property
    def tried_again(self) -> str:
        """What is to be said of messages that nobody can see: Service Bus keeps them in the topic until their time."""
        if self.bus_away:
            return ""
        told = f"`{shlex.join(['eventstac', 'trace', self.url])}`"
        if self.is_traced_on_azure:
            told = f"docs/operate.md's query of Application Insights (blob {self.url})"
        return (
            f"; a message that failed is in no queue while it waits to be tried again, {AS_A_RULE}: {told} tells of "
            "its tries"
        )
