"""The transaction: facts joined, their Items composed and written, what changed put into the outbox.

Key: a blob's URL, then its Item. Stale rule: `facts.join`. Side effects, in order: facts, pgstac and outbox in one
commit; nothing else. Handling the same facts twice writes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from eventstac.catalog import deleted_directories, fact_rows, item_rows, outbox, pgstac_items
from eventstac.catalog.announcing import Change, announcements_of, origins_of
from eventstac.catalog.collection_changes import record_changes
from eventstac.catalog.database import Connection
from eventstac.catalog.item_rows import ItemKey
from eventstac.catalog.locks import lock
from eventstac.catalog.pgstac_partitions import CollectionNotReady, prepare_collection
from eventstac.catalog.rules_store import AppliedRules, RulesStore
from eventstac.compose import Composition, compose
from eventstac.disputes import marked, wrongly_read
from eventstac.errors import Transient
from eventstac.facts import Fact, join, unsure
from eventstac.matching import is_overtaken, second_look
from eventstac.origin import Origin

# More facts than this are merged in several transactions: their advisory locks share one table of fixed size.
CHUNK = 400
REBUILT = 100  # Items that one transaction composes anew: whoever changes one of them waits for all

_ATTEMPTS = (
    5  # a blob that moved between reading and locking makes the set of locks grow; it rarely does once
)


@dataclass(frozen=True)
class Merged:
    """What merging did: facts that were new, facts that told nothing new, and Items that changed."""

    fresh: int
    stale: int
    changed: tuple[ItemKey, ...]


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


class _LocksTooFew(Exception):
    """A blob belongs to an Item that was not locked: roll back, lock that one too."""

    def __init__(self, keys: frozenset[ItemKey]) -> None:
        super().__init__()
        self.keys = keys


def merge(
    connection: Connection, rules: RulesStore, facts: Sequence[Fact], settings: MergeSettings, now: datetime
) -> Merged:
    """Merge facts, in transactions of at most CHUNK blobs; `now` only dates what is announced."""
    joined: dict[str, Fact] = {}
    pending_looks: list[tuple[Fact, Fact]] = []
    for fact in facts:
        known = joined.get(fact.url)
        if known is not None and unsure(known.finding, fact.finding, settings.skew_window_s):
            pending_looks.append((known, fact))
        joined[fact.url] = fact if known is None else join(known, fact)
    fresh: set[str] = set()
    changed: list[ItemKey] = []
    urls = sorted(joined)
    for first in range(0, len(urls), CHUNK):
        chunk = [joined[url] for url in urls[first : first + CHUNK]]
        own = {fact.url for fact in chunk}
        arrived = _Arrived(
            chunk,
            {one.url for one, _ in pending_looks} & own,
            [fact for fact in facts if fact.url in own],
        )
        done = _merge_chunk(connection, rules, arrived, settings, now)
        fresh |= done[0]
        changed += done[1]
    return Merged(len(fresh), len(facts) - len(fresh), tuple(changed))


def _merge_chunk(
    connection: Connection,
    rules: RulesStore,
    arrived: _Arrived,
    settings: MergeSettings,
    now: datetime,
) -> tuple[set[str], list[ItemKey]]:
    locked = frozenset(fact.item_key for fact in arrived.facts)
    for _ in range(_ATTEMPTS):
        try:
            with connection.transaction():
                _lock(connection, _blobs(arrived.facts), locked)
                return _merge_locked(connection, rules, arrived, locked, settings, now)
        except _LocksTooFew as too_few:
            locked |= too_few.keys
        except CollectionNotReady as not_ready:
            _prepare(connection, rules, not_ready)
    raise Transient(
        f"the Items {sorted(locked)} could not be written in {_ATTEMPTS} attempts: their blobs keep moving, or the "
        "Collection's table keeps vanishing"
    )


def _prepare(connection: Connection, rules: RulesStore, not_ready: CollectionNotReady) -> None:
    collection = not_ready.collection
    found = rules.current(connection).rules.collection(collection)
    prepare_collection(connection, collection, found, not_ready.needed)


def _blobs(facts: Iterable[Fact]) -> list[str]:
    """What is locked: a COG's source too, so that of two that claim each other the second sees the first."""
    return [url for fact in facts for url in (fact.url, fact.claim.source_url if fact.claim else "") if url]


def _lock(connection: Connection, urls: Iterable[str], keys: Iterable[ItemKey]) -> None:
    deleted_directories.hold_still(connection)
    lock(connection, urls, keys)


def _merge_locked(
    connection: Connection,
    rules: RulesStore,
    arrived: _Arrived,
    locked: frozenset[ItemKey],
    settings: MergeSettings,
    now: datetime,
) -> tuple[set[str], list[ItemKey]]:
    facts = arrived.facts
    known = fact_rows.by_urls(connection, [fact.url for fact in facts])
    joined = {fact.url: join(known[fact.url], fact) if fact.url in known else fact for fact in facts}
    fresh = {url: fact for url, fact in joined.items() if fact != known.get(url)}
    touched = {fact.item_key for fact in fresh.values()}
    touched |= {known[url].item_key for url in fresh if url in known}
    claims = [fact for url in fresh for fact in (fresh[url], known.get(url)) if fact and fact.claim]
    disputants = {fact.url: fact for fact in fact_rows.disputants(connection, claims)} if claims else {}
    # The blob of a refused claim is shown in the Item of those that name it.
    touched |= {fact.item_key for fact in disputants.values()}
    fresh = {fact.url: fact for fact in marked(fresh.values(), disputants.values())}
    if not touched <= locked:
        raise _LocksTooFew(frozenset(touched))
    applied = rules.current(connection)
    again = _outlived(connection, fresh, settings.skew_window_s)
    again |= {url for url, fact in fresh.items() if is_overtaken(fact, applied)}
    unsure_ones = {
        fact.url: fresh.get(fact.url, joined[fact.url])
        for fact in facts
        if fact.url in arrived.unsure_urls
        or fact.url in again
        or (fact.url in known and unsure(known[fact.url].finding, fact.finding, settings.skew_window_s))
    }
    if claims:
        unsure_ones |= wrongly_read({**disputants, **known}.values(), {**disputants, **fresh}.values())
    second_looks = [(fact, look) for fact in unsure_ones.values() if (look := second_look(fact, applied))]
    if not fresh and not second_looks:
        return set(), []
    if fresh:
        fact_rows.upsert(connection, [fresh[url] for url in sorted(fresh)])
    changes, _ = _recompose(connection, applied, sorted(touched), joined.values())
    origins = origins_of(arrived.messages, known)
    announcements = announcements_of(changes, second_looks, settings.app, now, _wait(settings), origins)
    outbox.add(connection, announcements)
    return set(fresh), [change.key for change in changes]


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


def _recompose(
    connection: Connection,
    applied: AppliedRules,
    keys: Sequence[ItemKey],
    in_hand: Iterable[Fact] = (),
    *,
    repairing: bool = False,
) -> tuple[list[Change], int]:
    """Compose Items anew from all their facts, write what differs; returns what changed, and how many rows of pgstac.

    `in_hand` are facts as they are stored now, which need not be read.
    `repairing` believes nothing that is noted about the catalog, and compares with what pgstac itself has.
    """
    facts = fact_rows.by_items(connection, keys, in_hand)
    before = item_rows.read(connection, keys)
    rules = {collection: applied.rules.collection(collection) for collection, _ in keys}
    compositions: dict[ItemKey, Composition] = {key: compose(facts[key], rules[key[0]]) for key in keys}
    after = {
        key: item_rows.row_of(key, composition, found.summaries if (found := rules[key[0]]) else ())
        for key, composition in compositions.items()
    }
    changes = [
        Change(key, before.get(key), after[key], compositions[key], tuple(facts[key]))
        for key in keys
        if before.get(key) != after[key]
    ]
    written = [key for key in keys if repairing] or [change.key for change in changes if change.is_written]
    removed = [key for key in keys if repairing] or [change.key for change in changes if change.is_removed]
    rows = pgstac_items.upsert_items(
        connection,
        [item for key in written if (item := compositions[key].item) is not None],
        None if repairing else {change.key for change in changes if change.is_moved_in_time},
    )
    rows += pgstac_items.delete_items(connection, [key for key in removed if compositions[key].item is None])
    item_rows.upsert(connection, [change.after for change in changes if change.after])
    item_rows.delete(connection, [change.key for change in changes if change.after is None])
    record_changes(connection, changes)
    return changes, rows


def rebuild(
    connection: Connection,
    rules: RulesStore,
    keys: Sequence[ItemKey],
    app: str,
    now: datetime,
    origin: Origin | None = None,
) -> int:
    """Compose Items anew from the facts alone, whatever the catalog has; returns how many of its rows were wrong.

    What is announced of it goes on with the story `origin`.
    """
    repaired = 0
    for first in range(0, len(keys), REBUILT):
        chunk = sorted(keys[first : first + REBUILT])
        for _ in range(_ATTEMPTS):
            try:
                with connection.transaction():
                    _lock(connection, [], chunk)
                    changes, rows = _recompose(connection, rules.current(connection), chunk, repairing=True)
                    origins = {key: origin for key in chunk} if origin else {}
                    told = announcements_of(changes, [], app, now, timedelta(), origins, repairing=True)
                    outbox.add(connection, told)
                repaired += rows
                break
            except CollectionNotReady as not_ready:
                _prepare(connection, rules, not_ready)
    return repaired
