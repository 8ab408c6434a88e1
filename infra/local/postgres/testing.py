"""A throw-away PostgreSQL for tests."""

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from infra.local.postgres.cluster import FAST, Cluster
from infra.local.postgres.database import SETUP_ROLE, create_template, ensure_setup_role
from infra.local.postgres.errors import PostgresUnavailable

_TEMPLATE = "eventstac_template"


class RunningPostgres:
    """A started cluster. A database is a cheap copy of a prepared one: make one for each test that writes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._setup_password = secrets.token_urlsafe(12)
        self._lock = threading.Lock()
        ensure_setup_role(cluster.superuser_dsn, self._setup_password)
        create_template(cluster.superuser_dsn, _TEMPLATE)

    @property
    def host(self) -> str:
        """Where it listens."""
        return self._cluster.host

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._cluster.port

    @property
    def pid(self) -> int | None:
        """The server's process id, for tests that kill it."""
        return self._cluster.pid

    @property
    def home(self) -> Path:
        """Where the data is."""
        return self._cluster.home

    @property
    def superuser_dsn(self) -> str:
        """The superuser's, to the database `postgres`."""
        return self._cluster.superuser_dsn

    @property
    def setup_password(self) -> str:
        """The password of eventstac_setup."""
        return self._setup_password

    def dsn(self, user: str, password: str, database: str) -> str:
        """A libpq URL for a role and a database of this cluster."""
        return self._cluster.dsn(user, password, database)

    def create_database(self, name: str, template: str = _TEMPLATE) -> str:
        """A new database owned by eventstac_setup, with our extensions; returns that role's DSN for it.

        `template`: the database that it is a copy of; who is connected to that loses the connection.
        """
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
            sql.Identifier(name), sql.Identifier(template), sql.Identifier(SETUP_ROLE)
        )
        ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        with self._lock, psycopg.connect(self.superuser_dsn, autocommit=True) as connection:
            connection.execute(ended, [template])
            connection.execute(statement)
        return self.dsn(SETUP_ROLE, self._setup_password, name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        with self._lock, psycopg.connect(self.superuser_dsn, autocommit=True) as connection:
            connection.execute(statement)

    def stop(self) -> None:
        """Stop the server, for tests of a database that is away."""
        self._cluster.stop()

    def start(self) -> None:
        """Start it again, on the same port and data."""
        self._cluster.start()


@contextmanager
def running_postgres(directory: Path) -> Iterator[RunningPostgres]:
    """Run a cluster under `directory`, with fast settings that are not durable; it is deleted at the end."""
    cluster = _start_on_a_free_port(directory)
    try:
        yield RunningPostgres(cluster)
    finally:
        cluster.stop()
        cluster.remove()


def _start_on_a_free_port(directory: Path) -> Cluster:
    for attempts_left in (2, 1, 0):
        cluster = Cluster(directory, _free_port(), FAST)
        try:
            cluster.start()
        except PostgresUnavailable as error:
            # Another process may take the port between our asking for it and the server's binding it.
            if "could not create any TCP/IP sockets" not in str(error) or not attempts_left:
                raise
        else:
            return cluster
    raise AssertionError("the last attempt returns or raises")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
