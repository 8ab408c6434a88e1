"""Items that a team wrote with pypgstac: in Collections of its own nothing touches them, in ours they are surplus."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from eventstac.catalog import pgstac_partitions, reconcile_rows, repairing
from eventstac.catalog.collection_update import pending_collections, update_collection
from eventstac.catalog.database import Connection, connect
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.ours import OURS, our_collections
from eventstac.catalog.rebuilding import rebuild
from eventstac.catalog.rules_store import RulesStore, apply_rules
from eventstac.catalog.runs import PostgresRuns
from eventstac.cli.main import app
from eventstac.cli.ports import Ports, UnknownCollection
from eventstac.rules import load_rules
from eventstac.runs import Run
from tests.integration.conftest import CatalogDatabase
from tests.samples import url_of
from tests.twins.apps import Pipeline, scene
from tests.twins.blobs import MemoryBlobs

RULES = """
collections:
  scenes: {rules: [{name: scenes, pattern: 'scenes/{item}/{asset}.tif'}]}
  small: {rules: [{name: small, pattern: 'small/{item}/{asset}.tif'}]}
  indexed: {description: A team's, queryables: {cloud: {type: number, sortable: true}}}
"""
WITHOUT_SMALL = "".join(line for line in RULES.splitlines(keepends=True) if "small" not in line)
# The team's Collection, for which a rule comes later.
CLAIMED = RULES.replace("queryables", "rules: [{name: r, pattern: 'i/{item}.tif', asset: a}], queryables")
ITEMS_OF_OURS = {"scenes": 40, "small": 4}


def by_hand(collection: str, name: str) -> dict[str, Any]:
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": name,
        "collection": collection,
        "geometry": {"type": "Point", "coordinates": [1, 2]},
        "bbox": [1, 2, 1, 2],
        "properties": {"datetime": "2023-01-01T00:00:00Z", "cloud": 3},
        "links": [],
        "assets": {},
    }


@pytest.fixture(scope="module")
def team(database: CatalogDatabase) -> Iterator[Connection]:
    """A writer with pgstac's role for loading, and none of ours."""
    role, password = f"team_{secrets.token_hex(4)}", secrets.token_hex(8)
    with connect(database.settings) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        admin.execute(f"GRANT pgstac_ingest TO {role}")
        with connect(replace(database.settings, user=role, password=password)) as team:
            team.execute("SET search_path = pgstac, public")
            yield team
        admin.execute(f"DROP ROLE {role}")


@pytest.fixture
def store(database: CatalogDatabase, team: Connection) -> Iterator[RulesStore]:
    """40 Items of `scenes` and 4 of `small` from files; of `theirs` and `indexed` 5 by hand."""
    database.clear()
    pipeline, store = Pipeline(), RulesStore("bronze-tier")
    pipeline.catalog.in_force = load_rules(RULES, file="rules.yaml")
    urls = [scene(f"s{number:02}", "b1") for number in range(40)]
    urls += [url_of(f"small/t{number}/b1.tif") for number in range(4)]
    pipeline.run(*[pipeline.put(url, b"raster 10") for url in urls])
    with connect(database.settings) as owner:
        owner.execute("TRUNCATE eventstac.rules")
        put_in_force(owner, RULES)
        with database.connect() as loader:
            facts = list(pipeline.catalog.known.values())
            merge(loader, store, facts, MergeSettings("loader", 0.0), datetime.now(UTC))
        for collection in ("theirs", "indexed"):
            document: dict[str, Any] = {
                "type": "Collection",
                "id": collection,
                "stac_version": "1.1.0",
                "links": [],
            }
            extent = {"spatial": {"bbox": [[1, 2, 1, 2]]}, "temporal": {"interval": [[None, None]]}}
            document |= {"description": "by hand", "license": "other", "extent": extent}
            team.execute("SELECT upsert_collection(%s)", [json.dumps(document)])
            write(team, collection, 5)
        yield store
        owner.execute("TRUNCATE eventstac.rules")
    database.clear()


def put_in_force(owner: Connection, text: str) -> None:
    rules = load_rules(text, file="rules.yaml")
    apply_rules(owner, text, rules, extractor=1)
    for name in ITEMS_OF_OURS:
        pgstac_partitions.prepare_collection(owner, name, rules.collection(name))


def write(team: Connection, collection: str, count: int, name: str = "hand") -> None:
    items = [by_hand(collection, f"{name}-{number}") for number in range(count)]
    team.execute("SELECT create_items(%s)", [json.dumps(items)])


def fold(connection: Connection, store: RulesStore) -> None:
    """What the loader's timer does."""
    rules = store.current(connection).rules
    for collection in pending_collections(connection, rules):
        of_collection = rules.collection(collection)
        update_collection(
            connection, collection, of_collection, "loader", datetime.now(UTC), recompute_any_size=True
        )


def counts(connection: Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT collection, count(*) FROM pgstac.items GROUP BY 1").fetchall())


def test_a_collection_is_ours_by_a_rule_or_by_an_item_of_ours(
    connection: Connection, store: RulesStore
) -> None:
    rules = store.current(connection).rules
    assert our_collections(connection, rules) == ["bronze-tier", "scenes", "small"]
    without = load_rules("collections: {indexed: {description: x}}", file="rules.yaml")
    assert our_collections(connection, without) == ["bronze-tier", "scenes", "small"]
    connection.execute("DELETE FROM eventstac.items WHERE collection = 'small'")
    assert "small" in our_collections(connection, without), "its blobs are there"
    connection.execute("UPDATE eventstac.facts SET state = 'gone' WHERE collection = 'small'")
    assert our_collections(connection, without) == ["bronze-tier", "scenes"]


def test_whose_a_collection_is_takes_no_reading_of_all_facts(
    database: CatalogDatabase, store: RulesStore
) -> None:
    with connect(database.settings) as owner:
        owner.execute(
            """
            INSERT INTO eventstac.facts (url, collection, item, asset, kind, state, seen, etag, revision, document)
            SELECT 'https://account/source/' || n, 'scenes', 'i' || n, 'b1', 'source', 'present', now(), 'e', 1,
                jsonb_build_object('why', repeat(md5(n::text), 20)) FROM generate_series(1, 5000) AS n
            """
        )
        owner.execute(
            """
            INSERT INTO eventstac.items
                (collection, item, state, digest, reason, detail, missing, conflicts, outdated, urls)
            SELECT 'scenes', 'i' || n, 'incomplete', '', repeat('why', 100), '', '{}', '{}', '{}', '{}'
            FROM generate_series(1, 5000) AS n
            """
        )
        owner.execute("ANALYZE eventstac.facts, eventstac.items")
        plan = owner.execute(f"EXPLAIN {OURS}", {"claiming": ["scenes"]}).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "facts_by_item" in text
    assert "Seq Scan on facts" not in text
    assert "Seq Scan on items" not in text


def test_a_collection_that_was_ours_is_described_by_its_new_writer_alone(
    database: CatalogDatabase, connection: Connection, store: RulesStore
) -> None:
    fold(connection, store)
    connection.execute("DELETE FROM eventstac.facts WHERE collection = 'small'")
    rebuild(connection, store, [("small", f"t{number}") for number in range(4)], "loader", datetime.now(UTC))
    fold(connection, store)
    with connect(database.settings) as owner:
        put_in_force(owner, WITHOUT_SMALL + "  small: {description: Theirs, summaries: [cloud]}\n")
    rules = store.current(connection).rules
    assert "small" not in our_collections(connection, rules)
    assert "small" not in pending_collections(connection, rules)


def test_a_collection_without_rules_whose_facts_were_lost_is_ours_until_nothing_is_in_it(
    database: CatalogDatabase, connection: Connection, store: RulesStore
) -> None:
    fold(connection, store)
    connection.execute("DELETE FROM eventstac.facts WHERE collection = 'small'")
    connection.execute("DELETE FROM eventstac.items WHERE collection = 'small'")
    with connect(database.settings) as owner:
        put_in_force(owner, WITHOUT_SMALL)
    rules = store.current(connection).rules
    assert repairing.repair(connection, store, None, "loader", datetime.now(UTC)).left == 4
    assert "small" in our_collections(connection, rules)
    repairing.repair(connection, store, "small", "operator", datetime.now(UTC), allow_removals=4)
    fold(connection, store)
    assert "small" not in our_collections(connection, rules)


def test_no_repair_touches_a_collection_of_somebody_else_s_though_the_rules_name_it(
    connection: Connection, store: RulesStore
) -> None:
    now = datetime.now(UTC)
    done = repairing.repair(connection, store, None, "loader", now, allow_removals=1000)
    assert (done.rows, done.left) == (0, 0)
    for collection in ("theirs", "indexed"):
        repairing.repair(connection, store, collection, "loader", now, allow_removals=1000)
        repairing.rebuild_collection(connection, store, collection, "operator", now, allow_removals=1000)
    assert counts(connection) == {**ITEMS_OF_OURS, "theirs": 5, "indexed": 5}


def test_no_report_tells_of_a_collection_of_somebody_else_s(
    database: CatalogDatabase, runs: PostgresRuns, store: RulesStore
) -> None:
    with database.connect("eventstac_scanner") as scanner:
        applied = store.current(scanner)
    report = runs.compare(Run("r", ()), applied)
    assert {each.collection for each in report.collections} == {"scenes", "small"}
    assert report.surplus == 0


def test_each_collection_has_a_limit_of_its_own_for_items_without_a_file(
    connection: Connection, store: RulesStore, team: Connection
) -> None:
    """2 of 40 are 5 %; 2 of 4 are half of a Collection, and less than 5 % of the catalog."""
    for collection in ITEMS_OF_OURS:
        write(team, collection, 2)
    done = repairing.repair(connection, store, None, "loader", datetime.now(UTC))
    assert (done.rows, done.left) == (2, 2)
    assert counts(connection) == {"scenes": 40, "small": 6, "theirs": 5, "indexed": 5}
    done = repairing.repair(connection, store, None, "operator", datetime.now(UTC), allow_removals=1)
    assert (done.rows, done.left) == (0, 2)
    done = repairing.repair(connection, store, None, "operator", datetime.now(UTC), allow_removals=2)
    assert (done.rows, done.left) == (2, 0)
    assert counts(connection) == {**ITEMS_OF_OURS, "theirs": 5, "indexed": 5}


@pytest.mark.parametrize(("there", "allowed"), [(2, None), (3, 3)])
def test_what_is_written_while_a_repair_goes_on_is_removed_within_the_same_limit(
    connection: Connection,
    store: RulesStore,
    team: Connection,
    monkeypatch: pytest.MonkeyPatch,
    there: int,
    allowed: int | None,
) -> None:
    write(team, "scenes", there)
    ask = reconcile_rows.mismatches

    def while_somebody_writes(*arguments: Any) -> Any:
        write(team, "scenes", 50, "later")
        return ask(*arguments)

    monkeypatch.setattr(reconcile_rows, "mismatches", while_somebody_writes)
    done = repairing.repair(connection, store, None, "loader", datetime.now(UTC), allow_removals=allowed)
    assert (done.rows, done.items, done.left) == (there, there, 50)
    assert counts(connection)["scenes"] == 40 + 50


def command(database: CatalogDatabase, *arguments: str) -> Result:
    environment: dict[str, Any] = database.environment("eventstac_operator")
    return CliRunner().invoke(app, [*arguments], env=environment)


@pytest.mark.parametrize("collection", ["theirs", "indexed"])
def test_rebuild_refuses_a_collection_of_somebody_else_s(
    database: CatalogDatabase, connection: Connection, store: RulesStore, collection: str
) -> None:
    done = command(database, "rebuild", collection)
    assert isinstance(done.exception, UnknownCollection)
    assert f"eventstac keeps no Items of the collection {collection!r}" in str(done.exception)
    assert str(done.exception).endswith("It keeps those of bronze-tier, scenes, small")
    assert counts(connection)[collection] == 5


def test_rebuild_leaves_many_items_without_a_file_until_it_is_told(
    database: CatalogDatabase, connection: Connection, store: RulesStore, team: Connection
) -> None:
    write(team, "scenes", 3)
    done = command(database, "rebuild", "scenes")
    assert done.exit_code == 3, done.output
    assert "Items that no file explains stay: 3" in done.output
    assert "--allow-removals 3" in done.output
    assert counts(connection)["scenes"] == 43
    done = command(database, "rebuild", "scenes", "--allow-removals", "3", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == {
        "collection": "scenes",
        "items": 43,
        "repaired": 3,
        "surplus_kept": 0,
    }
    assert counts(connection)["scenes"] == 40


def test_rebuild_brings_back_lost_rows_of_items_that_a_repair_takes_for_somebody_s(
    database: CatalogDatabase, connection: Connection, store: RulesStore
) -> None:
    connection.execute("DELETE FROM eventstac.items WHERE collection = 'small'")
    assert repairing.repair(connection, store, None, "loader", datetime.now(UTC)).left == 4
    done = command(database, "rebuild", "small")
    assert done.exit_code == 0, done.output
    assert counts(connection)["small"] == 4
    assert repairing.repair(connection, store, None, "loader", datetime.now(UTC)).left == 0


def test_applied_rules_that_make_somebody_s_collection_ours_say_what_becomes_of_its_items(
    database: CatalogDatabase,
    connection: Connection,
    store: RulesStore,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    blobs = MemoryBlobs()
    monkeypatch.setattr(Ports, "storage", lambda _: blobs)
    monkeypatch.setenv("BlobStorage", "unused")
    monkeypatch.setenv("SOURCE_CONTAINERS", "source")
    file = tmp_path / "collections.yaml"
    file.write_text(RULES)
    assert "warning" not in command(database, "collections", "apply", str(file)).output
    file.write_text(CLAIMED)
    done = command(database, "collections", "apply", str(file))
    assert done.exit_code == 0, done.output
    assert "blobs into indexed, where Items are that no file explains: 5." in " ".join(done.output.split())
    done = command(database, "collections", "apply", str(file), "--json")
    assert '"surplus": {"indexed": 5}' in done.output
    connection.execute("DELETE FROM eventstac.rules_file")
    assert repairing.repair(connection, store, None, "loader", datetime.now(UTC)).left == 5
    assert counts(connection)["indexed"] == 5
