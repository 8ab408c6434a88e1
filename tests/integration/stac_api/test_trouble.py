"""A database that is slow, busy, away or restarted, and clients that do not wait."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
import requests

from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import READER, Client, load, serving, settings_for


@pytest.fixture(scope="module")
def own(database: CatalogDatabase) -> CatalogDatabase:
    load(database.settings.conninfo, catalog.COLLECTIONS, catalog.ITEMS[-4:])
    return database


@contextlib.contextmanager
def locked_items(database: CatalogDatabase) -> Iterator[psycopg.Connection[Any]]:
    """Whoever reads Items waits, as behind a long migration."""
    with psycopg.connect(database.settings.conninfo) as connection:
        connection.execute("LOCK TABLE pgstac.items IN ACCESS EXCLUSIVE MODE")
        yield connection
        connection.rollback()


def active_queries(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE usename = %s AND state = 'active' AND datname = current_database()",
        [READER],
    ).fetchone()
    assert row is not None
    connection.execute("SELECT pg_stat_clear_snapshot()")
    return int(row[0])


def wait_until(connection: psycopg.Connection[Any], count: int) -> None:
    deadline = time.monotonic() + 10
    while active_queries(connection) != count:
        assert time.monotonic() < deadline, f"still {active_queries(connection)} active queries"


def test_a_query_beyond_the_time_out_is_504(own: CatalogDatabase) -> None:
    with serving(settings_for(own, statement_timeout_s=0.2)) as address:
        api = Client(address)
        assert len(api.ids()) == 4
        with locked_items(own):
            problem = api.get("/search", status=504)
        assert problem["code"] == "Timeout"
        assert len(api.ids()) == 4


def test_a_client_that_hangs_up_ends_its_query_in_the_database(own: CatalogDatabase) -> None:
    with serving(settings_for(own)) as address, locked_items(own) as watcher:
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{address}/search", timeout=0.6)
        wait_until(watcher, 0)
        with requests.Session() as session, pytest.raises(requests.ReadTimeout):
            session.post(f"{address}/search", json={"limit": 3}, timeout=0.6)
        wait_until(watcher, 0)


def test_a_waiting_client_keeps_its_query(own: CatalogDatabase) -> None:
    with serving(settings_for(own, statement_timeout_s=2)) as address, locked_items(own) as watcher:
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{address}/search", timeout=0.1)
        with requests.Session() as session:
            answer = session.get(f"{address}/search", timeout=20)
        assert answer.status_code == 504
        wait_until(watcher, 0)


def test_a_database_that_is_away_is_503_with_retry_after(own: CatalogDatabase) -> None:
    nowhere = replace(settings_for(own), port=1)
    with serving(nowhere) as address:
        api = Client(address)
        answer = api("GET", "/search")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["code"] == "ServiceUnavailable"
        assert api.get("/_mgmt/health", status=503)["status"] == "down"
        assert api.get("/_mgmt/ping") == {"message": "PONG"}


def test_connections_that_a_restart_cut_are_made_anew(own: CatalogDatabase) -> None:
    with serving(settings_for(own)) as address:
        api = Client(address)
        assert len(api.ids()) == 4
        with psycopg.connect(own.settings.conninfo, autocommit=True) as connection:
            connection.execute(f"GRANT {READER} TO CURRENT_USER")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [READER]
            )
            wait_until(connection, 0)
        assert len(api.ids()) == 4


def test_health_names_the_database_and_the_version(own: CatalogDatabase) -> None:
    with serving(settings_for(own)) as address:
        assert Client(address).get("/_mgmt/health") == {"status": "up", "database": "up", "pgstac": "0.10.0"}


def test_behind_a_transaction_mode_pooler_nothing_depends_on_the_session(own: CatalogDatabase) -> None:
    with serving(settings_for(own, pooled=True)) as address:
        api = Client(address)
        assert len(api.ids(filter="id <> 'nobody'", sortby="title")) == 4
        assert api.get("/collections/edges/items/period")["id"] == "period"


def test_the_role_of_the_api_cannot_write(own: CatalogDatabase) -> None:
    with psycopg.connect(own.as_role(READER).conninfo, autocommit=True) as connection:
        for statement in (
            "DELETE FROM pgstac.items",
            "UPDATE pgstac.collections SET content = content",
            "SELECT pgstac.create_item('{}')",
            "DELETE FROM eventstac.facts",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        assert connection.execute("SELECT count(*) FROM pgstac.items").fetchone() == (4,)


def test_a_collection_with_item_assets_in_its_content_still_gives_whole_items(own: CatalogDatabase) -> None:
    """pgstac leaves out of an Item what its collection's `item_assets` say; catalogs made by others have them."""
    assets = {"data": {"type": catalog.ITEM_ASSETS["data"]["type"], "roles": ["data"]}}
    with serving(settings_for(own)) as address:
        api = Client(address)
        assert api.ids(collections="late") == []  # the API knows its collections by now
        late = catalog.item("late-1", "late", [0, 0, 1, 1], "2023-01-01T00:00:00Z")
        load(own.settings.conninfo, [catalog.collection("late", [0, 0, 1, 1], item_assets=assets)], [late])
        (found,) = api.get("/search", collections="late")["features"]
        assert found["assets"] == late["assets"]
        assert api.get("/collections/late/items/late-1")["assets"] == late["assets"]
        changed = {"data": {"type": "image/jp2", "roles": ["data"]}, "other": {"title": "Other"}}
        newer = catalog.item("late-2", "late", [0, 0, 1, 1], "2023-01-02T00:00:00Z")
        load(own.settings.conninfo, [catalog.collection("late", [0, 0, 1, 1], item_assets=changed)], [newer])
        both = {each["id"]: each for each in api.get("/search", collections="late")["features"]}
        assert both["late-1"]["assets"] == late["assets"]
        assert both["late-2"]["assets"] == newer["assets"]
        assert not any(key.startswith("pgstac") for each in both.values() for key in each)
