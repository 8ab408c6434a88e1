"""Blobs that are said to be one another's COGs: which of them is a source after all.

A blob that was named as the source of a COG, before anybody said that it is a COG itself, stays a source. Of any
circle of claims the one that was said last is refused so, and the others stand: something is always shown. Only what is
said counts, not what came first, so any order of events gives the same.

A blob that is said to be made from a COG is shown nowhere: its source shows nothing of its own.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eventstac.bbox import are_apart
from eventstac.facts import NOT_A_COG, Fact, Finding, Match
from eventstac.json_text import canonical_json


def marked(facts: Iterable[Fact], others: Iterable[Fact]) -> list[Fact]:
    """The same facts, those marked whose claim is refused or names a COG as the source."""
    facts = list(facts)
    claimed = {fact.url: fact for fact in (*others, *facts) if fact.claim}
    return [_marked(fact, claimed) if fact.claim else fact for fact in facts]


def chain(fact: Fact) -> str:
    """What is wrong with a COG that is said to be made from a COG, and what to do."""
    source = fact.claim.source_url if fact.claim else ""
    return (
        f"{fact.url} is said to be a COG of {source}, which is a COG of {fact.chained_to} itself: "
        f"send cog.completed with {fact.chained_to} as its source_url"
    )


def elsewhere(cog: Fact, source: Fact | None) -> str:
    """What is odd about a COG that lies nowhere near its source; empty where nothing is, or nobody knows.

    Nobody does where they were not read alike: an extractor or a rule that was mended moves one before the other. A
    blob whose claim is refused has no source.
    """
    if source is None or cog.is_refused or _how_read(cog) != _how_read(source):
        return ""
    boxes: list[Any] = [(fact.finding.metadata or {}).get("bbox") for fact in (cog, source)]
    try:
        if not all(boxes) or not are_apart(*boxes):
            return ""
    except (TypeError, ValueError, LookupError):  # an event may call anything a bbox
        return ""
    return (
        f"its footprint (bbox {boxes[0]}) does not meet that of its source {source.url} ({boxes[1]}): where "
        "cog.completed named the wrong file, send it again with the right source_url"
    )


def misplaced(facts: Iterable[Fact], shown: Iterable[str], news: Container[str]) -> Iterator[tuple[str, str]]:
    """The COGs that an Item shows and that lie elsewhere than their sources, and what is odd.

    Only those of which anything is `news`: that it is shown, or what it or its source is.
    """
    by_url = {fact.url: fact for fact in facts}
    for cog in (by_url[url] for url in shown):
        if cog.claim and (cog.url in news or cog.claim.source_url in news):
            odd = elsewhere(cog, by_url.get(cog.claim.source_url))
            if odd:
                yield cog.url, odd


def _how_read(fact: Fact) -> tuple[int, str]:
    return fact.finding.extractor, canonical_json(fact.finding.match.options)


def _marked(fact: Fact, claimed: Mapping[str, Fact]) -> Fact:
    if _is_refused(fact, claimed.values()):
        return replace(fact, is_refused=True, chained_to="")
    source = claimed.get(fact.claim.source_url) if fact.claim else None
    believed = source and not _is_refused(source, claimed.values())
    chained_to = source.claim.source_url if source and source.claim and believed else ""
    return replace(fact, is_refused=False, chained_to=chained_to)


def settle(facts: Sequence[Fact], others: Iterable[Fact]) -> list[Fact]:
    """The facts of an Item as it is composed of them, in URL order.

    `others` are the blobs that these name as sources, and those that name these, where they are said to be COGs
    themselves. A refused claim is marked in the Item that it is about; the blob is a source in the Item of its own.
    """
    others = list(others)
    if not any(fact.claim for fact in facts):
        return list(facts)
    mine = marked(facts, others)
    refused = [
        fact for fact in {one.url: one for one in marked(others, mine) + mine}.values() if fact.is_refused
    ]
    settled = {fact.url: fact for fact in mine}
    for fact in refused:
        naming = [one for one in mine if one.claim and one.claim.source_url == fact.url]
        if naming:
            newest = max(naming, key=lambda one: (one.claim.revision if one.claim else 0, one.url))
            settled[fact.url] = _as_source(fact, newest.match)
    return [settled[url] for url in sorted(settled)]


def wrongly_read(before: Iterable[Fact], after: Iterable[Fact]) -> dict[str, Fact]:
    """The blobs that were rejected for being no COGs, and by what is known now need be none: look at them as sources.

    Only those of which this was not so before, so that a look which finds nothing better is not repeated for ever.
    """
    already = _wrongly_read(before)
    return {url: fact for url, fact in _wrongly_read(after).items() if url not in already}


def _wrongly_read(facts: Iterable[Fact]) -> dict[str, Fact]:
    found = (fact for fact in marked(facts, ()) if fact.is_refused)
    return {fact.url: fact for fact in found if fact.finding.reason == NOT_A_COG}


def _is_refused(fact: Fact, claimed: Iterable[Fact]) -> bool:
    return any(
        other.claim is not None
        and fact.claim is not None
        and other.claim.source_url == fact.url
        and (other.claim.said, other.url) < (fact.claim.said, fact.url)
        for other in claimed
    )


def _as_source(fact: Fact, match: Match) -> Fact:
    """The blob as if nobody had said that it is a COG; `match` is its own place."""

    def placed(finding: Finding) -> Finding:
        return replace(finding, match=match)

    unrejected = placed(fact.unrejected) if fact.unrejected else None
    return replace(fact, finding=placed(fact.finding), claim=None, unrejected=unrejected, is_refused=True)
