"""What a blob is to be looked at as, by the rules and by what is known of it already."""

from dataclasses import replace

from eventstac.blob_urls import BlobName
from eventstac.catalog.rules_store import AppliedRules
from eventstac.containers import Watched
from eventstac.events import AssetRejected, BlobMatched
from eventstac.events.blob import CogOf
from eventstac.facts import NO_RULE, Fact, Stage


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
    if known and known.claim:
        cog_of = CogOf(known.claim.source_url, known.claim.source_etag, known.claim.said)
        match = applied.rules.match(known.claim.source_url) or known.match
    elif watched.is_source(name):
        match = applied.rules.match(name.url)
    if match is None:
        return None
    return BlobMatched(name.url, match, applied.revision, cause, timeline, cog_of)


def withdrawal(known: Fact | None, applied: AppliedRules, *, cause: str) -> AssetRejected | None:
    """That a blob which is in the catalog leaves it, because no rule knows it any more; None where it is not in it.

    What a look means depends on the rules, so this needs none: at the same ETag the greater revision stands.
    """
    if known is None or known.claim or known.finding.state != "present":
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
