"""What keeping a Collection's extent, summaries and count costs, beside pgstac's own way and a recount of everything.

    .venv/bin/python bench/collection_update.py --items 10000 100000 1000000 --write

The Items that are there are made by SQL, small (so that reading them costs the others little); those that come and go
are merged from facts, a hundred at a time, which is not counted. Times are medians of the rounds, in ms:

    came      a hundred Items came: what we fold, right after
    inside    one left that lay inside the others: the same
    outermost an outermost one left: the same, and the new ends looked up in indexes
    pgstac    `pgstac.update_collection_extents()`, what one calls after a load: the extent only
    recount   SQL over the Items as one would write it: extent, count, and the same two summaries
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from eventstac.catalog.collection_update import update_collection
from eventstac.catalog.database import Connection, connect
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.pgstac_partitions import prepare_collection
from eventstac.catalog.rules_store import RulesStore, apply_rules
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import load_rules
from infra.local.postgres.testing import RunningPostgres, running_postgres
from tests.integration.conftest import new_database
from tests.samples import gone, present, url_of

DOCS = Path(__file__).resolve().parents[1] / "docs" / "catalog-speed.md"
NOW = datetime(2024, 6, 1, tzinfo=UTC)
TEXT = 'collections: {c: {summaries: [platform, "eo:cloud_cover"]}}'
RULES = load_rules(TEXT, file="collections.yaml", default_collection="bronze-tier")
BATCH = 100
COLUMNS = ("came", "inside", "outermost", "pgstac", "recount")

# Places, times and cloud covers of the Items that are there; only numbers, so that both tables get the same.
_NUMBERS = """
    SELECT 'old-' || n AS id, -170 + (n * 7919) %% 300 AS west, -80 + (n * 104729) %% 150 AS south,
        timestamptz '2020-01-01T00:00:00Z' + n %% 1000 * interval '3 days' AS moment,
        10 + (n * 31) %% 8000 / 100.0 AS clouds, 'sat-' || n %% 3 AS platform
    FROM generate_series(1::bigint, %s) AS n
"""

_RECOUNT = """
    SELECT count(*), ST_Extent(geometry), min(datetime), max(end_datetime),
        min((content->'properties'->>'eo:cloud_cover')::float), max((content->'properties'->>'eo:cloud_cover')::float),
        array_agg(DISTINCT content->'properties'->>'platform')
    FROM pgstac.items WHERE collection = 'c'
"""


def fill(connection: Connection, items: int) -> None:
    """Make the Items that are there, in pgstac and in our rows."""
    connection.execute(
        f"""
        INSERT INTO pgstac._items_1 (id, geometry, collection, datetime, end_datetime, content)
        SELECT id, ST_MakeEnvelope(west, south, west + 1, south + 1, 4326), 'c', moment, moment, jsonb_build_object(
            'bbox', jsonb_build_array(west, south, west + 1, south + 1), 'properties',
            jsonb_build_object('platform', platform, 'eo:cloud_cover', clouds, 'datetime', moment)) FROM ({_NUMBERS}) n
        """,
        [items],
    )
    connection.execute(
        f"""
        INSERT INTO eventstac.items (collection, item, state, digest, reason, detail, missing, conflicts, outdated,
            urls, west, south, east, north, starts, ends, summed)
        SELECT 'c', id, 'published', md5(id) || md5(id), '', '', '{{}}', '{{}}', '{{}}', '{{}}',
            west, south, west + 1, south + 1, moment, moment,
            jsonb_build_object('platform', platform, 'eo:cloud_cover', clouds) FROM ({_NUMBERS}) n
        """,
        [items],
    )
    for table in ("pgstac._items_1", "eventstac.items"):
        connection.execute(f"VACUUM ANALYZE {table}")


def fact(item: str, west: float, clouds: float, seconds: float = 1) -> Fact:
    """A blob that came."""
    finding = present(Match("c", item, "data"), seconds, f"e{seconds}", west=west, south=west / 4)
    properties = {"platform": "sat-1", "eo:cloud_cover": clouds}
    return fact_of(
        url_of(f"{item}.tif"),
        replace(finding, metadata={**(finding.metadata or {}), "properties": properties}),
    )


def measure(postgres: RunningPostgres, items: int, rounds: int) -> dict[str, float]:
    """Medians in ms."""
    database = new_database(postgres)
    store, merging = RulesStore("bronze-tier"), MergeSettings("loader", 0.5)
    times: dict[str, list[float]] = {name: [] for name in COLUMNS}
    with database.connect() as connection, connect(database.settings) as owner:
        owner.execute("SET search_path = pgstac, public")
        prepare_collection(connection, "c", RULES.collection("c"))
        apply_rules(connection, TEXT, RULES, 1)
        fill(connection, items)
        clock = 100

        def timed(name: str, run: Callable[[], object]) -> None:
            began = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - began) * 1000)

        def update() -> None:
            update_collection(connection, "c", RULES.collection("c"), "loader", NOW, recompute_any_size=True)

        def load(*facts: Fact) -> None:
            nonlocal clock
            merge(connection, store, facts, merging, NOW)
            clock += 100

        load(fact("first", 10, 50))
        update()
        connection.execute("UPDATE eventstac.collections SET recount = true")
        update()
        for number in range(rounds):
            load(*(fact(f"new-{number}-{n}", n / 2, 50, clock) for n in range(BATCH)))
            timed("came", update)
            load(fact_of(url_of(f"new-{number}-7.tif"), gone(Match("c", f"new-{number}-7", "data"), clock)))
            timed("inside", update)
            load(fact(f"far-{number}", 179, 99, clock))
            update()
            load(fact_of(url_of(f"far-{number}.tif"), gone(Match("c", f"far-{number}", "data"), clock)))
            timed("outermost", update)
            timed("recount", lambda: owner.execute(_RECOUNT).fetchall())
        _check(connection, owner)
        for _ in range(rounds):
            timed("pgstac", lambda: owner.execute("SELECT pgstac.update_collection_extents()"))
    postgres.drop_database(database.settings.database)
    return {name: statistics.median(some) for name, some in times.items()}


def _check(connection: Connection, owner: Connection) -> None:
    """What is kept is what a recount gives."""
    row = owner.execute(_RECOUNT).fetchone()
    kept = connection.execute("SELECT items FROM eventstac.collections WHERE collection = 'c'").fetchone()
    shown = connection.execute(
        "SELECT content->'summaries' FROM pgstac.collections WHERE id = 'c'"
    ).fetchone()
    assert row
    assert kept
    assert shown
    expected = {"platform": row[6], "eo:cloud_cover": {"minimum": row[4], "maximum": row[5]}}
    assert (kept[0], shown[0]) == (row[0], expected), (kept, shown, row)


def main() -> None:
    """Measure each size and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"write the table into {DOCS.name}")
    asked = parser.parse_args()
    lines = [f"| Items | {' | '.join(COLUMNS)} |", "|--:" * (len(COLUMNS) + 1) + "|"]
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder) / "postgres") as postgres:
        print("\n".join(lines))
        for items in asked.items:
            found = measure(postgres, items, asked.rounds)
            lines.append(f"| {items:,} | {' | '.join(f'{found[name]:,.1f}' for name in COLUMNS)} |")
            print(lines[-1], flush=True)
    if asked.write:
        write("collection update", lines)


def write(name: str, lines: list[str]) -> None:
    """Put a table between its marks in the page."""
    text, begin, end = DOCS.read_text(), f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    DOCS.write_text(before + begin + "\n".join(lines) + "\n" + end + rest.partition(end)[2])


if __name__ == "__main__":
    main()
