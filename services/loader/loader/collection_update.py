"""Collections follow their Items: extent, summaries and count."""

from collections.abc import Sequence
from datetime import datetime

from eventstac.catalog.port import Catalog
from eventstac.events import CATALOG_CHANGES, Envelope, ItemChanged, ItemRemoved, Origin
from eventstac.events.timeline import freshness_s
from eventstac.telemetry.spans import note

Changed = tuple[str, Origin]


def decode(envelope: Envelope) -> Changed | None:
    """The Collection that an event is about, and the event's story; None for what this function itself causes."""
    envelope.expect("change of the catalog", *CATALOG_CHANGES)
    if envelope.type == ItemChanged.TYPE:
        changed = ItemChanged.read(envelope.data)
        seconds = freshness_s(changed.timeline)
        if seconds is not None:
            note(freshness_s=seconds)
        return changed.collection, envelope.origin
    if envelope.type == ItemRemoved.TYPE:
        return ItemRemoved.read(envelope.data).collection, envelope.origin
    return None


def handle(changes: Sequence[Changed | None], *, catalog: Catalog, now: datetime) -> None:
    """Bring Collections up to date with what was committed.

    Key: the Collection. Stale rule: the database knows what is not folded in yet, the event only says when to look;
    an event handled twice finds nothing to do. Side effects: Collection and outbox in one commit.
    """
    chosen = dict(sorted((one for one in changes if one is not None), key=lambda one: one[0]))
    if chosen:
        catalog.update_collections(chosen, now)
