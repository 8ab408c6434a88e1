"""Given-up events are kept for the operator."""

from collections.abc import Sequence

from eventstac.bus import Outgoing
from eventstac.catalog.port import Catalog
from eventstac.events import Envelope, EventRejected


def handle(envelope: Envelope, *, catalog: Catalog) -> Sequence[Outgoing]:
    """Keep a rejection.

    Key: the event's id. Stale rule: one that is kept already is left alone. Side effects: its row.
    """
    envelope.expect("rejection", EventRejected.TYPE)
    catalog.reject(envelope.id, EventRejected.read(envelope.data))
    return []
