"""Items by id: those asked for while others are being read are read together, by the next statement.

A statement for one Item spends most of its time on its way and on its plan; for ten it spends little more.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from stac_api.database import Row
from stac_api.errors import ApiError
from stac_api.pool import QUICK_S
from stac_api.rows import Rows, Wanted

# Statements under way for one collection, the second where the first turns out to be slow. Whoever comes meanwhile goes
# with the next: one for ten costs less than two for five.
AT_ONCE = 2
_MOST = 64  # Items of one statement: its answer is held in memory


@dataclass(eq=False)
class _Asked:
    """One request's Item, where its row is awaited, and the batch that it went with."""

    item: str
    row: asyncio.Future[Row | None]
    batch: "_Batch | None" = None


@dataclass(eq=False)
class _Batch:
    """Items that one statement reads."""

    asked: list[_Asked]
    task: asyncio.Task[None] | None = None


@dataclass(eq=False)
class _Queue:
    """One collection's requests that wait, and how many statements are under way."""

    waiting: deque[_Asked] = field(default_factory=deque)
    under_way: int = 0
    newest: _Batch | None = None
    starting: asyncio.Handle | None = None


class Lookups:
    """Reads Items by collection and id."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._queues: dict[str, _Queue] = {}

    async def one(self, collection: str, item: str) -> Row | None:
        """One Item's row, with the time of its last update as text; None where there is none."""
        asked = _Asked(item, asyncio.get_running_loop().create_future())
        queue = self._queues.get(collection)
        if queue is None:
            queue = self._queues[collection] = _Queue()
        queue.waiting.append(asked)
        self._start_later(collection, queue)
        try:
            return await asked.row
        except asyncio.CancelledError:
            batch = asked.batch
            if batch and batch.task and all(other.row.cancelled() for other in batch.asked):
                batch.task.cancel()  # nobody waits for it any more
            raise

    def _start_later(self, collection: str, queue: _Queue) -> None:
        """See to it that whoever waits does not wait for a slow statement."""
        if queue.starting is None and queue.waiting and queue.under_way < AT_ONCE:
            loop, start = asyncio.get_running_loop(), partial(self._start, collection, queue)
            # at the soonest once those have asked whose requests came in with this one
            queue.starting = loop.call_later(QUICK_S, start) if queue.under_way else loop.call_soon(start)

    def _start(self, collection: str, queue: _Queue) -> None:
        """Send the next statement, if anybody waits."""
        if queue.starting is not None:
            queue.starting.cancel()
            queue.starting = None
        batch = _Batch([])
        while queue.waiting and len(batch.asked) < _MOST:
            asked = queue.waiting.popleft()
            if not asked.row.done():  # else its client is gone
                asked.batch = batch
                batch.asked.append(asked)
        if batch.asked:
            queue.under_way += 1
            queue.newest = batch
            batch.task = asyncio.get_running_loop().create_task(self._serve(collection, queue, batch))
            self._start_later(collection, queue)  # for those beyond the most that one takes
        elif not queue.under_way:
            self._queues.pop(collection, None)

    async def _serve(self, collection: str, queue: _Queue, batch: _Batch) -> None:
        try:
            await self._answer(collection, batch.asked)
        finally:
            queue.under_way -= 1
            if queue.newest is batch or not queue.under_way:
                self._start(collection, queue)
            else:  # a slow one, that others were sent beside
                self._start_later(collection, queue)

    async def _answer(self, collection: str, asked: list[_Asked]) -> None:
        try:
            found = {row[0]: row for row in await self._read(collection, [each.item for each in asked])}
        except Exception as error:  # noqa: BLE001  (each request answers it as its own)
            if len(asked) > 1 and not isinstance(error, ApiError):  # one Item's fault: its neighbours go on
                for each in asked:
                    await self._answer(collection, [each])
                return
            for each in asked:
                if not each.row.done():
                    each.row.set_exception(error)
            return
        for each in asked:
            if not each.row.done():
                each.row.set_result(found.get(each.item))

    async def _read(self, collection: str, items: list[str]) -> Sequence[Row]:
        def by_id(wanted: Wanted) -> str:
            value = wanted.statement.value
            return f"""SELECT {wanted.shown}, i.content#>>'{{properties,updated}}' AS updated
                FROM (SELECT {wanted.columns} FROM items i
                    WHERE i.collection = {value(collection)} AND i.id = ANY({value(items)}::text[])) i"""

        return await self._rows.read(by_id)
