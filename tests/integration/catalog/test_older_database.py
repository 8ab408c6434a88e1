"""A database of an older version, with what was written then, is migrated and goes on as if it had always been new."""

import pytest
from psycopg.types.json import Json, Jsonb

from eventstac.catalog import applying, fact_rows, outbox, pgstac_items, pgstac_partitions, rejections, runs
from eventstac.catalog import setup as installing
from eventstac.catalog.database import Connection, connect
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore
from eventstac.compose import compose
from eventstac.facts import Fact, Match
from eventstac.rules import collection_document, load_rules
from infra.local.postgres.testing import RunningPostgres
from tests.integration.catalog import test_collection_summaries as summing
from tests.integration.conftest import CatalogDatabase, new_database, settings_of
from tests.samples import cog_fact, present, url_of

OLDER = 7  # the last migration before 0008, 0009 and 0010, which change rows that are there

COG, SOURCE = url_of("one_cog.tif", "cogs"), url_of("scenes/one/b1.tif")
FACTS = [
    summing.cloudy("one", 20),
    summing.cloudy("two", 55.5, "landsat-9"),
    summing.cloudy("three", 30),
    summing.fact("four", west=179.8),
    summing.removed("five"),
    cog_fact(COG, present(Match("scenes", "one", "b1"), 2, "c"), SOURCE),
]

_COPIED = {
    "facts": "url, collection, item, asset, kind, state, seen, etag, revision, source_url, document, changed_at",
    "items": "collection, item, state, digest, reason, detail, missing, conflicts, outdated, urls, "
    "west, south, east, north, starts, ends, changed_at, summed",
    "rules": "revision, digest, extractor, text, applied_at, origin",
    "rejected": "id, stage, reason, detail, url, attempts, event, state, rejected_at",
}


@pytest.fixture(scope="module")
def new(postgres: RunningPostgres) -> CatalogDatabase:
    """The same things that happened, in a database of this version."""
    database = new_database(postgres)
    with connect(database.settings) as owner:
        summing.apply(owner, summing.RULES)
    with database.connect() as connection:
        summing.load(connection, *FACTS)
        summing.update(connection, timer=True)
        connection.execute(
            "INSERT INTO eventstac.rejected (id, stage, reason, detail, url, attempts, event) "
            "VALUES ('r', 'asset-facts/loader', 'gave-up', 'away', %s, 9, %s)",
            [SOURCE, Json({"data": {"source_url": SOURCE, "cog_url": COG}})],
        )
    return database


@pytest.fixture(scope="module")
def migrated(postgres: RunningPostgres, new: CatalogDatabase) -> CatalogDatabase:
    """A database that was at an older migration when these things happened, and then set up by this version."""
    settings = settings_of(postgres.create_database("older"))
    everything = installing._migrations()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installing, "_migrations", lambda: [each for each in everything if each[0] <= OLDER])
        patch.setattr(installing, "_grant_all", lambda connection, passwords: None)
        installing.set_up(settings, {})
    with connect(new.settings) as reference, connect(settings) as old:
        prepare(old)
        pgstac_items_of(old)
        for table, columns in _COPIED.items():
            for row in reference.execute(f"SELECT {columns} FROM eventstac.{table}"):
                values = [Json(value) if isinstance(value, dict) else value for value in row]
                places = ", ".join(["%s"] * len(values))
                old.execute(f"INSERT INTO eventstac.{table} ({columns}) VALUES ({places})", values)
        old.execute(
            "INSERT INTO eventstac.collections (collection, items, spans, shrunk, summaries) "
            "VALUES (%s, 4, %s, false, %s)",
            [
                "scenes",
                Json(spans(reference)),
                Json({"platform": {"values": {"landsat-8": 2}}, "eo:cloud_cover": {"ends": [20, 55.5]}}),
            ],
        )
        old.execute(
            "INSERT INTO eventstac.runs (run, check_only, containers, state, report) "
            "VALUES ('old', false, %s, 'done', %s)",
            [[url_of("").rstrip("/")], Json({"revision": 1})],
        )
        old.execute(
            "INSERT INTO eventstac.listed (run, url, etag, outcome, collection, archived) "
            "VALUES ('old', %s, 'e1', 'matched', 'scenes', false)",
            [SOURCE],
        )
        old.execute("INSERT INTO eventstac.gaps (run, url, status) VALUES ('old', %s, 'missing')", [SOURCE])
    installing.set_up(settings, new.passwords)
    return CatalogDatabase(settings, new.passwords)


def prepare(old: Connection) -> None:
    """Make Collections and tables; ours were others then, of which this version's way of making them knows nothing."""
    rules = load_rules(summing.RULES, file="rules.yaml", default_collection="bronze-tier")
    for each in rules.collections:
        content, private = map(Jsonb, collection_document(each))
        old.execute("INSERT INTO pgstac.collections (content, private) VALUES (%s, %s)", [content, private])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pgstac_partitions, "ensure_collection", lambda *_: None)
        applying.prepare(old, rules)


def pgstac_items_of(connection: Connection) -> None:
    rules = load_rules(summing.RULES, file="rules.yaml", default_collection="bronze-tier").collection(
        "scenes"
    )
    by_item: dict[str, list[Fact]] = {}
    for fact in FACTS:
        by_item.setdefault(fact.match.item, []).append(fact)
    items = [item for facts in by_item.values() if (item := compose(facts, rules).item)]
    with connection.transaction():
        connection.execute("SET LOCAL search_path = pgstac, public")
        pgstac_items.upsert_items(connection, items)


def spans(connection: Connection) -> object:
    row = connection.execute("SELECT spans FROM eventstac.collections WHERE collection = 'scenes'").fetchone()
    assert row is not None
    return row[0]


def test_every_migration_is_applied_and_the_catalog_is_the_same(
    new: CatalogDatabase, migrated: CatalogDatabase
) -> None:
    for table in ("facts", "items", "migrations", "summed_values", "runs", "listed", "gaps", "rejected"):
        columns = f"""
            SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns
            WHERE table_schema = 'eventstac' AND table_name = '{table}' ORDER BY 1"""
        indexes = f"SELECT indexdef FROM pg_indexes WHERE schemaname = 'eventstac' AND tablename = '{table}' ORDER BY 1"
        with connect(new.settings) as one, connect(migrated.settings) as other:
            for question in (columns, indexes):
                assert one.execute(question).fetchall() == other.execute(question).fetchall()
    assert migrated.catalog() == new.catalog()


def test_what_was_known_is_known(migrated: CatalogDatabase) -> None:
    with migrated.connect() as connection:
        done = merge(connection, RulesStore("bronze-tier"), FACTS, MergeSettings("loader", 0.5), summing.NOW)
        assert (done.fresh, done.changed) == (0, ())
        assert outbox.publish_some(connection, lambda _: pytest.fail("nothing changed")) == 0
        assert fact_rows.by_urls(connection, [fact.url for fact in FACTS]) == {
            fact.url: fact for fact in FACTS
        }
        assert [fact.url for fact in fact_rows.below(connection, url_of("scenes/"), SOURCE, 9)] == [
            url_of("scenes/three/b1.tif"),
            url_of("scenes/two/b1.tif"),
        ]
        other_cog = cog_fact(url_of("other.tif", "cogs"), FACTS[-1].finding, SOURCE)
        assert [fact.url for fact in fact_rows.disputants(connection, [other_cog])] == [COG]
        for url in (SOURCE, COG):
            assert [one.reason for one in rejections.about(connection, url)] == ["gave-up"]


def test_rules_and_runs_from_before_count_as_of_their_revision(migrated: CatalogDatabase) -> None:
    with migrated.connect() as connection:
        applied = RulesStore("bronze-tier").current(connection)
        assert (applied.revision, applied.same_since(None)) == (1, 1)
        run = runs.latest(connection)
        assert run is not None
        assert (run.revision, run.next_page) == (1, None)


def test_a_collection_grows_and_shrinks_as_a_new_one_does(
    new: CatalogDatabase, migrated: CatalogDatabase
) -> None:
    """Its values were never counted one by one, so it counts them once; what lies where is in the new column."""
    shown = []
    for database in (new, migrated):
        with database.connect() as connection:
            while summing.update(connection, timer=True):
                pass
            first = summing.shown(connection)
            summing.load(connection, summing.removed("two", 99), summing.removed("four", 99))
            while summing.update(connection, timer=True):
                pass
            summing.load(connection, summing.cloudy("six", 70, "landsat-7", seconds=5))
            while summing.update(connection, timer=True):
                pass
            sides = connection.execute("SELECT item, side FROM eventstac.items ORDER BY 1").fetchall()
            shown.append((first, summing.shown(connection), sides))
    assert shown[0] == shown[1]
    assert shown[0][0]["summaries"]["eo:cloud_cover"] == {"minimum": 20, "maximum": 55.5}
    assert shown[0][1]["summaries"] == {
        "platform": ["landsat-7", "landsat-8"],
        "eo:cloud_cover": {"minimum": 20, "maximum": 70},
    }
