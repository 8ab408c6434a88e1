"""A catalog that is not asked while its database is known to be away."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime

from eventstac.breaker import Breaker
from eventstac.catalog.port import Announcement, Catalog, Merged
from eventstac.errors import EventstacError, Transient
from eventstac.events import EventRejected, Origin, ScanRequested
from eventstac.facts import Fact
from eventstac.rules.applied import AppliedRules


def guarded[T](
    breaker: Breaker, opened: Callable[[], AbstractContextManager[T]]
) -> Callable[[], AbstractContextManager[T]]:
    """The same connections behind a breaker."""

    @contextmanager
    def behind() -> Iterator[T]:
        with breaker.guard() as probing, opened() as connection:
            if probing:
                breaker.succeeded()  # it answers: nobody has to wait until all is done
            yield connection

    return behind


class _Unsent(EventstacError):
    """The bus does not take what is to be published: that says nothing about the database."""

    def __init__(self, failure: Transient) -> None:
        super().__init__(failure.detail)
        self.failure = failure


@dataclass(frozen=True)
class GuardedCatalog:
    """A catalog behind a breaker: whatever is asked of it fails at once while it is known to be away.

    One process has one breaker: what one function learns, all know.
    """

    catalog: Catalog
    breaker: Breaker

    def rules(self) -> AppliedRules:
        """The rules in force."""
        with self.breaker.guard():
            return self.catalog.rules()

    def fact(self, url: str) -> Fact | None:
        """What is known about a blob."""
        with self.breaker.guard():
            return self.catalog.fact(url)

    def facts(self, urls: Sequence[str]) -> dict[str, Fact]:
        """What is known about some blobs, by URL."""
        with self.breaker.guard():
            return self.catalog.facts(urls)

    def facts_below(self, prefix: str, after: str, limit: int) -> list[Fact]:
        """What is known of blobs below a prefix, a page at a time."""
        with self.breaker.guard():
            return self.catalog.facts_below(prefix, after, limit)

    def note_deleted_directory(self, prefix: str, at: datetime) -> None:
        """Remember that all blobs below a URL were deleted."""
        with self.breaker.guard():
            self.catalog.note_deleted_directory(prefix, at)

    def note_scan(self, page: ScanRequested, blobs: int, looks: int, *, is_over: bool) -> None:
        """Note a page that a scan went through."""
        with self.breaker.guard():
            self.catalog.note_scan(page, blobs, looks, is_over=is_over)

    def merge(self, facts: Sequence[Fact]) -> Merged:
        """Join facts, compose and write their Items; a database that was away gets one fact first."""
        with self.breaker.guard() as probing:
            if probing:
                self.catalog.merge(facts[:1])
                self.breaker.succeeded()
            return self.catalog.merge(facts)

    def publish_outbox(self, publish: Callable[[Sequence[Announcement]], None]) -> int:
        """Publish what commits announced."""

        def send(announcements: Sequence[Announcement]) -> None:
            self.breaker.succeeded()  # the database gave them
            try:
                publish(announcements)
            except Transient as failure:
                raise _Unsent(failure) from failure

        try:
            with self.breaker.guard():
                return self.catalog.publish_outbox(send)
        except _Unsent as unsent:
            raise unsent.failure from unsent

    def update_collections(
        self,
        collections: Mapping[str, Origin | None] | None,
        now: datetime,
        origin: Origin | None = None,
    ) -> None:
        """Bring extents, summaries and counts up to date."""
        with self.breaker.guard():
            self.catalog.update_collections(collections, now, origin)

    def reject(self, identity: str, rejected: EventRejected) -> None:
        """Keep a given-up event for the operator."""
        with self.breaker.guard():
            self.catalog.reject(identity, rejected)
