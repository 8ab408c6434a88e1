"""Runs in memory: the same comparison, written a second time and in Python over the memory catalog."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from eventstac.catalog.runs import RESUMED_AFTER
from eventstac.comparing import SAMPLES, Report, Tally
from eventstac.errors import Transient
from eventstac.events import ScanRequested
from eventstac.facts import Fact, ItemKey
from eventstac.matching import is_by_these_rules, may_be_shown
from eventstac.removing import Removals, assets_by_item, becoming, removed
from eventstac.rules.applied import AppliedRules
from eventstac.runs import CLOCKS_APART, Gap, ListedBlob, Run
from tests.twins.catalog import MemoryCatalog, facts_of

_GAPS = ("missing", "stale", "unsure", "orphaned", "withdrawn")


@dataclass
class MemoryRuns:
    catalog: MemoryCatalog
    runs: dict[str, Run] = field(default_factory=dict)
    listed: dict[str, dict[str, ListedBlob]] = field(default_factory=dict)
    dates: dict[str, dict[str, datetime]] = field(
        default_factory=dict
    )  # of each run, of what listed each blob
    answers: dict[str, dict[str, list[datetime]]] = field(default_factory=dict)  # of each run and container
    marked: dict[str, list[Gap]] = field(default_factory=dict)
    removing: dict[str, set[str]] = field(default_factory=dict)
    moved: dict[str, datetime] = field(default_factory=dict)

    def begin(self, run: Run) -> None:
        self._answer()
        self.runs.setdefault(run.id, run)
        self.moved.setdefault(run.id, self.catalog.clock())
        self.listed.setdefault(run.id, {})
        self.dates.setdefault(run.id, {})
        self.answers.setdefault(run.id, {})

    def find(self, run_id: str) -> Run | None:
        self._answer()
        return self.runs.get(run_id)

    def busy(self) -> Run | None:
        going_on = [run for run in self.runs.values() if run.state in ("listing", "looking")]
        return next((run for run in going_on if not run.check_only), None)

    def newest_revision(self, extractor: int) -> int | None:
        whole = [run for run in self.runs.values() if run.collection is None and not run.check_only]
        return max((run.revision for run in whole if run.extractor >= extractor), default=None)

    def take_stalled(self) -> Run | None:
        now, run = self.catalog.clock(), self.busy()
        if run is None or now - self.moved[run.id] < RESUMED_AFTER:
            return None
        self.moved[run.id] = now
        return run

    def advance(self, run_id: str, done: ScanRequested, following: ScanRequested) -> None:
        self._answer()
        self.moved[run_id] = self.catalog.clock()
        self.runs[run_id] = replace(self.runs[run_id], last_page=done, next_page=following)

    def add_listed(
        self, run_id: str, container_url: str, seen: datetime, listed: Sequence[ListedBlob]
    ) -> None:
        self._answer()
        self.answers[run_id].setdefault(container_url, []).append(seen)
        self.dates[run_id].update({blob.url: seen for blob in listed})
        self.listed[run_id].update({blob.url: blob for blob in listed})

    def note(self, run: Run) -> None:
        self._answer()
        self.runs[run.id] = replace(
            run, last_page=self.runs[run.id].last_page, next_page=self.runs[run.id].next_page
        )

    def compare(self, run: Run, applied: AppliedRules) -> Report:
        tally, samples = Tally(applied.revision), []
        published = {key for key, row in self.catalog.rows.items() if row.is_published}
        for url, (collection, status) in self._compared(run, applied).items():
            if collection is None:
                tally.add(None, status)
                samples += [url] if status == "unmatched" else []
                continue
            fact = self.catalog.known.get(url)
            lost = fact and fact.item_key in published and fact.item_key not in self.catalog.items
            status = "current" if status == "unsure" else status
            tally.add(collection, "lost_blobs" if status == "current" and lost else status)
        for (collection, item), row in self.catalog.rows.items():
            if run.collection not in (None, collection):
                continue
            names = {"published": "items", "incomplete": "incomplete", "rejected": "unpublishable"}
            tally.add(collection, names[row.state])
            tally.add(collection, "conflicting", len(row.conflicts))
            if row.is_published and (collection, item) not in self.catalog.items:
                tally.add(collection, "lost")
        for collection, _ in self.catalog.items.keys() - published:
            tally.add(collection, "surplus")
        tally.add(None, "listed", len(self.listed[run.id]))
        return tally.report(sorted(samples)[:SAMPLES])

    def removals(self, run: Run, applied: AppliedRules, after: ItemKey, limit: int) -> Removals:
        """All at once, whatever the page: what everything becomes is composed."""
        self._answer()
        known = self.catalog.known
        leaving = {
            gap.url
            for gap in self.marked[run.id]
            if gap.status in ("orphaned", "withdrawn") or (gap.status == "stale" and gap.archived)
        }
        differing = {gap.url for gap in self.marked[run.id]}
        became = {
            url: becoming(fact, applied) if url in differing else fact
            for url, fact in known.items()
            if url not in leaving
        }
        staying = {url: fact for url, fact in became.items() if fact}
        keys = {fact.item_key for fact in staying.values()}
        coming = [gap.url for gap in self.marked[run.id] if gap.status == "missing"]
        concerned = {known[gap.url].item_key for gap in self.marked[run.id] if gap.status != "missing"}
        coming_from = {
            gap.url: staying[gap.url].item_key
            for gap in self.marked[run.id]
            if gap.status == "stale" and gap.url in staying and not staying[gap.url].claim
        }
        concerned |= {*coming_from.values()}
        published = sorted(
            key for key, row in self.catalog.rows.items() if row.is_published and key in concerned
        )
        gone = removed(
            published,
            known.values(),
            {key: facts_of(key, staying) for key in keys},
            assets_by_item(coming, applied),
            applied,
        )
        self.removing[run.id] = {
            gap.url
            for gap in self.marked[run.id]
            if gap.url in known and {known[gap.url].item_key, coming_from.get(gap.url)} & {*gone}
        }
        return Removals(tuple(gone), None)

    def mark(self, run: Run, applied: AppliedRules) -> None:
        compared = sorted(self._compared(run, applied).items())
        listed = self.listed[run.id]
        self.marked[run.id] = []
        for url, (_, status) in compared:
            if status in _GAPS:
                one = listed.get(url)
                etag, archived = (one.etag, one.archived) if one else (None, False)
                self.marked[run.id].append(Gap(url, status, etag, archived))  # type: ignore[arg-type]  # one of _GAPS

    def gaps(self, run: Run, after: str, limit: int) -> list[Gap]:
        wanted = _GAPS if run.removes else _GAPS[:3]
        return [
            gap
            for gap in self.marked[run.id]
            if gap.status in wanted
            and gap.url > after
            and (
                run.removes
                or not (gap.url in self.removing[run.id] or (gap.status == "stale" and gap.archived))
            )
        ][:limit]

    def blobs_kept(self, run: Run) -> int:
        marked = [gap for gap in self.marked[run.id] if gap.status in ("missing", "stale")]
        looked_at = {gap.url for gap in self.gaps(run, "", len(self.marked[run.id]))}
        return sum(gap.url not in looked_at for gap in marked)

    def _compared(self, run: Run, applied: AppliedRules) -> dict[str, tuple[str | None, str]]:
        """Collection and status of every blob that is listed or known to be there, by URL."""
        listed = self.listed[run.id]
        compared = {}
        for url in {*listed, *self.catalog.known}:
            one, fact = listed.get(url), self.catalog.noted([url]).get(url)
            status = self._status(run, url, one, fact, applied)
            if status is None:
                continue
            by_rule = one and one.outcome == "matched" and not (fact and fact.claim)
            collection = one.collection if one and by_rule else fact.match.collection if fact else None
            if status in ("unmatched", "ignored", "unclaimed"):
                collection = None
            elif run.collection not in (None, collection, fact.match.collection if fact else None):
                continue
            compared[url] = (collection, status)
        return compared

    def _status(
        self, run: Run, url: str, listed: ListedBlob | None, fact: Fact | None, applied: AppliedRules
    ) -> str | None:
        known = fact.finding if fact else None
        if listed is None:
            return self._status_unlisted(run, url, fact) if fact else None
        if listed.outcome != "matched" and not (fact and fact.claim):
            if not (fact and may_be_shown(fact)):
                return listed.outcome
            return "unwatched" if listed.outcome == "unclaimed" else "withdrawn"
        if fact is None or known is None:
            return "missing"
        is_newer = self._is_newer(fact, self.dates[run.id][url])
        if known.state == "gone":
            return None if is_newer else "missing"
        if not is_by_these_rules(fact, applied.rules.match(url) or fact.match, applied):
            return "stale"
        has_changed = known.etag != listed.etag or (known.reason == "archived") != listed.archived
        if has_changed and not is_newer:
            return "stale"
        return "rejected" if known.state == "rejected" else "current"

    def _status_unlisted(self, run: Run, url: str, fact: Fact) -> str | None:
        container = next((each for each in run.containers if url.startswith(f"{each}/")), None)
        if container is None:
            return "unwatched" if may_be_shown(fact) else None
        if fact.finding.state == "gone":
            return None
        answers = self.answers[run.id][container]
        if self._is_newer(fact, max(answers)):
            return "current"
        return "unsure" if fact.finding.seen > min(answers) else "orphaned"

    def _is_newer(self, fact: Fact, listed: datetime) -> bool:
        """Whether a look knows better than a listing."""
        return fact.finding.seen > listed + CLOCKS_APART

    def _answer(self) -> None:
        if self.catalog.is_away:
            raise Transient("the database is away")


def finished(runs: MemoryRuns, run_id: str) -> Run:
    """A run that must be over."""
    run = runs.runs[run_id]
    assert run.state in ("done", "stopped"), run
    return replace(run)
