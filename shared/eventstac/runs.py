"""The port to what is noted of reconcile runs: what each listed, and what of it differs from facts and Items."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from eventstac.comparing import Outcome, Report
from eventstac.events import ScanRequested
from eventstac.facts import ItemKey
from eventstac.removing import Removals
from eventstac.rules.applied import AppliedRules

# A look knows better than a listing where its Date is later by more than this: Dates are whole seconds of front ends
# whose clocks differ. More of it costs a look too many, less a change that is missed.
CLOCKS_APART = timedelta(seconds=5)


@dataclass(frozen=True)
class Run:
    """One reconcile: what it was asked for, and how far it is.

    `allow_removals` is the number of Items that it may remove, None for the usual limit. `removes` is whether it was
    found to stay within it. `started_at` is the database's time, for people. `report` is what comparing found.
    `revision` is that of the rules in force when it began, `extractor` the number that readings were to have.
    `next_page` is the request for its next page, `last_page` the one before it.
    """

    id: str
    containers: tuple[str, ...]
    collection: str | None = None
    allow_removals: int | None = None
    check_only: bool = False
    state: Literal["listing", "looking", "done", "stopped"] = "listing"
    removes: bool = False
    detail: str = ""
    started_at: datetime | None = None
    report: dict[str, Any] | None = None
    revision: int = 0
    extractor: int = 0
    next_page: ScanRequested | None = None
    last_page: ScanRequested | None = None


@dataclass(frozen=True)
class ListedBlob:
    """One blob of a listing, and what the rules make of it.

    Only where a rule matches: `collection` and `item`, the digest of the `match`, and `since` which revision that means
    the same.
    """

    url: str
    etag: str
    outcome: Outcome
    collection: str | None
    archived: bool
    item: str | None = None
    match: str | None = None
    since: int | None = None


@dataclass(frozen=True)
class Gap:
    """A blob about which storage and catalog differ; `etag` and `archived` are the listing's, if it is in there.

    "unsure": it was looked at while its container was being listed, and found, and is not in the listing.
    """

    url: str
    status: Literal["missing", "stale", "unsure", "orphaned", "withdrawn"]
    etag: str | None = None
    archived: bool = False


class Runs(Protocol):
    """What is noted of runs, and the comparison of a run's listing with facts and Items."""

    def begin(self, run: Run) -> None:
        """Note a new run; the listings of runs that are over are forgotten."""

    def find(self, run_id: str) -> Run | None:
        """A run, None for one that nobody began."""

    def busy(self) -> Run | None:
        """A run that is not a mere check and still goes on, if there is one."""

    def newest_revision(self, extractor: int) -> int | None:
        """The newest rules with which a run over everything was begun, that is not a mere check; None: no such run.

        Of runs that an older scanner began, which knew of a smaller `extractor` or of none, it asks nothing.
        """

    def take_stalled(self) -> Run | None:
        """A run that is not a mere check and has not gone on for a while; it is not given again for a while."""

    def advance(self, run_id: str, done: ScanRequested, following: ScanRequested) -> None:
        """Note where a run is: which page was done, and which follows."""

    def add_listed(
        self, run_id: str, container_url: str, seen: datetime, listed: Sequence[ListedBlob]
    ) -> None:
        """Note the blobs of a page that the storage listed, and its Date; the same page twice is noted once."""

    def compare(self, run: Run, applied: AppliedRules) -> Report:
        """What is the same and what differs, by collection; its `removals` are left at 0.

        A look whose Date is later than the listing's by more than `CLOCKS_APART` knows better than the listing,
        whenever its fact came; any other does not.
        """

    def mark(self, run: Run, applied: AppliedRules) -> None:
        """Keep which blobs differ, for `removals` and `gaps`."""

    def removals(self, run: Run, applied: AppliedRules, after: ItemKey, limit: int) -> Removals:
        """The Items that would leave if every unlisted blob is really gone and everything else reads as before.

        A page of at most `limit` Items with blobs that differ is gone through, after a key, in the order of keys; and
        kept for `gaps`.
        """

    def gaps(self, run: Run, after: str, limit: int) -> list[Gap]:
        """Marked blobs, in the order of URLs, after a URL; those that would remove only where the run `removes`."""

    def blobs_kept(self, run: Run) -> int:
        """How many marked blobs that are missing or stale are not among the `gaps`."""

    def note(self, run: Run) -> None:
        """Keep a run's state, removes, detail and report."""
