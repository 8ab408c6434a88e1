"""What is known about one blob, and which of two looks at it stands."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, Literal

from eventstac.fields import Fields
from eventstac.json_text import canonical_json
from eventstac.origin import Origin
from eventstac.times import to_text

Json = Mapping[str, Any]

State = Literal["present", "gone", "rejected"]
Kind = Literal["source", "cog"]
ItemKey = tuple[str, str]  # collection, id

NO_RULE = "no-rule"  # why a blob that no rule knows any more is rejected
NOT_A_COG = "not-a-cog"  # why a blob that is said to be one is rejected

# In the metadata: what a rule says of a file that is read without it.
_UNHEEDED = ("nodata_problem", "thumbnail_problem")

# Our own and the bus's, by whose clock a claim is said at the latest; the storage refuses who is further off.
_CLAIM_AHEAD = timedelta(minutes=15)

# Contents of a source that a COG may have been made from; a COG older than that is made again.
HISTORY_LENGTH = 8


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

    def to_json(self, kind: Kind) -> dict[str, Any]:
        """The form in which events and facts carry it."""
        return {
            "collection": self.collection,
            "item": self.item,
            "asset": self.asset,
            "kind": kind,
            "rule": self.rule,
            "read": self.read,
            "groups": dict(self.groups),
            "start": to_text(self.start) if self.start else None,
            "end": to_text(self.end) if self.end else None,
            "options": dict(self.options),
        }

    @classmethod
    def from_json(cls, fields: Fields) -> "Match":
        """Read what `to_json` wrote."""
        return cls(
            collection=fields.text("collection"),
            item=fields.text("item"),
            asset=fields.text("asset"),
            rule=fields.text("rule"),
            read=fields.one_of("read", "raster", "sidecar", "file"),  # type: ignore[arg-type]  # one of the Literal's
            groups={name: str(value) for name, value in fields.mapping("groups").items()},
            start=fields.optional_moment("start"),
            end=fields.optional_moment("end"),
            options=fields.mapping("options"),
        )


@dataclass(frozen=True, order=True)
class Stage:
    """When a blob passed a stage of the pipeline: one entry of its timeline."""

    at: datetime
    stage: str


@dataclass(frozen=True)
class Finding:
    """What one look at a blob found.

    `seen` is the storage's Date, `etag` is empty for "gone". `storage` is what the storage said of the blob (size,
    last_modified, created, content_type, content_md5, version_id, grows), `metadata` what was read from it (shape: see
    docs/rasters.md), both None where there is none. `reason` and `detail` are those of a rejection. `extractor` is the
    number of who read it (`eventstac.raster.revision`), 0 where it did not say.
    """

    match: Match
    revision: int
    state: State
    seen: datetime
    etag: str = ""
    storage: Json | None = None
    metadata: Json | None = None
    thumbnail: str | None = None
    reason: str = ""
    detail: str = ""
    timeline: tuple[Stage, ...] = ()
    extractor: int = 0

    @property
    def age(self) -> tuple[list[list[int]], str]:
        """How old the software is that read it, greater for older: of two looks that found the same the older stands.

        So a new version of a library writes no Item anew; raising the extractor's number does.
        """
        software = (self.metadata or {}).get("software") or {}
        versions = (re.findall(r"\d+", str(software[name])) for name in sorted(software))
        # 1 at the end: 3.12 is older than 3.12.1
        numbers = [[*(-int(digits) for digits in version), 1] for version in versions]
        return numbers, canonical_json(software)

    @property
    def unheeded(self) -> list[str]:
        """What the rule asks for and the file cannot give, in sentences; it was read without."""
        metadata = self.metadata or {}
        return [str(metadata[name]["detail"]) for name in _UNHEEDED if name in metadata]

    @property
    def whole_frame(self) -> str:
        """Why the footprint is the whole image though its rule asks for that of valid data; empty where it is not."""
        metadata = self.metadata or {}
        problem = metadata.get("footprint_problem") if metadata.get("footprint") else None
        return f"the footprint is that of the whole image: {problem['detail']}" if problem else ""

    @property
    def condition(self) -> tuple[str, bool, bool]:
        """What the storage has: two looks that differ in this saw two states. Moving a tier changes no ETag."""
        return (self.etag, self.state == "gone", self.reason == "archived")

    @property
    def order(self) -> tuple[datetime, tuple[str, bool, bool]]:
        """Of two different states, the greater stands."""
        return (self.seen, self.condition)

    def meaning(self) -> str:
        """Everything but when it was looked at and by which software, as text that orders and compares."""
        read = {name: value for name, value in (self.metadata or {}).items() if name != "software"}
        return canonical_json(
            [
                self.match.to_json("source"),
                self.state == "present",  # of two answers about the same bytes, a read beats a failure
                self.storage,
                read if self.metadata is not None else None,
                self.thumbnail,
                self.reason,
                self.detail,
            ]
        )


@dataclass(frozen=True)
class Claim:
    """That a blob is a COG of another blob, as somebody's `cog.completed` said and a look confirmed.

    `match` is the COG's place in the catalog: the source's collection, Item and asset key. `said` is the time of that
    `cog.completed`, however often and late it was looked at since: a COG that is made again is claimed again, and the
    claim that was said last tells which content it was made from.
    """

    source_url: str
    match: Match
    revision: int
    said: datetime
    source_etag: str = ""

    def order(self) -> tuple[datetime, str, str, int, str]:
        """Of two claims on one blob, the greater stands; of one claim, what it means by the newer rules."""
        return (
            self.said,
            self.source_url,
            self.source_etag,
            self.revision,
            canonical_json(self.match.to_json("cog")),
        )


@dataclass(frozen=True)
class Content:
    """What is known of a blob's bytes at one ETag: by it two ETags of the same content are told from a new content."""

    etag: str
    seen: datetime
    size: int | None = None
    md5: str | None = None
    checksum: str | None = None

    def differs_from(self, other: "Content") -> bool:
        """Whether the two are known to be different bytes."""
        pairs = ((self.size, other.size), (self.md5, other.md5), (self.checksum, other.checksum))
        return any(mine is not None and theirs is not None and mine != theirs for mine, theirs in pairs)


@dataclass(frozen=True)
class Fact:
    """All that is known about one blob, by its canonical URL.

    `finding` is the look that stands. `claim` makes the blob a COG for good, whichever is heard of first. `contents`
    are the last contents seen, newest first. `unrejected` is the last finding that is no rejection, where the standing
    one is one: a reading, or that the blob was gone. `origin` is the message that a fact has just come with; it is not
    kept, nor is what the claims on other blobs make of this one's (`eventstac.disputes`): `is_refused`, that it is not
    believed, and `chained_to`, the source of its source, where that is a COG itself.
    """

    url: str
    finding: Finding
    claim: Claim | None = None
    contents: tuple[Content, ...] = ()
    unrejected: Finding | None = None
    origin: Origin | None = field(default=None, compare=False, repr=False)
    is_refused: bool = field(default=False, compare=False, repr=False)
    chained_to: str = field(default="", compare=False, repr=False)

    @property
    def last_good(self) -> Finding | None:
        """What was read of a blob before it was overwritten with what cannot be read, unless it was gone between."""
        return self.unrejected if self.unrejected and self.unrejected.state == "present" else None

    @property
    def kind(self) -> Kind:
        """Whether the blob stands for itself or for another blob's COG."""
        return "cog" if self.claim else "source"

    @property
    def match(self) -> Match:
        """The blob's place in the catalog."""
        return self.claim.match if self.claim else self.finding.match

    @property
    def item_key(self) -> ItemKey:
        """The Item that the blob belongs to: (collection, id)."""
        return (self.match.collection, self.match.item)

    @property
    def revision(self) -> int:
        """The revision of rules and extractor by which its meaning was found; a refused claim means nothing."""
        if self.claim is None or self.is_refused:
            return self.finding.revision
        return min(self.finding.revision, self.claim.revision)


def fact_of(url: str, finding: Finding, claim: Claim | None = None) -> Fact:
    """The fact that one look makes."""
    contents = (_content(finding),) if finding.state == "present" and finding.etag else ()
    return Fact(url, finding, claim, contents)


def join(mine: Fact, other: Fact, now: datetime | None = None) -> Fact:
    """The one fact that two facts about a blob make, whichever comes first.

    Commutative, associative and idempotent over looks at a blob whose ETags never recur: this is what makes the
    catalog the same under any order and any duplication. Any claim stands above one that was said well after `now`: the
    cog_updater says no such thing, but one that did may have left it here, and in looks that are on their way.
    """
    finding = stands(mine.finding, other.finding)
    claims = [claim for claim in (mine.claim, other.claim) if claim]
    found = (mine.finding, mine.unrejected, other.finding, other.unrejected)
    unrejected = [each for each in found if each and each.state != "rejected"]
    return Fact(
        url=mine.url,
        finding=finding,
        claim=max(claims, key=lambda claim: (not _is_ahead(claim, now), claim.order()), default=None),
        contents=_newest(mine.contents + other.contents),
        unrejected=reduce(stands, unrejected) if unrejected and finding.state == "rejected" else None,
    )


def _is_ahead(claim: Claim, now: datetime | None) -> bool:
    return now is not None and claim.said > now + _CLAIM_AHEAD


def stands(mine: Finding, other: Finding) -> Finding:
    """The finding that stands of two about one blob."""
    if mine.condition != other.condition:
        return max(mine, other, key=lambda finding: finding.order)
    if mine.state == "gone":
        # A gone blob shows nothing, so the later look is all of the answer.
        return max(
            mine,
            other,
            key=lambda finding: (finding.seen, finding.revision, finding.extractor, finding.meaning()),
        )

    if mine == other:
        return mine

    def rank(finding: Finding) -> tuple[int, bool, int, bool, str, tuple[list[list[int]], str]]:
        is_by_rule = finding.reason != NO_RULE  # what was looked at by some rules, these know
        is_read = finding.state == "present"
        return (finding.revision, is_by_rule, finding.extractor, is_read, finding.meaning(), finding.age)

    chosen = max(mine, other, key=rank)
    return replace(
        chosen,
        seen=max(mine.seen, other.seen),
        timeline=min(mine.timeline, other.timeline, key=lambda timeline: (not timeline, timeline)),
    )


def unsure(mine: Finding, other: Finding, window_s: float) -> bool:
    """Whether two different states were seen so close together that a second look must decide.

    `window_s` covers the whole seconds of a Date header and the clocks of several front ends.
    """
    return mine.condition != other.condition and abs((mine.seen - other.seen).total_seconds()) <= window_s


def _content(finding: Finding) -> Content:
    storage = finding.storage or {}
    file = (finding.metadata or {}).get("file") or {}
    return Content(
        finding.etag, finding.seen, storage.get("size"), storage.get("content_md5"), file.get("file:checksum")
    )


def _newest(contents: tuple[Content, ...]) -> tuple[Content, ...]:
    """The newest contents, one for each ETag; what is known of an ETag is kept in full."""
    by_etag: dict[str, Content] = {}
    for content in contents:
        known = by_etag.get(content.etag)
        by_etag[content.etag] = content if known is None else _fuller(known, content)
    newest = sorted(by_etag.values(), key=lambda content: (content.seen, content.etag), reverse=True)
    return tuple(newest[:HISTORY_LENGTH])


def _fuller(mine: Content, other: Content) -> Content:
    return Content(
        mine.etag,
        max(mine.seen, other.seen),
        *(
            max((value for value in pair if value is not None), default=None)
            for pair in ((mine.size, other.size), (mine.md5, other.md5), (mine.checksum, other.checksum))
        ),  # type: ignore[arg-type]  # int, str, str in this order
    )
