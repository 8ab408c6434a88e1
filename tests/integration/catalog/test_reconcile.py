"""The comparison in SQL: the same as the twin's, and repairs of the catalog."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from eventstac.catalog import pgstac_partitions, repairing, rules_store
from eventstac.catalog.database import Connection, connect
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.catalog.rules_store import RulesStore, apply_rules
from eventstac.catalog.runs import PostgresRuns
from eventstac.errors import Transient
from eventstac.events import ScanRequested
from eventstac.facts import NO_RULE, Fact, Match, fact_of
from eventstac.origin import Origin
from eventstac.reconciling import Reconciler, Step
from eventstac.rules import load_rules
from eventstac.runs import Run
from tests.integration.conftest import CatalogDatabase
from tests.samples import url_of
from tests.twins.apps import WATCHED, Pipeline, scene

RULES = """
ignore: ['*.tmp']
collections:
  scenes:
    rules:
      - {name: scenes, pattern: 'scenes/{item}/{asset}.tif', keep_last_good: true}
"""
NARROW = RULES.replace("scenes/{item}", "scenes/s{item}")
OTHERWISE = RULES.replace("keep_last_good: true", "keep_last_good: true, read: {nodata: 3}")
STRICT = RULES.replace("keep_last_good", "assets: {a: {}, b: {}}, require: [a, b], keep_last_good")
MERGED = RULES.replace("scenes/{item}/", "scenes/{item:.}{number}/").replace(
    "keep_last_good", "asset: '{asset}{number}', assets: {a1: {}, data: {}}, require: [a1], keep_last_good"
)
APART = """
collections:
  scenes:
    rules:
      - {name: scenes, pattern: 'scenes/{item:s.}/{asset}.tif', keep_last_good: true}
      - {name: rest, pattern: 'scenes/t{number}/{asset}.tif', item: 't{number}'}
"""
COMING = APART.replace(
    "item: 't{number}'", "item: 's{number}', asset: 't{asset}', properties: {'proj:code': '{number}'}"
)
CONTRADICTING = """
collections:
  scenes:
    rules:
      - {name: one, pattern: 'scenes/{item:s.}/{asset}.tif', properties: {'proj:code': 'EPSG:1'}}
      - {name: two, pattern: 'scenes/t{number}/{asset}.tif', item: 's{number}', asset: 't{asset}',
         properties: {'proj:code': 'EPSG:2'}}
"""
TITLED = RULES.replace("  scenes:", "  scenes:\n    title: All scenes")
# What was put in force one after the other; all facts but the newest were found by the first.
CHANGES = (
    (RULES,),
    (RULES, NARROW),
    (RULES, OTHERWISE),
    (RULES, TITLED),
    (RULES, NARROW, RULES),
    (RULES, STRICT),
    (RULES, MERGED),
    (APART, COMING),
)


def load(database: CatalogDatabase, facts: list[Fact], rules_texts: tuple[str, ...] = (RULES,)) -> RulesStore:
    """Put rules in force and merge facts, an hour ago as the database knows it; then put more rules in force."""
    store = RulesStore("bronze-tier")
    with connect(database.settings) as connection:
        connection.execute("TRUNCATE eventstac.rules")
        _apply(connection, rules_texts[0])
        with database.connect() as loader:
            merge(loader, store, facts, MergeSettings("loader", 0.0), datetime.now(UTC))
            loader.execute("UPDATE eventstac.facts SET changed_at = changed_at - %s", [timedelta(hours=1)])
        for text in rules_texts[1:]:
            _apply(connection, text)
    return store


def _apply(connection: Connection, text: str) -> None:
    rules = load_rules(text, file="rules.yaml")
    apply_rules(connection, text, rules, extractor=1)
    pgstac_partitions.prepare_collection(connection, "scenes", rules.collection("scenes"))
    pgstac_partitions.prepare_collection(connection, "bronze-tier", rules.collection("bronze-tier"))


def a_history(chance: random.Random) -> Pipeline:
    """A twin whose storage has gone its own way for a while, unheard."""
    pipeline = Pipeline()
    pipeline.catalog.in_force = load_rules(RULES, file="rules.yaml")
    urls = [scene(f"{kind}{number}", asset) for kind in "st" for number in range(4) for asset in ("a", "b")]
    urls += [url_of(f"{number}.tif") for number in range(2)]
    for url in urls:
        if chance.random() < 0.8:
            pipeline.run(pipeline.put(url, chance.choice([b"raster 10", b"raster 12", b"nonsense"])))
    cog = url_of("made.tif", "cogs")
    pipeline.blobs.put(cog, b"cog 10")
    if chance.random() < 0.7:
        pipeline.run(pipeline.cog_completed(urls[0], cog))
    pipeline.blobs.wait(10)
    for url in urls:
        match chance.randint(0, 7):
            case 0 if pipeline.blobs.etag(url):
                pipeline.blobs.delete(url)
            case 1:
                pipeline.blobs.put(url, b"raster 30")
            case 2 if pipeline.blobs.etag(url):
                pipeline.blobs.archive(url)
            case 3:
                pipeline.run(pipeline.put(url, b"nonsense"))
    for name in ("notes.txt", "x.tmp"):
        pipeline.blobs.put(url_of(name), b"text")
    return pipeline


@pytest.mark.parametrize(
    "seed", [*range(42), 1039, 1095]
)  # the last two: not watched, or back, at one revision
def test_the_comparison_is_the_same_as_the_twin_s(
    database: CatalogDatabase, runs: PostgresRuns, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    pipeline = a_history(chance)
    if seed % 3 == 0:  # some was read by older extractors
        monkeypatch.setattr(rules_store, "FIRST_TOLD", 1)
        pipeline.catalog.extractor = 1
        for url, fact in pipeline.catalog.known.items():
            pipeline.catalog.known[url] = _read_by(fact, chance.choice([0, 1, 1]))
    texts = CHANGES[seed % len(CHANGES)]
    store = load(database, list(pipeline.catalog.known.values()), texts)
    applied_catalog = PostgresCatalog(
        database.as_role("eventstac_scanner"), MergeSettings("scanner", 0), "bronze-tier"
    )
    pipeline.catalog._applied = None  # the first text is the first that was ever in force
    for revision, text in enumerate(texts, start=1):
        pipeline.catalog.in_force, pipeline.catalog.revision = load_rules(text, file="rules.yaml"), revision
        applied = pipeline.catalog.applied()
    assert applied_catalog.rules().since == applied.since
    asked: dict[str, Any] = {
        "collection": chance.choice([None, None, "scenes", "bronze-tier"]),
        "allow_removals": chance.choice([None, 100]),
    }
    sources = [url for url in sorted(pipeline.blobs.stored) if "/source/" in url]
    late = [_look(pipeline, url) for url in sources if chance.random() < 0.3]
    late = [_withdrawn(found) if chance.random() < 0.3 else found for found in late]
    late = [_read_by(found, chance.choice([0, 1])) if seed % 3 == 0 else found for found in late]
    pipeline.blobs.wait(chance.choice([0, 2, 10]))
    names = WATCHED.names
    if seed % 5 == 4:  # a container of COGs now
        names = replace(names, source=("other",), cogs=("cogs", "source"))
    watched = replace(WATCHED, names=names)
    both = [
        Reconciler(catalog, pipeline.blobs, watched, noted, 3, pipeline.now)
        for catalog, noted in ((pipeline.catalog, pipeline.runs), (applied_catalog, runs))
    ]
    pages = [reconciler.begin(f"run-{seed}", **asked) for reconciler in both]
    with database.connect() as loader:
        while not (pages[0].continuation or "").startswith("compare:"):
            pages = [_next(reconciler.step(page)) for reconciler, page in zip(both, pages, strict=True)]
            late += _meanwhile(pipeline, chance)
            arrived, late = late[:2], late[2:]
            pipeline.catalog.merge(arrived)
            merge(loader, store, arrived, MergeSettings("loader", 0.0), datetime.now(UTC))
    twin, real = (_rest(reconciler, page) for reconciler, page in zip(both, pages, strict=True))
    applied_catalog.close()
    for one, other in zip(real, twin, strict=True):
        assert one == other


def _look(pipeline: Pipeline, url: str) -> Fact:
    """What a look finds now."""
    applied = pipeline.catalog.applied()
    match = applied.rules.match(url) or Match("scenes", "s0", "a", "scenes")
    return fact_of(url, pipeline.looker.look(url, match, applied.revision))


def _read_by(fact: Fact, extractor: int) -> Fact:
    return replace(fact, finding=replace(fact.finding, extractor=extractor))


def _withdrawn(look: Fact) -> Fact:
    """What must not be: that no rule knows the blob, at a revision whose rules may well do."""
    match = replace(look.match, rule="", options={})
    found = replace(look.finding, match=match, state="rejected", metadata=None, reason=NO_RULE)
    return fact_of(look.url, found if look.finding.etag else look.finding)


def _meanwhile(pipeline: Pipeline, chance: random.Random) -> list[Fact]:
    """The storage goes on while a run lists it; what was looked at, sometimes before it changed again."""
    pipeline.blobs.wait(chance.choice([0, 1, 4, 7]))
    url = scene(f"{chance.choice('stu')}{chance.randrange(4)}", "a")
    if chance.random() < 0.7:
        pipeline.blobs.put(url, chance.choice([b"raster 10", b"raster 40"]))
    found = [_look(pipeline, url)] if chance.random() < 0.8 else []
    if pipeline.blobs.etag(url) and chance.random() < 0.4:
        pipeline.blobs.delete(url)
        found += [_look(pipeline, url)] if chance.random() < 0.3 else []
    return found


def _next(step: Step) -> ScanRequested:
    assert step.following
    return step.following


def _rest(reconciler: Reconciler, following: ScanRequested | None) -> tuple[Any, ...]:
    """A run's end, its report, and the looks that it causes."""
    assert following
    run_id = following.run
    caused: list[Any] = []
    while following:
        step = reconciler.step(following)
        caused += [(one.topic, one.event.data()) for one in step.outgoing]
        following = step.following
    run = reconciler.runs.find(run_id)
    assert run is not None
    assert run.report is not None
    return run.state, run.detail, *run.report.pop("collections"), run.report, *caused


def test_a_run_that_ended_after_it_compared_and_before_that_was_noted_compares_again(
    database: CatalogDatabase, runs: PostgresRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline()
    pipeline.blobs.put(scene("s1", "b1"), b"raster 10")
    load(database, [])
    reconciler = Reconciler(pipeline.catalog, pipeline.blobs, WATCHED, runs, 10, pipeline.now)
    page = reconciler.begin("again")
    while not (page.continuation or "").startswith("compare:"):
        page = _next(reconciler.step(page))
    with monkeypatch.context() as patched:
        patched.setattr(PostgresRuns, "note", Mock(side_effect=Transient("away")))
        with pytest.raises(Transient):
            reconciler.step(page)
    state, _, scenes, _, *looks = _rest(reconciler, page)
    assert (state, scenes["missing"], len(looks)) == ("done", 1, 1)


class TestRepair:
    @pytest.fixture
    def store(self, database: CatalogDatabase) -> RulesStore:
        database.clear()
        pipeline = Pipeline()
        pipeline.run(*[pipeline.put(scene(f"s{number:02}", "b1"), b"raster 10") for number in range(30)])
        return load(database, list(pipeline.catalog.known.values()))

    def test_a_damaged_catalog_is_rebuilt_to_the_byte(
        self,
        database: CatalogDatabase,
        connection: Connection,
        store: RulesStore,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(repairing, "_PAGE", 7)
        before = database.catalog()
        with connect(database.settings) as vandal:
            vandal.execute("SET ROLE pgstac_admin")
            vandal.execute("DELETE FROM pgstac.items WHERE id IN ('s00', 's01')")
            vandal.execute(
                "UPDATE pgstac.items SET content = jsonb_set(content, '{properties,gsd}', '9') WHERE id = 's02'"
            )
            vandal.execute(
                "INSERT INTO pgstac.items SELECT 'nobody', geometry, collection, datetime, end_datetime, content "
                "FROM pgstac.items WHERE id = 's03'"
            )
        with database.connect() as other:
            other.execute("DELETE FROM eventstac.items WHERE item = 's04'")
        (told_before,) = connection.execute("SELECT count(*) FROM eventstac.outbox").fetchone() or (0,)
        assert database.catalog() != before
        began = Origin.new("a command")
        done = repairing.rebuild_collection(connection, store, "scenes", "operator", datetime.now(UTC), began)
        assert (done.items, done.rows, done.left) == (31, 4, 0)
        told = connection.execute(
            "SELECT body FROM eventstac.outbox ORDER BY id OFFSET %s", [told_before]
        ).fetchall()
        assert {event["traceparent"] for (event,) in told} == {began.traceparent}
        timelines = [event["data"]["timeline"] for (event,) in told if event["type"].endswith("changed.v1")]
        assert {stage["stage"] for timeline in timelines for stage in timeline} == {"repaired"}, (
            "it is no news of a blob that came long ago"
        )
        assert database.catalog() == before
        again = repairing.rebuild_collection(connection, store, "scenes", "operator", datetime.now(UTC))
        assert (again.items, again.rows) == (30, 0)

    def test_lost_items_come_back_and_a_few_surplus_ones_go(
        self, database: CatalogDatabase, connection: Connection, store: RulesStore
    ) -> None:
        before = database.catalog()
        connection.execute("DELETE FROM pgstac.items WHERE id = 's00'")
        self._surplus(connection, 1)
        done = repairing.repair(connection, store, None, "loader", datetime.now(UTC))
        assert (done.rows, done.left) == (2, 0)
        assert database.catalog() == before

    def test_many_surplus_items_are_left_alone(
        self, database: CatalogDatabase, connection: Connection, store: RulesStore
    ) -> None:
        self._surplus(connection, 5)
        damaged = database.catalog()
        done = repairing.repair(connection, store, None, "loader", datetime.now(UTC))
        assert (done.rows, done.left) == (0, 5)
        assert database.catalog() == damaged
        asked = repairing.repair(connection, store, None, "operator", datetime.now(UTC), allow_removals=5)
        assert asked.rows == 5

    def test_surplus_items_of_another_collection_are_left_alone(
        self, database: CatalogDatabase, connection: Connection, store: RulesStore
    ) -> None:
        self._surplus(connection, 5)
        damaged = database.catalog()
        done = repairing.repair(
            connection, store, "bronze-tier", "operator", datetime.now(UTC), allow_removals=5
        )
        assert (done.rows, database.catalog()) == (0, damaged)

    @staticmethod
    def _surplus(connection: Connection, count: int) -> None:
        connection.execute(
            "INSERT INTO pgstac.items SELECT 'x' || n, geometry, collection, datetime, end_datetime, content "
            "FROM pgstac.items, generate_series(1, %s) AS n WHERE id = 's03'",
            [count],
        )


def test_lost_and_surplus_items_are_in_the_report(database: CatalogDatabase, runs: PostgresRuns) -> None:
    pipeline = Pipeline()
    pipeline.run(*[pipeline.put(scene(name, "b1"), b"raster 10") for name in ("s1", "s2")])
    load(database, list(pipeline.catalog.known.values()))
    with database.connect() as connection:
        connection.execute("UPDATE pgstac.items SET id = 'renamed' WHERE id = 's1'")
        applied = RulesStore("bronze-tier").current(connection)
    container = f"{WATCHED.account_url}/source"
    runs.begin(Run("r", (container,)))
    run = runs.find("r")
    assert run is not None
    reconciler = Reconciler(pipeline.catalog, pipeline.blobs, WATCHED, runs, 10, pipeline.now)
    page = pipeline.blobs.page(container, "", None, 10)
    runs.add_listed("r", container, page.seen, [reconciler._listed(blob, applied) for blob in page.blobs])
    [scenes] = runs.compare(run, applied).collections
    assert (scenes.lost, scenes.lost_blobs, scenes.current, scenes.surplus) == (1, 1, 1, 1)
    assert scenes.completeness == 33.33


def test_items_that_blobs_come_into_and_make_invalid_are_counted(
    database: CatalogDatabase, runs: PostgresRuns
) -> None:
    """Three Items leave because their blobs do, and three because these come: their own blobs stay as they are."""
    pipeline = Pipeline()
    names = [f"{kind}{number}" for kind in "st" for number in range(3)]
    pipeline.run(*[pipeline.put(scene(name, "b1"), b"raster 10") for name in names])
    load(database, list(pipeline.catalog.known.values()), (APART, COMING))
    catalog = PostgresCatalog(
        database.as_role("eventstac_scanner"), MergeSettings("scanner", 0), "bronze-tier"
    )
    reconciler = Reconciler(catalog, pipeline.blobs, WATCHED, runs, 2, pipeline.now)
    state, _, _, report, *caused = _rest(reconciler, reconciler.begin("coming"))
    catalog.close()
    assert (state, report["removals"], report["blobs_kept"], caused) == ("stopped", 6, 3, [])


def test_items_that_blobs_make_invalid_which_come_back_are_counted_though_the_revision_is_the_same(
    database: CatalogDatabase, runs: PostgresRuns
) -> None:
    pipeline = Pipeline()
    pipeline.catalog.in_force = load_rules(CONTRADICTING, file="rules.yaml")
    facts = []
    for number in range(3):
        pipeline.blobs.put(scene(f"s{number}", "b1"), b"raster 10")
        pipeline.blobs.put(scene(f"t{number}", "b1"), b"raster 10")
        left = _look(pipeline, scene(f"t{number}", "b1"))
        facts += [
            _look(pipeline, scene(f"s{number}", "b1")),
            replace(_withdrawn(left), unrejected=left.finding),
        ]
    load(database, facts, (CONTRADICTING,))
    pipeline.blobs.wait(100)
    catalog = PostgresCatalog(
        database.as_role("eventstac_scanner"), MergeSettings("scanner", 0), "bronze-tier"
    )
    reconciler = Reconciler(catalog, pipeline.blobs, WATCHED, runs, 2, pipeline.now)
    state, *_, report = _rest(reconciler, reconciler.begin("back", allow_removals=0))
    catalog.close()
    assert (state, report["removals"]) == ("stopped", 3)


@pytest.mark.parametrize("change", ["overwritten", "deleted"])
def test_a_look_from_before_the_listing_knows_no_better_whenever_its_fact_comes(
    database: CatalogDatabase, runs: PostgresRuns, connection: Connection, change: str
) -> None:
    pipeline = Pipeline()
    pipeline.run(pipeline.put(scene("s1", "b1"), b"raster 10"))
    store = load(database, [])
    pipeline.blobs.wait(100)
    if change == "overwritten":
        pipeline.blobs.put(scene("s1", "b1"), b"raster 30")
    else:
        pipeline.blobs.delete(scene("s1", "b1"))
    catalog = PostgresCatalog(
        database.as_role("eventstac_scanner"), MergeSettings("scanner", 0), "bronze-tier"
    )
    reconciler = Reconciler(catalog, pipeline.blobs, WATCHED, runs, 10, pipeline.now)
    listing = _next(reconciler.step(reconciler.begin(change, allow_removals=1)))
    merge(
        connection,
        store,
        list(pipeline.catalog.known.values()),
        MergeSettings("loader", 0),
        datetime.now(UTC),
    )
    state, _, scenes, report, *caused = _rest(reconciler, listing)
    catalog.close()
    assert (state, report["gap"]) == ("done", True)
    assert scenes["stale" if change == "overwritten" else "orphaned"] == 1
    assert [topic for topic, _ in caused] == ["blobs-matched"]


def test_a_look_after_the_listing_knows_better(
    database: CatalogDatabase, runs: PostgresRuns, connection: Connection
) -> None:
    pipeline = Pipeline()
    pipeline.run(pipeline.put(scene("s1", "b1"), b"raster 10"))
    load(database, list(pipeline.catalog.known.values()))
    applied = RulesStore("bronze-tier").current(connection)
    container = f"{WATCHED.account_url}/source"
    for late_s, orphaned in ((-10.0, 0), (-5.0, 0), (0.0, 1), (10.0, 1)):
        runs.begin(Run(f"run {late_s}", (container,), allow_removals=9))
        run = runs.find(f"run {late_s}")
        assert run is not None
        runs.add_listed(run.id, container, pipeline.now() + timedelta(seconds=late_s), [])
        assert runs.compare(run, applied).collections[0].orphaned == orphaned
        runs.mark(run, applied)
        looks = [gap.status for gap in runs.gaps(replace(run, removes=True), "", 10)]
        assert looks == {-10.0: [], -5.0: ["unsure"], 0.0: ["orphaned"], 10.0: ["orphaned"]}[late_s]
    connection.execute("DELETE FROM pgstac.items")
    unsure = runs.find("run -5.0")
    assert unsure
    scenes = runs.compare(unsure, applied).collections[0]
    assert (scenes.current, scenes.lost_blobs) == (0, 1), "its Item is lost all the same"
