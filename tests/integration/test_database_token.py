"""A token as the database's password: every new connection takes one that holds, on a real PostgreSQL."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from psycopg import sql

from eventstac.azure.database_token import SCOPE, DatabaseToken, identity_token
from eventstac.catalog.database import DatabaseSettings, connect, database_failures, open_pool
from eventstac.errors import Transient
from eventstac.settings import Environment, SettingsMissing
from infra.local.postgres.testing import RunningPostgres
from stac_api import settings as api_settings
from stac_api.database import Database
from tests.integration.conftest import CatalogDatabase

ROLE = "eventstac_stac_api"
HOUR_S = 3600


@dataclass
class EntraID:
    """Gives tokens that the database takes for an hour each, and no longer; the time is set by hand."""

    database: CatalogDatabase
    superuser_dsn: str
    now: float = 0.0
    asked: list[tuple[str, ...]] = field(default_factory=list)
    away: bool = False

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.asked.append(scopes)
        if self.away:
            raise ClientAuthenticationError("nobody is there")
        token = secrets.token_hex(600)  # about as long as real ones
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(token))
        with psycopg.connect(self.database.settings.conninfo, autocommit=True) as connection:
            connection.execute(statement)
        return AccessToken(token, int(self.now) + HOUR_S)

    def cut_connections(self) -> None:
        with psycopg.connect(self.superuser_dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", [ROLE]
            )


@pytest.fixture
def entra(postgres: RunningPostgres, database: CatalogDatabase) -> Iterator[EntraID]:
    yield EntraID(database, postgres.superuser_dsn)
    with psycopg.connect(database.settings.conninfo, autocommit=True) as connection:
        old = sql.Literal(database.passwords[ROLE])
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(ROLE), old))


def by_token(entra: EntraID) -> DatabaseSettings:
    token = DatabaseToken(entra, lambda: entra.now)
    return replace(entra.database.settings, user=ROLE, password="", token=token)


def test_a_pool_that_lost_its_connections_logs_in_with_a_fresh_token(entra: EntraID) -> None:
    with open_pool(by_token(entra)) as pool:
        with pool.connection() as connection:
            assert connection.execute("SELECT current_user").fetchone() == (ROLE,)
        entra.now += 2 * HOUR_S
        entra.cut_connections()

        with pool.connection() as connection:
            assert connection.execute("SELECT current_user").fetchone() == (ROLE,)

    assert entra.asked == [(SCOPE,), (SCOPE,)]


def test_who_waits_for_a_connection_in_vain_hears_why_none_is_opened(entra: EntraID) -> None:
    entra.away = True
    with open_pool(replace(by_token(entra), pool_size=1)) as pool:
        with waits_in_vain("after 1.00 sec: Entra ID gives no token"), pool.connection(timeout=1):
            pass
        entra.away = False
        with pool.connection(), waits_in_vain("after 0.10 sec$"), pool.connection(timeout=0.1):
            pass  # one is open: that it is in use is no longer Entra ID's fault

    wrong = replace(entra.database.settings, user=ROLE, password="wrong")
    with (
        open_pool(wrong) as pool,
        waits_in_vain(f"(?s)after 1.00 sec: .*authentication failed for user .{ROLE}"),
        pool.connection(timeout=1),
    ):
        pass


@contextmanager
def waits_in_vain(why: str) -> Iterator[None]:
    with pytest.raises(Transient, match=why), database_failures():
        yield


def test_a_token_that_holds_serves_many_connections(entra: EntraID) -> None:
    settings = by_token(entra)
    for _ in range(3):
        connect(settings).close()
    assert len(entra.asked) == 1

    entra.now += HOUR_S - 299  # five minutes before its end it is renewed
    connect(settings).close()
    assert len(entra.asked) == 2


async def test_the_api_logs_in_with_a_fresh_token_after_its_connections_were_cut(entra: EntraID) -> None:
    where = entra.database.settings
    database = Database(
        api_settings.Settings(
            host=where.host,
            port=where.port,
            database=where.database,
            user=ROLE,
            password="",
            catalog_id="c",
            catalog_title="c",
            token=DatabaseToken(entra, lambda: entra.now),
        )
    )
    try:
        for _ in range(2):
            (row,) = await database.rows("SELECT current_user::text AS name")
            assert row["name"] == ROLE
            entra.now += 2 * HOUR_S
            entra.cut_connections()
    finally:
        await database.close()
    assert entra.asked == [(SCOPE,), (SCOPE,)]


def test_without_a_token_the_database_is_away_and_nothing_is_rejected(entra: EntraID) -> None:
    entra.away = True
    with pytest.raises(Transient, match="Entra ID gives no token"), database_failures():
        connect(by_token(entra))


def test_the_environment_says_how_to_log_in() -> None:
    place = {"POSTGRES_HOST": "h", "POSTGRES_DB": "d", "POSTGRES_USER": "u", "STAC_CATALOG_ID": "c"}

    env = Environment(place | {"POSTGRES_AUTH": "entra", "POSTGRES_SSLMODE": "require"})
    settings = DatabaseSettings.read(env)
    env.check("loader")
    assert isinstance(settings.token, type(identity_token()))
    assert settings.sslmode == "require"
    assert isinstance(api_settings.read(place | {"POSTGRES_AUTH": "entra"}).token, DatabaseToken)

    env = Environment(place | {"POSTGRES_AUTH": "token"})
    DatabaseSettings.read(env)
    with pytest.raises(SettingsMissing, match="POSTGRES_AUTH must be 'password' or 'entra'"):
        env.check("loader")
    with pytest.raises(SettingsMissing, match=r"POSTGRES_AUTH must be .*POSTGRES_PASS is not set"):
        api_settings.read(place | {"POSTGRES_AUTH": "token"})
