"""Real parts for integration tests: one PostgreSQL for the session, a database set up for each module."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from eventstac.catalog.database import Connection, DatabaseSettings, connect
from eventstac.catalog.grants import ROLES
from eventstac.catalog.setup import set_up
from infra.local.postgres.testing import RunningPostgres, running_postgres


@dataclass(frozen=True)
class CatalogDatabase:
    """A database with everything set up, and how to log in to it as each role."""

    settings: DatabaseSettings
    passwords: dict[str, str]

    def as_role(self, role: str) -> DatabaseSettings:
        return replace(self.settings, user=role, password=self.passwords[role])

    def connect(self, role: str = "eventstac_loader") -> Connection:
        return connect(self.as_role(role))

    def environment(self, role: str) -> dict[str, str]:
        settings = self.as_role(role)
        return {
            "POSTGRES_HOST": settings.host,
            "POSTGRES_PORT": str(settings.port),
            "POSTGRES_DB": settings.database,
            "POSTGRES_USER": settings.user,
            "POSTGRES_PASS": settings.password,
        }

    def clear(self) -> None:
        """Forget all facts and Items; Collections stay."""
        with psycopg.connect(self.settings.conninfo, autocommit=True) as connection:
            connection.execute(
                "TRUNCATE eventstac.facts, eventstac.items, eventstac.outbox, eventstac.rejected, "
                "eventstac.collection_changes, eventstac.collections, eventstac.summed_values, "
                "eventstac.deleted_directories"
            )
            connection.execute("DELETE FROM pgstac.items")

    def catalog(self) -> str:
        """Every Item of the catalog as pgstac stores it: two equal catalogs are the same text."""
        with psycopg.connect(self.settings.conninfo) as connection:
            rows = connection.execute(
                "SELECT collection, id, datetime, end_datetime, geometry::text, content FROM pgstac.items "
                "ORDER BY collection, id"
            ).fetchall()
        return "\n".join(
            json.dumps([str(part) for part in row[:5]] + [row[5]], sort_keys=True) for row in rows
        )


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    directory: Path = tmp_path_factory.mktemp("postgres")
    with running_postgres(directory) as running:
        yield running


def settings_of(dsn: str) -> DatabaseSettings:
    parts = conninfo_to_dict(dsn)
    return DatabaseSettings(
        str(parts["host"]),
        int(str(parts["port"])),
        str(parts["dbname"]),
        str(parts["user"]),
        str(parts["password"]),
    )


_PASSWORDS = {role: secrets.token_hex(8) for role in ROLES}


_PREPARED = "catalog_prepared"


@cache
def _prepare(postgres: RunningPostgres) -> None:
    """A database to copy: setting one up takes seconds of processor time, a copy a tenth of one."""
    set_up(settings_of(postgres.create_database(_PREPARED)), _PASSWORDS)


def new_database(postgres: RunningPostgres) -> CatalogDatabase:
    """A database of one's own, set up."""
    _prepare(postgres)
    settings = settings_of(postgres.create_database(f"catalog_{secrets.token_hex(4)}", _PREPARED))
    set_up(settings, _PASSWORDS)  # once more, for the rights that a copy does not take along
    return CatalogDatabase(settings, _PASSWORDS)


@pytest.fixture(scope="module")
def database(postgres: RunningPostgres) -> Iterator[CatalogDatabase]:
    database = new_database(postgres)
    yield database
    postgres.drop_database(database.settings.database)
