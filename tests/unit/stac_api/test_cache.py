import asyncio

import pytest

from stac_api.cache import ExpiringCache


class Counted:
    """Gives 1, 2, 3 … once `go` is set."""

    def __init__(self) -> None:
        self.calls = 0
        self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.calls += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.calls


async def test_a_value_is_kept_until_its_time_is_over() -> None:
    now = [0.0]
    cache: ExpiringCache[str, int] = ExpiringCache(10, lambda: now[0])
    find = Counted()
    find.go.set()
    assert [await cache.get("a", find), await cache.get("a", find)] == [1, 1]
    now[0] = 11
    assert await cache.get("a", find) == 2


async def test_a_value_is_dropped_only_as_long_as_it_is_the_one_that_is_kept() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(10)
    find = Counted()
    find.go.set()
    first = await cache.get("a", find)
    cache.drop("a", first)
    assert await cache.get("a", find) == 2
    cache.drop("a", first)
    assert await cache.get("a", find) == 2


async def test_what_all_who_wait_for_it_drop_at_once_is_found_anew_once() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(10)
    find = Counted()

    async def drop_the_first() -> int:
        cache.drop("a", await cache.get("a", find))
        return await cache.get("a", find)

    asking = [asyncio.create_task(drop_the_first()) for _ in range(3)]
    await asyncio.sleep(0)
    find.go.set()
    assert await asyncio.gather(*asking) == [2] * 3


async def test_many_who_ask_at_once_search_once() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(10)
    find = Counted()
    asking = [asyncio.create_task(cache.get("a", find)) for _ in range(5)]
    await asyncio.sleep(0)
    find.go.set()
    assert await asyncio.gather(*asking) == [1] * 5


async def test_one_who_leaves_does_not_end_the_search_and_the_last_one_does() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(10)
    find = Counted()
    first, second = (asyncio.create_task(cache.get("a", find)) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert find.cancelled == 0
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    await asyncio.sleep(0)
    assert find.cancelled == 1
    find.go.set()
    assert await cache.get("a", find) == 2


async def test_the_last_one_leaves_when_what_it_broke_off_has_ended() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(10)
    begun, ends, has_ended = asyncio.Event(), asyncio.Event(), False

    async def find() -> int:
        nonlocal has_ended
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await ends.wait()  # as a connection that comes to rest
            has_ended = True
        return 1

    asking = asyncio.create_task(cache.get("a", find))
    await begun.wait()
    asking.cancel()
    done, _ = await asyncio.wait([asking], timeout=0.02)
    assert not done
    other = Counted()
    other.go.set()
    assert await cache.get("a", other) == 1, "nobody joins what is being broken off"
    ends.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert has_ended


async def test_failures_are_not_kept() -> None:
    cache: ExpiringCache[str, int] = ExpiringCache(10)

    async def fail() -> int:
        raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            await cache.get("a", fail)
    find = Counted()
    find.go.set()
    assert await cache.get("a", find) == 1


async def test_what_is_large_is_not_kept_and_all_together_stays_small() -> None:
    cache: ExpiringCache[str, tuple[str, list[str]]] = ExpiringCache(10)
    cache.put("small", ("", []))
    cache.put("large", ("x" * 10_000, ["y" * 10_001]))
    cache.put("small", ("x" * 30_000, []))
    cache.put("x" * 20_001, ("", []))
    assert (list(cache._entries), cache._size) == ([], 0)
    for number in range(1_000):
        cache.put(str(number), ("x" * 10_000, []))
        cache.put(str(number), ("x" * 9_000, []))
    assert cache._size <= 4_000_000
    assert len(cache._entries) == 4_000_000 // 9_503
    assert "999" in cache._entries
    for number in range(8_000):
        cache.put(f"-{number}", ("", []))
    for number in range(20):
        cache.put(str(number), ("x" * 19_000, []))
    assert cache._size <= 4_000_000
