"""A storage event becomes a look at its blob."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from eventstac.bus import ASSET_FACTS, BLOBS_MATCHED, SCAN_REQUESTS
from eventstac.catalog.port import Catalog
from eventstac.consumption import Outgoing
from eventstac.containers import Watched
from eventstac.events import Envelope, ScanRequested, StorageChanged, storage_changes
from eventstac.events.timeline import passed
from eventstac.matching import match_blob, withdrawal

log = logging.getLogger("eventstac")


def handle(
    envelope: Envelope, *, catalog: Catalog, watched: Watched, clock: Callable[[], datetime]
) -> Sequence[Outgoing]:
    """Match the blob of a storage event to a rule.

    Key: the blob's URL. Stale rule: none; the event only causes a look, whatever it says and however late it is.
    Side effects: none but what is returned. Rejected: a blob outside the declared containers.
    """
    return [
        outgoing
        for change in storage_changes(envelope)
        for outgoing in _of_change(change, envelope, catalog, watched, clock())
    ]


def _of_change(
    change: StorageChanged, envelope: Envelope, catalog: Catalog, watched: Watched, now: datetime
) -> list[Outgoing]:
    name = watched.any(change.url)
    if change.is_directory:
        scan = ScanRequested(
            run=f"directory-{envelope.id}",
            container_url=name.container_url,
            prefix=name.path.rstrip("/") + "/",
            reason="directory",
        )
        return [Outgoing(SCAN_REQUESTS, scan)]
    timeline = passed((), "event", envelope.time or now)
    known, applied = catalog.fact(name.url), catalog.rules()
    matched = match_blob(
        name,
        known,
        applied,
        watched,
        cause=envelope.type,
        timeline=passed(timeline, "matched", now),
    )
    if matched is None:
        log.info("blob_unmatched", extra={"blob": name.url, "event_id": envelope.id})
        gone = withdrawal(known, applied, cause=envelope.type)
        return [Outgoing(ASSET_FACTS, gone)] if gone else []
    return [Outgoing(BLOBS_MATCHED, matched)]
