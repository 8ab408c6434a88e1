"""The API over HTTP, on a real pgstac with a small catalog that holds the awkward cases."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
from psycopg.types.json import Jsonb
from pypgstac.db import PgstacDB
from pypgstac.load import Loader, Methods

from infra.local.postgres.testing import RunningPostgres
from stac_api.settings import Settings
from tests.integration.conftest import CatalogDatabase, new_database
from tests.integration.stac_api import catalog
from tests.integration.stac_api.places import NAMES, READER, Place, Places


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


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with contextlib.ExitStack() as until_end:
        yield Places(tmp_path_factory.mktemp("places"), until_end)


@pytest.fixture(scope="session", params=NAMES)
def place(request: pytest.FixtureRequest, places: Places) -> Place:
    """Each way to run the API, one after the other."""
    return Place(request.param, places)


@pytest.fixture(scope="session")
def lasting(loaded: CatalogDatabase, places: Places) -> Iterator[Callable[[Place], str]]:
    """The API's address in a place, where it is started once and runs until the end."""
    with contextlib.ExitStack() as until_end:
        started: dict[str, str] = {}

        def address(place: Place) -> str:
            if place.name not in started:
                started[place.name] = until_end.enter_context(place.serve(loaded)).url
            return started[place.name]

        yield address


@pytest.fixture(scope="session")
def url(place: Place, lasting: Callable[[Place], str]) -> str:
    """Where the API answers: under uvicorn, then as a function app, then with a Redis."""
    return lasting(place)


class Client:
    """Asks the API."""

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
