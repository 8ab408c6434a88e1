"""Filters that match much are answered by walking the order asked for, until the page is full.

Where several conditions each have an index, the planner likes to combine them: it collects hundreds of thousands of
rows' places to find a thousand, sorts these, and keeps ten. To read rows in the order asked for and drop what does not
match is several times faster there, but the planner takes the dropping for dearer than it is.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from stac_api.bases import Bases
from stac_api.cache import ExpiringCache
from stac_api.database import Database, Row
from stac_api.rows import Run

_FRESH_S = 10.0  # a decision stands as long as the count of the same search
# A walk that is worth it takes 20 ms alone, half a second where sixteen share two busy processors. One that was not
# costs this much, once, and the usual plan follows.
_LIMIT_S = 2.0
LARGE = 100_000  # Items; in a smaller catalog either takes a few milliseconds
_WITHOUT_COMBINING: Mapping[str, str] = {"enable_bitmapscan": "off"}


class Walks:
    """Runs statements that find a page in order; `from_pages` is how many pages must be expected for a walk."""

    def __init__(self, database: Database, bases: Bases, from_pages: int) -> None:
        self._database = database
        self._bases = bases
        self._from_pages = from_pages
        self._decisions: ExpiringCache[tuple[str, tuple[object, ...]], bool] = ExpiringCache(_FRESH_S)

    def rows(self, limit: int) -> Run:
        """What runs a statement for a page of that many rows."""

        async def run(sql: str, *args: object) -> list[Row]:
            large = self._bases.items >= LARGE
            if large and await self._decisions.get((sql, args), lambda: self._is_worth_it(sql, args, limit)):
                rows = await self._database.rows_within(_LIMIT_S, _WITHOUT_COMBINING, sql, *args)
                if rows is not None:
                    return rows
                self._decisions.put((sql, args), value=False)  # the estimate was wrong
            return await self._database.rows(sql, *args)

        return run

    async def _is_worth_it(self, sql: str, args: tuple[object, ...], limit: int) -> bool:
        explain = f"EXPLAIN (FORMAT JSON) {sql}"
        usual = _plan(await self._database.rows(explain, *args))
        combined = [node for node in _nodes(usual) if node["Node Type"] == "Sort" and _is_combined(node)]
        if sum(node["Plan Rows"] for node in combined) < self._from_pages * limit or not combined:
            return False
        other = await self._database.rows_within(_LIMIT_S, _WITHOUT_COMBINING, explain, *args)
        return other is not None and all(
            node["Node Type"] not in _ALL_AT_ONCE for node in _nodes(_plan(other))
        )


_ALL_AT_ONCE = (
    "Sort",
    "Seq Scan",
    "Bitmap Heap Scan",
)  # what must have read everything before the first row is known


def _plan(rows: list[Row]) -> Mapping[str, Any]:
    plan: Mapping[str, Any] = orjson.loads(rows[0][0])[0]["Plan"]
    return plan


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)


def _is_combined(plan: Mapping[str, Any]) -> bool:
    return any(node["Node Type"] == "BitmapAnd" for node in _nodes(plan))
