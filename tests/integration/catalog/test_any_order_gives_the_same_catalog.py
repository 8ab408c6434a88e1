"""Any order, any duplication and any split into batches and writers give the byte-same catalog."""

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstac.catalog import blob_list
from eventstac.catalog.database import Connection
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore
from eventstac.cli.setup import put_in_force
from eventstac.facts import Fact, Match, fact_of
from tests.integration.conftest import CatalogDatabase
from tests.samples import at, cog_fact, gone, present, rejected, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
MERGING = MergeSettings("loader", 0.5)


PATTERN = "pattern: scenes/{item}/{asset}.tif"


@pytest.fixture(scope="module")
def catalog(database: CatalogDatabase, tmp_path_factory: pytest.TempPathFactory) -> CatalogDatabase:
    rules = tmp_path_factory.mktemp("rules") / "rules.yaml"
    text = Path("collections.yaml").read_text(encoding="utf-8")
    assert PATTERN in text
    rules.write_text(text.replace(PATTERN, f"{PATTERN}\n        keep_last_good: true"), encoding="utf-8")
    put_in_force(database.as_role("eventstac_operator"), rules, "bronze-tier")
    return database


@pytest.fixture(scope="module")
def writers(catalog: CatalogDatabase) -> Iterator[list[Connection]]:
    connections = [catalog.connect() for _ in range(2)]
    yield connections
    for connection in connections:
        connection.close()


def scene(item: str, asset: str) -> Match:
    return Match("scenes", item, asset, rule="scenes")


ASSETS = ("b10m", "b20m", "mask")

# One step of a blob's life: what a look finds, and how long after the step before.
step = st.tuples(st.sampled_from(["put", "put elsewhere", "delete", "break", "new rules"]), st.integers(1, 4))


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """All looks at a few blobs of two Items, and at COGs of them, each in the order of its blob's life."""
    looks: list[Fact] = []
    for number, asset in enumerate(ASSETS):
        url = url_of(f"scenes/one/{asset}.tif")
        looks += _life(draw, url, scene("one", asset), number)
    cog_url = url_of("one/b10m.cog.tif", "cogs")
    for life in range(draw(st.integers(0, 2))):
        match = scene("one", "b10m")
        finding = present(match, 5 + 7 * life, f"cog-{life}", west=10.0)
        looks.append(
            cog_fact(
                cog_url, finding, url_of("scenes/one/b10m.tif"), draw(st.sampled_from(["", "0-1", "0-2"]))
            )
        )
    if draw(st.booleans()):
        # The COG was seen as a source before anybody said what it is.
        looks.append(
            fact_of(cog_url, present(Match("bronze-tier", "one-b10m-cog", "data"), 3, "cog-early", west=10.0))
        )
    return looks


def _life(draw: st.DrawFn, url: str, match: Match, number: int) -> list[Fact]:
    looks: list[Fact] = []
    seconds, revision = number, 1
    for index, (what, wait) in enumerate(draw(st.lists(step, min_size=1, max_size=4))):
        seconds += wait
        etag = f"{number}-{index}"
        if what == "new rules":
            revision += 1
            match = replace(match, item="two" if match.item == "one" else "one")
            if looks and looks[-1].finding.state != "gone":
                # The same bytes, found again by other rules: at the same ETag the greater revision wins.
                same = replace(looks[-1].finding, match=match, revision=revision, seen=at(seconds))
                looks.append(fact_of(url, same))
                continue
        if what == "delete":
            looks.append(fact_of(url, gone(match, seconds, revision=revision)))
        elif what == "break":
            looks.append(fact_of(url, rejected(match, seconds, etag, revision=revision)))
        else:
            west = 20.0 if what == "put elsewhere" else 10.0
            finding = present(match, seconds, etag, revision=revision, west=west, size=1000 + index)
            times = draw(
                st.sampled_from([(), (False,), (True,)])
            )  # a look finds none, a certain one, a doubtful one
            finding = replace(
                finding, metadata={**(finding.metadata or {}), "datetimes": _stated(times, index)}
            )
            looks.append(fact_of(url, finding))
            if draw(st.booleans()):  # a second look at the same state
                looks.append(fact_of(url, replace(finding, seen=finding.seen.replace(microsecond=500_000))))
    return looks


def _stated(times: Sequence[bool], index: int) -> list[dict[str, object]]:
    """Datetimes as a file states them, for each whether it is doubtful."""
    moment = f"2020-02-0{index + 1}T00:00:00Z"
    return [{"source": "T", "start": moment, "end": moment, "doubtful": doubtful} for doubtful in times]


def merge_in_batches(connection: Connection, facts: Sequence[Fact], sizes: random.Random) -> None:
    rules, first = RulesStore("bronze-tier"), 0
    while first < len(facts):
        size = sizes.randint(1, 6)
        merge(connection, rules, facts[first : first + size], MERGING, NOW)
        first += size


def state_of(catalog: CatalogDatabase) -> tuple[str, list[tuple[object, ...]], list[tuple[object, ...]]]:
    with catalog.connect() as connection:
        facts = connection.execute("SELECT url, document::text FROM eventstac.facts ORDER BY url").fetchall()
        items = connection.execute(
            "SELECT collection, item, state, digest, reason, detail, missing, conflicts, outdated, urls, "
            "west, south, east, north, starts, ends FROM eventstac.items ORDER BY 1, 2"
        ).fetchall()
    return catalog.catalog(), facts, items


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(looks=histories(), seed=st.integers(0, 2**32))
def test_permuted_and_duplicated_looks_by_two_writers_give_the_byte_same_catalog(
    catalog: CatalogDatabase, writers: list[Connection], looks: list[Fact], seed: int
) -> None:
    chance = random.Random(seed)
    catalog.clear()
    merge_in_batches(writers[0], looks, chance)
    expected = state_of(catalog)

    catalog.clear()
    shuffled = looks + chance.sample(looks, chance.randint(0, len(looks)))
    chance.shuffle(shuffled)
    merge_in_batches(writers[0], shuffled, chance)
    assert state_of(catalog) == expected, "one writer, another order"

    catalog.clear()
    chance.shuffle(shuffled)
    halves = (shuffled[::2], shuffled[1::2])
    with ThreadPoolExecutor(2) as pool:
        done = [
            pool.submit(merge_in_batches, writer, half, random.Random(seed))
            for writer, half in zip(writers, halves, strict=True)
        ]
        for future in done:
            future.result()
    assert state_of(catalog) == expected, "two writers at once"


def test_what_was_read_before_a_deletion_is_never_kept_beside_what_cannot_be_read(
    catalog: CatalogDatabase, writers: list[Connection]
) -> None:
    url, match = url_of("scenes/one/b10m.tif"), scene("one", "b10m")
    read, broken = present(match, 1, "e1"), rejected(match, 30, "e3")
    looks = [fact_of(url, found) for found in (read, gone(match, 15), broken)]
    for order in permutations(looks):
        catalog.clear()
        for look in (*order, looks[0]):
            merge(writers[0], RulesStore("bronze-tier"), [look], MERGING, NOW)
        with catalog.connect() as connection:
            shown = connection.execute(
                "SELECT item FROM eventstac.items WHERE state = 'published'"
            ).fetchall()
            assert (shown, blob_list.list_blobs(connection, blob_list.BlobFilter(), 9)[0].detail) == (
                [],
                broken.detail,
            )


def test_merging_the_same_facts_again_writes_nothing(
    catalog: CatalogDatabase, writers: list[Connection]
) -> None:
    catalog.clear()
    fact = fact_of(url_of("scenes/one/b10m.tif"), present(scene("one", "b10m"), 1, "e1"))
    rules = RulesStore("bronze-tier")
    assert merge(writers[0], rules, [fact], MERGING, NOW).changed == (("scenes", "one"),)
    before = _tuples_written(catalog)
    assert merge(writers[0], rules, [fact, fact], MERGING, NOW).fresh == 0
    assert _tuples_written(catalog) == before


def _tuples_written(catalog: CatalogDatabase) -> list[tuple[object, ...]]:
    with catalog.connect() as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        return connection.execute(
            "SELECT ctid::text, xmin::text FROM eventstac.facts UNION ALL "
            "SELECT ctid::text, xmin::text FROM pgstac.items UNION ALL "
            "SELECT ctid::text, xmin::text FROM eventstac.items UNION ALL "
            "SELECT ctid::text, xmin::text FROM eventstac.collection_changes UNION ALL "
            "SELECT ctid::text, xmin::text FROM eventstac.outbox"
        ).fetchall()
