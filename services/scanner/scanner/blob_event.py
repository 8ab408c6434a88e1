"""A storage event becomes a look at its blob."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from eventstac.blob_urls import BlobName
from eventstac.bus import SCAN_REQUESTS, Outgoing
from eventstac.catalog.port import Catalog
from eventstac.containers import Watched
from eventstac.errors import Rejected
from eventstac.events import BlobMatched, Envelope, ScanRequested, StorageChanged, storage_changes
from eventstac.events.timeline import passed
from eventstac.matching import due
from eventstac.url_secrets import told_url

log = logging.getLogger("eventstac")


def handle(
    envelope: Envelope, *, catalog: Catalog, watched: Watched, clock: Callable[[], datetime]
) -> Sequence[Outgoing]:
    """Match the blob of a storage event to a rule.

    Key: the blob's URL. Stale rule: none; the event only causes a look, whatever it says and however late it is.
    Side effects: none but what is returned. Rejected: a blob outside the declared containers; of a rename between one
    of these and another, the declared end is looked at. (Of one out of them Event Grid sends nothing: its filters see
    the destination only.)
    """
    return [
        outgoing
        for change, name in _declared(storage_changes(envelope), watched)
        for outgoing in _of_change(change, name, envelope, catalog, watched, clock())
    ]


def _declared(
    changes: Sequence[StorageChanged], watched: Watched
) -> Sequence[tuple[StorageChanged, BlobName]]:
    declared: list[tuple[StorageChanged, BlobName]] = []
    refusals: list[Rejected] = []
    for change in changes:
        try:
            declared.append((change, watched.any(change.url)))
        except Rejected as refusal:
            refusals.append(refusal)
    if refusals and not declared:
        raise refusals[0]
    return declared


def _of_change(
    change: StorageChanged,
    name: BlobName,
    envelope: Envelope,
    catalog: Catalog,
    watched: Watched,
    now: datetime,
) -> list[Outgoing]:
    if change.is_directory:
        scan = ScanRequested(
            run=f"directory-{envelope.id}",
            container_url=name.container_url,
            prefix=name.path.rstrip("/") + "/",
            reason="directory",
        )
        # No later than now: a second look at what was seen before a time to come would be followed by the next.
        deleted_at = min(envelope.time or now, now)
        below = BlobName(name.account_url, name.container, scan.prefix)
        catalog.note_deleted_directory(below.url, deleted_at)
        return [Outgoing(SCAN_REQUESTS, scan)]
    timeline = passed((), "event", envelope.time or now)
    known, applied = catalog.fact(name.url), catalog.rules()
    sent = due(name, known, applied, watched, cause=envelope.type, timeline=passed(timeline, "matched", now))
    if sent is None or not isinstance(sent.event, BlobMatched):
        log.info("blob_unmatched", extra={"blob": name.url, "event_id": told_url(envelope.id)})
    return [sent] if sent else []
