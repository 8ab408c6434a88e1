"""`eventstac setup`: safe twice, safe at the same time, never as a superuser, never backwards."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from eventstac.catalog import setup as installing
from eventstac.catalog.database import SESSION, Connection, connect
from eventstac.catalog.grants import ROLES
from eventstac.catalog.merge import MergeSettings
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.catalog.setup import SetupRefused, set_up
from eventstac.cli.setup import put_in_force
from eventstac.errors import Busy
from eventstac.facts import Match, fact_of
from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import CatalogDatabase, new_database, settings_of
from tests.samples import present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
PASSWORDS = {role: f"secret-{role}" for role in ROLES}


def run_setup(dsn: str, *arguments: str) -> "subprocess.Popen[str]":
    settings = settings_of(dsn)
    env = {
        **os.environ,
        "POSTGRES_HOST": settings.host,
        "POSTGRES_PORT": str(settings.port),
        "POSTGRES_DB": settings.database,
        "POSTGRES_USER": settings.user,
        "POSTGRES_PASS": settings.password,
    }
    command = [str(Path(sys.executable).with_name("eventstac")), "setup", *arguments]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def pgstac_version(connection: Connection) -> str:
    row = connection.execute("SELECT pgstac.get_version()").fetchone()
    assert row
    return str(row[0])


def test_two_setups_at_the_same_time_and_a_third_leave_one_good_catalog(postgres: RunningPostgres) -> None:
    dsn = postgres.create_database("setup_twice")
    both = [run_setup(dsn), run_setup(dsn)]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    third = run_setup(dsn)
    output, errors = third.communicate(timeout=120)
    assert third.returncode == 0, errors
    assert "revision 1" in output
    with connect(settings_of(dsn)) as connection:
        assert pgstac_version(connection) == "0.10.0"
        collections = connection.execute("SELECT id FROM pgstac.collections ORDER BY id").fetchall()
        assert [row[0] for row in collections] == ["bronze-tier", "rmnp", "scenes"]
        assert connection.execute("SELECT count(*) FROM eventstac.rules").fetchone() == (1,)


def test_the_role_that_sets_up_is_no_superuser(database: CatalogDatabase) -> None:
    with connect(database.settings) as connection:
        row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row == (False,)


def test_a_role_that_may_not_set_up_is_told_who_may(database: CatalogDatabase) -> None:
    process = run_setup(database.as_role("eventstac_operator").conninfo)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "POSTGRES_USER eventstac_operator may not set up the database" in errors
    assert "run `eventstac setup`" not in errors


def test_a_newer_pgstac_is_refused(database: CatalogDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "PGSTAC_VERSION", "0.9.11")
    with pytest.raises(SetupRefused, match=r"0\.10\.0.*0\.9\.11.*downgrade"):
        set_up(database.settings, {})


def test_a_migration_is_tried_on_a_copy_first(
    postgres: RunningPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/deploy.md says: the copy is migrated with all that is in it, and the original knows nothing of it."""
    original = settings_of(postgres.create_database("before_migration"))
    with monkeypatch.context() as release_before:
        release_before.setattr(installing, "PGSTAC_VERSION", "0.9.12")
        set_up(original, {})
    with connect(original) as connection:
        connection.execute("SELECT pgstac.create_collection(%s::jsonb)", [json.dumps(collection("old"))])
        connection.execute("SELECT pgstac.create_item(%s::jsonb)", [json.dumps(item("kept", "old"))])
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [original.database],
        )
        connection.execute(
            f"CREATE DATABASE migration_copy TEMPLATE {original.database} OWNER {original.user}"
        )
    copy = replace(original, database="migration_copy")

    said: list[str] = []
    set_up(copy, {}, said.append)

    assert "pgstac 0.10.0 migrated from 0.9.12" in said
    with connect(copy) as connection:
        assert pgstac_version(connection) == "0.10.0"
        connection.execute("SET search_path = pgstac, public")
        found = connection.execute('SELECT pgstac.search(\'{"ids": ["kept"]}\')').fetchone()
    assert found is not None
    assert [feature["id"] for feature in found[0]["features"]] == ["kept"]
    with connect(original) as connection:
        assert pgstac_version(connection) == "0.9.12"


def collection(name: str) -> dict[str, object]:
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": name,
        "description": name,
        "license": "other",
        "extent": extent,
        "links": [],
    }


def item(name: str, of: str) -> dict[str, object]:
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": name,
        "collection": of,
        "geometry": {"type": "Point", "coordinates": [1, 2]},
        "bbox": [1, 2, 1, 2],
        "properties": {"datetime": "2026-01-02T03:04:05Z"},
        "assets": {},
        "links": [],
    }


def test_settings_of_a_database_change_nothing_of_what_is_read_and_written(
    postgres: RunningPostgres, database: CatalogDatabase
) -> None:
    odd = replace(database, settings=settings_of(postgres.create_database("odd_settings")))
    fact = fact_of(url_of("a.tif"), present(Match("scenes", "i", "b1"), 1, "e", west=0.1 + 0.2))
    found: list[object] = []
    with connect(odd.settings) as connection:
        for setting in (
            "datestyle = 'SQL, DMY'",
            "standard_conforming_strings = off",
            "extra_float_digits = 0",
            "quote_all_identifiers = on",
            "array_nulls = off",
        ):
            connection.execute(f"ALTER DATABASE odd_settings SET {setting}")
        connection.execute("ALTER DATABASE odd_settings SET client_encoding = 'SQL_ASCII'")
    set_up(odd.settings, database.passwords)
    for each in (database, odd):
        put_in_force(each.settings, Path("collections.yaml"), "bronze-tier")
        for settings in (
            each.settings,
            each.as_role("eventstac_loader"),
        ):  # the owner has no settings of its own
            catalog = PostgresCatalog(settings, MergeSettings("loader", 0.5), "bronze-tier")
            catalog.merge([fact])
            catalog.update_collections(None, NOW)
            found.append((catalog.fact(fact.url), catalog.rules().revision))
            catalog.close()
        with each.connect() as connection:
            rows = "SELECT content, datetime FROM pgstac.items UNION ALL SELECT content, NULL FROM pgstac.collections"
            found.append(connection.execute(f"{rows} ORDER BY 1").fetchall())
    assert found[:3] == found[3:]
    with psycopg.connect(
        odd.as_role("eventstac_stac_api").conninfo
    ) as connection:  # whatever its session sets
        shown = {name: connection.execute(f"SHOW {name}").fetchone() for name in SESSION}
    assert shown == {name: (value,) for name, value in SESSION.items()}


@pytest.fixture
def one_migration_behind(postgres: RunningPostgres, monkeypatch: pytest.MonkeyPatch) -> CatalogDatabase:
    database = new_database(postgres)
    known = installing._migrations()
    added = (known[-1][0] + 1, "more", b"ALTER TABLE eventstac.facts ADD COLUMN more integer")
    monkeypatch.setattr(installing, "_migrations", lambda: [*known, added])
    monkeypatch.setattr(installing, "_LOCK_PAUSE_S", 0.1)
    return database


def test_a_migration_behind_a_long_reader_holds_up_nobody(one_migration_behind: CatalogDatabase) -> None:
    database, said = one_migration_behind, list[str]()
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(database.settings.conninfo, application_name="pg_dump") as dump,
        database.connect() as reader,
    ):
        dump.execute("SELECT count(*) FROM eventstac.facts")
        setting_up = pool.submit(set_up, database.settings, {}, said.append)
        reader.execute("SET lock_timeout = '5s'")
        for _ in range(3):
            _until(reader, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
            reader.execute("SELECT count(*) FROM eventstac.facts")
        dump.rollback()
        setting_up.result(timeout=60)
    assert any("migration more waits" in line and "pg_dump" in line for line in said)
    assert "migration more applied" in said


@pytest.mark.parametrize(("deadlock_timeout", "patient"), [("1s", "1500ms"), ("1min", "2500ms")])
def test_a_migration_waits_for_a_table_only_briefly_whatever_the_server_s_deadlock_timeout(
    postgres: RunningPostgres, monkeypatch: pytest.MonkeyPatch, deadlock_timeout: str, patient: str
) -> None:
    monkeypatch.setattr(installing, "_LOCK_ATTEMPTS", installing._PATIENT_EVERY)
    monkeypatch.setattr(installing, "_LOCK_PAUSE_S", 0)
    waits = (
        b"DO $$ BEGIN RAISE NOTICE '%', current_setting('lock_timeout'); "
        b"RAISE 'somebody reads it' USING ERRCODE = 'lock_not_available'; END $$"
    )
    database, waited = new_database(postgres).settings.database, list[str]()
    options = f"-c deadlock_timeout={deadlock_timeout}"  # which only a superuser may set
    with psycopg.connect(
        postgres.superuser_dsn, dbname=database, options=options, autocommit=True
    ) as connection:
        connection.add_notice_handler(lambda notice: waited.append(notice.message_primary or ""))
        with pytest.raises(Busy):
            installing._apply(connection, 9999, "more", waits, lambda _: None)
    assert waited == ["500ms"] * (installing._PATIENT_EVERY - 1) + [patient]


def _until(connection: Connection, question: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if connection.execute(question).fetchone() == (True,):
            return
        time.sleep(0.02)
    pytest.fail(f"not within 20 s: {question}")


def test_a_migration_that_somebody_is_always_in_the_way_of_says_who(
    one_migration_behind: CatalogDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "_LOCK_ATTEMPTS", 2)
    database = one_migration_behind
    with psycopg.connect(database.settings.conninfo, application_name="pg_dump") as dump:
        dump.execute("SELECT count(*) FROM eventstac.facts")
        with pytest.raises(
            Busy, match=f"process {dump.info.backend_pid} of .*pg_dump.*eventstac setup` again"
        ):
            set_up(database.settings, {})


@pytest.fixture
def eager_autovacuum(postgres: RunningPostgres) -> Iterator[None]:
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as server:
        server.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        server.execute("SELECT pg_reload_conf()")
        yield
        server.execute("ALTER SYSTEM RESET autovacuum_naptime")
        server.execute("SELECT pg_reload_conf()")


def test_a_migration_gets_past_an_autovacuum(
    one_migration_behind: CatalogDatabase, eager_autovacuum: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends it, but only for who waits longer than deadlock_timeout."""
    monkeypatch.setattr(installing, "_LOCK_ATTEMPTS", 10)
    database, said = one_migration_behind, list[str]()
    with connect(database.settings) as owner:
        owner.execute(
            "ALTER TABLE eventstac.facts SET (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, "
            "autovacuum_vacuum_threshold = 10, autovacuum_vacuum_scale_factor = 0)"
        )
        owner.execute(
            "INSERT INTO eventstac.facts (url, collection, item, asset, kind, state, seen, etag, revision, document, "
            "changed_at) SELECT n, 'c', n, 'a', 'source', 'present', now(), '', 1, '{}', now() "
            "FROM generate_series(1, 20000) n"
        )
        owner.execute("DELETE FROM eventstac.facts")
        _until(
            owner,
            "SELECT count(*) > 0 FROM pg_locks WHERE granted AND mode = 'ShareUpdateExclusiveLock' "
            "AND relation = 'eventstac.facts'::regclass",
        )
    set_up(database.settings, {}, said.append)
    assert any("migration more waits" in line and "of autovacuum" in line for line in said)
    assert "migration more applied" in said


def test_a_newer_schema_is_refused(postgres: RunningPostgres) -> None:
    settings = settings_of(postgres.create_database("newer_schema"))
    set_up(settings, {})
    with connect(settings) as connection:
        connection.execute("INSERT INTO eventstac.migrations (number, name) VALUES (9999, 'from the future')")
    with pytest.raises(SetupRefused, match="9999"):
        set_up(settings, {})


def test_a_tiler_may_note_its_searches_after_the_next_setup_too_and_write_nothing_else(
    database: CatalogDatabase,
) -> None:
    """As docs/api.md says of titiler-pgstac."""
    said = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    with connect(database.settings) as connection:
        for statement in re.findall(r"^    ((?:CREATE|GRANT) .*;)$", said, re.MULTILINE):
            connection.execute(statement)
    set_up(database.settings, {})
    [session] = re.findall(r'^SESSION = "(.*)"$', said, re.MULTILINE)
    tiler = replace(database.settings, user="titiler", password="…").conninfo
    with psycopg.connect(tiler, options=session, autocommit=True) as connection:
        for _ in range(2):
            connection.execute("SELECT search_query('{}')")
        assert connection.execute("SELECT count(*) FROM searches").fetchone() == (1,)
        connection.execute("SELECT search('{}')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO search_wheres (_where) VALUES ('true')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT create_item('{}')")


def test_an_unknown_role_s_password_is_refused(database: CatalogDatabase) -> None:
    with pytest.raises(SetupRefused, match="eventstac_nobody"):
        set_up(database.settings, {"eventstac_nobody": "x"})


@pytest.mark.parametrize(("text", "says"), [("{", "no JSON"), ("[1]", "JSON object of strings")])
def test_broken_passwords_end_in_a_sentence(postgres: RunningPostgres, text: str, says: str) -> None:
    settings = settings_of(postgres.superuser_dsn)
    env = {
        **os.environ,
        "POSTGRES_HOST": settings.host,
        "POSTGRES_PORT": str(settings.port),
        "POSTGRES_DB": "postgres",
        "POSTGRES_USER": "nobody",
        "EVENTSTAC_ROLE_PASSWORDS": text,
    }
    command = [str(Path(sys.executable).with_name("eventstac")), "setup"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away_ends_in_a_sentence() -> None:
    env = {
        **os.environ,
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_PORT": "1",
        "POSTGRES_DB": "x",
        "POSTGRES_USER": "x",
    }
    command = [str(Path(sys.executable).with_name("eventstac")), "setup"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "the database does not answer" in done.stderr


class TestRoles:
    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO pgstac.collections (content) VALUES ('{}')",
            "DELETE FROM pgstac.items",
            "UPDATE pgstac.collections SET content = '{}'",
            "SELECT pgstac.create_item('{}')",
            "SELECT * FROM eventstac.facts",
            "DELETE FROM eventstac.public_facts",
            "INSERT INTO eventstac.outbox (topic, body) VALUES ('x', '{}')",
            "CREATE TABLE pgstac.mine (a int)",
            "CREATE TABLE eventstac.mine (a int)",
        ],
    )
    def test_the_api_s_role_cannot_write_nor_see_facts(
        self, database: CatalogDatabase, statement: str
    ) -> None:
        with (
            database.connect("eventstac_stac_api") as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)

    def test_the_api_s_role_searches_and_sees_the_facts_view(self, database: CatalogDatabase) -> None:
        with database.connect("eventstac_stac_api") as connection:
            found = connection.execute("SELECT pgstac.search('{}')").fetchone()
            assert found is not None
            assert found[0]["type"] == "FeatureCollection"
            assert connection.execute("SELECT count(*) FROM eventstac.public_facts").fetchone() is not None

    @pytest.mark.parametrize("table", ["eventstac.facts", "eventstac.rules", "pgstac.items"])
    def test_the_extractor_s_role_has_no_rights(self, database: CatalogDatabase, table: str) -> None:
        with (
            database.connect("eventstac_extractor") as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(f"SELECT count(*) FROM {table}")

    def test_the_scanner_s_role_only_reads_facts_and_rules(self, database: CatalogDatabase) -> None:
        with database.connect("eventstac_scanner") as connection:
            connection.execute("SELECT count(*) FROM eventstac.facts, eventstac.rules")
            for table in ("eventstac.facts", "eventstac.outbox"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"DELETE FROM {table}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM pgstac.items")


def test_the_grants_table_names_every_table(database: CatalogDatabase) -> None:
    with connect(database.settings) as connection:
        rows = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'eventstac'"
        ).fetchall()
    tables = {row[0] for row in rows} - {"migrations"}
    granted = {table for grants in ROLES.values() for table in grants.tables}
    assert granted == tables, json.dumps(sorted(granted ^ tables))
