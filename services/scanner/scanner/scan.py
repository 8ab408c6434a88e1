"""One page of a scan: the blobs of a listing, or what is known below a prefix, become looks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from eventstac.blob_urls import BlobName, parse
from eventstac.blobs import Blobs
from eventstac.bus import BLOBS_MATCHED, SCAN_REQUESTS
from eventstac.catalog.port import Catalog
from eventstac.catalog.rules_store import AppliedRules
from eventstac.consumption import Outgoing
from eventstac.containers import Watched
from eventstac.errors import Rejected
from eventstac.events import BlobMatched, Envelope, ScanRequested
from eventstac.events.timeline import passed
from eventstac.facts import Fact
from eventstac.matching import match_blob

# After the listing's last page come the facts below the prefix: what was deleted is in no listing.
_FACTS = "facts:"


def handle(
    envelope: Envelope,
    *,
    catalog: Catalog,
    blobs: Blobs,
    watched: Watched,
    page_size: int,
    clock: Callable[[], datetime],
) -> Sequence[Outgoing]:
    """Go through one page and ask for the next.

    Key: run and continuation. Stale rule: a blob whose fact is current at ETag and revision is left alone. Side
    effects: none but what is returned. A listing is a hint: what it does not show is looked at, never removed.
    """
    if envelope.type != ScanRequested.TYPE:
        raise Rejected(
            "unknown-event", f"{envelope.type!r} is no scan request: expected {ScanRequested.TYPE}"
        )
    request = ScanRequested.read(envelope.data)
    watched.any(f"{request.container_url}/any")
    page = _facts_page if (request.continuation or "").startswith(_FACTS) else _listing_page
    looks, continuation = page(request, catalog, blobs, watched, page_size, clock())
    outgoing = [Outgoing(BLOBS_MATCHED, look) for look in looks]
    if continuation is not None:
        outgoing.append(Outgoing(SCAN_REQUESTS, replace(request, continuation=continuation)))
    return outgoing


def _listing_page(
    request: ScanRequested, catalog: Catalog, blobs: Blobs, watched: Watched, size: int, now: datetime
) -> tuple[list[BlobMatched], str | None]:
    page = blobs.page(request.container_url, request.prefix, request.continuation, size)
    known = catalog.facts([listed.url for listed in page.blobs])
    applied = catalog.rules()
    looks = []
    for listed in page.blobs:
        fact = known.get(listed.url)
        if not request.force and _is_current(fact, listed.etag, applied):
            continue
        look = _look(parse(listed.url), fact, applied, watched, request, now)
        if look:
            looks.append(look)
    # Only where something may have been deleted is what we know gone through as well.
    at_end = _FACTS if request.reason in ("directory", "reconcile") else None
    return looks, page.continuation or at_end


def _facts_page(
    request: ScanRequested, catalog: Catalog, blobs: Blobs, watched: Watched, size: int, now: datetime
) -> tuple[list[BlobMatched], str | None]:
    del blobs  # what is known is in the catalog
    after = (request.continuation or "").removeprefix(_FACTS)
    name = parse(f"{request.container_url}/x")
    below = BlobName(name.account_url, name.container, request.prefix).url
    facts = catalog.facts_below(below, after, size)
    applied = catalog.rules()
    looks = [look for fact in facts if (look := _look(parse(fact.url), fact, applied, watched, request, now))]
    return looks, f"{_FACTS}{facts[-1].url}" if len(facts) == size else None


def _look(
    name: BlobName,
    fact: Fact | None,
    applied: AppliedRules,
    watched: Watched,
    request: ScanRequested,
    now: datetime,
) -> BlobMatched | None:
    timeline = passed((), f"scanned ({request.reason})", now)
    look = match_blob(
        name, fact, applied, watched, cause=f"{request.reason} {request.run}", timeline=timeline
    )
    if look and request.collection and look.match.collection != request.collection:
        return None
    return look


def _is_current(fact: Fact | None, etag: str, applied: AppliedRules) -> bool:
    return (
        fact is not None
        and fact.finding.etag == etag
        and fact.finding.state != "gone"
        and fact.revision >= applied.revision
    )
