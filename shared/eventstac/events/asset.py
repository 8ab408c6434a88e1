"""Events after a look: the three kinds of fact about a blob."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from eventstac.errors import Rejected
from eventstac.events import timeline as timelines
from eventstac.events.blob import CogOf, cog_of_json
from eventstac.facts import Claim, Fact, Finding, Json, Match, fact_of
from eventstac.fields import Fields
from eventstac.origin import Origin
from eventstac.times import to_text


@dataclass(frozen=True)
class _AssetEvent:
    url: str
    finding: Finding
    cause: str
    cog_of: CogOf | None = None

    @property
    def subject(self) -> str:
        """The blob's URL."""
        return self.url

    def data(self) -> dict[str, Any]:
        """The event's data as JSON."""
        return {
            "url": self.url,
            "match": self.finding.match.to_json("cog" if self.cog_of else "source"),
            "revision": self.finding.revision,
            "extractor": self.finding.extractor,
            "seen": to_text(self.finding.seen),
            "etag": self.finding.etag,
            "cause": self.cause,
            "timeline": timelines.to_json(self.finding.timeline),
            "cog_of": cog_of_json(self.cog_of),
        }

    def fact(self, origin: Origin | None = None) -> Fact:
        """The fact that this event is, and the message that it comes with."""
        claim = None
        if self.cog_of:
            claim = Claim(
                self.cog_of.url,
                self.finding.match,
                self.finding.revision,
                self.cog_of.said or self.finding.seen,
                self.cog_of.etag,
            )
        return replace(fact_of(self.url, self.finding, claim), origin=origin)


@dataclass(frozen=True)
class AssetRead(_AssetEvent):
    """The blob is there and was read."""

    TYPE: ClassVar[str] = "eventstac.asset.read.v1"

    def data(self) -> dict[str, Any]:
        """The event's data as JSON."""
        return {
            **super().data(),
            "storage": dict(self.finding.storage or {}),
            "metadata": dict(self.finding.metadata or {}),
            "thumbnail": self.finding.thumbnail,
        }


@dataclass(frozen=True)
class AssetGone(_AssetEvent):
    """The storage has no such blob."""

    TYPE: ClassVar[str] = "eventstac.asset.gone.v1"


@dataclass(frozen=True)
class AssetRejected(_AssetEvent):
    """The blob is there and is not what the rule says, for a named reason."""

    TYPE: ClassVar[str] = "eventstac.asset.rejected.v1"

    def data(self) -> dict[str, Any]:
        """The event's data as JSON."""
        return {
            **super().data(),
            "storage": dict(self.finding.storage) if self.finding.storage is not None else None,
            "reason": self.finding.reason,
            "detail": self.finding.detail,
        }


AssetEvent = AssetRead | AssetGone | AssetRejected

_STATES = {AssetRead.TYPE: "present", AssetGone.TYPE: "gone", AssetRejected.TYPE: "rejected"}


def asset_event(url: str, finding: Finding, cause: str, cog_of: CogOf | None) -> AssetEvent:
    """The event for what a look found."""
    kinds: dict[str, type[AssetRead | AssetGone | AssetRejected]]
    kinds = {"present": AssetRead, "gone": AssetGone, "rejected": AssetRejected}
    return kinds[finding.state](url, finding, cause, cog_of)


def read_asset_event(event_type: str, data: Fields) -> AssetEvent:
    """Read the data of any of the three.

    Rejected `unknown-event` for another type, `malformed-event` for what its contract does not allow: an Item is
    composed of what the storage said and of what was read, so their shapes are checked here, once.
    """
    state = _STATES.get(event_type)
    if state is None:
        raise Rejected(
            "unknown-event", f"{event_type!r} is no fact about a blob: expected {', '.join(_STATES)}"
        )
    finding = Finding(
        match=Match.from_json(data.nested("match")),
        revision=data.integer("revision"),
        state=state,  # type: ignore[arg-type]  # one of the three by construction
        seen=data.moment("seen"),
        etag=data.text("etag"),
        storage=data.optional_mapping("storage") if state != "gone" else None,
        metadata=data.mapping("metadata") if state == "present" else None,
        thumbnail=data.optional_text("thumbnail") if state == "present" else None,
        reason=data.text("reason") if state == "rejected" else "",
        detail=data.text("detail") if state == "rejected" else "",
        timeline=timelines.read(data),
        extractor=data.optional_integer("extractor") or 0,
    )
    _check("storage", finding.storage, event_type)
    _check("metadata", finding.metadata, event_type)
    return asset_event(data.text("url"), finding, data.text("cause"), CogOf.read(data))


def _check(name: Literal["storage", "metadata"], part: Json | None, event_type: str) -> None:
    from eventstac.validation.events import part_problems  # schemas: at the first fact, not at an app's start

    problems = part_problems(name, part) if part is not None else []
    if problems:
        raise Rejected(
            "malformed-event",
            f"data.{'.'.join(filter(None, (name, *problems[0].path.split('/'))))}: {problems[0].message}. Write it as "
            f"contracts/events/{event_type}.json says; a replay looks at the blob again",
        )
