import asyncio

import pytest

from stac_api.latest import Latest


class Source:
    """Gives 1, 2, 3, … each when it is let go; counts those that were broken off."""

    def __init__(self) -> None:
        self.begun, self.broken_off = 0, 0
        self.go = asyncio.Event()

    async def find(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        return number


async def until(condition: object, value: int) -> None:
    async with asyncio.timeout(5):
        while condition() != value:  # type: ignore[operator]  # any callable
            await asyncio.sleep(0)


def test_who_asks_during_a_finding_gets_the_next_one_and_all_of_them_the_same() -> None:
    async def run() -> None:
        source = Source()
        latest = Latest(source.find)
        first = asyncio.create_task(latest.get())
        await until(lambda: source.begun, 1)
        later = [asyncio.create_task(latest.get()) for _ in range(3)]
        await asyncio.sleep(0)
        source.go.set()
        assert await first == 1
        assert [await each for each in later] == [2, 2, 2]
        assert await latest.get() == 3

    asyncio.run(run())


def test_those_who_ask_at_once_share_a_finding() -> None:
    async def run() -> None:
        source = Source()
        source.go.set()
        latest = Latest(source.find)
        assert await asyncio.gather(*(latest.get() for _ in range(5))) == [1] * 5

    asyncio.run(run())


def test_a_failure_is_told_to_those_who_waited_for_it_and_to_nobody_else() -> None:
    async def run() -> None:
        failures = [OSError("away")]

        async def find() -> str:
            await asyncio.sleep(0)
            if failures:
                raise failures.pop()
            return "here"

        latest = Latest(find)
        both = await asyncio.gather(latest.get(), latest.get(), return_exceptions=True)
        assert [type(each) for each in both] == [OSError, OSError]
        assert await latest.get() == "here"

    asyncio.run(run())


def test_a_finding_ends_when_the_last_who_waits_is_gone_and_not_before() -> None:
    async def run() -> None:
        source = Source()
        latest = Latest(source.find)
        two = [asyncio.create_task(latest.get()) for _ in range(2)]
        await until(lambda: source.begun, 1)
        two[0].cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert source.broken_off == 0
        two[1].cancel()
        await until(lambda: source.broken_off, 1)
        with pytest.raises(asyncio.CancelledError):
            await two[1]
        source.go.set()
        assert await latest.get() == 2

    asyncio.run(run())


def test_who_leaves_before_the_next_finding_begins_holds_nobody_up() -> None:
    async def run() -> None:
        source = Source()
        latest = Latest(source.find)
        first = asyncio.create_task(latest.get())
        await until(lambda: source.begun, 1)
        gone = asyncio.create_task(latest.get())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        stays = asyncio.create_task(latest.get())
        await asyncio.sleep(0)
        source.go.set()
        assert (await first, await stays) == (1, 2)

    asyncio.run(run())
