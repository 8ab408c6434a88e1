"""What a blob is to be looked at as, by the rules and by what is known of it already; and whether it need be."""

from dataclasses import replace
from hashlib import md5

from eventstac.blob_urls import BlobName
from eventstac.bus import ASSET_FACTS, BLOBS_MATCHED, Outgoing
from eventstac.containers import Watched
from eventstac.events import AssetRejected, BlobMatched
from eventstac.events.asset import AssetEvent, asset_event
from eventstac.events.blob import CogOf
from eventstac.facts import NO_RULE, Claim, Fact, Finding, Match, Stage
from eventstac.json_text import canonical_json
from eventstac.rules.applied import AppliedRules

# More than this of a finding is read again: the scanner has nowhere to leave what is over the bus's limit.
_LARGEST_CARRIED = 64 * 1024


def due(
    name: BlobName,
    known: Fact | None,
    applied: AppliedRules,
    watched: Watched,
    *,
    cause: str,
    timeline: tuple[Stage, ...],
) -> Outgoing | None:
    """The look to be made at a blob; where no rule and no fact knows it, that it leaves the catalog, or nothing.

    Nothing of a container that is none of sources any more.
    """
    look = match_blob(name, known, applied, watched, cause=cause, timeline=timeline)
    if look:
        return Outgoing(BLOBS_MATCHED, look)
    if not watched.is_source(name):
        return None  # its container was moved: no rule was asked, so nothing of it leaves by itself
    gone = _withdrawal(known, applied, cause=cause)
    return Outgoing(ASSET_FACTS, gone) if gone else None


def match_blob(
    name: BlobName,
    known: Fact | None,
    applied: AppliedRules,
    watched: Watched,
    *,
    cause: str,
    timeline: tuple[Stage, ...],
) -> BlobMatched | None:
    """The look to be made at a blob, None where no rule and no fact knows it.

    A blob that is known as another's COG stays one, wherever it lies; a blob of a COG container that is not is
    nothing to us until its `cog.completed` comes.
    """
    match, cog_of = None, None
    if known and known.claim and not known.is_refused:
        match, cog_of = as_cog(known, known.claim, applied)
    elif watched.is_source(name):
        match = applied.rules.match(name.url)
    if match is None:
        return None
    return BlobMatched(name.url, match, applied.revision, cause, timeline, cog_of)


def second_look(fact: Fact, applied: AppliedRules) -> BlobMatched | AssetRejected | None:
    """What is to be done about a blob of which a look must be repeated, by the rules in force; None: nothing."""
    match, cog_of = applied.rules.match(fact.url), None
    if fact.claim and not fact.is_refused:
        match, cog_of = as_cog(fact, fact.claim, applied)
    if match is None:
        return _withdrawal(fact, applied, cause="second-look")
    return BlobMatched(fact.url, match, applied.revision, "second-look", (), cog_of)


def as_cog(fact: Fact, claim: Claim, applied: AppliedRules) -> tuple[Match, CogOf]:
    """The place of a COG by the rules, which is its source's, and what it is said to be the COG of."""
    match = applied.rules.match(claim.source_url) or fact.match
    return match, CogOf(claim.source_url, claim.source_etag, claim.said)


def _withdrawal(known: Fact | None, applied: AppliedRules, *, cause: str) -> AssetRejected | None:
    """That a blob which is in the catalog leaves it, because no rule knows it any more; None where it is not in it.

    What a look means depends on the rules, so this needs none: at the same ETag the greater revision stands. These very
    rules were asked just before, never others: nothing that they know may be withdrawn at their revision.
    """
    if known is None or known.claim or not may_be_shown(known):
        return None
    if known.finding.revision >= applied.revision:
        return None
    finding = replace(
        known.finding,
        match=replace(known.match, rule="", options={}),  # no rule: nothing of it may keep the asset
        revision=applied.revision,
        state="rejected",
        metadata=None,
        thumbnail=None,
        reason=NO_RULE,
        detail="no rule matches it any more. Add one, or leave it out of the catalog",
    )
    return AssetRejected(known.url, finding, cause)


def is_by_these_rules(known: Fact, match: Match, applied: AppliedRules) -> bool:
    """Whether what is known of a blob means what the rules in force say: `match`, by a rule that did not change since.

    What an older extractor read never does. A COG's place is its source's, so any change counts. That no rule knows a
    blob which one does is never right.
    """
    if is_outread(known.finding, applied):
        return False
    if known.claim:
        return known.revision >= applied.same_since(None)
    if known.finding.reason == NO_RULE:
        return False
    return known.revision >= applied.revision or (
        known.revision >= applied.same_since(match) and digest_of(known.finding.match) == digest_of(match)
    )


def is_outread(finding: Finding, applied: AppliedRules) -> bool:
    """Whether the extractor that read a blob is older than the one in force, which may read it otherwise."""
    return finding.state != "gone" and finding.extractor < applied.extractor


def is_overtaken(fact: Fact, known: Fact | None, applied: AppliedRules) -> bool:
    """Whether a look was under way while rules or extractor changed, so that the blob is something else now.

    Where an older extractor read again what one had read, an older one still runs: it is not asked once more, or it
    would be for ever.
    """
    if is_outread(fact.finding, applied) and not (
        known and known.finding.condition == fact.finding.condition and is_outread(known.finding, applied)
    ):
        return True
    if fact.finding.revision >= applied.revision:
        return False
    match = applied.rules.match(fact.claim.source_url if fact.claim else fact.url)
    if match is None:
        return not fact.claim and may_be_shown(fact)
    return fact.finding.reason == NO_RULE or digest_of(match) != digest_of(fact.match)


def digest_of(match: Match) -> str:
    """MD5 (hex) of what a blob is by the rules, as the database computes it of a fact's document."""
    return md5(canonical_json(match.to_json("source")).encode(), usedforsecurity=False).hexdigest()


def may_be_shown(known: Fact) -> bool:
    """Whether the catalog may show the blob: it was read, or its last good reading may be kept."""
    finding = known.finding
    return finding.state == "present" or (
        finding.state == "rejected" and known.last_good is not None and finding.reason != NO_RULE
    )


def carried(known: Fact | None, look: BlobMatched, applied: AppliedRules) -> AssetEvent | None:
    """What a look at an unchanged blob would find, without one; None where only a look can tell.

    The caller knows that the storage has what the fact says. A look finds the same again where it would read the same
    bytes in the same way: only what it means by the rules is new, and at the same ETag the greater revision stands.
    """
    if known is None or known.revision >= applied.revision:
        return None
    finding = last_read(known)
    if finding is None or not _reads_alike(finding, look.match, applied):
        return None
    if look.cog_of and not _is_valid_cog(finding):
        return None  # it may have been read before anybody asked whether it is one
    event = asset_event(
        known.url, replace(finding, match=look.match, revision=look.revision), look.cause, look.cog_of
    )
    return event if len(canonical_json(event.data())) <= _LARGEST_CARRIED else None


def last_read(known: Fact) -> Finding | None:
    """What was read of the blob as it is: also by rules that knew it before others did not."""
    if known.finding.state == "gone":
        return None
    if known.finding.reason != NO_RULE:
        return known.finding
    good = known.last_good
    return good if good and good.condition == known.finding.condition else None


def _reads_alike(finding: Finding, match: Match, applied: AppliedRules) -> bool:
    # What a newer extractor read, too, is read again by rules that an older version put in force: after a rollback.
    return (
        applied.extractor in (0, finding.extractor)
        and finding.match.read == match.read
        and canonical_json(finding.match.options) == canonical_json(match.options)
    )


def _is_valid_cog(finding: Finding) -> bool:
    return bool(((finding.metadata or {}).get("cog") or {}).get("valid"))
