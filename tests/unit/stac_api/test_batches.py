import asyncio
import gc
import weakref
from collections.abc import Callable
from contextlib import suppress

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from stac_api import batches
from stac_api.batches import MOST, Batches, Load, together
from stac_api.pool import QUICK_S, AllLent

SQL = "SELECT $1::int"


class Database:
    """Rows that come when the test says so, over connections that it lends; a row is made of its first value."""

    def __init__(self) -> None:
        self.sent: list[list[object]] = []
        self.connections = asyncio.Semaphore(1)
        self.go = asyncio.Event()
        self.held: set[object] = set()
        self.error: Callable[[list[object]], Exception | None] = lambda _: None
        self.away: Exception | None = None  # for who is next
        self.cancelled: list[list[object]] = []
        self.ends = asyncio.Event()  # of what was cancelled
        self.ends.set()
        self.row: Callable[[object], object] = lambda value: value
        self.broken = 0  # connections, by a second cancellation
        self.cuts = 0  # connections yet to be found cut

    async def send(self, sql: str, load: Load) -> list[object]:
        assert sql.startswith("SELECT")
        async with self.connections:
            if away := self.away:
                self.away = None
                raise away
            asked = [values[0] for values in load()]
            self.sent.append(asked)
            if self.cuts:
                self.cuts -= 1
                asked = [values[0] for values in load()]
                self.sent.append(asked)
            try:
                await self.go.wait()
                if self.held.intersection(asked):
                    await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.append(asked)
                try:
                    await self.ends.wait()
                except asyncio.CancelledError:
                    self.broken += 1
                raise
            if error := self.error(asked):
                raise error
            return [self.row(value) for value in asked]

    def has_free(self) -> bool:
        return not self.connections.locked()

    async def begun(self, statements: int) -> None:
        """Wait until so many were sent."""
        while len(self.sent) < statements:
            await asyncio.sleep(0)


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
async def quick(database: Database, monkeypatch: pytest.MonkeyPatch) -> Batches[object]:
    """Batches that know of SQL that it is quick, on whatever machine."""
    monkeypatch.setattr(batches, "QUICK_S", 60.0)
    known: Batches[object] = Batches(database.send, database.has_free)
    tasks = await asked(known, database, "first", "second")
    database.go.set()
    await asyncio.gather(*tasks)
    database.go.clear()
    database.sent.clear()
    return known


async def asked(of: Batches[object], database: Database, *values: object) -> list[asyncio.Task[object]]:
    """Ask for the first of them, and for the others while it is under way."""
    first = asyncio.create_task(of.row(SQL, (values[0],)))
    await database.begun(len(database.sent) + 1)
    others = [asyncio.create_task(of.row(SQL, (value,))) for value in values[1:]]
    await asyncio.sleep(0)
    return [first, *others]


async def test_those_that_wait_for_a_connection_go_together(
    database: Database, quick: Batches[object]
) -> None:
    tasks = await asked(quick, database, *range(7))
    database.go.set()
    assert await asyncio.gather(*tasks) == [*range(7)]
    assert database.sent == [[0], [1, 2, 3, 4], [5, 6]]
    assert MOST == 4


async def test_nobody_goes_with_others_while_a_connection_is_free(
    database: Database, quick: Batches[object]
) -> None:
    database.connections = asyncio.Semaphore(3)
    tasks = [asyncio.create_task(quick.row(SQL, (value,))) for value in range(6)]
    await database.begun(3)
    assert database.sent == [[0], [1], [2, 3, 4, 5]]  # the last that was free
    database.go.set()
    assert await asyncio.gather(*tasks) == [*range(6)]


async def test_no_more_go_together_than_whoever_asks_allows(
    database: Database, quick: Batches[object]
) -> None:
    tasks = await asked(quick, database, 0)
    tasks += [asyncio.create_task(quick.row(SQL, (value,), 2)) for value in range(1, 7)]
    await asyncio.sleep(0)
    database.go.set()
    assert await asyncio.gather(*tasks) == [*range(7)]
    assert database.sent == [[0], [1], [2, 3], [4, 5], [6]]  # the first by itself, to see how long it takes


async def test_nobody_goes_with_others_before_their_statement_is_known_to_be_quick(
    database: Database,
) -> None:
    tasks = await asked(Batches(database.send, database.has_free), database, 1, 2, 3)
    database.go.set()
    assert await asyncio.gather(*tasks) == [1, 2, 3]
    assert database.sent[0] == [1]
    unknown: Batches[object] = Batches(database.send, database.has_free)
    database.go.clear()
    database.sent.clear()
    slow = await asked(unknown, database, 1, 2, 3)
    await asyncio.sleep(QUICK_S * 1.5)
    database.go.set()
    assert await asyncio.gather(*slow) == [1, 2, 3]
    assert database.sent == [[1], [2], [3]]


async def test_statements_of_other_texts_go_by_themselves(database: Database, quick: Batches[object]) -> None:
    tasks = await asked(quick, database, 1, 2)
    tasks.append(asyncio.create_task(quick.row("SELECT $1::text", ("x",))))
    await asyncio.sleep(0)
    database.go.set()
    assert await asyncio.gather(*tasks) == [1, 2, "x"]
    assert database.sent == [[1], [2], ["x"]]


async def test_an_error_of_one_is_not_that_of_those_that_went_with_it(
    database: Database, quick: Batches[object]
) -> None:
    database.error = lambda values: asyncpg.DataError("no geometry") if 2 in values else None
    tasks = await asked(quick, database, *range(5))
    database.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in found] == [int, int, asyncpg.DataError, int, int]
    assert sorted(map(len, database.sent)) == [1, 1, 1, 1, 1, 4]


async def test_what_failed_together_goes_alone_however_many_others_wait(
    database: Database, quick: Batches[object]
) -> None:
    database.error = lambda values: asyncpg.DataError("no geometry") if 2 in values else None
    tasks = await asked(quick, database, *range(13))
    database.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [n for n, each in enumerate(found) if each != n] == [2]
    assert [sent for sent in database.sent if 2 in sent] == [[1, 2, 3, 4], [2]]


async def test_nothing_is_kept_of_whom_no_connection_came_for(
    database: Database, quick: Batches[object]
) -> None:
    tasks = await asked(quick, database, 0, 1)
    database.away = ConnectionRefusedError()
    database.go.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert quick._waiting == {}


async def test_rows_are_kept_neither_until_cycles_are_collected_nor_by_places_in_the_queue(
    database: Database, quick: Batches[object]
) -> None:
    class Large:
        pass

    gc.collect()
    gc.disable()
    try:
        database.held, database.row = {"slow"}, lambda _: Large()
        tasks = await asked(quick, database, 0, 1)
        slow = asyncio.create_task(quick.row("SELECT $1::text", ("slow",)))
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(quick.row(SQL, (n,))) for n in (2, 3, 4)]  # their places are behind it
        await asyncio.sleep(0)
        database.go.set()
        kept = weakref.WeakSet(await asyncio.gather(*tasks))
        assert database.sent == [[0], [1, 2, 3, 4], ["slow"]]
        tasks.clear()
        await asyncio.sleep(0)
        assert not slow.done()
        assert len(kept) == 0
        slow.cancel()
    finally:
        gc.enable()


async def test_those_whose_connection_was_cut_go_together_over_another(
    database: Database, quick: Batches[object]
) -> None:
    tasks = await asked(quick, database, 0, 1, 2)
    database.cuts = 1
    database.go.set()
    assert await asyncio.wait_for(asyncio.gather(*tasks), 5) == [0, 1, 2]
    assert database.sent == [[0], [1, 2], [1, 2]]


async def test_a_connection_that_is_cut_is_the_error_of_all(
    database: Database, quick: Batches[object]
) -> None:
    database.error = lambda values: ConnectionResetError() if 2 in values else None
    tasks = await asked(quick, database, *range(5))
    database.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in found] == [int, *[ConnectionResetError] * 4]
    assert len(database.sent) == 2


async def test_a_connection_that_cannot_be_made_is_the_error_of_whom_it_was_for(
    database: Database, quick: Batches[object]
) -> None:
    tasks = await asked(quick, database, 0, 1, 2, 3)
    database.away = ConnectionRefusedError()
    database.go.set()
    with pytest.raises(ConnectionRefusedError):
        await tasks[1]
    assert await asyncio.gather(tasks[0], *tasks[2:]) == [0, 2, 3]
    assert database.sent == [[0], [2, 3]]


async def test_the_places_of_those_that_went_with_another_are_for_others(
    database: Database, quick: Batches[object]
) -> None:
    tasks = await asked(quick, database, *range(4))
    tasks.append(asyncio.create_task(quick.row("SELECT $1::text", ("x",))))
    await asyncio.sleep(0)
    database.go.set()
    assert await asyncio.gather(*tasks) == [0, 1, 2, 3, "x"]
    assert database.sent == [[0], [1, 2, 3], ["x"]]


async def test_nobody_waits_for_the_end_of_what_was_broken_off(
    database: Database, quick: Batches[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "RELIEF_S", 0.03)
    database.held, database.ends = {3}, asyncio.Event()
    database.connections = asyncio.Semaphore(2)
    tasks = [*await asked(quick, database, "a"), *await asked(quick, database, *range(4))]
    database.go.set()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*tasks[:4]) == ["a", 0, 1, 2]
    assert database.cancelled == [[1, 2, 3]]
    tasks[4].cancel()
    database.ends.set()


async def test_what_all_have_left_is_broken_off_once(
    database: Database, quick: Batches[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "RELIEF_S", 0.03)
    database.held, database.ends = {1}, asyncio.Event()
    tasks = await asked(quick, database, *range(3))
    database.go.set()
    await database.begun(2)
    for leaving in tasks[1:]:
        leaving.cancel()
    await asyncio.sleep(0.1)
    assert database.cancelled == [[1, 2]]
    database.ends.set()
    assert await quick.row(SQL, (5,)) == 5
    assert database.broken == 0


async def test_a_slow_one_holds_up_only_itself(
    database: Database, quick: Batches[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "RELIEF_S", 0.03)
    database.held = {3}
    tasks = await asked(quick, database, *range(5))
    database.connections.release()  # another, after they have begun to wait
    database.go.set()
    async with asyncio.timeout(5):
        assert [await tasks[value] for value in (0, 1, 2, 4)] == [0, 1, 2, 4]
    assert database.sent == [[0], [1, 2, 3, 4], [1], [2], [3], [4]]
    assert database.cancelled == [[1, 2, 3, 4]]
    assert not tasks[3].done()
    tasks[3].cancel()
    with suppress(asyncio.CancelledError):
        await tasks[3]
    assert database.cancelled[1:] == [[3]]


async def test_after_a_slow_one_others_of_its_kind_go_alone_for_a_while(
    database: Database, quick: Batches[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "QUICK_S", 0.2)
    monkeypatch.setattr(batches, "RELIEF_S", 0.5)
    monkeypatch.setattr(batches, "_ALONE", 6)
    database.held = {3}
    tasks = await asked(quick, database, *range(5))
    database.connections.release()
    database.go.set()
    assert [await tasks[value] for value in (0, 1, 2, 4)] == [0, 1, 2, 4]
    database.sent.clear()
    database.go.clear()
    others = await asked(quick, database, *range(5, 12))
    database.go.set()
    assert await asyncio.gather(*others) == [*range(5, 12)]
    assert database.sent == [[5], [6], [7], [8, 9, 10, 11]]  # 1, 2 and 4 were the first of six
    tasks[3].cancel()


async def test_after_one_that_was_slow_by_itself_others_of_its_kind_go_alone(
    database: Database, quick: Batches[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "QUICK_S", 0.1)
    database.connections = asyncio.Semaphore(3)
    tasks = await asked(quick, database, 0, 1)
    await database.begun(2)
    await asyncio.sleep(0.25)
    database.go.set()
    assert await asyncio.gather(*tasks) == [0, 1]
    database.connections = asyncio.Semaphore(1)
    database.go.clear()
    tasks = await asked(quick, database, *range(2, 6))
    database.go.set()
    assert await asyncio.gather(*tasks) == [*range(2, 6)]
    assert database.sent == [[n] for n in range(6)]


@pytest.mark.parametrize("beside", [(), ("other",)])
async def test_after_a_slow_one_that_was_asked_when_nobody_else_was_others_of_its_kind_go_alone(
    database: Database, quick: Batches[object], monkeypatch: pytest.MonkeyPatch, beside: tuple[object, ...]
) -> None:
    monkeypatch.setattr(batches, "QUICK_S", 0.1)
    slow = [
        *await asked(quick, database, "slow"),
        *(asyncio.create_task(quick.row("SELECT 2", (n,))) for n in beside),
    ]
    await asyncio.sleep(0.25)
    database.go.set()
    assert await asyncio.gather(*slow) == ["slow", *beside]
    database.sent.clear()
    database.go.clear()
    tasks = await asked(quick, database, *range(6))
    database.go.set()
    assert await asyncio.gather(*tasks) == [*range(6)]
    assert database.sent == [[n] for n in range(6)]


async def test_to_wait_for_a_connection_is_not_to_be_slow(
    database: Database, quick: Batches[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "QUICK_S", 0.1)
    database.go.set()
    await database.connections.acquire()  # by what is no search
    waiting = asyncio.create_task(quick.row(SQL, ("waits",)))
    await asyncio.sleep(0.25)
    database.connections.release()
    assert await waiting == "waits"
    database.go.clear()
    tasks = await asked(quick, database, *range(5))
    database.go.set()
    assert await asyncio.gather(*tasks) == [*range(5)]
    assert database.sent == [["waits"], [0], [1, 2, 3, 4]]


async def test_what_was_answered_in_time_is_not_broken_off_later(
    database: Database, quick: Batches[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "QUICK_S", 0.2)
    monkeypatch.setattr(batches, "RELIEF_S", 0.2)
    tasks = await asked(quick, database, *range(5))
    database.go.set()
    assert await asyncio.gather(*tasks) == [*range(5)]
    await asyncio.sleep(0.3)
    database.sent.clear()
    database.go.clear()
    tasks = await asked(quick, database, *range(5))
    database.go.set()
    assert await asyncio.gather(*tasks) == [*range(5)]
    assert database.sent == [[0], [1, 2, 3, 4]]


async def test_a_place_that_fails_is_nothing_to_whoever_went_with_another(
    database: Database, quick: Batches[object]
) -> None:
    tasks = await asked(quick, database, *range(4))
    database.connections.release()
    await database.begun(2)
    assert database.sent == [[0], [1, 2, 3]]
    database.away = ConnectionRefusedError()  # for 2, whose own turn it is
    database.connections.release()
    while database.away:
        await asyncio.sleep(0)
    database.go.set()
    assert await asyncio.gather(*tasks) == [0, 1, 2, 3]


async def test_who_leaves_while_waiting_is_not_asked_for(database: Database, quick: Batches[object]) -> None:
    tasks = await asked(quick, database, *range(4))
    tasks[2].cancel()
    await asyncio.sleep(0)
    database.go.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert database.sent == [[0], [1, 3]]
    assert found[:2] + found[3:] == [0, 1, 3]


async def test_a_connection_that_nobody_waits_for_any_more_is_given_back(
    database: Database, quick: Batches[object]
) -> None:
    tasks = await asked(quick, database, 0, 1)
    tasks[1].cancel()
    database.go.set()
    assert await tasks[0] == 0
    assert await quick.row(SQL, (2,)) == 2
    assert database.sent == [[0], [2]]
    assert quick._waiting == {}


async def test_a_statement_is_cancelled_once_all_who_wait_for_it_have_left(
    database: Database, quick: Batches[object]
) -> None:
    database.held = {1}
    tasks = await asked(quick, database, *range(4))
    database.go.set()
    await database.begun(2)
    for leaving in tasks[1:3]:
        leaving.cancel()
        await asyncio.sleep(0.01)
    assert database.cancelled == []
    tasks[3].cancel()
    await asyncio.sleep(0.01)
    assert database.sent == [[0], [1, 2, 3]]
    assert database.cancelled == [[1, 2, 3]]


async def test_a_connection_that_cannot_be_replaced_soon_is_the_error_of_all(
    database: Database, quick: Batches[object]
) -> None:
    database.error = lambda values: AllLent(10.0) if 2 in values else None  # cut, and no other to be had
    tasks = await asked(quick, database, *range(5))
    database.go.set()
    async with asyncio.timeout(5):
        found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in found] == [int, *[AllLent] * 4]


def test_each_part_of_a_text_has_values_of_its_own() -> None:
    sql = "SELECT x FROM t WHERE a = $1::int AND b = $12::text AND c = $2::int"
    assert together(sql, 2) == (
        "SELECT 0, one.* FROM (SELECT x FROM t WHERE a = $1::int AND b = $12::text AND c = $2::int) one"
        " UNION ALL "
        "SELECT 1, one.* FROM (SELECT x FROM t WHERE a = $13::int AND b = $24::text AND c = $14::int) one"
    )
