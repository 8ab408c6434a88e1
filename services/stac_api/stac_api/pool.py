"""A few connections, each lent to one query at a time: what a query pays for its turn is next to nothing."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

IDLE_S = 300.0  # a connection that nobody needed for so long is closed: the database has few
QUICK_S = 0.02  # a query that takes longer waits for something, and holds nobody up


class Lent(Protocol):
    """A connection, as far as the pool knows it."""

    def is_closed(self) -> bool:
        """Whether it is of no more use."""
        ...

    def terminate(self) -> None:
        """Close it at once."""
        ...


class AllLent(Exception):
    """Every connection was lent for as long as whoever asked may wait."""

    def __init__(self, waited_s: float) -> None:
        super().__init__(f"no connection became free within {waited_s:g} s")
        self.waited_s = waited_s


class Pool[C: Lent]:
    """Makes connections as they are needed, up to `size`, and lends them in the order in which they are asked for.

    Whoever borrows gives back, whatever happened meanwhile; a closed connection makes room for a new one. `at_once` are
    out at the same time as long as their queries are quick: more of them only take the database's processors from each
    other, and all end late. The others are for when some are slow. Connections that are being made do not count: where
    that takes long, those that are there must serve.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        size: int,
        patience_s: float,
        *,
        at_once: int | None = None,
        idle_s: float = IDLE_S,
    ) -> None:
        self._connect = connect
        self._room = size  # connections that may still be made
        self._patience_s = patience_s
        self._at_once = size if at_once is None else at_once
        self._idle_s = idle_s
        self._quick: dict[C, float] = {}  # those lent that are not known to be slow, and since when
        self._relief: asyncio.TimerHandle | None = None
        self._free: deque[tuple[C, float]] = deque()  # the last to come back first; with the time when it did
        self._waiting: deque[asyncio.Future[C | None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def has_free(self) -> bool:
        """Whether a connection would be lent at once."""
        return len(self._quick) < self._at_once and bool(self._free)

    @property
    def is_ready(self) -> bool:
        """Whether a connection would be lent at once, or made."""
        return self.has_free or (len(self._quick) < self._at_once and self._room > 0)

    async def borrow(self) -> C:
        """A connection for one query. Raises AllLent after `patience_s`, and whatever connecting raises."""
        while True:
            if len(self._quick) < self._at_once:
                connection = self._free_one()
                if connection is not None:
                    return self._lend(connection)
                if self._room > 0:
                    return self._lend(await self._new())
            lent = await self._turn()
            if lent is not None:
                return lent

    def give_back(self, connection: C) -> None:
        """The query is over."""
        self._quick.pop(connection, None)
        if connection.is_closed():
            self._room += 1
            self._pass_on(None)
        elif not self._pass_on(connection):
            now = asyncio.get_running_loop().time()
            self._free.append((connection, now))
            if self._sweep is None:
                self._sweep = asyncio.get_running_loop().call_at(now + self._idle_s, self._close_idle)

    def close(self) -> None:
        """Close what is free; what is lent closes itself when its query ends badly, or with the process."""
        for timer in (self._sweep, self._relief):
            if timer is not None:
                timer.cancel()
        self._sweep = self._relief = None
        self.drop_free()

    def drop_free(self) -> None:
        """Close what is free: the next to ask gets a new one."""
        while self._free:
            self._free.pop()[0].terminate()
            self._room += 1

    async def _new(self) -> C:
        self._room -= 1
        try:
            return await self._connect()
        except BaseException:
            self._room += 1
            self._pass_on(None)  # the next may have more luck, or is told at once
            raise

    async def _turn(self) -> C | None:
        """Wait for a connection, or for room to make one (None)."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[C | None] = loop.create_future()
        self._waiting.append(turn)
        self._look_later()
        patience = loop.call_later(self._patience_s, _give_up, turn, self._patience_s)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                connection = turn.result()  # it came in the same moment
                if connection is None:
                    self._pass_on(None)
                else:
                    self.give_back(connection)
            raise
        finally:
            patience.cancel()

    def _free_one(self) -> C | None:
        while self._free:
            connection, _ = self._free.pop()
            if not connection.is_closed():
                return connection
            self._room += 1
        return None

    def _lend(self, connection: C) -> C:
        self._quick[connection] = asyncio.get_running_loop().time()
        self._look_later()
        return connection

    def _pass_on(self, connection: C | None) -> bool:
        """Give the next in the queue a connection, or room to make one; False where it is nobody's turn."""
        while self._waiting and len(self._quick) < self._at_once:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection if connection is None else self._lend(connection))
                return True
        return False

    def _look_later(self) -> None:
        if self._relief is None and self._waiting and self._quick:
            due = next(iter(self._quick.values())) + QUICK_S
            self._relief = asyncio.get_running_loop().call_at(due, self._relieve)

    def _relieve(self) -> None:
        """Let others go in place of those that turn out to be slow."""
        self._relief = None
        now = asyncio.get_running_loop().time()
        while self._waiting and self._quick and next(iter(self._quick.values())) <= now - QUICK_S:
            del self._quick[next(iter(self._quick))]
            connection = self._free_one()
            if connection is None and self._room > 0:
                self._pass_on(None)
            elif connection is not None and not self._pass_on(connection):
                self._free.append((connection, now))
        self._look_later()

    def _close_idle(self) -> None:
        loop = asyncio.get_running_loop()
        while self._free and self._free[0][1] <= loop.time() - self._idle_s:
            self._free.popleft()[0].terminate()
            self._room += 1
        self._sweep = loop.call_at(self._free[0][1] + self._idle_s, self._close_idle) if self._free else None


def _give_up[T](turn: asyncio.Future[T], waited_s: float) -> None:
    if not turn.done():
        turn.set_exception(AllLent(waited_s))
