"""A question that many ask at the same time, asked once for all; nobody gets an answer older than their asking."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from stac_api import limits


class Latest[V]:
    """Finds a value with `find`, once at a time: who asks while it is being found waits for the next finding."""

    def __init__(self, find: Callable[[], Coroutine[Any, Any, V]]) -> None:
        self._find = find
        self._under_way: asyncio.Task[V] | None = None
        self._next: asyncio.Task[V] | None = None  # until it begins
        self._waiting: dict[asyncio.Task[V], int] = {}

    async def get(self) -> V:
        """The value as it is now. A finding ends early only when nobody waits for it any more."""
        task = self._next
        if task is None:
            task = self._next = asyncio.get_running_loop().create_task(self._found(self._under_way))
        self._waiting[task] = self._waiting.get(task, 0) + 1
        try:
            return await asyncio.shield(task)
        finally:
            self._waiting[task] -= 1
            if not self._waiting[task]:
                del self._waiting[task]
                task.cancel()  # which a finished one does not notice
                if self._next is task:
                    self._next = None

    async def _found(self, before: asyncio.Task[V] | None) -> V:
        if before is not None:
            await asyncio.wait((before,))
        self._under_way, self._next = self._next, None
        with limits.usual():
            return await self._find()
