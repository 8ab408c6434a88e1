"""Set-up on Azure makes a login for each identity first; the server's own function is played by one of ours."""

import json
from collections.abc import Iterator

import psycopg
import pytest

from eventstac.catalog.database import connect
from eventstac.catalog.entra_principals import EXTENSIONS, Principal, make_principals, read_principals
from eventstac.catalog.setup import SetupRefused
from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import CatalogDatabase

# Notes who was asked for; no role is made, since all databases of the cluster would have it.
FUNCTION = """
    CREATE TABLE asked (role text, object_id text, kind text, is_admin boolean, is_mfa boolean);
    CREATE FUNCTION pgaadauth_create_principal_with_oid(text, text, text, boolean, boolean) RETURNS text
        LANGUAGE sql AS 'INSERT INTO asked VALUES ($1, $2, $3, $4, $5) RETURNING $1';
    GRANT ALL ON asked TO PUBLIC;
"""


@pytest.fixture
def postgres_database(postgres: RunningPostgres) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """The database `postgres` as Azure has it."""
    with psycopg.connect(postgres.superuser_dsn, dbname="postgres", autocommit=True) as connection:
        connection.execute(FUNCTION)
        yield connection
        connection.execute("DROP FUNCTION pgaadauth_create_principal_with_oid")
        connection.execute("DROP TABLE asked")


def test_an_identity_without_a_role_gets_one_and_one_with_a_role_is_left_alone(
    postgres: RunningPostgres,
    database: CatalogDatabase,
    postgres_database: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    name = database.settings.database
    with psycopg.connect(postgres.superuser_dsn, dbname=name, autocommit=True) as connection:
        for extension in EXTENSIONS:
            connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    said: list[str] = []
    principals = {
        "eventstac_loader": Principal("11111111-1111-1111-1111-111111111111", "service"),  # set-up made it
        "eventstac_newcomer": Principal("22222222-2222-2222-2222-222222222222", "group"),
    }
    make_principals(database.settings, principals, said.append)
    assert postgres_database.execute("SELECT * FROM asked").fetchall() == [
        ("eventstac_newcomer", "22222222-2222-2222-2222-222222222222", "group", False, False)
    ]
    assert said == ["eventstac_newcomer logs in as group 22222222-2222-2222-2222-222222222222"]
    with connect(database.settings) as connection:
        found = {name for (name,) in connection.execute("SELECT extname FROM pg_extension")}
    assert set(EXTENSIONS) <= found


def test_what_is_no_list_of_principals_is_refused_with_its_form() -> None:
    good = {"eventstac_loader": {"objectId": "1", "objectType": "service"}}
    assert read_principals(json.dumps(good)) == {"eventstac_loader": Principal("1", "service")}
    assert read_principals(None) == read_principals("") == {}
    for wrong in ("x", "[]", "3", '{"eventstac_loader": "1"}', '{"eventstac_loader": {"objectId": "1"}}'):
        with pytest.raises(SetupRefused, match="DATABASE_PRINCIPALS must be JSON such as"):
            read_principals(wrong)
    with pytest.raises(SetupRefused, match="unknown role 'postgres'"):
        read_principals('{"postgres": {"objectId": "1", "objectType": "service"}}')
    with pytest.raises(SetupRefused, match="eventstac_loader is 'robot'"):
        read_principals('{"eventstac_loader": {"objectId": "1", "objectType": "robot"}}')
