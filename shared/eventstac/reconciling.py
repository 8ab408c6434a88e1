"""Compares the storage with what is known, a page at a time, and causes a look at whatever differs.

A run lists every watched container, compares once (`comparing`), counts the Items that it would remove (`removing`),
then goes through what differs in the order of URLs. It does all of it by the same rules: where they change, it stops.
Where it is stands in the request for its next page, so that a crash repeats one page at most. A listing is never
evidence: a blob that it does not show is looked at, and only the storage's answer to that look removes anything.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from eventstac.blob_urls import parse
from eventstac.blobs import Blobs, Listed
from eventstac.bus import ASSET_FACTS, BLOBS_MATCHED, Outgoing
from eventstac.catalog.port import Catalog
from eventstac.comparing import Report, removal_limit
from eventstac.containers import Watched
from eventstac.errors import Refused, Stale
from eventstac.events import AssetGone, BlobMatched, ScanRequested
from eventstac.events.timeline import passed
from eventstac.facts import Fact, Finding, ItemKey, Stage
from eventstac.matching import carried, digest_of, due, match_blob
from eventstac.rules.applied import AppliedRules
from eventstac.runs import Gap, ListedBlob, Run, Runs

_GO_ON = "Nothing was concluded from it. Then run `eventstac reconcile` again, or wait for the next daily run"

RULES_CHANGED = (
    "the rules changed while it went on, and what it found is by those before. The scanner begins a run by the new "
    "ones within five minutes; `eventstac reconcile` does it at once"
)
_GIVE_AGAIN = ", and is to be given --allow-removals again: the scanner's has the usual limit"

_ITEMS_A_PAGE = 200  # that are composed at a time: a fact may be of hundreds of bands

_LIST, _COMPARE, _COUNT, _LOOK, _END = "list:", "compare:", "count:", "look:", "end:"


@dataclass(frozen=True)
class Step:
    """What one page led to: events to send, and the request for the next page (None: the run is over)."""

    outgoing: tuple[Outgoing, ...]
    following: ScanRequested | None


@dataclass(frozen=True)
class Reconciler:
    """Begins runs and goes through their pages."""

    catalog: Catalog
    blobs: Blobs
    watched: Watched
    runs: Runs
    page_size: int
    clock: Callable[[], datetime]

    def begin(
        self,
        run_id: str,
        *,
        collection: str | None = None,
        allow_removals: int | None = None,
        check_only: bool = False,
    ) -> ScanRequested:
        """Note a new run; returns the request for its first page."""
        names = dict.fromkeys((*self.watched.names.source, *self.watched.names.cogs))
        containers = tuple(f"{self.watched.account_url}/{name}" for name in names)
        first = ScanRequested(run_id, containers[0], reason="reconcile", collection=collection)
        run = Run(run_id, containers, collection, allow_removals, check_only)
        applied = self.catalog.rules()
        self.runs.begin(replace(run, revision=applied.revision, extractor=applied.extractor, next_page=first))
        return first

    def attend(self, name: str) -> ScanRequested | None:
        """The page whose message was lost, or the first page of a run that changed rules call for; None: neither.

        `name` is of the run to be begun. Rules changed where they say anything else of any blob.
        """
        stalled = self.runs.take_stalled()
        if stalled:
            return stalled.next_page
        if self.runs.busy():
            return None
        applied = self.catalog.rules()
        # Rules that were there before any run are those of the set-up: they changed nothing.
        if applied.same_since(None) <= (self.runs.newest_revision(applied.extractor) or 1):
            return None
        return self.begin(name)

    def step(self, request: ScanRequested) -> Step:
        """Go through one page. Stale for a run that is over; a refused container stops the run with its reason.

        Stale too for a page that the run has left behind: of two chains of messages one ends. A page is noted before
        its events are sent, so the one that was done last may come again.
        """
        run = self.runs.find(request.run)
        if run is None or run.state in ("done", "stopped"):
            raise Stale(f"run {request.run} is over")
        if run.next_page and request not in (run.next_page, run.last_page):
            raise Stale(f"run {request.run} is past this page")
        step = self._page(run, request)
        if step.following:
            self.runs.advance(run.id, request, step.following)
        return step

    def _page(self, run: Run, request: ScanRequested) -> Step:
        where = request.continuation or _LIST
        if where.startswith(_END):
            self._end(run)
            return Step((), None)
        applied = self.catalog.rules()
        if applied.same_since(None) > run.revision:
            # What is listed and counted by some rules says nothing of what others would remove.
            return self._stop(run, RULES_CHANGED + (_GIVE_AGAIN if run.allow_removals is not None else ""))
        try:
            if where.startswith(_LIST):
                return self._list(run, request, where.removeprefix(_LIST) or None, applied)
        except Refused as refusal:
            return self._stop(run, f"{refusal.detail}. {_GO_ON}")
        if where.startswith(_COMPARE):
            return self._compare(run, request, applied)
        if where.startswith(_COUNT):
            return self._count(run, request, where.removeprefix(_COUNT), applied)
        return self._look(run, request, where.removeprefix(_LOOK), applied)

    def _stop(self, run: Run, detail: str) -> Step:
        self.runs.note(replace(run, state="stopped", removes=False, detail=detail))
        return Step((), None)

    def _list(
        self, run: Run, request: ScanRequested, continuation: str | None, applied: AppliedRules
    ) -> Step:
        page = self.blobs.page(request.container_url, "", continuation, self.page_size)
        listed = [self._listed(blob, applied) for blob in page.blobs]
        self.runs.add_listed(run.id, request.container_url, page.seen, listed)
        if page.continuation:
            return Step((), replace(request, continuation=f"{_LIST}{page.continuation}"))
        following = run.containers[run.containers.index(request.container_url) + 1 :]
        if following:
            return Step((), replace(request, container_url=following[0], continuation=None))
        return Step((), replace(request, continuation=_COMPARE))

    def _compare(self, run: Run, request: ScanRequested, applied: AppliedRules) -> Step:
        following = replace(request, continuation=_counted(0, ("", "")))
        if run.report is not None:
            return Step((), following)  # what was marked since stays marked
        report = self.runs.compare(run, applied)
        self.runs.mark(run, applied)
        report = replace(report, removal_limit=removal_limit(report.items, run.allow_removals))
        self.runs.note(replace(run, state="looking", report=report.to_json()))
        return Step((), following)

    def _count(self, run: Run, request: ScanRequested, where: str, applied: AppliedRules) -> Step:
        """One page of what would be removed; the count so far goes with the request, so that none counts twice."""
        before, *after = json.loads(where)
        page = self.runs.removals(run, applied, (after[0], after[1]), min(self.page_size, _ITEMS_A_PAGE))
        count = before + len(page.items)
        if page.following:
            return Step((), replace(request, continuation=_counted(count, page.following)))
        report = Report.from_json(run.report or {})
        report = replace(report, removals=count)
        run = replace(run, removes=report.removals <= report.removal_limit)
        kept = report.kept_surplus(surplus_allowed(report, run.allow_removals) if run.removes else 0)
        report = replace(report, surplus_kept=sum(kept.values()), blobs_kept=self.runs.blobs_kept(run))
        run = replace(run, report=report.to_json())
        self.runs.note(run)
        if run.check_only:
            self._end(run)
            return Step((), None)
        return Step((), replace(request, continuation=_LOOK))

    def _look(self, run: Run, request: ScanRequested, after: str, applied: AppliedRules) -> Step:
        gaps = self.runs.gaps(run, after, self.page_size)
        known = self.catalog.facts([gap.url for gap in gaps])
        outgoing = [sent for gap in gaps if (sent := self._cause(gap, known.get(gap.url), applied, run))]
        if len(gaps) == self.page_size:
            return Step(tuple(outgoing), replace(request, continuation=f"{_LOOK}{gaps[-1].url}"))
        # A page of its own ends the run: what this one causes is not sent yet, and a run that is over repeats nothing.
        return Step(tuple(outgoing), replace(request, continuation=_END))

    def _end(self, run: Run) -> None:
        report = Report.from_json(run.report or {})
        if not run.removes:
            detail = _too_many(report)
        else:
            detail = _surplus_stays(report, run.allow_removals) if report.surplus_kept else ""
        state: Literal["done", "stopped"] = "done" if run.removes or run.check_only else "stopped"
        self.runs.note(replace(run, state=state, detail=detail))

    def _listed(self, blob: Listed, applied: AppliedRules) -> ListedBlob:
        if not self.watched.is_source(parse(blob.url)):
            return ListedBlob(blob.url, blob.etag, "unclaimed", None, blob.archived)
        explanation = applied.rules.explain(blob.url)
        match = explanation.match
        if match is None:
            return ListedBlob(blob.url, blob.etag, explanation.outcome, None, blob.archived)
        return ListedBlob(
            blob.url,
            blob.etag,
            explanation.outcome,
            match.collection,
            blob.archived,
            match.item,
            digest_of(match),
            applied.same_since(match),
        )

    def _cause(self, gap: Gap, fact: Fact | None, applied: AppliedRules, run: Run) -> Outgoing | None:
        """The look at a blob that differs; or, without one, what it means now, or that no rule knows it any more."""
        cause = f"reconcile {run.id}"
        timeline = passed((), f"reconcile ({gap.status})", self.clock())
        name = parse(gap.url)
        if gap.status == "withdrawn":
            return due(name, fact, applied, self.watched, cause=cause, timeline=timeline)
        if fact and name.url != gap.url:
            return Outgoing(ASSET_FACTS, self._misspelt(fact, applied, cause, timeline))
        look = match_blob(name, fact, applied, self.watched, cause=cause, timeline=timeline)
        if look is None and fact is not None and gap.status in ("orphaned", "unsure"):
            # Whatever the rules say now: only a look can tell that it is gone. Found there, it is so by the rules that
            # knew it, for the next run to withdraw.
            look = BlobMatched(gap.url, fact.match, min(fact.revision, applied.revision - 1), cause, timeline)
        if (
            look
            and fact
            and gap.status == "stale"
            and fact.finding.condition == (gap.etag, False, gap.archived)
        ):
            # Only the rules are new. What was read may still be what a look would find.
            means = carried(fact, look, applied)
            if means:
                return Outgoing(ASSET_FACTS, means)
        return Outgoing(BLOBS_MATCHED, look) if look else None

    def _misspelt(
        self, fact: Fact, applied: AppliedRules, cause: str, timeline: tuple[Stage, ...]
    ) -> AssetGone:
        """That no blob has this URL, as an earlier version spelt it: a look would be at the blob's own URL."""
        gone = Finding(fact.match, applied.revision, "gone", self.clock(), timeline=timeline)
        return AssetGone(fact.url, gone, cause)


def _counted(count: int, after: ItemKey) -> str:
    return _COUNT + json.dumps([count, *after])


def surplus_allowed(report: Report, allow_removals: int | None) -> int | None:
    """How many surplus Items a run may remove beside its other removals; None: the usual limit of each Collection."""
    return None if allow_removals is None else max(0, allow_removals - report.removals)


def _too_many(report: Report) -> str:
    said = (
        f"it would remove {report.removals} of {report.items} Items, and may remove {report.removal_limit}: nothing "
        "that removes was done. If their blobs are really gone or archived, or the rules are meant so, run `eventstac "
        f"reconcile --allow-removals {report.removals + report.surplus}`"
    )
    if not report.surplus:
        return said
    return (
        f"{said}. That number counts the Items that no file explains, too ({report.surplus}): if they are wanted, "
        "write them into a Collection of their own first"
    )


def _surplus_stays(report: Report, allow_removals: int | None) -> str:
    kept = report.kept_surplus(surplus_allowed(report, allow_removals))
    of_each = ", ".join(f"{count} in {name}" for name, count in sorted(kept.items()))
    limit = (
        "more than may be removed"
        if allow_removals is not None
        else "more than 5 % of the Items there, or than 1,000"
    )
    return (
        f"Items that no file explains stay: {of_each}, {limit}. If rows of the database were lost, `eventstac rebuild "
        "COLLECTION` brings back those that have files. The others somebody wrote into a Collection that eventstac "
        "keeps: write them into one of their own, and run `eventstac reconcile --allow-removals "
        f"{report.removals + report.surplus}`, which removes them here"
    )
