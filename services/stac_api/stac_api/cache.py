"""Answers that stay true for a while: kept in the process, and found once when many ask at the same time."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any

# A client can ask for anything: what is large is found anew, and all entries together stay small.
_LARGEST = 20_000  # characters of a key and its value
_MOST = 4_000_000
_EACH = 500  # what an entry takes besides


@dataclass
class _Search[V]:
    task: asyncio.Task[V]
    waiting: int = 0


class ExpiringCache[K: Hashable, V]:
    """Keeps what was found for `ttl_s` seconds; failures are not kept."""

    def __init__(self, ttl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ttl_s, self._clock = ttl_s, clock
        self._entries: dict[K, tuple[float, V, int]] = {}  # the oldest first
        self._size = 0
        self._searches: dict[K, _Search[V]] = {}

    async def get(self, key: K, find: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The kept value, or what `find` gives.

        The search ends early only when nobody waits for it any more; the last one who leaves waits until it has.
        """
        entry = self._entries.get(key)
        if entry is not None and entry[0] > self._clock():
            return entry[1]
        search = self._searches.get(key)
        if search is None:
            search = _Search(asyncio.get_running_loop().create_task(find()))
            self._searches[key] = search
        search.waiting += 1
        try:
            value = await asyncio.shield(search.task)
        finally:
            search.waiting -= 1
            if not search.waiting:
                search.task.cancel()  # which a finished one does not notice
            if not search.waiting or search.task.done():
                self._forget(key, search)
            if not search.task.done() and not search.waiting:
                await asyncio.wait([search.task])  # else its query would run on beside those who come next
        self.put(key, value)
        return value

    def drop(self, key: K, value: V) -> None:
        """Find it anew, if it is still this value that is kept."""
        entry = self._entries.get(key)
        if entry is not None and entry[1] is value:
            self._remove(key)

    def _forget(self, key: K, search: _Search[V]) -> None:
        if self._searches.get(key) is search:
            del self._searches[key]

    def put(self, key: K, value: V) -> None:
        """Keep this value instead."""
        self._remove(key)
        size = _size_of(key) + _size_of(value)
        if size > _LARGEST:
            return
        self._entries[key] = (self._clock() + self._ttl_s, value, size + _EACH)
        self._size += size + _EACH
        while self._size > _MOST:
            self._remove(next(iter(self._entries)))

    def _remove(self, key: K) -> None:
        before = self._entries.pop(key, None)
        self._size -= before[2] if before else 0


def _size_of(value: object) -> int:
    """About how many characters it holds."""
    if isinstance(value, str | bytes):
        return len(value)
    return sum(map(_size_of, value)) if isinstance(value, tuple | list) else 0
