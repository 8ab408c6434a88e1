"""The catalog in memory: the same joining, composing and announcing, without a database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from eventstac.catalog.announcing import Change, announcements_of, origins_of
from eventstac.catalog.item_rows import ItemRow, row_of
from eventstac.catalog.port import Announcement, Merged
from eventstac.catalog.second_looks import second_looks
from eventstac.compose import compose
from eventstac.disputes import marked, settle, wrongly_read
from eventstac.errors import Rejected, Transient
from eventstac.events import EventRejected, Origin, ScanRequested
from eventstac.facts import Fact, ItemKey, join, unsure
from eventstac.matching import is_overtaken
from eventstac.rules import Rules
from eventstac.rules.applied import AppliedRules
from eventstac.rules.since import all_new, since_when
from tests.samples import START


@dataclass(frozen=True)
class Staged:
    """What one transaction is going to write: all of it, or nothing."""

    facts: tuple[Fact, ...]
    fresh: Mapping[str, Fact]
    changes: Sequence[Change]
    announced: Sequence[Announcement]
    merged: Merged


@dataclass
class MemoryCatalog:
    in_force: Rules
    revision: int = 1
    extractor: int = 0
    skew_window_s: float = 0.5
    clock: Callable[[], datetime] = lambda: START
    is_away: bool = False
    known: dict[str, Fact] = field(default_factory=dict)
    rows: dict[ItemKey, ItemRow] = field(default_factory=dict)
    items: dict[ItemKey, dict[str, Any]] = field(default_factory=dict)
    deleted: list[tuple[str, datetime]] = field(default_factory=list)
    scanned: list[tuple[ScanRequested, int, int, bool]] = field(default_factory=list)
    outbox: list[Announcement] = field(default_factory=list)
    rejections: dict[str, EventRejected] = field(default_factory=dict)
    updated: list[str] = field(default_factory=list)
    _applied: AppliedRules | None = None

    def rules(self) -> AppliedRules:
        self.answer()
        return self.applied()

    def applied(self) -> AppliedRules:
        """The rules as they were last put in force; what changed since the revision before is noted."""
        before = self._applied
        if before is None or before.revision != self.revision:
            since = all_new(self.in_force, self.revision)
            if before and before.extractor == self.extractor:
                since = since_when(self.in_force, self.revision, before.rules, before.since)
            self._applied = AppliedRules(self.revision, self.in_force, since, self.extractor)
        assert self._applied is not None
        return self._applied

    def fact(self, url: str) -> Fact | None:
        return self.facts([url]).get(url)

    def facts(self, urls: Sequence[str]) -> dict[str, Fact]:
        self.answer()
        return self.noted(urls)

    def noted(self, urls: Sequence[str]) -> dict[str, Fact]:
        """What is known about some blobs, with what is refused marked."""
        found = [self.known[url] for url in urls if url in self.known]
        if any(fact.claim for fact in found):
            found = marked(found, self.known.values())
        return {fact.url: fact for fact in found}

    def facts_below(self, prefix: str, after: str, limit: int) -> list[Fact]:
        self.answer()
        found = sorted(url for url in self.known if url.startswith(prefix) and url > after)
        return [self.known[url] for url in found if self.known[url].finding.state != "gone"][:limit]

    def note_deleted_directory(self, prefix: str, at: datetime) -> None:
        self.answer()
        self.deleted.append((prefix, at))

    def note_scan(self, page: ScanRequested, blobs: int, looks: int, *, is_over: bool) -> None:
        self.answer()
        self.scanned.append((page, blobs, looks, is_over))

    def merge(self, facts: Sequence[Fact]) -> Merged:
        self.answer()
        self.waiting_for_locks()
        staged = self.stage(facts)
        self.commit(staged)
        return staged.merged

    def waiting_for_locks(self) -> None:
        """What others commit meanwhile is seen: nothing was read yet."""

    def stage(self, facts: Sequence[Fact]) -> Staged:
        """What a transaction would write, by what is known now."""
        for fact in facts:
            if "\x00" in str(fact.finding.metadata):
                raise Rejected("unstorable", "a NUL character")
        arrived: dict[str, Fact] = {}
        unsure_ones: set[str] = set()
        for fact in facts:
            before = arrived.get(fact.url)
            if before and unsure(before.finding, fact.finding, self.skew_window_s):
                unsure_ones.add(fact.url)
            arrived[fact.url] = join(before, fact, self.clock()) if before else fact
        old = {url: self.known[url] for url in arrived if url in self.known}
        joined = {
            url: join(old[url], fact, self.clock()) if url in old else fact for url, fact in arrived.items()
        }
        fresh = {url: fact for url, fact in joined.items() if fact != old.get(url)}
        unsure_ones |= {
            url for url in old if unsure(old[url].finding, arrived[url].finding, self.skew_window_s)
        }
        unsure_ones |= {url for url, fact in fresh.items() if self._outlived(fact)}
        unsure_ones |= {
            url for url, fact in fresh.items() if is_overtaken(fact, old.get(url), self.applied())
        }
        touched = {fact.item_key for url in fresh for fact in (fresh[url], old.get(url)) if fact}
        known = {**self.known, **fresh}
        claimed = [fact for url in fresh for fact in (fresh[url], old.get(url)) if fact and fact.claim]
        touched |= {fact.item_key for fact in _disputants(claimed, known)}
        changes = [change for key in sorted(touched) if (change := self._change(key, known))]
        again = {url: joined[url] for url in sorted(unsure_ones)}
        if claimed:
            again |= wrongly_read(self.known.values(), known.values())
        wait, now = timedelta(seconds=self.skew_window_s + 1), self.clock()
        looks = second_looks(again, joined.values(), self.applied(), now, wait)
        merged = Merged(len(fresh), len(facts) - len(fresh), tuple(change.key for change in changes))
        announced = announcements_of(changes, looks, "loader", now, origins_of(facts, old))
        return Staged(tuple(facts), fresh, changes, announced, merged)

    def commit(self, staged: Staged) -> None:
        """All of it at once."""
        self.known.update(staged.fresh)
        for change in staged.changes:
            self.rows.pop(change.key, None)
            self.items.pop(change.key, None)
            if change.after:
                self.rows[change.key] = change.after
            if change.composition.item:
                self.items[change.key] = change.composition.item
        self.outbox += staged.announced

    def publish_outbox(self, publish: Callable[[Sequence[Announcement]], None]) -> int:
        self.answer()
        announced = list(self.outbox)
        if announced:
            publish(announced)
            del self.outbox[: len(announced)]
        return len(announced)

    def update_collections(
        self,
        collections: Mapping[str, Origin | None] | None,
        now: datetime,
        origin: Origin | None = None,
    ) -> None:
        self.answer()
        self.updated += collections or ()

    def reject(self, identity: str, rejected: EventRejected) -> None:
        self.answer()
        self.rejections.setdefault(identity, rejected)

    def _outlived(self, fact: Fact) -> bool:
        window = timedelta(seconds=self.skew_window_s)
        return fact.finding.state == "present" and any(
            fact.url.startswith(prefix) and fact.finding.seen <= at + window for prefix, at in self.deleted
        )

    def _change(self, key: ItemKey, known: Mapping[str, Fact]) -> Change | None:
        facts = facts_of(key, known)
        composition = compose(facts, self.in_force.collection(key[0]))
        before, after = self.rows.get(key), row_of(key, composition)
        return None if before == after else Change(key, before, after, composition, facts)

    def answer(self) -> None:
        """Every request begins here."""
        if self.is_away:
            raise Transient("the database is away")


def facts_of(key: ItemKey, known: Mapping[str, Fact]) -> tuple[Fact, ...]:
    """The facts of an Item as it is composed of them."""
    mine = sorted((fact for fact in known.values() if fact.item_key == key), key=lambda fact: fact.url)
    others = [fact for fact in known.values() if fact.claim] if any(fact.claim for fact in mine) else []
    return tuple(settle(mine, others))


def _disputants(claimed: Sequence[Fact], known: Mapping[str, Fact]) -> list[Fact]:
    if not claimed:
        return []
    sources = {fact.claim.source_url for fact in claimed if fact.claim}
    named = sources | {fact.url for fact in claimed}
    return [
        fact
        for fact in known.values()
        if fact.claim and (fact.url in sources or fact.claim.source_url in named)
    ]
