import asyncio
from collections.abc import Callable

import pytest

from stac_api.errors import Unavailable
from stac_api.lookups import AT_ONCE, Lookups
from stac_api.rows import Wanted
from stac_api.statements import Statement

Row = tuple[str, str]


class Rows:
    """Items that are read when the test says so; every Item but those named `missing` is there."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, list[str]]] = []
        self.go = asyncio.Event()
        self.held: dict[str, asyncio.Event] = {}
        self.error: Callable[[list[str]], Exception | None] = lambda _: None
        self.cancelled = 0

    async def read(self, write: Callable[[Wanted], str]) -> list[Row]:
        statement = Statement()
        write(Wanted("i.id", "i.id", statement))
        collection, items = statement.args
        assert isinstance(collection, str)
        assert isinstance(items, list)
        self.statements.append((collection, items))
        try:
            await self.go.wait()
            for item in items:
                if item in self.held:
                    await self.held[item].wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if error := self.error(items):
            raise error
        return [(item, collection) for item in {*items} if item != "missing"]


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def lookups(rows: Rows) -> Lookups:
    return Lookups(rows)  # type: ignore[arg-type]  # rows of this test


async def begun(rows: Rows, statements: int) -> None:
    """Wait until so many statements are under way."""
    while len(rows.statements) < statements:
        await asyncio.sleep(0)


async def test_items_asked_for_while_others_are_read_go_together(rows: Rows, lookups: Lookups) -> None:
    before = asyncio.create_task(lookups.one("scenes", "before"))
    await begun(rows, 1)
    names = ["a", "b", "c", "d", "c", "missing"]
    later = [asyncio.create_task(lookups.one("scenes", name)) for name in names]
    await asyncio.sleep(0)
    rows.go.set()
    found = await asyncio.gather(before, *later)
    assert [row and row[0] for row in found] == ["before", "a", "b", "c", "d", "c", None]
    assert [items for _, items in rows.statements] == [["before"], names]


async def test_a_slow_statement_holds_nobody_up_but_there_are_no_more_than_a_few(
    rows: Rows, lookups: Lookups
) -> None:
    async with asyncio.timeout(5):
        asked = []
        for number in range(AT_ONCE):
            asked.append(asyncio.create_task(lookups.one("scenes", f"slow-{number}")))
            await begun(rows, number + 1)
        asked += [asyncio.create_task(lookups.one("scenes", name)) for name in "ab"]
        await asyncio.sleep(0.1)
        assert len(rows.statements) == AT_ONCE
        rows.go.set()
        found = await asyncio.gather(*asked)
    assert [row and row[0] for row in found] == [*(f"slow-{n}" for n in range(AT_ONCE)), "a", "b"]
    assert [items for _, items in rows.statements[AT_ONCE:]] == [["a", "b"]]


async def test_beside_a_slow_statement_others_still_go_together(rows: Rows, lookups: Lookups) -> None:
    rows.go.set()
    rows.held["slow"] = asyncio.Event()
    async with asyncio.timeout(5):
        slow = asyncio.create_task(lookups.one("scenes", "slow"))
        await begun(rows, 1)
        for number in range(3):
            names = [f"{number}-{each}" for each in "abcdef"]
            found = await asyncio.gather(*(lookups.one("scenes", name) for name in names))
            assert [row and row[0] for row in found] == names
        assert not slow.done()
        rows.held["slow"].set()
        assert await slow
        assert await lookups.one("scenes", "last")
    assert len(rows.statements) == 1 + 3 + 1


async def test_when_the_slow_one_of_two_ends_first_whoever_waits_goes_soon(
    rows: Rows, lookups: Lookups
) -> None:
    rows.go.set()
    rows.held = {"first": asyncio.Event(), "second": asyncio.Event()}
    async with asyncio.timeout(5):
        first = asyncio.create_task(lookups.one("scenes", "first"))
        await begun(rows, 1)
        second = asyncio.create_task(lookups.one("scenes", "second"))
        await begun(rows, 2)
        third = asyncio.create_task(lookups.one("scenes", "third"))
        await asyncio.sleep(0.05)
        assert len(rows.statements) == 2
        rows.held["first"].set()
        assert await first
        assert await third
        assert not second.done()
        rows.held["second"].set()
        assert await second


async def test_nothing_is_kept_of_a_collection_that_nobody_asks_for_any_more(
    rows: Rows, lookups: Lookups
) -> None:
    rows.go.set()
    rows.held = {"first": asyncio.Event()}
    async with asyncio.timeout(5):
        first = asyncio.create_task(lookups.one("scenes", "first"))
        await begun(rows, 1)
        await lookups.one("scenes", "second")  # ends before the first
        rows.held["first"].set()
        await first
        await asyncio.sleep(0)
    assert not lookups._queues


async def test_those_beyond_the_most_of_one_statement_do_not_wait_for_it(
    rows: Rows, lookups: Lookups
) -> None:
    rows.go.set()
    rows.held = {"0": asyncio.Event()}
    asked = [asyncio.create_task(lookups.one("scenes", str(number))) for number in range(100)]
    async with asyncio.timeout(5):
        assert await asked[-1]
        assert not asked[0].done()
        rows.held["0"].set()
        await asyncio.gather(*asked)
    assert [len(items) for _, items in rows.statements] == [64, 36]


async def test_items_asked_for_in_the_same_moment_are_one_statement(rows: Rows, lookups: Lookups) -> None:
    rows.go.set()
    await asyncio.gather(*(lookups.one("scenes", name) for name in "abc"))
    assert rows.statements == [("scenes", ["a", "b", "c"])]


async def test_each_collection_is_read_by_itself(rows: Rows, lookups: Lookups) -> None:
    rows.go.set()
    found = await asyncio.gather(*(lookups.one(name, "same") for name in ("one", "other", "one")))
    assert [row and row[1] for row in found] == ["one", "other", "one"]


async def test_an_item_that_cannot_be_read_does_not_spoil_its_neighbours(
    rows: Rows, lookups: Lookups
) -> None:
    rows.error = lambda items: ValueError("bad") if "bad" in items else None
    asked = [asyncio.create_task(lookups.one("scenes", name)) for name in ("a", "b", "c", "bad", "d")]
    await asyncio.sleep(0)
    rows.go.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [tuple, tuple, tuple, ValueError, tuple]


async def test_a_database_that_is_away_is_asked_once_for_all(rows: Rows, lookups: Lookups) -> None:
    rows.error = lambda _: Unavailable("away")
    asked = [asyncio.create_task(lookups.one("scenes", str(n))) for n in range(20)]
    await asyncio.sleep(0)
    rows.go.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    assert len(rows.statements) < 5


async def test_a_statement_ends_when_nobody_waits_for_it_any_more(rows: Rows, lookups: Lookups) -> None:
    gone = [asyncio.create_task(lookups.one("scenes", "a")) for _ in range(8)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    await asyncio.sleep(0)
    assert rows.cancelled == len(rows.statements)
    rows.go.set()
    row = await lookups.one("scenes", "b")
    assert row
    assert row[0] == "b"
