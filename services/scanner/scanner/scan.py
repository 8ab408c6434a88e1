"""One page of a scan: the blobs of a listing, or what is known below a prefix, become looks.

backfill   every page of a listing; what is current is left alone
directory  the same, then what is known below the prefix: what was deleted is in no listing
replay     one blob, whose path is the prefix, whatever is known of it
reconcile  a page of a run that compares everything (`eventstac.reconciling`)
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from eventstac.blob_urls import BlobName, parse
from eventstac.blobs import Blobs, Listed
from eventstac.bus import ASSET_FACTS, SCAN_REQUESTS, Outgoing
from eventstac.catalog.port import Catalog
from eventstac.containers import Watched
from eventstac.events import BlobMatched, ScanRequested
from eventstac.events.timeline import passed
from eventstac.facts import Fact
from eventstac.matching import carried, due, is_by_these_rules
from eventstac.rules.applied import AppliedRules

_FACTS = "facts:"  # the continuation of a page of what is known, after which URL


def handle(
    request: ScanRequested,
    *,
    catalog: Catalog,
    blobs: Blobs,
    watched: Watched,
    page_size: int,
    clock: Callable[[], datetime],
) -> Sequence[Outgoing]:
    """Go through one page and ask for the next.

    Key: run and continuation. Stale rule: a blob whose fact is current at ETag and revision is left alone. Side
    effects: how far a backfill is is noted, for people; then what is returned. A listing is a hint: what it does not
    show is looked at, never removed. A blob for which only the rules are new is read again only where they say to read
    it otherwise.
    """
    now = clock()
    if request.reason == "replay":
        return _one_blob(request, catalog, watched, now)
    if (request.continuation or "").startswith(_FACTS):
        looks, continuation = _facts_page(request, catalog, watched, page_size, now)
    else:
        looks, continuation = _listing_page(request, catalog, blobs, watched, page_size, now)
    if continuation is None:
        return looks
    return [*looks, Outgoing(SCAN_REQUESTS, replace(request, continuation=continuation))]


def _one_blob(request: ScanRequested, catalog: Catalog, watched: Watched, now: datetime) -> list[Outgoing]:
    """No listing: a blob that is gone is looked at, too."""
    name = _named(request)
    return _looks(name, catalog.fact(name.url), catalog.rules(), watched, request, now)


def _listing_page(
    request: ScanRequested, catalog: Catalog, blobs: Blobs, watched: Watched, size: int, now: datetime
) -> tuple[list[Outgoing], str | None]:
    page = blobs.page(request.container_url, request.prefix, request.continuation, size)
    known = catalog.facts([listed.url for listed in page.blobs])
    applied = catalog.rules()
    looks: list[Outgoing] = []
    for listed in page.blobs:
        fact = known.get(listed.url)
        if not request.force and _is_current(fact, listed, applied):
            continue
        caused = _looks(parse(listed.url), fact, applied, watched, request, now)
        looks += caused if request.force else [_unread(fact, listed, one, applied) for one in caused]
    if request.reason == "backfill":
        catalog.note_scan(request, len(page.blobs), len(looks), is_over=page.continuation is None)
    # Only where something may have been deleted is what we know gone through as well.
    at_end = _FACTS if request.reason == "directory" else None
    return looks, page.continuation or at_end


def _facts_page(
    request: ScanRequested, catalog: Catalog, watched: Watched, size: int, now: datetime
) -> tuple[list[Outgoing], str | None]:
    after = (request.continuation or "").removeprefix(_FACTS)
    facts = catalog.facts_below(_named(request).url, after, size)
    applied = catalog.rules()
    looks = [look for fact in facts for look in _looks(parse(fact.url), fact, applied, watched, request, now)]
    return looks, f"{_FACTS}{facts[-1].url}" if len(facts) == size else None


def _named(request: ScanRequested) -> BlobName:
    """The blob whose path is the request's prefix, or what the names of those below it begin with."""
    return replace(parse(f"{request.container_url}/any"), path=request.prefix)


def _looks(
    name: BlobName,
    fact: Fact | None,
    applied: AppliedRules,
    watched: Watched,
    request: ScanRequested,
    now: datetime,
) -> list[Outgoing]:
    """The look at a blob; where no rule knows it (any more), that it leaves the catalog, or nothing."""
    timeline = passed((), f"scanned ({request.reason})", now)
    cause = f"{request.reason} {request.run}"
    sent = due(name, fact, applied, watched, cause=cause, timeline=timeline)
    collections = {fact.match.collection if fact else None}
    if sent and isinstance(sent.event, BlobMatched):
        collections.add(sent.event.match.collection)
    if sent is None or (request.collection and request.collection not in collections):
        return []
    return [sent]


def _unread(fact: Fact | None, listed: Listed, caused: Outgoing, applied: AppliedRules) -> Outgoing:
    """What a blob that did not change means by new rules, where that takes no look."""
    if fact is None or not isinstance(caused.event, BlobMatched):
        return caused
    if fact.finding.condition != (listed.etag, False, listed.archived):
        return caused
    event = carried(fact, caused.event, applied)
    return Outgoing(ASSET_FACTS, event) if event else caused


def _is_current(fact: Fact | None, listed: Listed, applied: AppliedRules) -> bool:
    if fact is None or fact.finding.condition != (listed.etag, False, listed.archived):
        return False
    match = applied.rules.match(listed.url)
    return bool(fact.claim or match) and is_by_these_rules(fact, match or fact.match, applied)
