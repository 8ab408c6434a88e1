"""A database that is slow, busy, away or restarted, and clients that do not wait."""

import contextlib
import itertools
import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import Client, load
from tests.integration.stac_api.places import MAIN, READER, Place

TABLES = "pgstac.items, pgstac.collections, pgstac.queryables, pgstac.migrations"
_NEW = itertools.count()


@pytest.fixture(scope="module")
def own(database: CatalogDatabase) -> CatalogDatabase:
    """Who watches it is given the API's role: else PostgreSQL would not say what the API's sessions do."""
    load(database.settings.conninfo, catalog.COLLECTIONS, catalog.ITEMS[-4:])
    with psycopg.connect(database.settings.conninfo, autocommit=True) as connection:
        connection.execute(f"GRANT {READER} TO CURRENT_USER")
    return database


@pytest.fixture(scope="module")
def patient(place: Place, own: CatalogDatabase) -> Iterator[Client]:
    """Waits for its database as long as the settings say where nobody sets them: 30 s."""
    with place.serve(own) as running:
        yield Client(running.url)


@pytest.fixture(scope="module")
def hasty(place: Place, own: CatalogDatabase) -> Iterator[Client]:
    """Waits one second."""
    with place.serve(own, STAC_API_STATEMENT_TIMEOUT_S="1") as running:
        yield Client(running.url)


def new(path: str) -> str:
    """The same question in an address that nobody has asked: no answer to it is kept."""
    return f"{path}{'&' if '?' in path else '?'}new={next(_NEW)}"


@contextlib.contextmanager
def locked_tables(database: CatalogDatabase) -> Iterator[psycopg.Connection[Any]]:
    """Whoever reads the catalog waits, as behind a long migration."""
    with psycopg.connect(database.settings.conninfo) as connection:
        connection.execute(f"LOCK TABLE {TABLES} IN ACCESS EXCLUSIVE MODE")
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


def ask_and_hang_up(watcher: psycopg.Connection[Any], method: str, url: str, body: Any = None) -> None:
    """The client goes once its query is seen in the database."""
    to = urlsplit(url)
    with contextlib.closing(HTTPConnection(to.netloc)) as client:
        text = None if body is None else json.dumps(body)
        client.request(method, f"{to.path}?{to.query}", text, {"Content-Type": "application/json"})
        wait_until(watcher, 1)


ASKED: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/", None),
    ("GET", "/collections", None),
    ("GET", "/collections?q=edges", None),
    ("GET", "/collections/edges", None),
    ("GET", "/collections/edges/items", None),
    ("GET", "/collections/edges/items/period", None),
    ("GET", "/collections/edges/queryables", None),
    ("GET", "/collections/edges/statistics", None),
    ("GET", "/queryables", None),
    ("GET", "/search", None),
    ("GET", "/search?filter=id%20%3C%3E%20%27x%27&sortby=title", None),
    ("GET", "/search?fields=id&q=words", None),
    ("POST", "/search", {"limit": 3}),
)


def test_every_question_beyond_the_time_out_is_504_with_a_sentence(
    hasty: Client, own: CatalogDatabase
) -> None:
    with locked_tables(own), ThreadPoolExecutor(len(ASKED) + 1) as together:
        answers = list(together.map(lambda each: requests.request(
            each[0], hasty.url + new(each[1]), json=each[2], timeout=30), ASKED))  # fmt: skip
        page = hasty("GET", new("/search"), headers={"Accept": "text/html"})
        health = hasty("GET", "/_mgmt/health")
    for (method, path, _), answer in zip(ASKED, answers, strict=True):
        assert answer.status_code == 504, (method, path, answer.text)
        assert answer.json()["code"] == "Timeout"
        assert answer.json()["description"].startswith("The query took too long")
    assert page.status_code == 504
    assert "The query took too long" in page.text
    assert health.status_code == 503
    assert "too long" in health.json()["database"]
    assert len(hasty.get(new("/search?collections=edges"))["features"]) == 4


def test_a_client_that_hangs_up_ends_its_query_in_the_database(patient: Client, own: CatalogDatabase) -> None:
    """In a Functions host too, where the request is forwarded (decision 0027); no time-out ends these."""
    with locked_tables(own) as watcher:
        ask_and_hang_up(watcher, "GET", patient.url + new("/search"))
        wait_until(watcher, 0)
        ask_and_hang_up(watcher, "POST", patient.url + new("/search"), {"limit": 3})
        wait_until(watcher, 0)


def test_a_waiting_client_keeps_its_query(hasty: Client, own: CatalogDatabase) -> None:
    with locked_tables(own) as watcher:
        with pytest.raises(requests.ReadTimeout):
            requests.get(hasty.url + new("/search"), timeout=0.1)
        with requests.Session() as session:
            answer = session.get(hasty.url + new("/search"), timeout=20)
        assert answer.status_code == 504
        wait_until(watcher, 0)


def test_a_database_that_is_away_is_503_with_retry_after(place: Place, own: CatalogDatabase) -> None:
    with place.serve(own, POSTGRES_PORT="1") as running:
        api = Client(running.url)
        for method, path, body in ASKED:
            answer = api(method, new(path), json=body)
            assert answer.status_code == 503, (method, path, answer.text)
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.json()["code"] == "ServiceUnavailable"
            assert answer.json()["description"].endswith("try again shortly.")
        assert api.get("/_mgmt/health", status=503)["status"] == "down"
        assert api.get("/_mgmt/ping") == {"message": "PONG"}
        assert api.get("/conformance")["conformsTo"]


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "a database without pgstac": ({"POSTGRES_DB": "postgres"}, "run `eventstac setup`"),
    "a schema that is not there": ({"PGSTAC_SCHEMA": "nowhere"}, "PGSTAC_SCHEMA"),
    "a database that is not there": ({"POSTGRES_DB": "nowhere"}, "POSTGRES_DB"),
    "a password that is refused": ({"POSTGRES_PASS": "wrong"}, "POSTGRES_PASS"),
    "a user that is not there": ({"POSTGRES_USER": "nobody"}, "POSTGRES_USER"),
    "rights that are missing": ({}, "run `eventstac setup`"),
    "TLS that the server has not": ({"POSTGRES_SSLMODE": "require"}, "POSTGRES_SSLMODE"),
    "no certificate to verify by": ({"POSTGRES_SSLMODE": "verify-full"}, "POSTGRES_SSLMODE"),
}


@pytest.mark.parametrize("place", MAIN[:1], indirect=True, scope="session")
@pytest.mark.parametrize("wrong", WRONG)
def test_a_database_that_the_api_cannot_use_is_503_and_what_to_do_and_no_clients_fault(
    place: Place, own: CatalogDatabase, wrong: str
) -> None:
    settings, hint = WRONG[wrong]
    with place.serve(own, **settings) as running, contextlib.ExitStack() as until_end:
        if not settings:
            until_end.enter_context(no_rights(own))
        api = Client(running.url)
        for method, path, body in (*ASKED, ("GET", "/collections?filter=a%3D1", None)):
            answer = api(method, new(path), json=body)
            assert answer.status_code == 503, (method, path, answer.text)
            assert hint in answer.json()["description"]
        health = api.get("/_mgmt/health", status=503)
        assert health["status"] == "down"
        assert hint in health["database"]
        assert any(line.get("level") == "error" for line in running.log())


@contextlib.contextmanager
def no_rights(database: CatalogDatabase) -> Iterator[None]:
    """The role of the API may read nothing of the catalog, as before `eventstac setup` gave it."""
    with psycopg.connect(database.settings.conninfo, autocommit=True) as connection:
        connection.execute("REVOKE USAGE ON SCHEMA pgstac FROM pgstac_read")
        yield
        connection.execute("GRANT USAGE ON SCHEMA pgstac TO pgstac_read")


def test_connections_that_a_restart_cut_are_made_anew(patient: Client, own: CatalogDatabase) -> None:
    assert len(patient.get(new("/search?collections=edges"))["features"]) == 4
    with psycopg.connect(own.settings.conninfo, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [READER]
        )
        wait_until(connection, 0)
    assert len(patient.get(new("/search?collections=edges"))["features"]) == 4


def test_health_names_the_database_and_the_version(patient: Client) -> None:
    assert patient.get("/_mgmt/health") == {"status": "up", "database": "up", "pgstac": "0.10.0"}


@pytest.mark.parametrize("place", MAIN[:1], indirect=True, scope="session")
def test_connections_that_are_all_busy_are_told_as_such_and_health_waits_for_none(
    place: Place, own: CatalogDatabase
) -> None:
    with place.serve(own, STAC_API_CONNECTIONS="1") as running, ThreadPoolExecutor(2) as beside:
        api = Client(running.url)
        with psycopg.connect(own.settings.conninfo) as blocking:
            blocking.execute("LOCK TABLE pgstac.items IN ACCESS EXCLUSIVE MODE")
            asked = [beside.submit(api, "GET", new("/search")) for _ in range(2)]  # either may be the first
            wait_until(blocking, 1)
            health = requests.get(running.url + "/_mgmt/health", timeout=5)
            assert health.json() == {"status": "up", "database": "up", "pgstac": "0.10.0"}
            ended, under_way = wait(asked, return_when=FIRST_COMPLETED)
            blocking.rollback()
        refused, answered = ended.pop().result(), under_way.pop().result()
        assert answered.status_code == 200
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert "connections to the catalog's database are busy" in refused.json()["description"]
        told = {line["message"] for line in running.log() if line["level"] == "warning"}
        assert told == {"connections_busy"}


@pytest.mark.parametrize("place", MAIN[:1], indirect=True, scope="session")
def test_lines_that_cross_a_million_times_keep_nobody_waiting(place: Place, own: CatalogDatabase) -> None:
    chance = random.Random(1)
    positions = [[chance.uniform(-180, 180), chance.uniform(-90, 90)] for _ in range(5_000)]
    line = {"type": "LineString", "coordinates": positions}
    dear = {"filter": {"op": "s_touches", "args": [{"property": "geometry"}, line]}}
    with place.serve(own, STAC_API_CONNECTIONS="4") as running, ThreadPoolExecutor(3) as beside:
        api = Client(running.url)
        asked = [beside.submit(api, "POST", "/search", json=dear) for _ in range(3)]
        with psycopg.connect(own.settings.conninfo, autocommit=True) as watcher:
            wait_until(watcher, 1)
        began = time.monotonic()
        assert api.get(new("/search"))["features"]
        assert time.monotonic() - began < 8  # without turns it is told 503 after 10
        answers = [each.result() for each in asked]
        assert {answer.status_code for answer in answers} <= {200, 503, 504}  # a quick machine may answer
        for slow in answers:
            if slow.status_code == 504:
                assert "simplify the geometry, above all where its lines cross" in slow.json()["description"]


@pytest.mark.parametrize("place", MAIN[:1], indirect=True, scope="session")
def test_a_database_that_has_no_slot_left_for_health_is_up(place: Place, own: CatalogDatabase) -> None:
    name = own.settings.database
    with (
        psycopg.connect(own.settings.conninfo, autocommit=True) as connection,
        place.serve(own, STAC_API_CONNECTIONS="1") as running,
    ):
        api = Client(running.url)
        assert api.get(new("/search?collections=edges"))["features"]
        connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
        try:
            health = api.get("/_mgmt/health")
            assert api.get(new("/search?collections=edges"))["features"]  # on the connection that it has
        finally:
            connection.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
        assert health["status"] == "up"
        assert "no more connections" in health["database"]
        assert api.get("/_mgmt/health") == {"status": "up", "database": "up", "pgstac": "0.10.0"}


def test_behind_a_transaction_mode_pooler_nothing_depends_on_the_session(
    place: Place, own: CatalogDatabase
) -> None:
    with place.serve(own, POSTGRES_POOLED="1", STAC_API_STATEMENT_TIMEOUT_S="1") as running:
        api = Client(running.url)
        assert len(api.ids(filter="id <> 'nobody'", sortby="title", collections="edges")) == 4
        assert api.get("/collections/edges/items/period")["id"] == "period"
        with locked_tables(own):
            assert api.get(new("/search"), status=504)["code"] == "Timeout"


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
        assert connection.execute(
            "SELECT count(*) FROM pgstac.items WHERE collection = 'edges'"
        ).fetchone() == (4,)


@pytest.mark.parametrize("place", MAIN, indirect=True, scope="session")
def test_a_collection_with_item_assets_in_its_content_still_gives_whole_items(
    place: Place, patient: Client, own: CatalogDatabase
) -> None:
    """pgstac leaves out of an Item what its collection's `item_assets` say; catalogs made by others have them."""
    assets = {"data": {"type": catalog.ITEM_ASSETS["data"]["type"], "roles": ["data"]}}
    api, late_ = patient, f"late-{place.name}"
    assert api.ids(collections=late_) == []  # the API knows its collections by now
    late = catalog.item("late-1", late_, [0, 0, 1, 1], "2023-01-01T00:00:00Z")
    load(own.settings.conninfo, [catalog.collection(late_, [0, 0, 1, 1], item_assets=assets)], [late])
    (found,) = api.get("/search", collections=late_)["features"]
    assert found["assets"] == late["assets"]
    assert api.get(f"/collections/{late_}/items/late-1")["assets"] == late["assets"]
    changed = {"data": {"type": "image/jp2", "roles": ["data"]}, "other": {"title": "Other"}}
    newer = catalog.item("late-2", late_, [0, 0, 1, 1], "2023-01-02T00:00:00Z")
    load(own.settings.conninfo, [catalog.collection(late_, [0, 0, 1, 1], item_assets=changed)], [newer])
    both = {each["id"]: each for each in api.get("/search", collections=late_)["features"]}
    assert both["late-1"]["assets"] == late["assets"]
    assert both["late-2"]["assets"] == newer["assets"]
    assert not any(key.startswith("pgstac") for each in both.values() for key in each)
