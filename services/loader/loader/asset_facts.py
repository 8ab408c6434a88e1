"""Facts about blobs are merged into the catalog, a batch in one go."""

from collections.abc import Sequence

from eventstac.catalog.port import Catalog
from eventstac.events import Envelope
from eventstac.events.asset import read_asset_event
from eventstac.facts import Fact


def decode(envelope: Envelope) -> Fact:
    """The fact that an event is; Rejected for another event."""
    return read_asset_event(envelope.type, envelope.data).fact(envelope.origin)


def handle(facts: Sequence[Fact], *, catalog: Catalog) -> None:
    """Merge facts.

    Key: the blob's URL, then its Item. Stale rule: the later look stands (`eventstac.facts.join`). Side effects:
    facts, Items and outbox in one commit; the outbox is published after it.
    """
    catalog.merge(facts)
