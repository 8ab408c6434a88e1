"""The API over HTTP, on a real pgstac with a small catalog that holds the awkward cases."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
import uvicorn
from psycopg.types.json import Jsonb
from pypgstac.db import PgstacDB
from pypgstac.load import Loader, Methods

from infra.local.functions_host.testing import running_host
from infra.local.postgres.testing import RunningPostgres
from infra.local.servicebus.testing import running_server
from stac_api.app import create_app, open_cache
from stac_api.settings import Settings
from tests.integration.conftest import CatalogDatabase, new_database
from tests.integration.stac_api import catalog

READER = "eventstac_stac_api"
APP = Path(__file__).parents[3] / "services" / "stac_api"


def load(dsn: str, collections: list[dict[str, Any]], items: list[dict[str, Any]]) -> None:
    """Put documents into the catalog."""
    with contextlib.closing(PgstacDB(dsn=dsn)) as db:
        loader = Loader(db)
        Loader.collection_json.cache_clear()  # by id only: it would remember another database's collection
        loader.load_collections(iter(collections), Methods.upsert)
        if items:
            loader.load_items(iter(items), Methods.upsert)


def settings_for(database: CatalogDatabase, **changes: Any) -> Settings:
    """The API's settings for a database, as the role that it logs in with."""
    reader = database.as_role(READER)
    return Settings(
        host=reader.host,
        port=reader.port,
        database=reader.database,
        user=reader.user,
        password=reader.password,
        catalog_id="test",
        catalog_title="A test catalog",
        **changes,
    )


@pytest.fixture(scope="session")
def loaded(postgres: RunningPostgres) -> CatalogDatabase:
    """A database with the test's catalog, which no test changes."""
    database = new_database(postgres)
    dsn = database.settings.conninfo
    load(dsn, catalog.COLLECTIONS, catalog.ITEMS)
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=pgstac,public") as connection:
        connection.execute(
            "UPDATE collections SET private = %s WHERE id = 'scenes'",
            [Jsonb({"item_assets": catalog.ITEM_ASSETS, "rules": "not for readers"})],
        )
        for name, definition in catalog.QUERYABLES.items():
            connection.execute(
                "INSERT INTO queryables (name, definition, property_index_type) VALUES (%s, %s, 'BTREE')",
                [name, Jsonb(definition)],
            )
        connection.execute("ANALYZE items")
    return database


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The API on a port of its own; gives its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        app = create_app(settings, open_cache(settings))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            thread.join(0.01)
        assert server.started
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(10)


@contextlib.contextmanager
def functions(database: CatalogDatabase, state: Path) -> Iterator[str]:
    """The function app in a Functions host; gives its address."""
    with running_server(Path("contracts/topology.json"), state / "broker") as broker:
        environment = database.environment(READER) | {
            "STAC_CATALOG_ID": "test",
            "STAC_CATALOG_TITLE": "A test catalog",
            "ServiceBus": broker.connection_string,
        }
        with running_host(APP, state / "host", environment) as host:
            host.ready()
            yield f"http://127.0.0.1:{host.port}"


@pytest.fixture(scope="session", params=["asgi", "functions"])
def url(
    request: pytest.FixtureRequest, loaded: CatalogDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where the API answers: under uvicorn, then as a function app."""
    state = tmp_path_factory.mktemp("functions")
    with serving(settings_for(loaded)) if request.param == "asgi" else functions(loaded, state) as address:
        yield address


class Client:
    """Asks the API, and checks on the way what holds for every answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def __call__(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        target = path if urlsplit(path).scheme else self.url + path
        return self.session.request(method, target, timeout=30, **kwargs)

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = self("GET", path, params=params or None)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        answer = self("POST", path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def ids(self, **params: Any) -> list[str]:
        return [feature["id"] for feature in self.get("/search", **params)["features"]]

    def post_ids(self, **body: Any) -> list[str]:
        return [feature["id"] for feature in self.post("/search", body)["features"]]


@pytest.fixture(scope="session")
def api(url: str) -> Iterator[Client]:
    client = Client(url)
    yield client
    client.session.close()
