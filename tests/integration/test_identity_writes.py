"""An app's identity beyond reading: its tokens write, list and delete blobs, and log in to the database.

The tokens come from an identity endpoint as App Service has it, through the unmodified azure-identity; Azurite takes
them in its OAuth mode, PostgreSQL as the role's password.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from azure.identity import DefaultAzureCredential
from psycopg import sql

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.blob_storage import BlobStorage
from eventstac.azure.database_token import DatabaseToken
from eventstac.catalog.database import open_pool
from eventstac.errors import Refused, Transient
from infra.local.postgres.testing import RunningPostgres
from stac_api import settings as api_settings
from stac_api.database import Database
from tests.integration.conftest import CatalogDatabase
from tests.integration.raster.test_identity import SECRET, IdentityEndpoint, identity, storage_over_tls

__all__ = ["identity", "storage_over_tls"]  # fixtures

ROLE = "eventstac_stac_api"


def test_an_identity_writes_lists_and_deletes(
    identity: IdentityEndpoint, storage_over_tls: tuple[str, Path]
) -> None:
    with open_blob_service({"BlobStorage__blobServiceUri": storage_over_tls[0]}) as service:
        storage = BlobStorage(service)
        url = f"{storage.account_url}/source/own/output.json"
        etag = storage.put(url, b"{}", "application/json")
        listed = storage.page(f"{storage.account_url}/source", "own/", None, 10)
        assert [(blob.url, blob.etag) for blob in listed.blobs] == [(url, etag)]
        storage.delete(url, etag)
        assert storage.look(url)[0].state == "gone"
    assert identity.given


def test_without_a_good_token_nothing_is_written_listed_or_deleted(
    identity: IdentityEndpoint, storage_over_tls: tuple[str, Path]
) -> None:
    identity.lifetime_s = -10
    with open_blob_service({"BlobStorage__blobServiceUri": storage_over_tls[0]}) as service:
        storage = BlobStorage(service)
        url = f"{storage.account_url}/source/own/refused.json"
        with pytest.raises(Transient):
            storage.put(url, b"{}", "application/json")
        with pytest.raises(Refused):
            storage.page(f"{storage.account_url}/source", "own/", None, 10)
        with pytest.raises(Transient):
            storage.delete(url, "0x1")


class DatabaseIdentity(IdentityEndpoint):
    """Gives tokens of which the database takes only the newest: an old one that is still used is noticed."""

    def __init__(self, database: CatalogDatabase) -> None:
        super().__init__(lifetime_s=5)
        self.database = database

    def take_newest(self) -> None:
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(
            sql.Identifier(ROLE), sql.Literal(self.given[-1])
        )
        with psycopg.connect(self.database.settings.conninfo, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture
def endpoint(database: CatalogDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabaseIdentity]:
    serves = DatabaseIdentity(database)
    serving = threading.Thread(target=serves.serve_forever, daemon=True)
    serving.start()
    monkeypatch.setenv("IDENTITY_ENDPOINT", serves.url)
    monkeypatch.setenv("IDENTITY_HEADER", SECRET)
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"):
        monkeypatch.delenv(name, raising=False)
    yield serves
    serves.shutdown()
    serves.server_close()
    serving.join()
    with psycopg.connect(database.settings.conninfo, autocommit=True) as connection:
        old = sql.Literal(database.passwords[ROLE])
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(ROLE), old))


def cut_connections(postgres: RunningPostgres) -> None:
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", [ROLE]
        )


def test_a_pool_logs_in_with_the_identity_s_token_and_after_a_cut_with_another(
    postgres: RunningPostgres, database: CatalogDatabase, endpoint: DatabaseIdentity
) -> None:
    token = KnownToken(endpoint)
    with open_pool(replace(database.settings, user=ROLE, password="", token=token)) as pool:
        for _ in range(2):
            with pool.connection() as connection:
                assert connection.execute("SELECT current_user").fetchone() == (ROLE,)
            cut_connections(postgres)
    assert len(set(endpoint.given)) > 1
    assert endpoint.resources == {"https://ossrdbms-aad.database.windows.net"}


async def test_the_api_s_pool_does_so_too(
    postgres: RunningPostgres, database: CatalogDatabase, endpoint: DatabaseIdentity
) -> None:
    where = database.settings
    settings = api_settings.Settings(
        host=where.host,
        port=where.port,
        database=where.database,
        user=ROLE,
        password="",
        catalog_id="c",
        catalog_title="c",
        token=KnownToken(endpoint),
    )
    api = Database(settings)
    try:
        for _ in range(2):
            (row,) = await api.rows("SELECT current_user::text AS name")
            assert row["name"] == ROLE
            cut_connections(postgres)
    finally:
        await api.close()
    assert len(set(endpoint.given)) > 1


class KnownToken(DatabaseToken):
    """The apps' own token; the database is told of it first, as Azure's knows Entra ID's keys."""

    def __init__(self, endpoint: DatabaseIdentity) -> None:
        super().__init__(DefaultAzureCredential())
        self.endpoint = endpoint

    def __call__(self) -> str:
        text = super().__call__()
        self.endpoint.take_newest()
        return text
