"""The catalog works behind a connection pooler in transaction mode, as Azure's PgBouncer is."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from eventstac.catalog.database import Connection, DatabaseSettings, connect
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.pgstac_partitions import prepare_collection
from eventstac.catalog.port import Announcement
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.catalog.rules_store import RulesStore
from eventstac.facts import Fact, Match, fact_of
from eventstac.rules import CollectionRules
from infra.local.azurite.server import free_port
from infra.local.postgres.account import unprivileged
from tests.integration.catalog.writers import four_writers, limited_waiting
from tests.integration.conftest import CatalogDatabase
from tests.samples import gone, present, url_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
URL = url_of("scenes/one/b1.tif")
MONTH_S = 31 * 86_400
WIDE = "wide"  # the same database, with a server connection for each of four writers


@dataclass(frozen=True)
class Pooler:
    port: int

    def of(self, settings: DatabaseSettings) -> DatabaseSettings:
        return replace(settings, port=self.port)


@pytest.fixture(scope="module")
def pooler(database: CatalogDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pooler]:
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    assert program, (
        "pgbouncer is not installed: `make setup` installs it (Debian and Ubuntu: apt-get install pgbouncer)"
    )
    directory: Path = tmp_path_factory.mktemp("pgbouncer")
    settings = database.settings
    users = directory / "users.txt"
    users.write_text("".join(f'"{role}" "{password}"\n' for role, password in database.passwords.items()))
    config = directory / "pgbouncer.ini"
    declared = (
        f"[databases]\n{settings.database} = host={settings.host} port={settings.port}\n"
        f"{WIDE} = host={settings.host} port={settings.port} dbname={settings.database} pool_size=4\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {users}\n"
        # One server connection for all clients: whatever a client leaves behind on it, the next one gets.
        "pool_mode = transaction\ndefault_pool_size = 1\nmax_client_conn = 100\n"
    )
    account = unprivileged()
    for folder in (directory, *directory.parents):  # pytest's folders are for their owner only
        if account.reaches(directory):
            break
        folder.chmod(0o755)
    log = directory / "log"
    for _ in range(3):  # another program may take the port before pgbouncer does, which ends then
        port = free_port()
        config.write_text(f"{declared}listen_port = {port}\n")
        for path in (users, config):
            account.own(path)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [program, str(config)],
                stdout=output,
                stderr=output,
                user=account.uid,
                group=account.gid,
                extra_groups=None if account.uid is None else [],
            )
        if _answers(port, process):
            break
    try:
        assert process.poll() is None, f"pgbouncer does not start:\n{log.read_text()[-2000:]}"
        yield Pooler(port)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)


def _answers(port: int, process: "subprocess.Popen[bytes]") -> bool:
    """Whether pgbouncer does; else it has ended, and did so by itself where it could not have the port."""
    deadline = time.monotonic() + 20
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process.poll() is None
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("partition_trunc", ["none", "month", "year"])
def test_merging_publishing_and_updating_share_one_server_connection(
    database: CatalogDatabase, pooler: Pooler, partition_trunc: str
) -> None:
    database.clear()
    settings, match = pooler.of(database.as_role("eventstac_loader")), Match(partition_trunc, "one", "b1")
    with connect(settings) as connection:
        rules = CollectionRules(match.collection, partition_trunc=partition_trunc)
        prepare_collection(connection, match.collection, rules)
    catalogs = [PostgresCatalog(settings, MergeSettings("loader", 0.5), "bronze-tier") for _ in range(3)]
    published: list[Announcement] = []
    facts = [
        fact_of(URL, present(match, 1, "a")),
        fact_of(URL, present(match, 9 * MONTH_S, "b", west=20)),
        fact_of(URL, gone(match, 20 * MONTH_S)),
        fact_of(URL, present(match, 30 * MONTH_S, "c", west=30)),
    ]
    for number, fact in enumerate(facts):
        catalogs[number % 3].merge([fact])
        catalogs[(number + 1) % 3].publish_outbox(published.extend)
        catalogs[(number + 2) % 3].update_collections({match.collection: None}, NOW)
    catalogs[0].publish_outbox(published.extend)
    for catalog in catalogs:
        catalog.close()
    with database.connect() as connection:
        rows = connection.execute("SELECT content->'bbox' FROM pgstac.items WHERE id = 'one'").fetchall()
    assert rows == [([30.0, 50.0, 30.5, 50.5],)]
    kinds = [one.event["type"] for one in published if "item" in one.event["type"]]
    assert kinds == [
        "eventstac.item.changed.v1",
        "eventstac.item.changed.v1",
        "eventstac.item.removed.v1",
        "eventstac.item.changed.v1",
    ]


@pytest.mark.parametrize("partition_trunc", ["none", "month"])
def test_four_writers_on_overlapping_items_lose_nothing_and_nobody_stalls(
    database: CatalogDatabase, pooler: Pooler, partition_trunc: str
) -> None:
    database.clear()
    collection = f"four-{partition_trunc}"
    with connect(database.as_role("eventstac_loader")) as connection:
        prepare_collection(
            connection, collection, CollectionRules(collection, partition_trunc=partition_trunc)
        )
    items, assets = [f"i{number:02}" for number in range(12)], ("b1", "b2", "b3")
    everything = [
        fact_of(url_of(f"{collection}/{item}/{asset}.tif"), present(match, number * MONTH_S, "e"))
        for number, item in enumerate(items)
        for asset in assets
        for match in [Match(collection, item, asset)]
    ]

    def load(connection: Connection, *facts: Fact) -> None:
        merge(connection, RulesStore("bronze-tier"), facts, MergeSettings("loader", 0.5), NOW)

    through = replace(database, settings=replace(pooler.of(database.settings), database=WIDE))
    with limited_waiting(database):
        four_writers(through, everything, load)
    with database.connect() as connection:
        rows = connection.execute("SELECT id, content->'assets' FROM pgstac.items ORDER BY id").fetchall()
    assert {row[0]: set(row[1]) for row in rows} == {item: set(assets) for item in items}


def test_the_connection_really_is_shared(database: CatalogDatabase, pooler: Pooler) -> None:
    settings = pooler.of(database.as_role("eventstac_loader"))
    pids = set()
    for _ in range(3):
        with psycopg.connect(settings.conninfo, autocommit=True, prepare_threshold=None) as connection:
            pids.add(connection.execute("SELECT pg_backend_pid()").fetchone())
    assert len(pids) == 1
