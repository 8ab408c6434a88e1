import asyncio
import random

import pytest

from stac_api.pool import AllLent, Pool


class Connection:
    """A connection that remembers whether it is closed."""

    def __init__(self) -> None:
        self.closed = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True


class Database:
    """Makes connections, unless it is away."""

    def __init__(self) -> None:
        self.made: list[Connection] = []
        self.away = False

    async def connect(self) -> Connection:
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionRefusedError
        self.made.append(Connection())
        return self.made[-1]


def pool_of(
    database: Database,
    size: int = 2,
    patience_s: float = 5.0,
    idle_s: float = 300.0,
    at_once: int | None = None,
) -> Pool[Connection]:
    return Pool(database.connect, size, patience_s, at_once=at_once, idle_s=idle_s)


async def settled() -> None:
    """Let everybody go on who can without waiting."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_connection_that_came_back_is_lent_again() -> None:
    database = Database()
    pool = pool_of(database)
    for _ in range(3):
        pool.give_back(await pool.borrow())
    assert len(database.made) == 1


async def test_no_more_are_made_than_the_size_and_those_who_wait_get_their_turn_in_order() -> None:
    database = Database()
    pool = pool_of(database)
    lent = [await pool.borrow(), await pool.borrow()]
    order: list[int] = []

    async def wait(number: int) -> None:
        connection = await pool.borrow()
        order.append(number)
        pool.give_back(connection)

    waiting = [asyncio.create_task(wait(n)) for n in range(5)]
    await asyncio.sleep(0)
    for connection in lent:
        pool.give_back(connection)
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3, 4]
    assert len(database.made) == 2


async def test_a_closed_connection_makes_room_for_a_new_one() -> None:
    database = Database()
    pool = pool_of(database, size=1)
    lent = await pool.borrow()
    waiting = asyncio.create_task(pool.borrow())
    await asyncio.sleep(0)
    lent.terminate()
    pool.give_back(lent)
    second = await waiting
    pool.give_back(second)
    second.terminate()  # while it is free
    assert await pool.borrow() not in (lent, second)
    assert len(database.made) == 3


async def test_whoever_waits_while_connecting_fails_is_told_too() -> None:
    database = Database()
    database.away = True
    pool = pool_of(database, size=1)
    answers = await asyncio.gather(*(pool.borrow() for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ConnectionRefusedError] * 3
    database.away = False
    assert not (await pool.borrow()).closed


async def test_whoever_waits_too_long_gives_up_and_leaves_the_turn_to_others() -> None:
    database = Database()
    pool = pool_of(database, size=1, patience_s=0.01)
    lent = await pool.borrow()
    with pytest.raises(AllLent, match=r"within 0\.01 s"):
        await pool.borrow()
    pool.give_back(lent)
    assert await pool.borrow() is lent


async def test_a_connection_that_was_handed_to_a_cancelled_query_is_not_lost() -> None:
    database = Database()
    pool = pool_of(database, size=1)
    lent = await pool.borrow()
    waiting = asyncio.create_task(pool.borrow())
    await asyncio.sleep(0)
    pool.give_back(lent)  # it is the waiting one's now
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await pool.borrow() is lent


async def test_room_that_was_left_to_a_cancelled_query_goes_to_the_next() -> None:
    database = Database()
    pool = pool_of(database, size=1)
    lent = await pool.borrow()
    gone, waiting = (asyncio.create_task(pool.borrow()) for _ in range(2))
    await asyncio.sleep(0)
    lent.terminate()
    pool.give_back(lent)
    gone.cancel()
    assert await waiting is database.made[1]


async def test_a_query_that_is_cancelled_as_its_patience_ends_is_cancelled() -> None:
    pool = pool_of(Database(), size=1)
    await pool.borrow()
    waiting = asyncio.create_task(pool.borrow())
    await asyncio.sleep(0)
    pool._waiting[0].set_exception(AllLent(5.0))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_connections_that_nobody_needs_are_closed_and_others_stay() -> None:
    database = Database()
    pool = pool_of(database, idle_s=0.02)
    first, second = await pool.borrow(), await pool.borrow()
    pool.give_back(first)
    async with asyncio.timeout(5):
        while not first.closed:
            await asyncio.sleep(0.005)
    assert not second.closed
    pool.give_back(second)
    assert await pool.borrow() is second
    assert await pool.borrow() is database.made[2]


async def test_what_is_free_is_closed_with_the_pool() -> None:
    database = Database()
    pool = pool_of(database)
    pool.give_back(await pool.borrow())
    pool.close()
    assert database.made[0].closed


async def test_what_was_free_and_closed_makes_room_for_new_ones() -> None:
    database = Database()
    pool = pool_of(database, size=1)
    for _ in range(3):
        pool.give_back(await pool.borrow())
        pool.drop_free()
    assert [each.closed for each in database.made] == [True] * 3
    assert not (await pool.borrow()).closed


async def test_the_last_to_come_back_is_lent_first_so_that_others_are_idle() -> None:
    pool = pool_of(Database())
    first, second = await pool.borrow(), await pool.borrow()
    pool.give_back(first)
    pool.give_back(second)
    assert await pool.borrow() is second


async def test_what_is_free_while_enough_are_out_is_not_ready() -> None:
    pool = pool_of(Database(), at_once=1)
    first = await pool.borrow()
    second = await pool.borrow()  # once the first is known to be slow
    pool.give_back(first)
    assert (pool.has_free, pool.is_ready) == (False, False)
    pool.give_back(second)
    assert (pool.has_free, pool.is_ready) == (True, True)


async def test_what_is_free_stays_so_where_whoever_waited_is_gone() -> None:
    pool = pool_of(Database(), at_once=1)
    first = await pool.borrow()
    await pool.borrow()  # once the first is known to be slow
    pool.give_back(first)
    gone = asyncio.create_task(pool.borrow())
    await asyncio.sleep(0)
    gone.cancel()
    async with asyncio.timeout(5):
        while pool._relief is not None:
            await asyncio.sleep(0.001)
    assert await pool.borrow() is first


async def test_one_that_was_handed_on_counts_among_those_that_are_out() -> None:
    pool = pool_of(Database(), at_once=1)
    lent = await pool.borrow()
    waiting = asyncio.create_task(pool.borrow())
    await asyncio.sleep(0)
    pool.give_back(lent)
    assert await waiting is lent
    assert not pool.is_ready


async def test_few_are_out_at_once_as_long_as_they_come_back_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stac_api.pool.QUICK_S", 60)  # however busy the machine is
    database = Database()
    pool = pool_of(database, size=9, at_once=2)
    first, second = await pool.borrow(), await pool.borrow()
    waiting = [asyncio.create_task(pool.borrow()) for _ in range(3)]
    await settled()
    assert not pool.is_ready
    assert [each.done() for each in waiting] == [False] * 3
    pool.give_back(first)
    pool.give_back(second)
    await settled()
    assert [each.done() for each in waiting] == [True, True, False]
    assert len(database.made) == 2  # the others were not needed


async def test_whoever_takes_long_holds_nobody_up() -> None:
    database = Database()
    pool = pool_of(database, size=4, at_once=1)
    async with asyncio.timeout(5):
        lent = [await pool.borrow() for _ in range(4)]  # nobody gives back
        waiting = asyncio.create_task(pool.borrow())
        await asyncio.sleep(0.1)
        assert not waiting.done()  # there are no more than four
        pool.give_back(lent[0])
        assert await waiting is lent[0]


async def test_what_was_slow_and_comes_back_waits_for_its_turn_like_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = Database()
    pool = pool_of(database, size=3, at_once=1)
    slow, quick = await pool.borrow(), await pool.borrow()
    monkeypatch.setattr("stac_api.pool.QUICK_S", 60)  # the second stays quick, however busy the machine is
    waiting = asyncio.create_task(pool.borrow())
    await settled()
    pool.give_back(slow)  # free now, while a quick one is out
    await settled()
    assert not waiting.done()
    pool.give_back(quick)
    async with asyncio.timeout(5):
        assert await waiting in (slow, quick)
    assert len(database.made) == 2


async def test_whoever_waited_while_all_were_slow_is_not_forgotten_when_they_come_back_together() -> None:
    database = Database()
    pool = pool_of(database, size=4, at_once=1, patience_s=2)
    lent = [await pool.borrow() for _ in range(4)]
    waiting = [asyncio.create_task(pool.borrow()) for _ in range(3)]
    await asyncio.sleep(0.05)  # nothing is quick any more
    for connection in lent:
        pool.give_back(connection)
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting)  # though none of them gives back


async def test_whoever_waits_while_the_first_connections_are_made_is_not_forgotten() -> None:
    database = Database()

    async def connect() -> Connection:
        await asyncio.sleep(0.01)
        return await database.connect()

    pool = Pool(connect, 3, 2.0, at_once=1)
    async with asyncio.timeout(1):
        first = [asyncio.create_task(pool.borrow()) for _ in range(3)]
        last = asyncio.create_task(pool.borrow())
        lent = await asyncio.gather(*first)
        for connection in lent[:2]:
            pool.give_back(connection)
        await last


@pytest.mark.parametrize("seed", range(8))
async def test_everybody_gets_a_turn_whatever_the_others_do(seed: int) -> None:
    chance, database = random.Random(seed), Database()
    size = chance.randint(1, 6)
    pool = pool_of(database, size=size, at_once=chance.randint(1, size))
    out: set[Connection] = set()
    served = 0

    async def ask() -> None:
        nonlocal served
        await asyncio.sleep(chance.choice((0, 0, 0.001, 0.03)))
        connection = await pool.borrow()
        assert not connection.closed
        assert connection not in out
        out.add(connection)
        assert len(out) <= size
        try:
            await asyncio.sleep(chance.choice((0, 0, 0, 0.002, 0.05)))
            served += 1
        finally:
            if chance.random() < 0.1:
                connection.terminate()
            out.remove(connection)
            pool.give_back(connection)

    asking = [asyncio.create_task(ask()) for _ in range(100)]
    gone = chance.sample(asking, 25)
    await asyncio.sleep(0.02)
    for task in gone:
        task.cancel()
    async with asyncio.timeout(30):
        ended = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(end) for end in ended} <= {type(None), asyncio.CancelledError}
    assert served >= len(asking) - len(gone)
    assert not out
    assert sum(not each.closed for each in database.made) <= size
