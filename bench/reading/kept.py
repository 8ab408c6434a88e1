"""The databases of this benchmark: loaded once, kept in a folder, found there by the next run."""

import contextlib
import json
import multiprocessing
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from bench.reading.catalog import fill, grow
from eventstac.catalog.grants import ROLES
from eventstac.catalog.setup import set_up
from infra.local.postgres.cluster import FAST, Cluster
from infra.local.postgres.database import SETUP_ROLE, create_template, ensure_setup_role
from tests.integration.conftest import CatalogDatabase, settings_of

_TEMPLATE = "bench_empty"


class KeptCatalogs:
    """One cluster with a database for each number of Items."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        written = folder / "passwords.json"
        if not written.exists():
            written.write_text(json.dumps({role: secrets.token_hex(8) for role in (*ROLES, SETUP_ROLE)}))
            written.chmod(0o600)
        self._passwords: dict[str, str] = json.loads(written.read_text())
        ensure_setup_role(cluster.superuser_dsn, self._passwords[SETUP_ROLE])

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._cluster.pid or 0

    def catalog(self, count: int) -> CatalogDatabase:
        """A database with that many Items; made from the largest smaller one that is there."""
        sizes = self._sizes()
        if count not in sizes:
            self._make(count, max((size for size in sizes if size < count), default=0))
        return self._database(_name(count))

    def _make(self, count: int, smaller: int) -> None:
        started, partial = time.monotonic(), f"{_name(count)}_partial"
        if not smaller and not self._has(_TEMPLATE):
            create_template(self._cluster.superuser_dsn, _TEMPLATE)
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), partial)
        self._run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}"),
            partial,
            _name(smaller) if smaller else _TEMPLATE,
            SETUP_ROLE,
        )
        made = self._database(partial)
        if smaller:
            grow(made, smaller, count)
        else:
            set_up(made.settings, {role: self._passwords[role] for role in ROLES})
            _in_a_process(fill, made, count)  # pypgstac's pools keep connections, which forbid a copy
        with psycopg.connect(self._cluster.superuser_dsn, autocommit=True) as connection:
            # whoever still looks at it forbids another name
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [partial]
            )
        self._run(sql.SQL("ALTER DATABASE {} RENAME TO {}"), partial, _name(count))  # last: it is whole
        print(f"{count} Items loaded in {time.monotonic() - started:.0f} s", file=sys.stderr)

    def _database(self, name: str) -> CatalogDatabase:
        settings = settings_of(self._cluster.dsn(SETUP_ROLE, self._passwords[SETUP_ROLE], name))
        return CatalogDatabase(settings, {role: self._passwords[role] for role in ROLES})

    def _sizes(self) -> list[int]:
        with psycopg.connect(self._cluster.superuser_dsn) as connection:
            rows = connection.execute("SELECT datname FROM pg_database").fetchall()
        numbers = (name.removeprefix("items_") for (name,) in rows if name.startswith("items_"))
        return [int(number) for number in numbers if number.isdigit()]

    def _has(self, name: str) -> bool:
        with psycopg.connect(self._cluster.superuser_dsn) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
        return found is not None

    def _run(self, statement: sql.SQL, *names: str) -> None:
        with psycopg.connect(self._cluster.superuser_dsn, autocommit=True) as connection:
            connection.execute(statement.format(*map(sql.Identifier, names)))


@contextlib.contextmanager
def kept_catalogs(folder: Path, port: int) -> Iterator[KeptCatalogs]:
    """The cluster in this folder, made at the first run; it runs until the end."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(folder, port, FAST)
    cluster.start()
    try:
        yield KeptCatalogs(cluster, folder)
    finally:
        cluster.stop()


def _in_a_process(work: Callable[..., None], *args: object) -> None:
    process = multiprocessing.get_context("spawn").Process(target=work, args=args)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{work.__name__} failed")


def _name(count: int) -> str:
    return f"items_{count}"
