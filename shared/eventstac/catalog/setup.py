"""Installs or migrates everything in the database: pgstac, our schema, roles; safe twice and at the same time."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources

import psycopg
from psycopg import sql
from pypgstac.db import PgstacDB
from pypgstac.migrate import Migrate

from eventstac.catalog import PGSTAC_VERSION
from eventstac.catalog.database import SESSION, Connection, DatabaseSettings, connect, set_session
from eventstac.catalog.grants import ROLES
from eventstac.errors import Busy, EventstacError

_SETUP_LOCK = 7_316_290_411_837  # any number, the same for everybody: one set-up at a time in a database

_GRANT_ATTEMPTS = 10
_GRANT_PAUSE_S = 0.2  # making a table takes a few hundredths of a second

# A migration waits for whoever reads or writes its tables, and everybody who comes later waits behind it. So it gives
# up soon, lets them pass, and tries again. Every few attempts it waits beyond deadlock_timeout (1 s): only who waits as
# long has PostgreSQL end an autovacuum that is in the way. All of it is for each table by itself.
_LOCK_TIMEOUT_MS = 500
_PATIENT_EVERY = 5
_PATIENCE_MS = 2_000  # more at most: with a longer deadlock_timeout an autovacuum is waited for as a dump is
_LOCK_ATTEMPTS = 180  # five minutes
_LOCK_PAUSE_S = 1.0

_LIMIT_WAITING = """
    SELECT set_config('lock_timeout', (%s + CASE WHEN %s THEN least(setting::integer, %s) ELSE 0 END)::text, true)
    FROM pg_settings WHERE name = 'deadlock_timeout'
"""


# Tables that each version of pgstac has.
_OF_PGSTAC = ["collections", "items"]


# The function names PostGIS's without their schema, and the table of Collections is made with it: a dump could not be
# restored, which is done without a search_path.
_RESTORABLE = "ALTER FUNCTION pgstac.collection_geom(jsonb) SET search_path = pgstac, public"


class SetupRefused(EventstacError):
    """The database is not one that this version may set up; the message says why and what to do."""


@contextmanager
def told_who_may(settings: DatabaseSettings) -> Iterator[None]:
    """SetupRefused where the role that asks has not the rights to set up."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise SetupRefused(
            f"POSTGRES_USER {settings.user} may not set up the database ({str(error).strip()}): run it as the "
            "database's administrator. On a laptop `make up` does it"
        ) from error


def set_up(
    settings: DatabaseSettings,
    passwords: Mapping[str, str],
    say: Callable[[str], None] = lambda _: None,
    afterwards: Callable[[], None] = lambda: None,
) -> None:
    """Bring a database to this version: pgstac at its pin, the schema `eventstac`, the login roles and grants.

    `passwords` by role name (a role without one can log in by a token only). Refuses a pgstac that is newer than
    the pin. The role that runs it owns the database or may create schemas in it, and has CREATEROLE. `afterwards`
    runs before another set-up may begin.
    """
    unknown = sorted(set(passwords) - set(ROLES))
    if unknown:
        raise SetupRefused(f"passwords for unknown roles: {', '.join(unknown)}; known are {', '.join(ROLES)}")
    # A lock of a transaction, since a pooler would keep one of a session for whoever comes next.
    with connect(settings) as lock, lock.transaction():
        lock.execute("SELECT pg_advisory_xact_lock(%s)", [_SETUP_LOCK])
        _install_pgstac(settings, say)
        with connect(settings) as connection:
            connection.execute(_RESTORABLE)
            _migrate(connection, say)
            _grant_all(connection, passwords)
            say(f"{len(ROLES)} login roles have their rights")
        afterwards()


def _grant_all(connection: Connection, passwords: Mapping[str, str]) -> None:
    for attempts_left in range(_GRANT_ATTEMPTS - 1, -1, -1):
        try:
            with connection.transaction():
                # pgstac lets its readers fill its caches of searches; ours write nothing (`readonly` below).
                connection.execute(
                    "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA pgstac FROM pgstac_read"
                )
                for role, grants in ROLES.items():
                    _ensure_role(connection, role, passwords.get(role))
                    _grant(connection, role, grants.pgstac_role, grants.tables)
        except psycopg.errors.InternalError_:
            # "tuple concurrently updated": a loader at work made a Collection's table meanwhile.
            if not attempts_left:
                raise
            time.sleep(_GRANT_PAUSE_S)
        else:
            return


def _install_pgstac(settings: DatabaseSettings, say: Callable[[str], None]) -> None:
    db = PgstacDB(dsn=settings.conninfo, pool=None, use_queue=False)
    try:
        set_session(db.connect())
        found = db.version
        if found is not None and _numbers(found) > _numbers(PGSTAC_VERSION):
            raise SetupRefused(
                f"the database has pgstac {found}, this version of eventstac writes {PGSTAC_VERSION} only: "
                "a downgrade is not possible, install an eventstac that knows it"
            )
        if found is not None:
            _refuse_half_of_it(db.connect())
        if found == PGSTAC_VERSION:
            say(f"pgstac {PGSTAC_VERSION} is installed")
        else:
            with connect(settings) as connection:
                _join_pgstac_roles(connection)
            Migrate(db).run_migration(toversion=PGSTAC_VERSION)
            say(f"pgstac {PGSTAC_VERSION} {'installed' if found is None else f'migrated from {found}'}")
        # QGIS drops a page whose numberMatched is null: "auto" gives a number where counting is cheap.
        # "readonly": a search writes nothing, since who searches may not.
        connection = db.connect()
        connection.execute(
            "INSERT INTO pgstac.pgstac_settings (name, value) VALUES ('context', 'auto'), ('readonly', 'true') "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        )
        connection.commit()
    finally:
        db.close()


def _refuse_half_of_it(connection: Connection) -> None:
    """SetupRefused where tables of a pgstac that says its version are missing, which no migration makes."""
    rows = connection.execute(
        "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass('pgstac.' || name) IS NULL",
        [_OF_PGSTAC],
    )
    missing = ", ".join(name for (name,) in rows)
    if missing:
        raise SetupRefused(
            f"the pgstac of this database is not whole, it lacks the tables {missing}: a dump was not restored "
            'without errors. Drop the database, and restore it as docs/operate.md says ("The database was lost")'
        )


def _join_pgstac_roles(connection: Connection) -> None:
    """Be a member of pgstac's roles: its migration acts as each of them, which only a superuser may do otherwise."""
    for role in ("pgstac_admin", "pgstac_read", "pgstac_ingest"):
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))


def _migrate(connection: Connection, say: Callable[[str], None]) -> None:
    with connection.transaction():
        connection.execute("CREATE SCHEMA IF NOT EXISTS eventstac")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS eventstac.migrations "
            "(number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
    done = {row[0] for row in connection.execute("SELECT number FROM eventstac.migrations")}
    migrations = _migrations()
    newest = max(number for number, _, _ in migrations)
    if done and max(done) > newest:
        raise SetupRefused(
            f"the schema eventstac is at migration {max(done)}, this version knows {newest}: "
            "install the newer eventstac"
        )
    for number, name, text in migrations:
        if number not in done:
            _apply(connection, number, name, text, say)
            say(f"migration {name} applied")


def _apply(connection: Connection, number: int, name: str, text: bytes, say: Callable[[str], None]) -> None:
    """Apply a migration without making anybody wait for long; Busy where somebody is in its way all the time."""
    for attempt in range(1, _LOCK_ATTEMPTS + 1):
        try:
            with connection.transaction():
                is_patient = attempt % _PATIENT_EVERY == 0
                connection.execute(_LIMIT_WAITING, [_LOCK_TIMEOUT_MS, is_patient, _PATIENCE_MS])
                connection.execute(text)
                connection.execute(
                    "INSERT INTO eventstac.migrations (number, name) VALUES (%s, %s)", [number, name]
                )
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if attempt == 1:
                say(f"migration {name} waits until nobody reads or writes its tables: {_users(connection)}")
            time.sleep(_LOCK_PAUSE_S)
        else:
            return
    raise Busy(
        f"migration {name} was not applied: somebody has been reading or writing its tables all the time, in "
        f"{_LOCK_ATTEMPTS} attempts ({_users(connection)}). Wait for a dump or a long query to end, or end it "
        "(`SELECT pg_terminate_backend(…)`), then run `eventstac setup` again: what is done is not done twice"
    )


def _users(connection: Connection) -> str:
    """Who has tables of ours open, the oldest transaction first where that may be seen."""
    rows = connection.execute(
        """
        SELECT pid, coalesce(usename, 'autovacuum'), application_name FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND pid IN (
            SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
            WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND c.relnamespace IN ('eventstac'::regnamespace, 'pgstac'::regnamespace))
        ORDER BY xact_start LIMIT 3
        """
    ).fetchall()
    told = (f"process {pid} of {role}" + (f", {name}" if name else "") for pid, role, name in rows)
    return "; ".join(told) or "it has ended meanwhile"


def _migrations() -> list[tuple[int, str, bytes]]:
    """Number, name and text of each, in order; the number is the name's beginning."""
    folder = resources.files("eventstac.catalog").joinpath("migrations")
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    return [(int(file.name[:4]), file.name.removesuffix(".sql"), file.read_bytes()) for file in files]


def _ensure_role(connection: Connection, role: str, password: str | None) -> None:
    name = sql.Identifier(role)
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    if not exists:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    if password:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(password)))
    # By role and not by connection option, which a transaction-mode pooler would refuse.
    connection.execute(sql.SQL("ALTER ROLE {} SET search_path = pgstac, public").format(name))
    for setting, value in {"timezone": "UTC", **SESSION}.items():
        connection.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
        )


def _grant(connection: Connection, role: str, pgstac_role: str | None, tables: Mapping[str, str]) -> None:
    name = sql.Identifier(role)
    if pgstac_role:
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(pgstac_role), name))
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA eventstac TO {}").format(name))
    connection.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA eventstac FROM {}").format(name))
    for table, rights in tables.items():
        statement = sql.SQL("GRANT {} ON {} TO {}").format(
            sql.SQL(rights),  # a constant of the grants table
            sql.Identifier("eventstac", table),
            name,
        )
        connection.execute(statement)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
