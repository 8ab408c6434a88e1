"""The transaction: facts joined, their Items composed and written, what changed put into the outbox.

Key: a blob's URL, then its Item. Stale rule: `facts.join`. Side effects, in order: facts, pgstac and outbox in one
commit; nothing else. Handling the same facts twice writes nothing.

What can be known is worked out before the locks are taken; what is true is read after them (0031).
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from eventstac.catalog import deleted_directories, fact_rows, outbox
from eventstac.catalog.announcing import announcements_of, origins_of
from eventstac.catalog.attempts import ATTEMPTS, Attempts
from eventstac.catalog.composing import Composer, notes_of, recompose
from eventstac.catalog.database import Connection, write
from eventstac.catalog.locks import lock
from eventstac.catalog.pace import Pace
from eventstac.catalog.pgstac_items import REFUSED
from eventstac.catalog.pgstac_partitions import CollectionNotReady
from eventstac.catalog.port import Merged
from eventstac.catalog.rules_store import RulesStore
from eventstac.catalog.second_looks import second_looks
from eventstac.catalog.turns import NOT_NOW, Turns
from eventstac.disputes import marked, misplaced, wrongly_read
from eventstac.errors import Busy
from eventstac.facts import Fact, ItemKey, join, unsure
from eventstac.matching import is_overtaken
from eventstac.rules.applied import AppliedRules

log = logging.getLogger("eventstac")

# Facts of the first transaction (a batch of the loader's), and of any: their locks share one table of fixed size.
FIRST, MOST = 100, 400


@dataclass(frozen=True)
class MergeSettings:
    """`skew_window_s`: two different states seen closer than this need a second look (Dates are whole seconds)."""

    app: str
    skew_window_s: float


@dataclass(frozen=True)
class _Arrived:
    """What one transaction merges: a fact for each blob, blobs that need a second look, and facts as they came."""

    facts: Sequence[Fact]
    unsure_urls: set[str]
    messages: Sequence[Fact]


@dataclass(frozen=True)
class _Joined:
    """Facts as they are to be, beside what is `known` of their Items' blobs too.

    `fresh` are those that differ, marked where they are refused.
    """

    known: Mapping[str, Fact]
    joined: Mapping[str, Fact]
    fresh: Mapping[str, Fact]
    disputants: Mapping[str, Fact]
    has_claims: bool

    @property
    def touched(self) -> set[ItemKey]:
        """The Items to compose anew. The blob of a refused claim is shown in the Item of those that name it."""
        known = [self.known[url] for url in self.fresh if url in self.known]
        return {fact.item_key for fact in (*self.fresh.values(), *known, *self.disputants.values())}


class _LocksTooFew(Exception):
    """A blob belongs to an Item that was not locked: roll back, lock that one too."""

    def __init__(self, keys: frozenset[ItemKey]) -> None:
        super().__init__()
        self.keys = keys


def merge(
    connection: Connection,
    rules: RulesStore,
    facts: Sequence[Fact],
    settings: MergeSettings,
    now: datetime,
    pace: Pace | None = None,
) -> Merged:
    """Merge facts, in as many transactions as the `pace` makes of them.

    Those of a Collection whose tables somebody holds, or that the server has no room for, come last. What fails then,
    too, is raised when all others are merged.
    `now` dates what is announced; what is claimed well in its future stands below any other claim.
    """
    pace = pace or Pace(FIRST, MOST)
    joined: dict[str, Fact] = {}
    pending_looks: list[tuple[Fact, Fact]] = []
    for fact in facts:
        known = joined.get(fact.url)
        if known is not None and unsure(known.finding, fact.finding, settings.skew_window_s):
            pending_looks.append((known, fact))
        joined[fact.url] = fact if known is None else join(known, fact, now)
    fresh: set[str] = set()
    changed: list[ItemKey] = []
    turns = Turns(joined.values(), pace)
    while chunk := turns.take():
        own = {fact.url for fact in chunk}
        arrived = _Arrived(
            chunk,
            {one.url for one, _ in pending_looks} & own,
            [fact for fact in facts if fact.url in own],
        )
        try:
            done = _merge_chunk(connection, rules, arrived, settings, now, pace, briefly=turns.briefly)
        except NOT_NOW as error:
            turns.fail(chunk, error)
        else:
            fresh |= done[0]
            changed += done[1]
    if turns.failure:
        raise turns.failure
    return Merged(len(fresh), len(facts) - len(fresh), tuple(changed))


def _merge_chunk(
    connection: Connection,
    rules: RulesStore,
    arrived: _Arrived,
    settings: MergeSettings,
    now: datetime,
    pace: Pace,
    *,
    briefly: bool,
) -> tuple[set[str], list[ItemKey]]:
    composer = Composer()
    locked = _foresee(connection, rules.current(connection), arrived.facts, now, composer)
    attempts = Attempts(briefly=briefly)
    while attempts.left:
        try:
            with connection.transaction():
                composer.incoming.bring(connection)
                lock(connection, _blobs(arrived.facts), locked)
                began = time.perf_counter()
                done = _merge_locked(connection, rules, arrived, locked, settings, now, composer)
        except _LocksTooFew as too_few:
            locked |= too_few.keys
            attempts.note()
        except CollectionNotReady as not_ready:
            attempts.prepare(connection, rules, not_ready)
        except REFUSED as error:
            composer.be_careful(error)
        else:
            pace.note(len(arrived.facts), time.perf_counter() - began)
            return done
    raise Busy(
        f"the Items {sorted(locked)} could not be written in {ATTEMPTS} attempts: their blobs keep moving, or their "
        "Collections are changed all the time"
    )


def _foresee(
    connection: Connection, applied: AppliedRules, facts: Sequence[Fact], now: datetime, composer: Composer
) -> frozenset[ItemKey]:
    """Do what takes long as if nobody else wrote; returns the Items that are to be locked then."""
    keys = frozenset(fact.item_key for fact in facts)
    found = _join_known(connection, facts, keys, now, composer)
    if not found.touched <= keys:
        keys |= found.touched
        found = _join_known(connection, facts, keys, now, composer)
    for fact in found.fresh.values():
        composer.texts.text_of(fact)
    composer.foresee(connection, applied, _of_items(connection, found))
    return keys


def _join_known(
    connection: Connection,
    facts: Sequence[Fact],
    keys: Iterable[ItemKey],
    now: datetime,
    composer: Composer,
) -> _Joined:
    known = fact_rows.with_items(connection, [fact.url for fact in facts], keys, composer.texts)
    joined = {fact.url: join(known[fact.url], fact, now) if fact.url in known else fact for fact in facts}
    fresh = {url: fact for url, fact in joined.items() if fact != known.get(url)}
    claims = [fact for url in fresh for fact in (fresh[url], known.get(url)) if fact and fact.claim]
    disputants = {fact.url: fact for fact in fact_rows.disputants(connection, claims)} if claims else {}
    fresh = {fact.url: fact for fact in marked(fresh.values(), disputants.values())}
    return _Joined(known, joined, fresh, disputants, bool(claims))


def _of_items(connection: Connection, found: _Joined) -> dict[ItemKey, list[Fact]]:
    return fact_rows.grouped(connection, sorted(found.touched), {**found.known, **found.joined}.values())


def _blobs(facts: Iterable[Fact]) -> list[str]:
    """What is locked: a COG's source too, so that of two that claim each other the second sees the first."""
    return [url for fact in facts for url in (fact.url, fact.claim.source_url if fact.claim else "") if url]


def _merge_locked(
    connection: Connection,
    rules: RulesStore,
    arrived: _Arrived,
    locked: frozenset[ItemKey],
    settings: MergeSettings,
    now: datetime,
    composer: Composer,
) -> tuple[set[str], list[ItemKey]]:
    found = _join_known(connection, arrived.facts, locked, now, composer)
    if not found.touched <= locked:
        raise _LocksTooFew(frozenset(found.touched))
    applied = rules.current(connection)
    unsure_ones = _unsure(connection, applied, arrived, found, settings)
    standing = [found.fresh.get(fact.url, found.joined[fact.url]) for fact in arrived.facts]
    looks = second_looks(unsure_ones, standing, applied, now, _wait(settings))
    if not found.fresh and not looks:
        return set(), []
    items = _of_items(connection, found)
    changes, _, compositions = recompose(connection, applied, items, composer)
    origins = origins_of(arrived.messages, found.known)
    announcements = announcements_of(changes, looks, settings.app, now, origins)
    facts = fact_rows.upsert([found.fresh[url] for url in sorted(found.fresh)], composer.texts)
    write(connection, [facts, *notes_of(changes), outbox.add(announcements)])
    news = {*found.fresh, *(url for change in changes for url in change.comes_to_show)}
    for key, each in items.items():
        for url, odd in misplaced(each, compositions[key].urls, news):
            log.warning("cog_elsewhere", extra={"blob": url, "detail": odd})
    return set(found.fresh), [change.key for change in changes]


def _unsure(
    connection: Connection,
    applied: AppliedRules,
    arrived: _Arrived,
    found: _Joined,
    settings: MergeSettings,
) -> dict[str, Fact]:
    """The blobs of which nobody can say yet what they are: they have to be looked at again."""
    known, fresh = found.known, found.fresh
    again = _outlived(connection, fresh, settings.skew_window_s)
    again |= {url for url, fact in fresh.items() if is_overtaken(fact, known.get(url), applied)}
    unsure_ones = {
        fact.url: fresh.get(fact.url, found.joined[fact.url])
        for fact in arrived.facts
        if fact.url in arrived.unsure_urls
        or fact.url in again
        or (fact.url in known and unsure(known[fact.url].finding, fact.finding, settings.skew_window_s))
    }
    if found.has_claims:
        unsure_ones |= wrongly_read(
            {**found.disputants, **known}.values(), {**found.disputants, **fresh}.values()
        )
    return unsure_ones


def _outlived(connection: Connection, fresh: Mapping[str, Fact], window_s: float) -> set[str]:
    """The blobs that were seen before a directory above them was deleted, so that they may be gone."""
    present = [url for url, fact in fresh.items() if fact.finding.state == "present"]
    if not present:
        return set()
    deleted = deleted_directories.deleted(connection, present)
    return {url for url, at in deleted.items() if fresh[url].finding.seen <= at + timedelta(seconds=window_s)}


def _wait(settings: MergeSettings) -> timedelta:
    # One second more than the window: Dates are cut to whole seconds.
    return timedelta(seconds=settings.skew_window_s + 1)
