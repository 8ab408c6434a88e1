"""Events before a look: what to look at, and what it is by the rules."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from eventstac.events import timeline as timelines
from eventstac.facts import Match, Stage
from eventstac.fields import Fields
from eventstac.times import to_text


@dataclass(frozen=True)
class ScanRequested:
    """One page of a container's listing is to be gone through.

    `run` names the whole scan, `continuation` where this page begins (None: at the start), `reason` why (backfill,
    reconcile, replay, directory). `force` looks at blobs whose facts are current too. `collection` limits it.
    """

    TYPE: ClassVar[str] = "eventstac.scan.requested.v1"

    run: str
    container_url: str
    prefix: str = ""
    continuation: str | None = None
    reason: str = "backfill"
    force: bool = False
    collection: str | None = None

    @property
    def subject(self) -> str:
        """The container and prefix."""
        return f"{self.container_url}/{self.prefix}"

    def data(self) -> dict[str, Any]:
        """The event's data as JSON."""
        return {
            "run": self.run,
            "container_url": self.container_url,
            "prefix": self.prefix,
            "continuation": self.continuation,
            "reason": self.reason,
            "force": self.force,
            "collection": self.collection,
        }

    @classmethod
    def read(cls, data: Fields) -> "ScanRequested":
        """Read the event's data."""
        return cls(
            run=data.text("run"),
            container_url=data.text("container_url"),
            prefix=data.text("prefix"),
            continuation=data.optional_text("continuation"),
            reason=data.one_of("reason", "backfill", "reconcile", "replay", "directory"),
            force=data.boolean("force"),
            collection=data.optional_text("collection"),
        )


@dataclass(frozen=True)
class CogOf:
    """The source of a blob that is a COG, the source's ETag when it was made (empty: unknown), and when this was said.

    `said` is None where nobody noted it: it then counts as said when the COG is looked at.
    """

    url: str
    etag: str = ""
    said: datetime | None = None

    @classmethod
    def read(cls, data: Fields) -> "CogOf | None":
        """Read `cog_of` from an event's data."""
        fields = data.optional_nested("cog_of")
        if fields is None:
            return None
        return cls(fields.text("url"), fields.optional_text("etag") or "", fields.optional_moment("said"))


def cog_of_json(cog_of: CogOf | None) -> dict[str, Any] | None:
    """`cog_of` as events carry it."""
    if cog_of is None:
        return None
    said = to_text(cog_of.said) if cog_of.said else None
    return {"url": cog_of.url, "etag": cog_of.etag or None, "said": said}


@dataclass(frozen=True)
class BlobMatched:
    """A blob that a rule knows is to be looked at."""

    TYPE: ClassVar[str] = "eventstac.blob.matched.v1"

    url: str
    match: Match
    revision: int
    cause: str
    timeline: tuple[Stage, ...] = ()
    cog_of: CogOf | None = None

    @property
    def subject(self) -> str:
        """The blob's URL."""
        return self.url

    def data(self) -> dict[str, Any]:
        """The event's data as JSON."""
        return {
            "url": self.url,
            "match": self.match.to_json("cog" if self.cog_of else "source"),
            "revision": self.revision,
            "cause": self.cause,
            "timeline": timelines.to_json(self.timeline),
            "cog_of": cog_of_json(self.cog_of),
        }

    @classmethod
    def read(cls, data: Fields) -> "BlobMatched":
        """Read the event's data."""
        return cls(
            url=data.text("url"),
            match=Match.from_json(data.nested("match")),
            revision=data.integer("revision"),
            cause=data.text("cause"),
            timeline=timelines.read(data),
            cog_of=CogOf.read(data),
        )
