"""Answers that stay true for a while, kept in the process."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

_MOST = 1_000  # entries: a client can ask for anything


class ExpiringCache[K: Hashable, V]:
    """Keeps what was found for `ttl_s` seconds; failures are not kept."""

    def __init__(self, ttl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ttl_s = ttl_s
        self._clock = clock
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    async def get(self, key: K, find: Callable[[], Awaitable[V]]) -> V:
        """The kept value, or what `find` gives."""
        entry = self._entries.get(key)
        if entry is not None and entry[0] > self._clock():
            return entry[1]
        value = await find()
        self._entries[key] = (self._clock() + self._ttl_s, value)
        self._entries.move_to_end(key)
        while len(self._entries) > _MOST:
            self._entries.popitem(last=False)
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
