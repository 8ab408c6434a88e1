"""A SQLite file whose writers share commits, so that durability costs one fsync for all who wait."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_GROUP = 500  # jobs a commit; bounds how long the first of a group waits for the last

Job = Callable[[sqlite3.Connection], Any]


@dataclass(frozen=True)
class _Queued:
    job: Job
    done: asyncio.Future[Any]


class GroupCommit:
    """Runs jobs on one connection in a thread of its own, in the order they were given.

    A job's future resolves after the commit that holds it. A job that raises undoes only itself. With
    `power_loss=True` a commit reaches the disk (synchronous FULL); without, it survives the death of the process but
    perhaps not of the machine (NORMAL). Make it inside a running event loop.
    """

    def __init__(self, path: Path, schema: str, *, power_loss: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {'FULL' if power_loss else 'NORMAL'}")
        self._connection.executescript(schema)
        self._jobs: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=f"commit {path.name}", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> asyncio.Future[Any]:
        """Queue a job (reading or writing); await the future for its result after the commit."""
        done: asyncio.Future[Any] = self._loop.create_future()
        self._jobs.put(_Queued(job, done))
        return done

    async def close(self) -> None:
        """Finish what is queued, then close the file."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _serve(self) -> None:
        while (first := self._jobs.get()) is not None:
            group, last = [first], False
            while len(group) < MAX_GROUP and not last:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    last = True
                else:
                    group.append(following)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[_Queued]) -> None:
        results: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        try:
            self._connection.execute("BEGIN")
            for queued in group:
                results.append((queued.done, *self._run(queued.job)))
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:  # the disk is full or the file is gone: nobody's job was done
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            results = [(queued.done, None, error) for queued in group]
        self._loop.call_soon_threadsafe(_resolve, results)

    def _run(self, job: Job) -> tuple[Any, BaseException | None]:
        self._connection.execute("SAVEPOINT job")
        try:
            result = job(self._connection)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits the future, not to this thread
            self._connection.execute("ROLLBACK TO job")
            self._connection.execute("RELEASE job")
            return None, error
        self._connection.execute("RELEASE job")
        return result, None


def _resolve(results: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
    for done, result, error in results:
        if done.cancelled():
            continue
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)
