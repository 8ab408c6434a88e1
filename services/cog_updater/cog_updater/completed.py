"""A finished COG becomes an asset of its source's Item."""

from collections.abc import Callable, Sequence
from datetime import datetime

from eventstac.bus import BLOBS_MATCHED, Outgoing
from eventstac.catalog.port import Catalog
from eventstac.errors import Rejected
from eventstac.events import BlobMatched, CogCompleted, Envelope, asset_event
from eventstac.events.blob import CogOf
from eventstac.events.timeline import passed
from eventstac.looking import Looker


def handle(
    envelope: Envelope,
    *,
    catalog: Catalog,
    looker: Looker,
    clock: Callable[[], datetime],
    first_sent: datetime,
) -> Sequence[Outgoing]:
    """Look at a COG, check that it is one, and merge what was found; `first_sent` is when the bus first had the event.

    Key: the COG's URL. Stale rule: the later look stands, and of what was said about its source the later event; the
    COG waits as a fact until its source has an Item. Side effects: fact, Item and outbox in one commit; then
    another look, where the COG changed meanwhile. A conversion in place is just a new look at the source.
    """
    envelope.expect("finished COG", CogCompleted.TYPE)
    completed = CogCompleted.read(envelope.data)
    looker.watched.source(completed.source_url)
    looker.watched.any(completed.cog_url)
    applied = catalog.rules()
    match = applied.rules.match(completed.source_url)
    if match is None or match.read != "raster":
        raise Rejected("no-rule", f"no rule makes an Item of {completed.source_url}, so it can have no COG")
    in_place = completed.cog_url == completed.source_url
    # A converter's clock may be ahead, which would hide what is said after it; a retry makes nothing newer.
    said = min(envelope.time or first_sent, first_sent)
    timeline = passed(passed((), "event", said), "matched", clock())
    finding = looker.look(completed.cog_url, match, applied.revision, timeline, must_be_cog=not in_place)
    cog_of = None if in_place else CogOf(completed.source_url, completed.source_etag or "", said)
    catalog.merge([asset_event(completed.cog_url, finding, envelope.id, cog_of).fact(envelope.origin)])
    # Until this commit nobody knew the blob for a COG: an event of the storage about it was left alone.
    if looker.still_is(completed.cog_url, finding):
        return []
    again = BlobMatched(completed.cog_url, match, applied.revision, envelope.id, timeline, cog_of)
    return [Outgoing(BLOBS_MATCHED, again)]
