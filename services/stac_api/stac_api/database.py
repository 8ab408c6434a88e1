"""The catalog's database, read only, through a pool of connections."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any, Protocol

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from stac_api import limits
from stac_api.batches import Batches, Load, Values, together
from stac_api.failures import CUT, Refused, in_our_words, no_pgstac, too_slow
from stac_api.pool import Pool
from stac_api.settings import Settings
from stac_api.spans import queried

_CONNECT_TIMEOUT_S = 10.0
_ACQUIRE_TIMEOUT_S = 10.0  # a request that waits longer for a connection is told to come back
_CLIENT_GRACE_S = 5.0  # beyond the server's statement time-out, for a server that hangs altogether
_REST_S = 5.0  # for a connection to end what was broken off
_STATEMENTS = 200  # prepared per connection: the shapes of searches are few, the filters of clients are many

# Rows of the catalog of tables, one for each that Items lie in. `pg_partition_tree` would lock them all, and wait for
# whoever changes one of them.
TABLES_OF_ITEMS = """(SELECT oid, relfilenode, reltuples FROM pg_class
    WHERE relispartition AND relkind = 'r' AND relname LIKE '\\_items\\_%'
      AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'items'::regclass)) leaves"""

_NOTHING: Mapping[str, str] = {}


class Row(Protocol):
    """One row: a value by its column's name or place, all in their order, or those between two places."""

    def __getitem__(self, key: Any) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...


class Database:
    """Runs queries. It connects at the first one, so that a start costs nothing; close it at the end.

    A query is planned anew for its values each time; with `planned_once`, once for any values on each connection.
    """

    def __init__(self, settings: Settings, *, planned_once: bool = False) -> None:
        self._settings = settings
        self._pool: Pool[asyncpg.Connection] = Pool(
            self._connect, settings.connections, _ACQUIRE_TIMEOUT_S, at_once=settings.at_once
        )
        self._batches: Batches[Sequence[Any]] = Batches(self._send, lambda: self._pool.has_free)
        self.session = {
            "search_path": f"{settings.schema},public",
            "statement_timeout": str(int(settings.statement_timeout_s * 1000)),
            "default_transaction_read_only": "on",
            "pgstac.readonly": "true",
            "jit": "off",  # compiling costs more than these queries run
            "max_parallel_workers_per_gather": "0",  # starting a worker takes 60 ms, these queries two
            # A plan for any box is a bad plan for this box; that of an Item by its id is always the same.
            "plan_cache_mode": "force_generic_plan" if planned_once else "force_custom_plan",
            "lock_timeout": "0",  # a lock is waited for as long as the statement may take
            "idle_in_transaction_session_timeout": "10000",  # nothing here rests in one: a process may have died in it
            "timezone": "UTC",
            # Texts of values, as in a page's token, are read back: another setting of the database may round them.
            "extra_float_digits": "1",
            "datestyle": "ISO, YMD",
            "standard_conforming_strings": "on",  # pgstac's SQL is written for it
        }

    @property
    def is_ready(self) -> bool:
        """Whether a query would not have to wait for a connection."""
        return self._pool.is_ready

    async def rows(self, sql: str, *args: object) -> list[Row]:
        """Run a query. Raises Unavailable, TooSlow, or Refused where it cannot be run as it is.

        A connection that turns out to be cut (a restart, a failover) is replaced once, unseen: nothing here writes.
        """
        try:
            return await queried(sql, self._run(lambda: (sql, args)))
        except Exception as error:
            raise in_our_words(error) from error

    async def rows_within(
        self, limit_s: float, settings: Mapping[str, str], sql: str, *args: object
    ) -> list[Row] | None:
        """The same with other settings of the session for this query; None where it takes longer than `limit_s`."""
        local = {**settings, "statement_timeout": str(int(limit_s * 1000))}
        try:
            return await queried(sql, self._run(lambda: (sql, args), local))
        except asyncpg.QueryCanceledError:
            return None
        except Exception as error:
            raise in_our_words(error) from error

    async def row(self, sql: str, *args: object) -> Row | None:
        """Run a query that gives one row or none."""
        rows = await self.rows(sql, *args)
        return rows[0] if rows else None

    async def row_of_many(self, most: int, sql: str, *args: object) -> Sequence[Any]:
        """The one row of a statement that others may ask for, too, with values of their own; `most` may go as one.

        Its values have places, no names.
        """
        if most < 2 or "'" in sql or '"' in sql:  # within quotes what looks like a value may be none
            (row,) = await self.rows(sql, *args)
            return (*row,)
        try:
            return await queried(sql, self._batches.row(sql, args, most))
        except Exception as error:
            raise in_our_words(error) from error

    async def row_of_pgstac(self, sql: str, *args: object) -> Row | None:
        """The same for a query of pgstac's functions: where one is missing, no client is to blame."""
        try:
            return await self.row(sql, *args)
        except Refused as error:
            if error.lacks_function:
                raise no_pgstac() from error
            raise

    async def close(self) -> None:
        """Let the connections go."""
        self._pool.close()

    async def _send(self, sql: str, load: Load) -> list[Sequence[Any]]:
        """Ask for the rows of one statement with several values."""

        def asked() -> tuple[str, Values]:
            values = load()
            return (together(sql, len(values)), (*chain(*values),)) if len(values) > 1 else (sql, values[0])

        rows = await self._run(asked)
        return [(*rows[0],)] if len(rows) == 1 else [row[1:] for row in sorted(rows, key=itemgetter(0))]

    async def _run(
        self,
        asked: Callable[[], tuple[str, Values]],
        local: Mapping[str, str] = _NOTHING,
        *,
        again: bool = True,
    ) -> list[Row]:
        """Borrow a connection and ask; once more where it is cut."""
        if limited := limits.of_statements(self._settings.statement_timeout_s):
            local = {**limited, **local}
        try:
            connection = await self._pool.borrow()
            try:
                sql, args = asked()
                if not self._settings.pooled and not local:
                    return await self._alone(connection, sql, args)
                return await self._in_transaction(connection, sql, args, local)
            except TimeoutError as error:  # the driver's own, for a server that did not end the query itself
                connection.terminate()  # it may wait on: asyncpg never ends what it fails to read an error of
                raise too_slow() from error
            except CUT as error:
                # The driver says the same of values that it cannot send.
                if connection.is_closed() or not isinstance(error, asyncpg.InterfaceError):
                    self._pool.drop_free()  # cut together with this one, as like as not
                raise
            finally:
                # Nothing in a session is changed beyond a transaction, and where one did not end it is closed: there is
                # nothing to undo.
                self._pool.give_back(connection)
        except CUT:
            if not again:
                raise
        return await self._run(asked, local, again=False)

    async def _alone(self, connection: asyncpg.Connection, sql: str, args: tuple[object, ...]) -> list[Row]:
        """Ask in a transaction that the server makes for the statement."""
        try:
            rows: list[Row] = await connection.fetch(sql, *args)
        except asyncio.CancelledError:
            # Between its plan and its run the driver leaves a statement as it is, with its locks.
            await _come_to_rest(connection, "SELECT 1")
            raise
        return rows

    async def _in_transaction(
        self, connection: asyncpg.Connection, sql: str, args: tuple[object, ...], local: Mapping[str, str]
    ) -> list[Row]:
        """Ask with settings of its own.

        The driver's `transaction()` leaves one open where BEGIN is broken off, and goes on in it: locks would stay, and
        after the next error each query of this connection would fail.
        """
        is_over = False
        try:
            await connection.execute(f"BEGIN READ ONLY; {self._local_settings(local)}")
            try:
                rows: list[Row] = await connection.fetch(sql, *args)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncio.CancelledError):
                await _come_to_rest(connection, "ROLLBACK")
                is_over = True
                raise
            await connection.execute("COMMIT")
            is_over = True
            return rows
        finally:
            if not is_over:
                connection.terminate()

    def _local_settings(self, local: Mapping[str, str]) -> str:
        """Settings for one transaction; the session's too behind a pooler, where the next one is another session."""
        settings = {**self.session, **local} if self._settings.pooled else local
        return "SELECT " + ", ".join(f"set_config('{n}', '{v}', true)" for n, v in settings.items())

    async def _connect(self) -> asyncpg.Connection:
        settings = self._settings
        return await asyncpg.connect(
            host=settings.host,
            port=settings.port,
            database=settings.database,
            user=settings.user,
            # fetching a token must not hold up other requests
            password=partial(asyncio.to_thread, settings.token) if settings.token else settings.password,
            ssl=settings.ssl,
            timeout=_CONNECT_TIMEOUT_S,
            command_timeout=settings.statement_timeout_s + _CLIENT_GRACE_S,
            statement_cache_size=0 if settings.pooled else _STATEMENTS,
            server_settings=None if settings.pooled else self.session,
        )


async def _come_to_rest(connection: asyncpg.Connection, statement: str) -> None:
    """End what a query left that was broken off (the driver waits for its cancellation), or else the connection."""
    is_at_rest = False
    try:
        with suppress(Exception):  # why the query ended is what counts
            await connection.execute(statement, timeout=_REST_S)
            is_at_rest = True
    finally:
        if not is_at_rest:
            connection.terminate()
