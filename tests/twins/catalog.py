"""The catalog in memory: the same joining, composing and announcing, without a database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from eventstac.catalog.announcing import Change, announcements_of
from eventstac.catalog.item_rows import ItemKey, ItemRow, row_of
from eventstac.catalog.merge import Merged
from eventstac.catalog.outbox import Announcement
from eventstac.catalog.rules_store import AppliedRules
from eventstac.compose import compose
from eventstac.errors import Rejected, Transient
from eventstac.events import EventRejected
from eventstac.facts import Fact, join, unsure
from eventstac.rules import Rules
from tests.samples import START


@dataclass
class MemoryCatalog:
    in_force: Rules
    revision: int = 1
    skew_window_s: float = 0.5
    clock: Callable[[], datetime] = lambda: START
    is_away: bool = False
    known: dict[str, Fact] = field(default_factory=dict)
    rows: dict[ItemKey, ItemRow] = field(default_factory=dict)
    items: dict[ItemKey, dict[str, Any]] = field(default_factory=dict)
    outbox: list[Announcement] = field(default_factory=list)
    rejections: dict[str, EventRejected] = field(default_factory=dict)
    updated: list[str] = field(default_factory=list)

    def rules(self) -> AppliedRules:
        self._answer()
        return AppliedRules(self.revision, self.in_force)

    def fact(self, url: str) -> Fact | None:
        return self.facts([url]).get(url)

    def facts(self, urls: Sequence[str]) -> dict[str, Fact]:
        self._answer()
        return {url: self.known[url] for url in urls if url in self.known}

    def facts_below(self, prefix: str, after: str, limit: int) -> list[Fact]:
        self._answer()
        found = sorted(url for url in self.known if url.startswith(prefix) and url > after)
        return [self.known[url] for url in found if self.known[url].finding.state != "gone"][:limit]

    def merge(self, facts: Sequence[Fact]) -> Merged:
        self._answer()
        for fact in facts:
            if "\x00" in str(fact.finding.metadata):
                raise Rejected("unstorable", "a NUL character")
        fresh: set[str] = set()
        touched: set[ItemKey] = set()
        unsure_ones: dict[str, None] = {}
        for fact in facts:
            old = self.known.get(fact.url)
            new = join(old, fact) if old else fact
            if old and unsure(old.finding, fact.finding, self.skew_window_s):
                unsure_ones[fact.url] = None
            if new != old:
                fresh.add(fact.url)
                touched |= {new.item_key} | ({old.item_key} if old else set())
                self.known[fact.url] = new
        changes = [change for key in sorted(touched) if (change := self._recompose(key))]
        looks = [self.known[url] for url in unsure_ones]
        wait = timedelta(seconds=self.skew_window_s + 1)
        self.outbox += announcements_of(changes, looks, "loader", self.clock(), wait)
        return Merged(len(fresh), len(facts) - len(fresh), tuple(change.key for change in changes))

    def publish_outbox(self, publish: Callable[[Sequence[Announcement]], None]) -> int:
        self._answer()
        announced = list(self.outbox)
        if announced:
            publish(announced)
            del self.outbox[: len(announced)]
        return len(announced)

    def update_collections(self, collections: Sequence[str] | None, now: datetime) -> None:
        self._answer()
        self.updated += collections or []

    def reject(self, identity: str, rejected: EventRejected) -> None:
        self._answer()
        self.rejections.setdefault(identity, rejected)

    def _recompose(self, key: ItemKey) -> Change | None:
        facts = tuple(fact for _, fact in sorted(self.known.items()) if fact.item_key == key)
        composition = compose(facts, self.in_force.collection(key[0]))
        before, after = self.rows.get(key), row_of(key, composition)
        if before == after:
            return None
        change = Change(key, before, after, composition, facts)
        self.rows.pop(key, None)
        self.items.pop(key, None)
        if after:
            self.rows[key] = after
        if composition.item:
            self.items[key] = composition.item
        return change

    def _answer(self) -> None:
        if self.is_away:
            raise Transient("the database is away")
