"""Collections follow their Items: extent and count."""

from collections.abc import Sequence
from datetime import datetime

from eventstac.catalog.port import Catalog
from eventstac.errors import Rejected
from eventstac.events import CollectionUpdated, Envelope, ItemChanged, ItemRemoved


def decode(envelope: Envelope) -> str | None:
    """The Collection that an event is about; None for the events that this function itself causes."""
    if envelope.type == ItemChanged.TYPE:
        return ItemChanged.read(envelope.data).collection
    if envelope.type == ItemRemoved.TYPE:
        return ItemRemoved.read(envelope.data).collection
    if envelope.type == CollectionUpdated.TYPE:
        return None
    raise Rejected("unknown-event", f"{envelope.type!r} is no change of the catalog")


def handle(collections: Sequence[str | None], *, catalog: Catalog, now: datetime) -> None:
    """Bring Collections up to date with what was committed.

    Key: the Collection. Stale rule: the database knows what is not folded in yet, the event only says when to look;
    an event handled twice finds nothing to do. Side effects: Collection and outbox in one commit.
    """
    chosen = sorted({collection for collection in collections if collection is not None})
    if chosen:
        catalog.update_collections(chosen, now)
