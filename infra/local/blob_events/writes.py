"""A write from the moment it could take effect until it is known whether it did."""

import asyncio
import logging
import time
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

from infra.local.blob_events.events import event
from infra.local.blob_events.journal import Intent, Journal
from infra.local.blob_events.operations import Operation
from infra.local.blob_events.storage import State, Storage, UnreachableError

# A write that Azurite had in hand when its connection broke may still be finished for this long.
GRACE_S = 3.0
LOOK_EVERY_S = 0.2

_log = logging.getLogger(__name__)


class Writes:
    """Gives each blob's writes an order, journals them, and turns those that were done into events.

    Between `begin` and the end of a write its blob is locked, so that one look at the storage can tell afterwards
    whether it was done: the ETag is no longer the one from before.
    """

    def __init__(
        self, journal: Journal, storage: Storage, account_url: str, emitted: Callable[[], None]
    ) -> None:
        self.muted = False
        self.counts: Counter[str] = Counter()
        self._journal = journal
        self._storage = storage
        self._account_url = account_url
        self._emitted = emitted
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._resolving: set[asyncio.Task[None]] = set()

    async def recover(self) -> None:
        """Take up what an earlier process left unsettled; call before the first request is served."""
        for intent in await self._journal.unsettled():
            lock = self.lock_of(intent.operation)
            await lock.acquire()  # free: nothing else runs yet, and a blob has at most one unsettled write
            self.resolve(intent, lock)

    def lock_of(self, operation: Operation) -> asyncio.Lock:
        """The lock of the operation's blob; it lives as long as somebody holds it."""
        return self._locks.setdefault(operation.blob.key, asyncio.Lock())

    async def intend(self, operation: Operation) -> Intent:
        """Look at the blob and journal the write. Raises UnreachableError. The caller holds the lock."""
        return await self._journal.intend(operation, await self._storage.look(operation.blob))

    def forget(self, intent: Intent) -> None:
        """The write was not done."""
        self._journal.settle(intent, None)

    async def done(self, intent: Intent, request_id: str | None) -> None:
        """The write was done: emit. Raises UnreachableError where the blob can no longer be looked at."""
        operation = intent.operation
        state = intent.before if operation.api == "DeleteBlob" else await self._storage.look(operation.blob)
        if state.copy_pending:
            raise UnreachableError("the copy is still under way")
        self._emit(intent, state, request_id)

    def resolve(self, intent: Intent, lock: asyncio.Lock) -> None:
        """Find out in the background what became of a write; takes over the lock that the caller holds."""
        task = asyncio.create_task(self._resolve(intent, lock))
        self._resolving.add(task)
        task.add_done_callback(self._resolving.discard)

    async def close(self) -> None:
        """Stop looking; what is still unsettled is taken up by the next process."""
        for task in list(self._resolving):
            task.cancel()
        await asyncio.gather(*self._resolving, return_exceptions=True)

    async def _resolve(self, intent: Intent, lock: asyncio.Lock) -> None:
        try:
            deadline = time.monotonic() + GRACE_S
            while True:
                try:
                    state = await self._storage.look(intent.operation.blob)
                except UnreachableError:
                    deadline = time.monotonic() + GRACE_S  # counts from when Azurite is there again
                else:
                    if state.copy_pending:
                        deadline = time.monotonic() + GRACE_S
                    elif _happened(intent, state):
                        _log.info(
                            "write.recovered api=%s blob=%s", intent.operation.api, intent.operation.blob.key
                        )
                        self._emit(
                            intent, intent.before if intent.operation.api == "DeleteBlob" else state, None
                        )
                        return
                    elif time.monotonic() > deadline:
                        self.forget(intent)
                        return
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            lock.release()

    def _emit(self, intent: Intent, state: State, request_id: str | None) -> None:
        if self.muted:
            self.counts["dropped"] += 1
            self.forget(intent)
            return
        self.counts["emitted"] += 1
        document: dict[str, Any] = event(intent.operation, state, request_id, self._account_url)
        self._journal.settle(intent, document).add_done_callback(lambda _: self._emitted())


def _happened(intent: Intent, state: State) -> bool:
    if intent.operation.api == "DeleteBlob":
        return intent.before.exists and not state.exists
    if intent.operation.api == "SetBlobTier":
        return state.exists and state.tier == intent.operation.tier != intent.before.tier
    return state.exists and state.etag != intent.before.etag
