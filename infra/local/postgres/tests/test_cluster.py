"""The private cluster against the real server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from infra.local.postgres.cluster import FAST, Cluster
from infra.local.postgres.errors import PostgresUnavailable
from infra.local.postgres.testing import RunningPostgres, running_postgres


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    with running_postgres(tmp_path_factory.mktemp("postgres")) as running:
        yield running


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_new_database_belongs_to_the_setup_role_which_is_no_superuser(postgres: RunningPostgres) -> None:
    with psycopg.connect(postgres.create_database("owned")) as connection:
        row = connection.execute(
            "SELECT current_user::text, rolsuper, rolcreaterole, pg_get_userbyid(datdba)::text "
            "FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"
        ).fetchone()
    assert row == ("eventstac_setup", False, True, "eventstac_setup")


def test_a_new_database_has_the_extensions_that_pgstac_needs(postgres: RunningPostgres) -> None:
    with psycopg.connect(postgres.create_database("extended")) as connection:
        names = {name for (name,) in connection.execute("SELECT extname FROM pg_extension")}
        point = connection.execute("SELECT st_astext(st_point(1, 2))").fetchone()
    assert names >= {"postgis", "btree_gist", "unaccent"}
    assert point == ("POINT(1 2)",)


def test_a_wrong_password_is_refused(postgres: RunningPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.dsn("eventstac_setup", "wrong", "postgres"))


def test_the_server_never_runs_as_root(postgres: RunningPostgres) -> None:
    assert (postgres.home / "data" / "postmaster.pid").stat().st_uid != 0  # the server wrote it


def test_state_survives_stop_and_start(postgres: RunningPostgres) -> None:
    with psycopg.connect(postgres.create_database("kept")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    postgres.stop()
    postgres.start()
    with psycopg.connect(postgres.dsn("eventstac_setup", postgres.setup_password, "kept")) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_killed_server_starts_again_with_its_data(postgres: RunningPostgres) -> None:
    with psycopg.connect(postgres.create_database("killed")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    pid = postgres.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))
    postgres.start()
    with psycopg.connect(postgres.dsn("eventstac_setup", postgres.setup_password, "killed")) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_taken_port_is_said_with_the_end_of_the_log(tmp_path: Path, postgres: RunningPostgres) -> None:
    cluster = Cluster(tmp_path, postgres.port, FAST)
    with pytest.raises(PostgresUnavailable, match=rf"(?s)port {postgres.port}.*Address already in use"):
        cluster.start()
    cluster.remove()


REPOSITORY = Path(__file__).parents[4]
PARENT = """
import sys, time
from pathlib import Path
from infra.local.postgres.testing import running_postgres
with running_postgres(Path(sys.argv[1])) as postgres:
    print(postgres.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        assert alive(server)
        parent.send_signal(how)
        parent.wait(30)
    until(lambda: not alive(server))
    Cluster(tmp_path, port=0).remove()


def test_a_pid_file_that_names_another_process_is_no_obstacle(postgres: RunningPostgres) -> None:
    postgres.stop()
    (postgres.home / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.home / 'data'}\n")
    postgres.start()
    assert postgres.pid not in (None, os.getpid())
