"""How the catalog stands, in a few numbers for each collection."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from eventstac.catalog import rejections, runs, scan_rows, undone
from eventstac.catalog.database import Connection
from eventstac.catalog.scan_rows import Scan
from eventstac.catalog.undone import Undone
from eventstac.rules.applied import AppliedRules
from eventstac.runs import Run

_SCANS = 3  # the last ones


@dataclass(frozen=True)
class CollectionStatus:
    """One collection: its Items by state, its blobs by what the last look found, and conflicting blobs."""

    collection: str
    published: int = 0
    incomplete: int = 0
    unpublishable: int = 0
    conflicting: int = 0
    present: int = 0
    gone: int = 0
    rejected: int = 0


@dataclass(frozen=True)
class IncompleteItem:
    """An Item that waits for assets, since the first of its blobs came (or since it was complete)."""

    collection: str
    item: str
    missing: tuple[str, ...]
    since: datetime


@dataclass(frozen=True)
class Overview:
    """How everything in the database stands.

    `outbox` counts what is not published yet, `outbox_since` the oldest; `undone` is what pgstac does not have as the
    rules state it.
    """

    revision: int
    collections: tuple[CollectionStatus, ...]
    incomplete: tuple[IncompleteItem, ...]
    rejected: tuple[tuple[str, str, int, datetime], ...]
    outbox: int
    outbox_since: datetime | None
    last_run: Run | None
    scans: tuple[Scan, ...] = ()
    undone: tuple[Undone, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        run = self.last_run
        return {
            "revision": self.revision,
            "collections": [asdict(each) for each in self.collections],
            "incomplete": [{**asdict(each), "since": each.since.isoformat()} for each in self.incomplete],
            "rejected": [
                {"stage": stage, "reason": reason, "count": count, "since": since.isoformat()}
                for stage, reason, count, since in self.rejected
            ],
            "outbox": {
                "waiting": self.outbox,
                "oldest": self.outbox_since.isoformat() if self.outbox_since else None,
            },
            "undone": [each.to_json() for each in self.undone],
            "scans": [{**asdict(each), "changed_at": each.changed_at.isoformat()} for each in self.scans],
            "last_reconcile": None
            if run is None
            else {
                "run": run.id,
                "revision": run.revision,
                "state": run.state,
                "detail": run.detail,
                "started_at": run.started_at.isoformat() if run.started_at else None,
                "completeness": (run.report or {}).get("completeness"),
            },
        }


def overview(connection: Connection, applied: AppliedRules, incomplete: int) -> Overview:
    """How it stands; with at most `incomplete` incomplete Items, the oldest first."""
    outbox = connection.execute("SELECT count(*), min(made_at) FROM eventstac.outbox").fetchone()
    return Overview(
        revision=applied.revision,
        collections=_collections(connection),
        incomplete=_incomplete(connection, incomplete),
        rejected=tuple(rejections.counts(connection)),
        outbox=outbox[0] if outbox else 0,
        outbox_since=outbox[1] if outbox else None,
        last_run=runs.latest(connection),
        scans=tuple(scan_rows.latest(connection, _SCANS)),
        undone=tuple(undone.find(connection, applied)),
    )


def _collections(connection: Connection) -> tuple[CollectionStatus, ...]:
    rows = connection.execute(
        """
        WITH items AS (
            SELECT collection, count(*) FILTER (WHERE state = 'published') AS published,
                count(*) FILTER (WHERE state = 'incomplete') AS incomplete,
                count(*) FILTER (WHERE state = 'rejected') AS unpublishable,
                sum(cardinality(conflicts)) AS conflicting
            FROM eventstac.items GROUP BY 1
        ), facts AS (
            SELECT collection, count(*) FILTER (WHERE state = 'present') AS present,
                count(*) FILTER (WHERE state = 'gone') AS gone,
                count(*) FILTER (WHERE state = 'rejected') AS rejected
            FROM eventstac.facts GROUP BY 1
        )
        SELECT collection, published, incomplete, unpublishable, conflicting, present, gone, rejected
        FROM items FULL JOIN facts USING (collection) ORDER BY 1
        """
    )
    return tuple(
        CollectionStatus(collection, *(int(count or 0) for count in counts)) for collection, *counts in rows
    )


def _incomplete(connection: Connection, limit: int) -> tuple[IncompleteItem, ...]:
    rows = connection.execute(
        # changed_at: of a row that an older version writes during an upgrade
        "SELECT collection, item, missing, coalesce(incomplete_since, changed_at) AS since FROM eventstac.items "
        "WHERE state = 'incomplete' ORDER BY since, collection, item LIMIT %s",
        [limit],
    )
    return tuple(
        IncompleteItem(collection, item, tuple(missing), at) for collection, item, missing, at in rows
    )
