"""A dump of the whole database is restored as docs/operate.md says; one that was restored in part is refused."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from eventstac.catalog.database import connect
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore
from eventstac.catalog.setup import SetupRefused, set_up
from eventstac.cli.setup import put_in_force
from eventstac.facts import Fact, Match, fact_of
from infra.local.postgres.binaries import find_binaries
from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import CatalogDatabase
from tests.samples import present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
RULES = """
collections:
  flat:
    summaries: [gsd]
    queryables: {gsd: {type: number, sortable: true}, taken: {type: datetime, sortable: true}}
    rules:
      - {name: flat, pattern: 'flat/{item}.tif', asset: data, assets: {data: {}}}
  monthly:
    partition_trunc: month
    rules:
      - {name: monthly, pattern: 'monthly/{item}.tif', asset: data, assets: {data: {}}}
"""
EARLIER = "ALTER FUNCTION pgstac.collection_geom(jsonb) RESET search_path"
SEARCH_PATH = ("set_config('search_path', '', false)", "set_config('search_path', 'pgstac, public', false)")


def fact(collection: str, item: str) -> Fact:
    found = present(Match(collection, item, "data", rule=collection), 1, "e")
    return fact_of(url_of(f"{collection}/{item}.tif"), found)


def load(database: CatalogDatabase, *facts: Fact) -> None:
    with database.connect() as loader:
        merge(loader, RulesStore("bronze-tier"), facts, MergeSettings("loader", 0.0), NOW)


def program(name: str, *arguments: str, text: str | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(find_binaries().folder / name), *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def empty_one(postgres: RunningPostgres, database: CatalogDatabase) -> Iterator[CatalogDatabase]:
    """A database without anything."""
    name = "restored"
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as superuser:
        superuser.execute(f"CREATE DATABASE {name} OWNER {database.settings.user}")
    yield replace(database, settings=replace(database.settings, database=name))
    postgres.drop_database(name)


@pytest.fixture
def dump(database: CatalogDatabase, tmp_path: Path) -> Path:
    """Of a catalog with Items, Collections and queryables."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    put_in_force(database.settings, rules, "bronze-tier")
    load(database, fact("flat", "one"), fact("flat", "two"), fact("monthly", "one"))
    return dumped(database, tmp_path)


def dumped(database: CatalogDatabase, folder: Path) -> Path:
    file = folder / "catalog.dump"
    done = program("pg_dump", "-Fc", "-f", str(file), "-d", database.settings.conninfo)
    assert done.returncode == 0, done.stderr
    return file


def as_administrator(postgres: RunningPostgres, database: CatalogDatabase) -> str:
    return make_conninfo(postgres.superuser_dsn, dbname=database.settings.database)


def test_a_dump_is_restored_and_goes_on(
    postgres: RunningPostgres, database: CatalogDatabase, dump: Path, empty_one: CatalogDatabase
) -> None:
    done = program("pg_restore", "--exit-on-error", "-d", as_administrator(postgres, empty_one), str(dump))
    assert (done.returncode, done.stderr) == (0, "")
    set_up(empty_one.settings, empty_one.passwords)
    assert_same(database, empty_one)


def test_a_dump_of_an_earlier_version_is_restored_with_another_search_path(
    postgres: RunningPostgres,
    database: CatalogDatabase,
    dump: Path,
    empty_one: CatalogDatabase,
    tmp_path: Path,
) -> None:
    with connect(database.settings) as owner:
        owner.execute(EARLIER)
    dump = dumped(database, tmp_path)
    text = program("pg_restore", "-f", "-", str(dump)).stdout
    assert SEARCH_PATH[0] in text
    target = as_administrator(postgres, empty_one)
    done = program("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", target, text=text.replace(*SEARCH_PATH))
    assert done.returncode == 0, done.stderr
    set_up(empty_one.settings, empty_one.passwords)
    set_up(database.settings, database.passwords)
    assert_same(database, empty_one)


def assert_same(database: CatalogDatabase, restored: CatalogDatabase) -> None:
    """The same catalog, in which what comes next is written, as in the one that was dumped."""
    for one in (database, restored):
        load(one, fact("flat", "three"), fact("monthly", "three"))
    assert restored.catalog() == database.catalog()
    documents = "SELECT id, content, private, geometry::text FROM pgstac.collections ORDER BY id"
    found = 'SELECT pgstac.search(\'{"ids": ["three"], "sortby": [{"field": "gsd", "direction": "asc"}]}\')'
    with database.connect("eventstac_stac_api") as ours, restored.connect("eventstac_stac_api") as theirs:
        assert theirs.execute(documents).fetchall() == ours.execute(documents).fetchall()
        [(answer,)] = theirs.execute(found).fetchall()
        assert len(answer["features"]) == 2


def test_a_pgstac_that_was_restored_in_part_is_named(
    postgres: RunningPostgres,
    database: CatalogDatabase,
    dump: Path,
    empty_one: CatalogDatabase,
    tmp_path: Path,
) -> None:
    del dump
    with connect(database.settings) as owner:
        owner.execute(EARLIER)
    program("pg_restore", "-d", as_administrator(postgres, empty_one), str(dumped(database, tmp_path)))
    with pytest.raises(SetupRefused) as refused:
        set_up(empty_one.settings, empty_one.passwords)
    for part in ("not whole", "lacks the tables collections:", "docs/operate.md"):
        assert part in str(refused.value)
