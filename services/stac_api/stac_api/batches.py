"""Statements of the same text that wait for a connection go to the database as one.

Each would pay for its way there and back, for waking two processes and for its own snapshot; for a page of ten Items
that is a tenth of all its work.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from stac_api.failures import is_of_a_statement
from stac_api.pool import QUICK_S

Values = tuple[object, ...]
Load = Callable[[], list[Values]]

MOST = 4  # statements that go together: more of them gain little, and the first waits for the last
RELIEF_S = 0.1  # those together that take so long after all are asked one by one
_KINDS = 200  # of statements whose times are known
_LAST = 0.125  # the last time's part in the average
# Statements that go alone after a long one: where some are long, the others must not wait for them.
_ALONE = 512


class _Kind(NamedTuple):
    """What can go together: statements of one text, and how many of them."""

    sql: str
    most: int


@dataclass
class _Known:
    """Of one kind: how many seconds a statement takes, on average, and how many are yet to go alone."""

    took_s: float
    alone: int = 0


@dataclass(eq=False)
class _Asked[R]:
    """One statement's values, where its row is awaited, who waits for a connection for it, and what it went with."""

    values: Values
    row: asyncio.Future[R] | None
    task: asyncio.Task[None] | None = None
    batch: "_Batch[R] | None" = None
    is_alone: bool = False  # those that it went with failed, or took too long

    @property
    def is_awaited(self) -> bool:
        """Whether somebody still waits for its row."""
        return self.row is not None and not self.row.done()

    def let_go(self) -> asyncio.Future[R] | None:
        """Where the row is awaited, if it is, and no longer: rows of megabytes would be kept until its own place comes,
        and until cycles are collected.
        """
        row, self.row = self.row, None
        return None if row is None or row.done() else row


@dataclass(eq=False)
class _Batch[R]:
    """What goes together, who sends it, and until when."""

    asked: list[_Asked[R]]
    task: asyncio.Task[None] | None
    began: float
    relief: asyncio.TimerHandle | None = None


class Batches[R]:
    """Asks for single rows.

    `send` borrows a connection, calls `load` for the values of those that go (once more where the connection was cut),
    and gives a row for each. Each waits for a connection of its own, and who gets one takes others of its kind along
    that wait, unless others are free (`has_free`). Only what is quick goes together; how quick statements of a kind
    are is learnt.
    """

    def __init__(
        self, send: Callable[[str, Load], Awaitable[Sequence[R]]], has_free: Callable[[], bool]
    ) -> None:
        self._send, self._has_free = send, has_free
        self._asking = 0
        self._waiting: dict[_Kind, dict[_Asked[R], None]] = {}  # in the order in which they came
        self._known: dict[_Kind, _Known] = {}

    async def row(self, sql: str, values: Values, most: int = MOST) -> R:
        """The one row of a statement of which `most` may go together. Raises what `send` raises."""
        kind = _Kind(sql, min(most, MOST))
        self._asking += 1
        try:
            if self._asking > 1:
                return await self._row_beside_others(kind, values)
            return await self._row_by_itself(kind, values)
        finally:
            self._asking -= 1

    async def _row_by_itself(self, kind: _Kind, values: Values) -> R:
        clock, began = asyncio.get_running_loop().time, 0.0

        def load() -> list[Values]:
            nonlocal began
            began = clock()
            return [values]

        (row,) = await self._send(kind.sql, load)
        self._learn(kind, clock() - began, 1)
        return row

    async def _row_beside_others(self, kind: _Kind, values: Values) -> R:
        row: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        asked = _Asked(values, row)
        self._waiting.setdefault(kind, {})[asked] = None
        self._start(kind, asked)
        try:
            return await row
        except asyncio.CancelledError:
            self._leave(kind, asked)
            raise

    def _start(self, kind: _Kind, asked: _Asked[R]) -> None:
        asked.task = asyncio.get_running_loop().create_task(self._serve(kind, asked))

    def _leave(self, kind: _Kind, asked: _Asked[R]) -> None:
        """End what nobody waits for any more."""
        self._forget(kind, asked)
        batch = asked.batch
        if batch is None:
            ended = asked.task
        elif not any(other.is_awaited for other in batch.asked):
            _no_relief(batch)
            ended = batch.task
        else:
            return
        if ended is not None:
            ended.cancel()

    def _forget(self, kind: _Kind, asked: _Asked[R]) -> None:
        """It waits no more."""
        waiting = self._waiting.get(kind)
        if waiting is not None:
            waiting.pop(asked, None)
            if not waiting:
                del self._waiting[kind]

    async def _serve(self, kind: _Kind, asked: _Asked[R]) -> None:
        batch: _Batch[R] | None = None

        def load() -> list[Values]:
            nonlocal batch
            if batch is None:
                is_alone = asked.is_alone or self._has_free()
                batch = self._gathered(kind, asked, 1 if is_alone else self._most(kind))
            batch.began = asyncio.get_running_loop().time()
            return [each.values for each in batch.asked]

        try:
            rows = await self._send(kind.sql, load)
            if batch is not None:
                self._answer(kind, batch, rows)
        except _WentAlready:
            return
        except Exception as error:  # noqa: BLE001  (each request answers it as its own)
            if batch is not None and len(batch.asked) > 1 and is_of_a_statement(error):
                self._one_by_one(kind, batch)  # it may be that of one of them
            elif batch is not None or asked.batch is None:
                self._forget(kind, asked)
                _fail(batch.asked if batch is not None else [asked], error)
        finally:
            if batch is not None:
                _no_relief(batch)

    def _most(self, kind: _Kind) -> int:
        """As many as end together before anybody is held up."""
        known = self._known.get(kind)
        if known is None or known.alone:
            return 1
        return max(1, min(kind.most, int(QUICK_S / max(known.took_s, 1e-6))))

    def _gathered(self, kind: _Kind, asked: _Asked[R], most: int) -> _Batch[R]:
        """Who goes with it. Raises _WentAlready where it went with another, or is gone."""
        if asked.batch is not None or not asked.is_awaited:
            raise _WentAlready
        self._forget(kind, asked)
        waiting = (each for each in self._waiting.get(kind, ()) if each.is_awaited)
        companions = [*islice(waiting, most - 1)]
        loop = asyncio.get_running_loop()
        batch = _Batch([asked, *companions], asyncio.current_task(), loop.time())
        for each in batch.asked:
            each.batch = batch
            self._forget(kind, each)
        if companions:
            batch.relief = loop.call_later(RELIEF_S, self._relieve, kind, batch)
        return batch

    def _answer(self, kind: _Kind, batch: _Batch[R], rows: Sequence[R]) -> None:
        self._learn(kind, asyncio.get_running_loop().time() - batch.began, len(rows))
        for each, row in zip(batch.asked, rows, strict=True):
            if (awaited := each.let_go()) is not None:
                awaited.set_result(row)

    def _relieve(self, kind: _Kind, batch: _Batch[R]) -> None:
        """Let nobody wait any longer for the others."""
        self._learn(kind, RELIEF_S, 1)
        if batch.task is not None:
            batch.task.cancel()
        self._one_by_one(kind, batch)

    def _one_by_one(self, kind: _Kind, batch: _Batch[R]) -> None:
        """Have each wait for a connection again, to go alone; those that still wait for their own, for that."""
        asked, batch.asked = batch.asked, []
        for each in asked:
            if each.is_awaited:
                each.batch, each.is_alone = None, True
                if each.task is batch.task or each.task is None or each.task.done():
                    self._start(kind, each)

    def _learn(self, kind: _Kind, took_s: float, count: int) -> None:
        """So many statements took so long together."""
        known = self._known.get(kind)
        if known is None:
            if len(self._known) >= _KINDS:
                del self._known[next(iter(self._known))]
            known = self._known[kind] = _Known(took_s / count)
        known.took_s += _LAST * (took_s / count - known.took_s)
        known.alone = _ALONE if took_s > 2 * QUICK_S else max(0, known.alone - count)


def _no_relief[R](batch: _Batch[R]) -> None:
    if batch.relief is not None:
        batch.relief.cancel()


def _fail[R](asked: Sequence[_Asked[R]], error: Exception) -> None:
    for each in asked:
        if (awaited := each.let_go()) is not None:
            awaited.set_exception(error)


class _WentAlready(Exception):
    """The connection is for somebody else."""


_VALUE = re.compile(r"\$(\d+)")


@lru_cache(maxsize=_KINDS)
def together(sql: str, count: int) -> str:
    """The text that asks for so many rows at once, each of which begins with its place; `sql` quotes nothing."""
    values = max((int(number) for number in _VALUE.findall(sql)), default=0)

    def one(place: int) -> str:
        moved = _VALUE.sub(lambda value: f"${int(value[1]) + place * values}", sql)
        return f"SELECT {place}, one.* FROM ({moved}) one"

    return " UNION ALL ".join(one(place) for place in range(count))
