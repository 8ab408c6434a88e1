"""The catalog port on PostgreSQL."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from psycopg import DataError

from eventstac.catalog import collection_update, deleted_directories, fact_rows, outbox, rejections, scan_rows
from eventstac.catalog.database import Connection, DatabaseSettings, database_failures, open_pool
from eventstac.catalog.merge import FIRST, MOST, MergeSettings, merge
from eventstac.catalog.pace import Pace
from eventstac.catalog.port import Announcement, Merged
from eventstac.catalog.rules_store import RulesStore
from eventstac.errors import Rejected
from eventstac.events import EventRejected, Origin, ScanRequested
from eventstac.facts import Fact
from eventstac.rules.applied import AppliedRules


def _now() -> datetime:
    return datetime.now(UTC)


class PostgresCatalog:
    """Facts and Items in PostgreSQL, over a pool of connections."""

    def __init__(
        self,
        settings: DatabaseSettings,
        merging: MergeSettings,
        default_collection: str,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._pool = open_pool(settings)
        self._rules = RulesStore(default_collection)
        self._merging = merging
        self._clock = clock
        self._pace = Pace(FIRST, MOST)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection of the pool, in autocommit; Transient where the database does not answer."""
        with database_failures(), self._pool.connection() as connection:
            yield connection

    def rules(self) -> AppliedRules:
        """The rules in force."""
        with database_failures(), self._pool.connection() as connection:
            return self._rules.current(connection)

    def fact(self, url: str) -> Fact | None:
        """What is known about a blob."""
        return self.facts([url]).get(url)

    def facts(self, urls: Sequence[str]) -> dict[str, Fact]:
        """What is known about some blobs, by URL."""
        with database_failures(), self._pool.connection() as connection:
            return fact_rows.with_refusals(connection, fact_rows.by_urls(connection, urls))

    def facts_below(self, prefix: str, after: str, limit: int) -> list[Fact]:
        """What is known of blobs below a prefix, a page at a time."""
        with database_failures(), self._pool.connection() as connection:
            return fact_rows.below(connection, prefix, after, limit)

    def note_deleted_directory(self, prefix: str, at: datetime) -> None:
        """Remember that all blobs below a URL were deleted."""
        with database_failures(), self._pool.connection() as connection:
            deleted_directories.note(connection, prefix, at)

    def note_scan(self, page: ScanRequested, blobs: int, looks: int, *, is_over: bool) -> None:
        """Note a page that a scan went through."""
        with database_failures(), self._pool.connection() as connection:
            scan_rows.note(connection, page, blobs, looks, is_over=is_over)

    def merge(self, facts: Sequence[Fact]) -> Merged:
        """Join facts, compose and write their Items; Rejected where any fact cannot be stored at all."""
        with database_failures(), self._pool.connection() as connection:
            try:
                return merge(connection, self._rules, facts, self._merging, self._clock(), self._pace)
            except (DataError, UnicodeEncodeError) as error:
                raise Rejected("unstorable", f"PostgreSQL refuses it: {str(error).strip()}") from error

    def publish_outbox(self, publish: Callable[[Sequence[Announcement]], None]) -> int:
        """Publish what commits announced."""
        published = 0
        while True:
            with database_failures(), self._pool.connection() as connection:
                some = outbox.publish_some(connection, publish)
            published += some
            if some < outbox.BATCH:
                return published

    def update_collections(
        self,
        collections: Mapping[str, Origin | None] | None,
        now: datetime,
        origin: Origin | None = None,
    ) -> None:
        """Bring extents, summaries and counts up to date."""
        with database_failures(), self._pool.connection() as connection:
            everything = collections is None
            rules = self._rules.current(connection).rules
            if collections is None:
                collections = dict.fromkeys(collection_update.pending_collections(connection, rules), origin)
            for collection, origin in collections.items():
                collection_update.update_collection(
                    connection,
                    collection,
                    rules.collection(collection),
                    self._merging.app,
                    now,
                    origin,
                    recompute_any_size=everything,
                )

    def reject(self, identity: str, rejected: EventRejected) -> None:
        """Keep a given-up event for the operator."""
        with database_failures(), self._pool.connection() as connection:
            rejections.record(connection, identity, rejected)
