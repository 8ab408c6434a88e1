"""A matched blob becomes a fact: read, gone or rejected."""

from collections.abc import Sequence

from eventstac.bus import ASSET_FACTS, Outgoing
from eventstac.events import BlobMatched, Envelope, asset_event
from eventstac.looking import Looker


def handle(envelope: Envelope, *, looker: Looker) -> Sequence[Outgoing]:
    """Look at a blob and say what was found.

    Key: the blob's URL. Stale rule: none; a later look sees a later state. Side effects, in order: the thumbnail
    (under a name of its own for each version), then the fact that is returned.
    """
    envelope.expect("matched blob", BlobMatched.TYPE)
    matched = BlobMatched.read(envelope.data)
    finding = looker.look(
        matched.url,
        matched.match,
        matched.revision,
        matched.timeline,
        must_be_cog=matched.cog_of is not None,
    )
    return [Outgoing(ASSET_FACTS, asset_event(matched.url, finding, matched.cause, matched.cog_of))]
