"""How many Items a search matches: counted while that is cheap, as the planner expects beyond."""

import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import orjson

from stac_api.bases import Bases
from stac_api.cache import ExpiringCache
from stac_api.changes import Changes
from stac_api.database import Database
from stac_api.settings import Settings
from stac_api.walks import LARGE

_WORTH = 400.0  # seconds that a count stands for each second that counting took: a 400th of a processor
# How often the database is asked for changes: a hundredth of a millisecond for each table of Items.
_LOOK_S = 1.0
_MOST_S = 60.0  # that a count stands because it took long, or because nothing was seen to change

# How many matches stand without counting, None where they are to be counted.
Expected = Callable[[str, tuple[object, ...]], Awaitable[int | None]]


@dataclass(frozen=True, eq=False)
class _Counted:
    """A number, when counting began, and until when it stands whatever changes, by `time.monotonic`."""

    number: int
    began: float
    stands_until: float


class Counts:
    """Counts, and keeps what it counted for a while: for longer as long as the catalog does not change."""

    def __init__(self, database: Database, bases: Bases, settings: Settings) -> None:
        self._database, self._bases, self._settings = database, bases, settings
        self._changes = Changes(database, min(settings.count_ttl_s, _LOOK_S))
        self._kept: ExpiringCache[tuple[str, tuple[object, ...]], _Counted] = ExpiringCache(
            max(_MOST_S, settings.count_ttl_s)
        )

    async def matched(self, where: str, args: tuple[object, ...], *, in_area: bool) -> int:
        """The number of Items for which this is true; `in_area` where it asks for places and times only."""
        key = (where, args)

        def count() -> Coroutine[Any, Any, _Counted]:
            expected = self._expected_in_area if in_area else self._expected_if_dear
            return self._counted(where, args, expected)

        counted = await self._kept.get(key, count)
        if time.monotonic() > counted.stands_until and await self._has_ended(counted):
            self._kept.drop(key, counted)
            counted = await self._kept.get(key, count)
        return counted.number

    async def _has_ended(self, counted: _Counted) -> bool:
        """Whether something changed since. With Redis the time is enough: its answers outlive a number's last look."""
        return self._settings.redis_url is not None or await self._changes.last() > counted.began

    async def _counted(self, where: str, args: tuple[object, ...], expected: Expected) -> _Counted:
        await self._changes.last()  # so that what changes from now on is seen
        began = time.monotonic()
        number = await self._count(where, args, expected)
        ended = time.monotonic()
        lives_s = max(self._settings.count_ttl_s, min((ended - began) * _WORTH, _MOST_S))
        return _Counted(number, began, ended + lives_s)

    async def _count(self, where: str, args: tuple[object, ...], expected: Expected) -> int:
        """Exact up to the settings' limits; beyond them what the planner expects, which costs no reading.

        To count what lies in an area every row has to be read: of a million Items that takes many times as long as
        the page itself.
        """
        if (number := await expected(where, args)) is not None:
            return number
        limit = self._settings.count_limit
        sql = f"SELECT count(*) AS n FROM (SELECT FROM items i WHERE {where} LIMIT {limit + 1:d}) AS found"
        row = await self._database.row(sql, *args)
        counted: int = row["n"] if row else 0
        return counted if counted <= limit else max(counted, (await self._plan(where, args))["Plan Rows"])

    async def _expected_in_area(self, where: str, args: tuple[object, ...]) -> int | None:
        number: int = (await self._plan(where, args))["Plan Rows"]
        return number if number > self._settings.area_count_limit else None

    async def _expected_if_dear(self, where: str, args: tuple[object, ...]) -> int | None:
        """Where a large catalog would have to be read for long; pgstac's context `auto` does the same, only later."""
        if self._bases.items < LARGE:
            return None
        limited = await self._plan(where, args, f" LIMIT {self._settings.count_limit + 1:d}")
        if limited["Total Cost"] <= self._settings.count_cost_limit:
            return None
        number: int = limited["Plans"][0]["Plan Rows"]
        return number

    async def _plan(self, where: str, args: tuple[object, ...], more: str = "") -> dict[str, Any]:
        row = await self._database.row(
            f"EXPLAIN (FORMAT JSON) SELECT FROM items i WHERE {where}{more}", *args
        )
        plan: dict[str, Any] = orjson.loads(row[0])[0]["Plan"] if row else {"Plan Rows": 0, "Total Cost": 0}
        return plan
