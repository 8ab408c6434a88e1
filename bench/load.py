"""Loading Items: our merging transaction beside pypgstac's `Loader` (upsert), in batches, with one and four writers.

    .venv/bin/python bench/load.py --write

Each way loads the same Items of four assets into a Collection of its own; the ways take turns. A writer is a process
with a connection of its own, that has loaded an Item before (so nobody's time has imports in it); all begin together.
Figures are Items a second and, in brackets, the longest batch in ms. Then the longest that a transaction of ours waited
for its locks, in ms: a batch is as many transactions as its pace makes of it. Last, the processor time of a writer in
ms an Item, without the database's: other work on the machine changes it little.

Writers have Items of their own; with "same" all write the same Items at once, in orders of their own: ours one asset
each, so that every batch composes an Item anew, the others the whole Item as they know it.

    merge     all that we do: facts joined, Items composed and written, changes announced, in one commit
    items     the writing alone, of finished Items, into the leaf tables
    pypgstac  `Loader.load_items(…, upsert)` of finished Items
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from pypgstac.db import PgstacDB
from pypgstac.load import Loader, Methods

from bench.collection_update import write
from eventstac.catalog import merge as merge_module
from eventstac.catalog import pgstac_items
from eventstac.catalog.database import Connection, connect
from eventstac.catalog.locks import lock
from eventstac.catalog.merge import FIRST, MOST, MergeSettings, merge
from eventstac.catalog.pace import Pace
from eventstac.catalog.pgstac_partitions import CollectionNotReady, prepare_collection
from eventstac.catalog.rules_store import RulesStore
from eventstac.compose import compose
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import CollectionRules
from infra.local.postgres.testing import running_postgres
from tests.integration.conftest import CatalogDatabase, new_database
from tests.samples import present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
ASSETS = 4
BATCHES = {1: 60, 10: 30, 100: 10, 1000: 3}  # how many batches of each size a writer loads
WAYS = ("merge", "items", "pypgstac")
Measured = tuple[float, float, int, float, float]
MONTH_S = 30 * 86_400
MONTHS = 24

Load = Callable[[Sequence[list[Fact]], Sequence[dict[str, Any]]], None]


def facts_of(collection: str, number: int) -> list[Fact]:
    """The blobs of one Item, of any of 24 months."""
    facts = []
    for asset in range(ASSETS):
        match = Match(collection, f"item-{number}", f"b{asset}")
        west, south = number * 0.37 % 350 - 175, number * 0.11 % 120 - 60
        finding = present(match, number * 7 % MONTHS * MONTH_S + number % 1000, "e", west=west, south=south)
        facts.append(fact_of(url_of(f"{collection}/{number}/{asset}.tif"), finding))
    return facts


def item_of(facts: Sequence[Fact]) -> dict[str, Any]:
    """The finished Item."""
    item = compose(facts, None).item
    assert item is not None
    return item


def merging(database: CatalogDatabase) -> Load:
    """Ours, whole."""
    connection = database.connect()
    store, settings = RulesStore("bronze-tier"), MergeSettings("loader", 0.5)
    pace = Pace(FIRST, MOST)  # kept from batch to batch, as a loader does
    return lambda facts, _: void(
        merge(connection, store, [one for each in facts for one in each], settings, NOW, pace)
    )


def writing(database: CatalogDatabase) -> Load:
    """The part of ours that writes Items."""
    connection = database.connect()

    def load(_: Sequence[list[Fact]], items: Sequence[dict[str, Any]]) -> None:
        for _attempt in range(5):
            try:
                with connection.transaction():
                    pgstac_items.upsert_items(connection, items, ())
            except CollectionNotReady as not_ready:
                for collection, needed in not_ready.needed.items():
                    prepare_collection(connection, collection, None, needed)
            else:
                return

    return load


def loading(database: CatalogDatabase) -> Load:
    """pypgstac's."""
    loader = Loader(PgstacDB(dsn=database.settings.conninfo))
    return lambda _, items: loader.load_items(iter(items), Methods.upsert)


def void(_: object) -> None:
    """Nothing."""


MAKERS: dict[str, Callable[[CatalogDatabase], Load]] = {
    "merge": merging,
    "items": writing,
    "pypgstac": loading,
}


@dataclass(frozen=True)
class Share:
    """What one writer loads: so many batches of a size; Items of its own, or (`same`) those of all."""

    writer: int
    collection: str
    size: int
    same: bool

    def batches(self) -> list[list[list[Fact]]]:
        """Batches of Items, as facts."""
        items = self.size * BATCHES[self.size]
        if not self.same:
            numbers = list(range(self.writer * items, (self.writer + 1) * items))
        else:
            turned = self.writer * items // 8  # begins elsewhere than the others, every second one backwards
            numbers = [*range(turned, items), *range(turned)][:: -1 if self.writer % 2 else 1]
        facts = [self.of(number) for number in numbers]
        return [facts[first : first + self.size] for first in range(0, items, self.size)]

    def of(self, number: int) -> list[Fact]:
        """An Item; where all write it, one of its assets."""
        facts = facts_of(self.collection, number)
        return facts[self.writer : self.writer + 1] if self.same else facts

    def warming(self) -> list[Fact]:
        """An Item that is loaded before, of a month that has a table."""
        return facts_of(self.collection, -MONTHS - 1 - self.writer)


class Waits:
    """Takes locks as ever, and knows the longest wait."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    def lock(self, connection: Connection, *what: Any) -> None:
        """As `locks.lock`."""
        began = time.perf_counter()
        lock(connection, *what)
        self.longest_s = max(self.longest_s, time.perf_counter() - began)


def writer(way: str, database: CatalogDatabase, share: Share, start: Any, found: Any) -> None:
    """A process: prepares its batches, waits for the others, loads; puts what it took, and failures."""
    load = MAKERS[way](database)
    batches = [
        (facts, [] if way == "merge" else [item_of(each) for each in facts]) for facts in share.batches()
    ]
    load([share.warming()], [item_of(share.warming())])
    waits = Waits()
    vars(merge_module)["lock"] = waits.lock
    start.wait()
    began, processor_began, seconds, failures = time.perf_counter(), time.process_time(), [], 0
    for facts, items in batches:
        batch_began = time.perf_counter()
        try:
            load(facts, items)
        except psycopg.Error:
            failures += 1
        seconds.append(time.perf_counter() - batch_began)
    processor_s = time.process_time() - processor_began
    found.put((time.perf_counter() - began, max(seconds), failures, processor_s, waits.longest_s))


def measure(
    way: str, database: CatalogDatabase, size: int, writers: int, trunc: str, *, same: bool = False
) -> Measured:
    """Items a second, the longest batch in ms, failed batches, processor time in ms an Item, the longest wait in ms."""
    collection = f"{way}-{size}-{writers}-{trunc}-{same}"
    with connect(database.settings) as owner:
        owner.execute("SET search_path = pgstac, public")
        prepare_collection(owner, collection, CollectionRules(collection, partition_trunc=trunc))
    # What is made at a first Item of a month is made already.
    warming = [facts_of(collection, -number) for number in range(1, MONTHS + 1)]
    MAKERS[way](database)(warming, [item_of(each) for each in warming])
    context = multiprocessing.get_context("spawn")
    start, found = context.Barrier(writers), context.Queue()
    share = size * BATCHES[size]
    processes = [
        context.Process(
            target=writer, args=(way, database, Share(number, collection, size, same), start, found)
        )
        for number in range(writers)
    ]
    for process in processes:
        process.start()
    results = [found.get(timeout=600) for _ in processes]
    for process in processes:
        process.join()
    failures = sum(result[2] for result in results)
    loaded = writers * share - failures * size
    with connect(database.settings) as owner:
        stored = owner.execute(
            "SELECT count(*) FROM pgstac.items WHERE collection = %s", [collection]
        ).fetchone()
    expected = (share if same else loaded) + MONTHS + writers
    assert stored == (expected,), f"{way}: {stored} Items are stored, not {expected}"
    return (
        loaded / max(result[0] for result in results),
        max(result[1] for result in results) * 1000,
        failures,
        sum(result[3] for result in results) * 1000 / (writers * share),
        max(result[4] for result in results) * 1000,
    )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--sizes", type=int, nargs="+", choices=BATCHES, default=list(BATCHES))
    parser.add_argument(
        "--partitions", nargs="+", choices=["none", "year", "month"], default=["none", "month"]
    )
    parser.add_argument("--same", action="store_true", help="also four writers of the same Items")
    parser.add_argument("--write", action="store_true", help="write the table into docs/catalog-speed.md")
    asked = parser.parse_args()
    lines = [
        "| tables | writers | batch | "
        + " | ".join(WAYS)
        + " | merge : pypgstac | items : pypgstac | wait | processor |"
    ]
    lines.append("|---|" + "--:|" * (len(WAYS) + 6))
    print("\n".join(lines))
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder) / "postgres") as postgres:
        database = new_database(postgres)
        for trunc in asked.partitions:
            for writers in asked.writers:
                for size in asked.sizes:
                    found = {way: measure(way, database, size, writers, trunc) for way in WAYS}
                    lines.append(line(trunc, writers, size, found))
                    print(lines[-1], flush=True)
            if asked.same:
                for size in asked.sizes:
                    found = {way: measure(way, database, size, 4, trunc, same=True) for way in WAYS}
                    lines.append(line(trunc, "4, same", size, found))
                    print(lines[-1], flush=True)
    if asked.write:
        write("load", lines)


def line(trunc: str, writers: int | str, size: int, found: dict[str, Measured]) -> str:
    """A row of the table."""
    cells = [
        f"{rate:,.0f} ({worst:,.0f})" + (f", {failures} failed" if failures else "")
        for rate, worst, failures, *_ in found.values()
    ]
    ratios = [f"{found[way][0] / found['pypgstac'][0]:.1f}" for way in ("merge", "items")]
    processor = " / ".join(f"{found[way][3]:.2f}" for way in WAYS)
    return (
        f"| {trunc} | {writers} | {size} | "
        + " | ".join([*cells, *ratios, f"{found['merge'][4]:,.0f}", processor])
        + " |"
    )


if __name__ == "__main__":
    main()
