"""The broker's memory on disk: SQLite in WAL mode, one commit for everything that is submitted at the same time.

Nothing is acknowledged before its commit, and changes are applied in the order in which they were submitted. A commit
is with the operating system when it is acknowledged: it survives the death of this process at any moment. To survive
the loss of power as well, it must wait for the disk, which is a choice (`survive_power_loss`).
"""

import asyncio
import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

_log = logging.getLogger(__name__)

Change = tuple[str, tuple[Any, ...]]
Done = Callable[[Exception | None], None]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last_seq INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, dead INTEGER NOT NULL, seq INTEGER NOT NULL,
    state INTEGER NOT NULL, enqueued INTEGER NOT NULL, expires INTEGER, due INTEGER, deliveries INTEGER NOT NULL,
    sent_seq INTEGER NOT NULL, head BLOB NOT NULL, bare BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS history (
    queue INTEGER NOT NULL, message_id TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (queue, message_id)
) WITHOUT ROWID;
"""
INSERT = "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
DELETE = "DELETE FROM messages WHERE id = ?"
SET_STATE = "UPDATE messages SET state = ?, deliveries = ? WHERE id = ?"
SET_BARE = "UPDATE messages SET bare = ? WHERE id = ?"
SET_DEAD = "UPDATE messages SET dead = 1, state = 0, deliveries = ?, bare = ? WHERE id = ?"
REMEMBER = "INSERT OR REPLACE INTO history VALUES (?, ?, ?)"
FORGET = "DELETE FROM history WHERE queue = ? AND until <= ?"
SEQUENCE = "UPDATE queues SET last_seq = max(last_seq, ?) WHERE id = ?"

CACHE_BYTES = 32 * 1024 * 1024  # bodies kept in memory between a send and its receive
COMMITS_A_CHECKPOINT = 500
# The most of a log that nobody begins anew, since the writer never pauses at its end.
MOST_LOG_BYTES = 64 * 1024 * 1024


class Row(NamedTuple):
    """A message's index entry as it is loaded at start; the body stays on disk."""

    id: int
    queue: int
    dead: int
    seq: int
    state: int
    enqueued: int
    expires: int | None
    due: int | None
    deliveries: int
    sent_seq: int


class StoreError(OSError):
    """The data directory cannot be used, with what to do."""


class Store:
    """One data directory, used from the event loop's thread only."""

    def __init__(
        self, directory: Path, loop: asyncio.AbstractEventLoop, *, survive_power_loss: bool = False
    ) -> None:
        self._path = directory / "messages.db"
        self._loop = loop
        self._db = self._open(directory, "FULL" if survive_power_loss else "NORMAL")
        self._next_id = int(self._db.execute("SELECT coalesce(max(id), 0) FROM messages").fetchone()[0])
        self._cache: OrderedDict[int, tuple[bytes, bytes]] = OrderedDict()
        self._cached_bytes = 0
        self._jobs: list[tuple[list[Change], Done | None]] = []
        self._commits = 0
        self._checkpoint: asyncio.Future[None] | None = None

    def _open(self, directory: Path, synchronous: str) -> sqlite3.Connection:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self._path, isolation_level=None, timeout=2)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"PRAGMA synchronous = {synchronous}")
            db.execute("PRAGMA wal_autocheckpoint = 0")  # see _checkpointed
            db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{directory}: cannot keep messages there: {error}") from error
        return db

    def queue_id(self, name: str) -> tuple[int, int]:
        """(id, last sequence number) of a queue by its name, made if it is new. Before serving only."""
        self._db.execute("INSERT OR IGNORE INTO queues (name) VALUES (?)", (name,))
        found = self._db.execute("SELECT id, last_seq FROM queues WHERE name = ?", (name,)).fetchone()
        return int(found[0]), int(found[1])

    def rows(self) -> Iterator[Row]:
        """Every message's index entry, by queue and sequence number."""
        cursor = self._db.execute(
            "SELECT id, queue, dead, seq, state, enqueued, expires, due, deliveries, sent_seq "
            "FROM messages ORDER BY id"
        )
        return map(Row._make, cursor)

    def remembered(self, queue: int) -> Iterator[tuple[str, int]]:
        """The message ids that duplicate detection remembers, and until when (ms)."""
        return self._db.execute("SELECT message_id, until FROM history WHERE queue = ?", (queue,))

    def new_id(self) -> int:
        """A row id that no message had while this process runs."""
        self._next_id += 1
        return self._next_id

    def keep(self, row: int, head: bytes, bare: bytes) -> None:
        """Hold the content of a message in memory for the receive that is likely to follow."""
        self._drop(row)
        self._cache[row] = (head, bare)
        self._cached_bytes += len(head) + len(bare)
        while self._cached_bytes > CACHE_BYTES:
            _, (old_head, old_bare) = self._cache.popitem(last=False)
            self._cached_bytes -= len(old_head) + len(old_bare)

    def _drop(self, row: int) -> None:
        held = self._cache.pop(row, None)
        if held is not None:
            self._cached_bytes -= len(held[0]) + len(held[1])

    def content(self, row: int) -> tuple[bytes, bytes]:
        """(head, bare message) of a committed message. Raises KeyError if there is none."""
        held = self._cache.get(row)
        if held is not None:
            return held
        found = self._db.execute("SELECT head, bare FROM messages WHERE id = ?", (row,)).fetchone()
        if found is None:
            raise KeyError(row)
        return bytes(found[0]), bytes(found[1])

    def submit(self, changes: Iterable[Change], done: Done | None = None) -> None:
        """Write the changes in one commit, then call `done` in the event loop with None or what went wrong."""
        listed = list(changes)
        for sql, values in listed:
            if sql is DELETE or sql is SET_BARE or sql is SET_DEAD:
                self._drop(values[-1])
        self._jobs.append((listed, done))
        if len(self._jobs) == 1:
            # Behind every event that is ready now: what they submit shares this commit.
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Commit what is submitted, then tell the callers."""
        jobs, self._jobs = self._jobs, []
        if not jobs:
            return
        error = self._commit(jobs)
        for _, done in jobs:
            if done is not None:
                # One at a time: a fault in one cannot keep another from its answer.
                self._loop.call_soon(done, error)

    def close(self) -> None:
        """Commit what is submitted and close the files."""
        while self._jobs:
            self.flush()
        self._db.close()

    def _commit(self, jobs: list[tuple[list[Change], Done | None]]) -> Exception | None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for statement, rows in _grouped(change for changes, _ in jobs for change in changes):
                self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            _log.exception("commit failed; its callers are told")
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            return StoreError(f"the message could not be written to disk: {error}")
        self._commits += 1
        if self._commits % COMMITS_A_CHECKPOINT == 0 and (
            self._checkpoint is None or self._checkpoint.done()
        ):
            self._checkpoint = self._loop.run_in_executor(None, _checkpointed, self._path)
        return None


def _checkpointed(path: Path) -> None:
    """Copy the log into the database beside the running writer, which a checkpoint of its own would hold up.

    A large log is then begun anew, while the writer waits for the little that came meanwhile to be copied, and for who
    else reads the database, but not for long: the next checkpoint tries again.
    """
    with closing(sqlite3.connect(path, timeout=0.1)) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        if path.with_name(f"{path.name}-wal").stat().st_size > MOST_LOG_BYTES:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _grouped(changes: Iterable[Change]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """Neighbours with the same statement together: the order between different statements stays."""
    statement, rows = "", list[tuple[Any, ...]]()
    for sql, values in changes:
        if sql is not statement and rows:
            yield statement, rows
            rows = []
        statement = sql
        rows.append(values)
    if rows:
        yield statement, rows
