"""The rows of `eventstac.runs`: each reconcile, how far it is, and what it found."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Json as JsonParameter

from eventstac.catalog import reconcile_rows, removal_rows
from eventstac.catalog.database import Connection
from eventstac.comparing import Report
from eventstac.events import ScanRequested
from eventstac.facts import ItemKey
from eventstac.fields import Fields
from eventstac.removing import Removals
from eventstac.rules.applied import AppliedRules
from eventstac.runs import Gap, ListedBlob, Run

# A run that has not gone on for so long has lost its message: it bars no other any more.
ABANDONED_AFTER = timedelta(days=2)  # twice as long as a page waits for what is away

_ABANDONED = (
    "abandoned: it did not go on for two days, and what it listed is forgotten. Run `eventstac reconcile`, or wait for "
    "the next daily run"
)

# `eventstac reconcile --wait` compares the same listing again.
LISTING_KEPT = timedelta(hours=1)

# A page waits at most five minutes between two tries, and takes seconds: after this its message may be lost. What is
# sent again though it was not ends at the first page that the run has left behind.
RESUMED_AFTER = timedelta(minutes=30)

_COLUMNS = (
    "run",
    "containers",
    "collection",
    "allow_removals",
    "check_only",
    "state",
    "removes",
    "detail",
    "started_at",
    "report",
    "revision",
    "extractor",
    "next_page",
    "last_page",
)
_SELECTED = ", ".join(_COLUMNS)
_GOES_ON = "state IN ('listing', 'looking') AND NOT check_only"


class PostgresRuns:
    """Runs in PostgreSQL; `connections` gives a connection in autocommit, as a context manager."""

    def __init__(self, connections: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._connections = connections

    def begin(self, run: Run) -> None:
        """Note a new run; the listings of runs that have been over for a while are forgotten."""
        with self._connections() as connection, connection.transaction():
            forget_listings(connection, LISTING_KEPT)
            connection.execute(
                """
                INSERT INTO eventstac.runs
                    (run, containers, collection, allow_removals, check_only, revision, extractor, next_page)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (run) DO NOTHING
                """,
                [
                    run.id,
                    list(run.containers),
                    run.collection,
                    run.allow_removals,
                    run.check_only,
                    run.revision,
                    run.extractor,
                    JsonParameter(run.next_page.data()) if run.next_page else None,
                ],
            )

    def find(self, run_id: str) -> Run | None:
        """A run, None for one that nobody began."""
        with self._connections() as connection:
            return _one(connection, "WHERE run = %s", [run_id])

    def busy(self) -> Run | None:
        """A run that is not a mere check and still goes on, if there is one."""
        where = f"WHERE {_GOES_ON} AND changed_at > now() - %s LIMIT 1"
        with self._connections() as connection:
            return _one(connection, where, [ABANDONED_AFTER])

    def newest_revision(self, extractor: int) -> int | None:
        """The newest rules with which a run over everything was begun, of an extractor's number or a greater one."""
        with self._connections() as connection:
            row = connection.execute(
                "SELECT max(revision) FROM eventstac.runs "
                "WHERE collection IS NULL AND NOT check_only AND extractor >= %s",
                [extractor],
            ).fetchone()
        return row[0] if row else None

    def take_stalled(self) -> Run | None:
        """A run that has not gone on for a while; it is not given again for a while."""
        with self._connections() as connection:
            return _read(
                connection.execute(
                    f"""
                    UPDATE eventstac.runs SET resumed_at = now()
                    WHERE run = (
                        SELECT run FROM eventstac.runs
                        WHERE {_GOES_ON} AND next_page IS NOT NULL AND changed_at > now() - %(abandoned)s
                            AND greatest(changed_at, resumed_at) < now() - %(after)s
                        ORDER BY started_at LIMIT 1)
                    RETURNING {_SELECTED}
                    """,
                    {"abandoned": ABANDONED_AFTER, "after": RESUMED_AFTER},
                ).fetchone()
            )

    def advance(self, run_id: str, done: ScanRequested, following: ScanRequested) -> None:
        """Note where a run is."""
        with self._connections() as connection:
            connection.execute(
                """
                UPDATE eventstac.runs SET (last_page, next_page, changed_at) = (%s::json, %s::json, now())
                WHERE run = %s
                """,
                [JsonParameter(done.data()), JsonParameter(following.data()), run_id],
            )

    def add_listed(
        self, run_id: str, container_url: str, seen: datetime, listed: Sequence[ListedBlob]
    ) -> None:
        """Note the blobs of a page that the storage listed, and its Date; the same page twice is noted once."""
        with self._connections() as connection:
            reconcile_rows.add_listed(connection, run_id, container_url, seen, listed)

    def compare(self, run: Run, applied: AppliedRules) -> Report:
        """What is the same and what differs, by collection."""
        with self._connections() as connection:
            return reconcile_rows.compare(connection, run, applied)

    def mark(self, run: Run, applied: AppliedRules) -> None:
        """Keep which blobs differ."""
        with self._connections() as connection:
            reconcile_rows.mark(connection, run, applied)

    def removals(self, run: Run, applied: AppliedRules, after: ItemKey, limit: int) -> Removals:
        """A page of the Items that would leave the catalog; what would remove them is kept."""
        with self._connections() as connection:
            return removal_rows.removals(connection, run, applied, after, limit)

    def gaps(self, run: Run, after: str, limit: int) -> list[Gap]:
        """A page of blobs that differ."""
        with self._connections() as connection:
            return reconcile_rows.gaps(connection, run, after, limit)

    def blobs_kept(self, run: Run) -> int:
        """How many missing and stale blobs the run does not look at."""
        with self._connections() as connection:
            return reconcile_rows.blobs_kept(connection, run)

    def note(self, run: Run) -> None:
        """Keep a run's state, removes, detail and report; one that was stopped meanwhile has lost its listing."""
        with self._connections() as connection:
            connection.execute(
                """
                UPDATE eventstac.runs SET state = %s, removes = %s, detail = %s, report = %s, changed_at = now()
                WHERE run = %s AND state IN ('listing', 'looking')
                """,
                [
                    run.state,
                    run.removes,
                    run.detail,
                    JsonParameter(run.report) if run.report is not None else None,
                    run.id,
                ],
            )


def forget_listings(connection: Connection, kept: timedelta) -> None:
    """Forget what runs that have been over for so long listed, and stop those that were abandoned: a run that may yet
    go on needs its listing.
    """
    connection.execute(
        "UPDATE eventstac.runs SET state = 'stopped', removes = false, detail = %s "
        "WHERE state IN ('listing', 'looking') AND changed_at < now() - %s",
        [_ABANDONED, ABANDONED_AFTER],
    )
    for table in ("listed", "listings", "gaps"):
        connection.execute(
            f"DELETE FROM eventstac.{table} WHERE run = ANY (ARRAY("
            "SELECT run FROM eventstac.runs WHERE state IN ('done', 'stopped') AND changed_at < now() - %s))",
            [kept],
        )


def latest(connection: Connection) -> Run | None:
    """The run that was begun last and is not a mere check."""
    return _one(connection, "WHERE NOT check_only ORDER BY started_at DESC LIMIT 1", [])


def _one(connection: Connection, where: str, values: Sequence[object]) -> Run | None:
    return _read(
        connection.execute(f"SELECT {_SELECTED} FROM eventstac.runs {where}", list(values)).fetchone()
    )


def _read(row: Sequence[Any] | None) -> Run | None:
    if row is None:
        return None
    values = dict(zip(_COLUMNS, row, strict=True))
    return Run(
        id=values.pop("run"),
        containers=tuple(values.pop("containers")),
        next_page=_page(values.pop("next_page")),
        last_page=_page(values.pop("last_page")),
        **values,
    )


def _page(data: Any) -> ScanRequested | None:
    return ScanRequested.read(Fields(data, "page")) if data else None
