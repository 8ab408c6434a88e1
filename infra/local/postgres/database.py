"""What only a superuser can prepare: the set-up role, and databases with our extensions."""

import psycopg
from psycopg import sql

SETUP_ROLE = "eventstac_setup"
EXTENSIONS = ("postgis", "btree_gist", "unaccent")  # what pgstac needs and only a superuser may create


def ensure_setup_role(superuser_dsn: str, password: str) -> None:
    """The role that `eventstac setup` runs as: no superuser, but it may make roles and owns its database."""
    role = sql.Identifier(SETUP_ROLE)
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (SETUP_ROLE,)).fetchone()
        verb = sql.SQL("ALTER" if known else "CREATE")
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN NOSUPERUSER CREATEROLE PASSWORD {}").format(
                verb, role, sql.Literal(password)
            )
        )


def ensure_database(superuser_dsn: str, name: str) -> None:
    """A database that eventstac_setup owns, with our extensions; nothing to do where it is there."""
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(name), sql.Identifier(SETUP_ROLE)
                )
            )
    _create_extensions(superuser_dsn, name)


def create_template(superuser_dsn: str, name: str) -> None:
    """A database with our extensions to copy others from."""
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    _create_extensions(superuser_dsn, name)


def _create_extensions(superuser_dsn: str, database: str) -> None:
    with psycopg.connect(superuser_dsn, dbname=database, autocommit=True) as connection:
        for extension in EXTENSIONS:
            connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
