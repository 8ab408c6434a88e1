"""Where a blob is on its way into the catalog, and why: one verdict from everything that knows something."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from eventstac.blob_urls import parse
from eventstac.blobs import Look
from eventstac.catalog.item_rows import ItemRow
from eventstac.disputes import chain, elsewhere
from eventstac.evidence import Evidence, Queued
from eventstac.facts import NO_RULE, Fact
from eventstac.growing import is_looked_at_again, was_growing
from eventstac.times import to_text
from eventstac.verdict import Whereabouts

_MARKER = "a folder's marker (0 bytes with hdi_isfolder)"


def whereabouts(evidence: Evidence) -> Whereabouts:
    """The one verdict."""
    look = evidence.look
    if look is None and not evidence.copying:
        return Whereabouts("ignored", (evidence.not_watched or "it is not watched") + _still_shown(evidence))
    if look and look.is_folder and evidence.fact is None:
        return Whereabouts("ignored", f"it is {_MARKER}, and no file")
    if look and look.state == "gone":
        lacks = f"has {_MARKER} there, and no file" if look.is_folder else "has no such blob"
        return _not_in_storage(evidence, f"the storage {lacks}")
    fact = evidence.fact
    if not (fact and fact.claim):
        unknown = _unknown_to_rules(evidence)
        if unknown:
            return unknown
    if look is None:
        return _being_copied(evidence)
    if fact and _is_as_found(look, fact) and (fact.claim or fact.finding.reason != NO_RULE):
        found = _by_fact(evidence, fact)
        return replace(found, why=found.why + _claimed(evidence, fact) + _outread(evidence, fact))
    return _on_its_way(evidence, look)


def _is_as_found(look: Look, fact: Fact) -> bool:
    return fact.finding.condition == (look.etag, False, look.state == "archived")


def _claimed(evidence: Evidence, fact: Fact) -> str:
    """Of a blob that would stand for itself where it lies: who has it otherwise."""
    if fact.claim is None or fact.is_refused or not evidence.is_source:
        return ""
    return (
        f"; it lies in a source container, and is taken for a COG of {fact.claim.source_url}, because a cog.completed "
        f"said so at {to_text(fact.claim.said)}: docs/operate.md says how a wrong one is taken back"
    )


def _outread(evidence: Evidence, fact: Fact) -> str:
    if fact.finding.extractor >= evidence.extractor:
        return ""
    in_force = f"the one in force ({evidence.extractor})"
    return f"; an extractor older than {in_force} read it: the next reconcile has it read again"


def _being_copied(evidence: Evidence) -> Whereabouts:
    """What the storage has is not yet what it will be."""
    why = evidence.copying
    if evidence.fact:
        why += f"; {_as_looked_at(evidence, evidence.fact)}"
    waiting = _first_waiting(evidence.queued)
    if waiting:
        return Whereabouts("waiting", f"{why}; {_waiting(waiting).why}", waiting.stage, waiting.since)
    given_up = _given_up(evidence)
    if given_up:
        why += f"; {given_up.why}: when it is copied, `eventstac reconcile` looks at it"
    return Whereabouts("waiting", why + evidence.tried_again, "storage")


def _not_in_storage(evidence: Evidence, lacks: str) -> Whereabouts:
    fact = evidence.fact
    if fact is None:
        return Whereabouts("not in storage", f"{lacks}, and nobody ever looked at one")
    if fact.finding.state == "gone":
        return Whereabouts("not in storage", f"{lacks}, and the catalog knows it")
    is_shown = _is_shown(evidence) or _has_its_cog_shown(evidence, fact)
    shown = "still shows it" if is_shown else "does not show it"
    waiting = _first_waiting(evidence.queued)
    if waiting:
        soon = f", a look is waiting at {waiting.stage}"
    else:
        soon = ". `eventstac reconcile` looks at it" + (", and takes it out" if is_shown else "")
    return Whereabouts("not in storage", f"{lacks} any more; the catalog {shown}{soon}")


def _unknown_to_rules(evidence: Evidence) -> Whereabouts | None:
    if not evidence.is_source:
        waiting = _first_waiting(evidence.queued)
        if waiting:
            return _waiting(waiting)
        why = "it is in a COG container, and no cog.completed that was handled has named it"
        why += f"{_still_shown(evidence)}{evidence.tried_again}"
        return _given_up(evidence) or Whereabouts("ignored", why)
    if evidence.explanation.outcome == "ignored":
        return Whereabouts("ignored", evidence.explanation.why + _still_shown(evidence))
    if evidence.explanation.match is None:
        given_up = _given_up(evidence)
        also = f". An event about it is given up: {given_up.why}" if given_up else ""
        return Whereabouts("no rule", f"{evidence.explanation}{_still_shown(evidence)}{also}")
    return None


def _is_shown(evidence: Evidence) -> bool:
    fact, row = evidence.fact, evidence.item
    return bool(evidence.published and fact and row and row.is_published and fact.url in row.urls)


def _has_its_cog_shown(evidence: Evidence, fact: Fact) -> bool:
    """Whether the Item of a source shows the COG in its place."""
    row = evidence.item
    if fact.claim or not (evidence.published and row and row.is_published):
        return False
    return fact.finding.state == "present" and fact.url not in row.conflicts


def _still_shown(evidence: Evidence) -> str:
    """Of a blob that is none of the catalog's by the rules and settings in force: that it has it all the same."""
    if not _is_shown(evidence):
        return ""
    if evidence.is_source:
        return "; the catalog still shows it, until `eventstac reconcile` takes it out"
    fact = evidence.fact
    shown = f"a COG of {fact.claim.source_url}" if fact and fact.claim else "of a source container"
    return f"; the catalog still shows it, as {shown}: docs/operate.md says how it leaves"


def _by_fact(evidence: Evidence, fact: Fact) -> Whereabouts:
    """The blob as it is now has been looked at."""
    finding = fact.finding
    collection, item = fact.item_key
    name = f"Item {item} of collection {collection}"
    if finding.state == "rejected":
        kept = f"; {name} shows it as it was read last" if _is_shown(evidence) else ""
        return Whereabouts("rejected", f"{finding.reason}: {finding.detail}{kept}", since=finding.seen)
    row = evidence.item
    if row is None:
        waits_for = fact.claim.source_url if fact.claim else "a data asset, or its builder wants none"
        return Whereabouts(
            "waiting",
            f"{name} does not exist yet: it waits for {waits_for}",
            stage="compose",
            since=finding.seen,
        )
    if row.state == "incomplete":
        why = f"{name} is missing {', '.join(row.missing)}"
        return Whereabouts("incomplete", why, since=finding.seen, missing=row.missing)
    if row.state == "rejected":
        return Whereabouts(
            "rejected", f"{name} cannot be published: {row.reason}: {row.detail}", since=finding.seen
        )
    return _in_published_item(evidence, fact, row, name)


def _in_published_item(evidence: Evidence, fact: Fact, row: ItemRow, name: str) -> Whereabouts:
    seen = fact.finding.seen
    if fact.url in row.conflicts:
        return Whereabouts("rejected", f"conflict: {_conflict(fact, name)}", since=seen)
    if fact.url in row.outdated:
        return Whereabouts(
            "stale", "the COG was made from other content than its source has now: make it anew", since=seen
        )
    if not evidence.published:
        rebuild = shlex.join(["eventstac", "rebuild", row.key[0]])
        why = f"{name} should be in the catalog and is not: `{rebuild}` brings it back"
        return Whereabouts("stale", why, since=seen)
    if fact.claim and fact.url not in row.urls:
        return _hidden_cog(fact, name, fact.claim.source_url)
    why = f"{name} shows it"
    if fact.url not in row.urls:
        why = f"{name} shows its COG in its place"
    if fact.revision < evidence.revision:
        why += f"; found by revision {fact.revision} of the rules, which revision {evidence.revision} changed"
    odd = elsewhere(fact, evidence.source)
    why = "; ".join(filter(None, (why, odd, *fact.finding.unheeded, fact.finding.whole_frame)))
    return Whereabouts("searchable", why, since=seen)


def _conflict(fact: Fact, name: str) -> str:
    if fact.chained_to:
        return chain(fact)
    if fact.claim and fact.is_refused:
        return (
            f"a cog.completed said at {to_text(fact.claim.said)} that it is a COG of {fact.claim.source_url}, and an "
            "earlier one named it as a source: it stays one, and is in the Item that it gives by itself"
        )
    return f"another blob has the asset key {fact.match.asset!r} of {name}: the first URL in string order is shown"


def _hidden_cog(fact: Fact, name: str, source_url: str) -> Whereabouts:
    """A COG that its Item does not show."""
    cog = (fact.finding.metadata or {}).get("cog") or {}
    if not cog.get("valid"):
        problems = "; ".join(str(problem) for problem in cog.get("problems", ())) or "it is no GeoTIFF"
        return Whereabouts("rejected", f"not-a-cog: {problems}", since=fact.finding.seen)
    why = f"{name} does not show it: it waits for its source {source_url} to be shown"
    return Whereabouts("waiting", why, stage="compose", since=fact.finding.seen)


def _on_its_way(evidence: Evidence, look: Look) -> Whereabouts:
    """The blob as it is now has not been looked at, as far as the facts say."""
    waiting = _first_waiting(evidence.queued)
    if waiting:
        return _waiting(waiting)
    changed = look.last_modified
    seen = evidence.fact.finding.seen if evidence.fact else None  # what was given up before was made good
    given_up = _given_up(evidence, max((one for one in (changed, seen) if one), default=None))
    if given_up:
        return given_up
    if is_looked_at_again(look, evidence.fact.finding if evidence.fact else None):
        return Whereabouts("waiting", _growing(evidence, look), stage="storage", since=changed)
    if evidence.fact:
        return Whereabouts("stale", _not_looked_at_again(evidence, evidence.fact), since=changed)
    why = f"nobody looked at it yet, and {evidence.no_message}"
    if not evidence.bus_away:
        why += f": the storage event is still to come, or what it led to failed{evidence.tried_again}"
    return Whereabouts("waiting", why, stage="events", since=changed)


def _growing(evidence: Evidence, look: Look) -> str:
    """Bytes come without an event, so that its time alone causes the next look."""
    why = "it is an append or page blob, to which bytes are added without an event, and was written a short time ago: "
    fact = evidence.fact
    if fact and was_growing(look, fact.finding):
        return f"{why}{_as_looked_at(evidence, fact)}, and is looked at again within about an hour"
    if fact and fact.finding.state != "gone":
        why += f"{_as_looked_at(evidence, fact)}; "
    return (
        f"{why}it is read when it is whole, or when nobody has written for ten minutes{evidence.tried_again}"
    )


def _not_looked_at_again(evidence: Evidence, fact: Fact) -> str:
    """Somebody looked, and what the storage has now is something else."""
    name = parse(fact.url)
    scan = shlex.join(["eventstac", "scan", f"{name.container}/{name.path}"])
    why = f"{_as_looked_at(evidence, fact)}; {evidence.no_message}"
    if not evidence.is_source:
        return (
            f"{why}, and no event tells of an upload to a COG container: send cog.completed again, or `{scan}` looks "
            f"at it again, as what it was said to be{evidence.tried_again}"
        )
    if fact.finding.state != "gone" and fact.finding.reason != NO_RULE:
        why += _untold(evidence.look, fact)
    return f"{why}. `{scan}` looks at it again{evidence.tried_again}"


def _untold(look: Look | None, fact: Fact) -> str:
    """Which write that no event tells of can have made the difference."""
    if look and look.grows:
        return ", as where bytes were appended to an append blob, or pages written into a page blob"
    if look and look.size != (fact.finding.storage or {}).get("size"):
        return ""  # it was uploaded anew, of which an event tells
    return ", as where only its metadata, properties or tier were set"


def _as_looked_at(evidence: Evidence, fact: Fact) -> str:
    seen = to_text(fact.finding.seen)
    if fact.finding.state == "gone":
        return f"when it was looked at, at {seen}, it was not there"
    if fact.finding.reason == NO_RULE:
        return "it left the catalog when no rule matched it, and one does"
    return f"the catalog {'shows' if _is_shown(evidence) else 'knows'} it as it was at {seen}"


def _given_up(evidence: Evidence, after: datetime | None = None) -> Whereabouts | None:
    """What was given up about the blob; of what is kept, only `after` a moment."""
    dead = next((queued for queued in evidence.queued if queued.dead_letter_reason), None)
    if dead:
        why = f"its message is in the dead letters of {dead.stage}: {dead.dead_letter_reason}"
        return Whereabouts("rejected", why, dead.stage, dead.since)
    for one in evidence.rejections:
        if one.state == "open" and (after is None or one.rejected_at >= after):
            why = f"{one.stage} gave it up: {one.reason}: {one.detail}"
            return Whereabouts("rejected", why, one.stage, one.rejected_at)
    return None


def _first_waiting(queued: Sequence[Queued]) -> Queued | None:
    return min((one for one in queued if not one.dead_letter_reason), key=lambda one: one.since, default=None)


def _waiting(queued: Queued) -> Whereabouts:
    why = f"a message about it is waiting for {queued.stage}"
    if queued.attempt > 1:
        why += f" (attempt {queued.attempt})"
    return Whereabouts("waiting", why, queued.stage, queued.since)
