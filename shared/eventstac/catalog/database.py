"""Connections to PostgreSQL, for each role, with failures told apart."""

import atexit
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import make_conninfo
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import ConnectionPool, PoolTimeout

from eventstac.errors import Busy, Rejected, Transient
from eventstac.json_text import with_plain_floats
from eventstac.settings import SSL_MODES, Environment

Connection = psycopg.Connection[Any]

# How texts and numbers are read and written, whatever the database or its server say: psycopg takes dates of ISO only,
# pgstac's patterns have backslashes, numbers of 15 digits are others, and "SQL_ASCII" gives bytes for texts.
# Names are compared with those that PostgreSQL quotes where it has to, and lists of texts have nulls.
SESSION = {
    "datestyle": "ISO, MDY",
    "standard_conforming_strings": "on",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
    "quote_all_identifiers": "off",
    "array_nulls": "on",
}

# SQL that writes, and its parameters in order.
Statement = tuple[str, Sequence[Any]]

CONNECT_TIMEOUT_S = 10  # a database that is failing over must not hold a message's lock for long

# What says nothing about the input: the server goes away, or takes no more connections.
_AWAY = (
    errors.OperationalError,
    errors.InterfaceError,
    errors.InternalError_,
    PoolTimeout,
)

# It answers, but not this: somebody holds a lock, or it took too long.
_BUSY = (
    errors.QueryCanceled,
    errors.TransactionTimeout,
    errors.IdleInTransactionSessionTimeout,
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.SerializationFailure,
)

# Nor this: it has no room for what one statement wants, and may have it for others. What would give it room:
NO_ROOM: dict[type[psycopg.Error], str] = {
    errors.OutOfMemory: "Shared memory is for locks, of which each table that is opened takes some: raise the server's "
    '`max_locks_per_transaction` (docs/operate.md, "How the database is reached")',
    errors.DiskFull: "Give the server more storage",
    errors.ConfigurationLimitExceeded: "Raise the limit of the server that it names",
}

# Nor does this: a standby or a full disk takes no writes, and a database that is not set up yet (or not for this
# version) is set up later.
_NOT_READY = (
    errors.ReadOnlySqlTransaction,
    errors.InsufficientPrivilege,
    errors.InvalidSchemaName,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.UndefinedTable,
)


@dataclass(frozen=True)
class DatabaseSettings:
    """Where the database is and who asks; `token` gives a password for each new connection, instead of `password`."""

    host: str
    port: int
    database: str
    user: str
    password: str
    pool_size: int = 4
    sslmode: str = "prefer"
    token: Callable[[], str] | None = field(default=None, compare=False)

    @classmethod
    def read(cls, env: Environment) -> "DatabaseSettings":
        """Read POSTGRES_HOST, _PORT, _DB, _USER, _PASS, _POOL_SIZE, _SSLMODE and _AUTH, and PGSTAC_SCHEMA."""
        schema = env.text("PGSTAC_SCHEMA", "pgstac")
        if schema != "pgstac":
            env.wrong(
                f"PGSTAC_SCHEMA must be 'pgstac', not {schema!r}: pgstac's own functions name that schema"
            )
        return cls(
            host=env.text("POSTGRES_HOST"),
            port=env.integer("POSTGRES_PORT", 5432, least=1, most=65_535),
            database=env.text("POSTGRES_DB"),
            user=env.text("POSTGRES_USER"),
            password=env.text("POSTGRES_PASS", ""),
            pool_size=env.integer("POSTGRES_POOL_SIZE", 4, least=1),
            sslmode=env.choice("POSTGRES_SSLMODE", SSL_MODES),
            token=_token(env),
        )

    @property
    def conninfo(self) -> str:
        """The libpq connection string."""
        return make_conninfo(
            host=self.host,
            port=self.port,
            dbname=self.database,
            user=self.user,
            password=self.token() if self.token else self.password,
            sslmode=self.sslmode,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="eventstac",
        )


def _token(env: Environment) -> Callable[[], str] | None:
    if env.choice("POSTGRES_AUTH", ("password", "entra")) == "entra":
        # Takes half a second, and only Azure needs it.
        from eventstac.azure.database_token import identity_token

        return identity_token()
    return None


def connect(settings: DatabaseSettings) -> Connection:
    """One connection, in autocommit; Transient where the database does not answer."""
    with database_failures():
        connection = psycopg.connect(settings.conninfo, autocommit=True, prepare_threshold=None)
        try:
            _configure(connection)
        except psycopg.Error:
            connection.close()
            raise
        return connection


class Pool(ConnectionPool[Connection]):
    """Connections to the database; who waits for one in vain hears why the last one could not be opened."""

    refusal = ""

    def getconn(self, timeout: float | None = None) -> Connection:
        """A connection. Errors: PoolTimeout, with the server's own words if it refused."""
        try:
            return super().getconn(timeout)
        except PoolTimeout as error:
            if self.refusal:
                raise PoolTimeout(f"{error}: {self.refusal}") from error
            raise

    def close(self, timeout: float = 5.0) -> None:
        """Close all connections, and end the pool's own threads."""
        atexit.unregister(self.close)
        super().close(timeout)


def open_pool(settings: DatabaseSettings) -> Pool:
    """A pool that opens connections when they are asked for.

    Nothing is prepared on the server, so a transaction-mode pooler may stand between (PgBouncer).
    """

    def opened(connection: Connection) -> None:
        _configure(connection)
        pool.refusal = ""

    def refused(_: ConnectionPool[Connection]) -> None:
        error = sys.exception()  # the pool tells of it while it handles it
        pool.refusal = str(error or "").strip()

    pool = Pool(
        lambda: settings.conninfo,  # at each connection anew: a token holds for an hour
        min_size=0,
        max_size=settings.pool_size,
        timeout=CONNECT_TIMEOUT_S,
        kwargs={"autocommit": True, "prepare_threshold": None},
        configure=opened,
        check=ConnectionPool.check_connection,
        reconnect_timeout=0,
        reconnect_failed=refused,
        open=True,
    )
    # Later its threads can be ended no more, and a process waits 5 s for each of four.
    atexit.register(pool.close)
    return pool


def _configure(connection: Connection) -> None:
    set_session(connection)
    _keep_numbers(connection)


def set_session(connection: Connection) -> None:
    """Set what a session has to have; not by a connection option, which a transaction-mode pooler would refuse.

    Such a pooler hands on some of it only (PgBouncer: not extra_float_digits, quote_all_identifiers and array_nulls),
    so that setup gives all to our roles; the owner's sessions then have what the server's connection has.
    """
    connection.execute("; ".join(f"SET {name} = '{value}'" for name, value in SESSION.items()))


def _keep_numbers(connection: Connection) -> None:
    """Have floats come out of jsonb as floats, and integers as they are (pypgstac sets orjson for the process)."""
    set_json_dumps(_jsonb_text, connection)
    set_json_loads(json.loads, connection)


def _jsonb_text(value: Any) -> str:
    return with_plain_floats(json.dumps(value))


@contextmanager
def database_failures() -> Iterator[None]:
    """Turn what PostgreSQL does when it is away, full, busy or not set up into Transient.

    Rejected `unstorable` for what is over a limit of PostgreSQL, such as an Item id that is too long for an index.
    """
    try:
        yield
    except errors.ProgramLimitExceeded as error:
        raise Rejected("unstorable", f"PostgreSQL refuses it: {str(error).strip()}") from error
    except _BUSY as error:
        raise Busy(f"the database cannot do it now: {str(error).strip()}") from error
    except tuple(NO_ROOM) as error:
        # Its hint, a line of its own, names the setting as ours does.
        said = str(error).strip().partition("\n")[0]
        raise Busy(f"the database has no room for it: {said}. {_advice(error)}") from error
    except _AWAY as error:
        raise Transient(
            f"the database does not answer: {str(error).strip() or type(error).__name__}"
        ) from error
    except _NOT_READY as error:
        raise Transient(
            f"the database is not ready: {str(error).strip()}. If it was never set up, run `eventstac setup`"
        ) from error


def _advice(error: Exception) -> str:
    """What would give the database room."""
    return next(advice for kind, advice in NO_ROOM.items() if isinstance(error, kind))


@contextmanager
def transaction(pool: ConnectionPool[Connection]) -> Iterator[Connection]:
    """One transaction on a connection of the pool; Transient where the database does not answer."""
    with database_failures(), pool.connection() as connection, connection.transaction():
        yield connection


def write(connection: Connection, statements: Iterable[Statement | None]) -> None:
    """Write to several tables in one way to the server and back: what is locked is not held for each of them."""
    parts = [statement for statement in statements if statement]
    if parts:
        listed = ", ".join(f"part_{number} AS ({sql})" for number, (sql, _) in enumerate(parts))
        connection.execute(f"WITH {listed} SELECT 1", [value for _, values in parts for value in values])


def advisory_key(hash_of: Callable[[bytes], Any], text: str) -> int:
    """A 64-bit key of an advisory lock for a name."""
    return int.from_bytes(hash_of(text.encode()).digest()[:8], "big", signed=True)
