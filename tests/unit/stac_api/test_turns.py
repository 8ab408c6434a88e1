import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from stac_api import limits, turns
from stac_api.changes import Changes
from stac_api.errors import TooSlow, Unavailable
from stac_api.geometries import Box
from stac_api.latest import Latest
from stac_api.searches import Search
from stac_api.turns import Turns, is_large

LINE = {"type": "LineString", "coordinates": [[float(n % 180), 1.5] for n in range(300)]}
LARGE, SMALL = Search(10, geometry=LINE), Search(10)


LONG_LIST = {"op": "in", "args": [{"property": "id"}, ["coordinates"] * 1_000]}


def touching(geometry: Any) -> Any:
    return {"op": "s_touches", "args": [{"property": "geometry"}, geometry]}


AT_A_POINT, BY_LINE = touching({"type": "Point", "coordinates": [1.0, 2.0]}), touching(LINE)


def of_geometry(geometry: Any) -> Search:
    return Search(10, condition=touching(geometry))


@pytest.mark.parametrize(
    ("search", "large"),
    [
        (SMALL, False),
        (LARGE, True),
        (Search(10, geometry=LINE | {"coordinates": LINE["coordinates"][:50]}), False),
        (Search(10, box=Box(1, 2, 3, 4)), False),
        (of_geometry(LINE), True),
        (of_geometry({"type": "Point", "coordinates": [1.0, 2.0]}), False),
        (of_geometry({"type": "GeometryCollection", "coordinates": [], "geometries": [LINE]}), True),
        (Search(10, condition={"op": "not", "args": [{"op": "or", "args": [AT_A_POINT, BY_LINE]}]}), True),
        (Search(10, condition=LONG_LIST), False),
        (Search(10, condition={"op": "and", "args": [AT_A_POINT, LONG_LIST]}), False),
    ],
)
def test_large_is_a_search_by_many_positions(search: Search, large: bool) -> None:
    assert is_large(search) is large


class Busy:
    """A database that answers when it is told to."""

    def __init__(self) -> None:
        self.go, self.under_way, self.most = asyncio.Event(), 0, 0

    async def find(self, _search: Search) -> str:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.go.wait()
        finally:
            self.under_way -= 1
        return "found"


@pytest.mark.parametrize(("connections", "at_once"), [(1, 1), (4, 1), (10, 2), (40, 10)])
async def test_large_ones_go_a_quarter_of_the_connections_at_once(connections: int, at_once: int) -> None:
    room, busy = Turns(connections, 30.0), Busy()
    large = [asyncio.create_task(room.take(LARGE, busy.find)) for _ in range(12)]
    await asyncio.sleep(0)
    assert busy.under_way == at_once
    small = asyncio.create_task(room.take(SMALL, busy.find))
    await asyncio.sleep(0)
    assert busy.under_way == at_once + 1
    busy.go.set()
    assert await asyncio.gather(small, *large) == ["found"] * 13


async def test_a_large_one_that_takes_long_is_told_what_takes_less_and_makes_room() -> None:
    async def find(_search: Search) -> str:
        raise TooSlow("as of any query")

    room = Turns(4, 30.0)
    for _ in range(2):
        with pytest.raises(TooSlow, match=r"5 s at most: simplify .* s_intersects"):
            await room.take(LARGE, find)
    with pytest.raises(TooSlow, match="as of any query"):
        await room.take(SMALL, find)


async def test_a_shorter_time_out_of_all_statements_is_what_is_told() -> None:
    async def find(_search: Search) -> str:
        raise TooSlow("as of any query")

    with pytest.raises(TooSlow, match=r"may take 1\.5 s at most"):
        await Turns(4, 1.5).take(LARGE, find)


async def test_what_a_large_one_finds_for_all_has_the_time_of_all() -> None:
    seen: list[Mapping[str, str]] = []

    class Asked:
        async def rows(self, _sql: str, *_args: object) -> list[Any]:
            seen.append(limits.of_statements(30.0))
            return [(1, 2, 3)]

    asked = Asked()

    async def find(_search: Search) -> str:
        await Latest(lambda: asked.rows("")).get()
        await Changes(asked, 1.0).last()
        await asked.rows("")
        return "found"

    await Turns(4, 30.0).take(LARGE, find)
    assert [bool(each) for each in seen] == [False, False, True]


async def test_who_waits_too_long_for_a_turn_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.05)
    room, busy = Turns(4, 30.0), Busy()
    first = asyncio.create_task(room.take(LARGE, busy.find))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="try again shortly"):
        await room.take(LARGE, busy.find)
    assert [record.message for record in caplog.records] == ["large_geometries_busy"]
    busy.go.set()
    assert await first == "found"


@pytest.mark.parametrize("fails", [ValueError, asyncio.CancelledError])
async def test_what_ends_badly_makes_room_too(fails: type[BaseException]) -> None:
    async def find(_search: Search) -> str:
        raise fails

    room = Turns(4, 30.0)
    finds: list[Callable[[Search], Awaitable[str]]] = [find, find]
    for each in finds:
        with pytest.raises(fails):
            await room.take(LARGE, each)
