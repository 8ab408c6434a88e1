from collections.abc import Mapping
from typing import Any, cast

import orjson
import pytest

from stac_api.bases import Bases
from stac_api.database import Database
from stac_api.walks import Walks

Json = dict[str, Any]
COMBINED: Json = {
    "Node Type": "Sort",
    "Plan Rows": 1_000,
    "Plans": [{"Node Type": "Bitmap Heap Scan", "Plan Rows": 1_000, "Plans": [{"Node Type": "BitmapAnd"}]}],
}
ONE_INDEX: Json = {"Node Type": "Sort", "Plan Rows": 1_000, "Plans": [{"Node Type": "Index Scan"}]}
IN_ORDER: Json = {"Node Type": "Incremental Sort", "Plan Rows": 1_000, "Plans": [{"Node Type": "Index Scan"}]}


class Planned:
    """A database of which only the plans are known: the usual one, and the one without combined indexes."""

    def __init__(self, usual: Json, without: Json, *, in_time: bool = True) -> None:
        self.usual, self.without, self.in_time = usual, without, in_time
        self.asked: list[str] = []

    async def rows(self, sql: str, *_: object) -> list[Any]:
        self.asked.append(sql)
        return _explained(self.usual) if sql.startswith("EXPLAIN") else ["usual"]

    async def rows_within(
        self, _: float, settings: Mapping[str, str], sql: str, *__: object
    ) -> list[Any] | None:
        self.asked.append(f"walk: {sql}")
        assert settings == {"enable_bitmapscan": "off"}
        if sql.startswith("EXPLAIN"):
            return _explained(self.without)
        return ["walked"] if self.in_time else None


class Large:
    items = 1_000_000


class Small:
    items = 1_000


def _explained(plan: Json) -> list[Any]:
    return [[orjson.dumps([{"Plan": {"Node Type": "Limit", "Plan Rows": 10, "Plans": [plan]}}])]]


async def found(database: Planned, limit: int = 10, bases: object = Large) -> list[Any]:
    run = Walks(cast(Database, database), cast(Bases, bases), 30).rows(limit)
    assert await run("SELECT", 1) == await run("SELECT", 1)
    return cast(list[Any], await run("SELECT", 1))


async def test_a_filter_that_matches_many_pages_is_walked_and_the_planner_asked_once() -> None:
    database = Planned(COMBINED, IN_ORDER)
    assert await found(database) == ["walked"]
    assert [sql for sql in database.asked if "EXPLAIN" in sql] == [
        "EXPLAIN (FORMAT JSON) SELECT",
        "walk: EXPLAIN (FORMAT JSON) SELECT",
    ]


async def test_a_walk_that_takes_too_long_is_given_up_for_the_usual_plan_and_not_tried_again() -> None:
    database = Planned(COMBINED, IN_ORDER, in_time=False)
    assert await found(database) == ["usual"]
    assert database.asked.count("walk: SELECT") == 1


@pytest.mark.parametrize(
    ("usual", "without", "limit"),
    [
        (COMBINED, IN_ORDER, 100),  # ten pages are expected: half of the rows would be walked
        (ONE_INDEX, IN_ORDER, 10),  # nothing is combined
        (COMBINED, ONE_INDEX, 10),  # no index has the order asked for
        (COMBINED, {"Node Type": "Seq Scan"}, 10),
    ],
)
async def test_what_is_not_worth_a_walk_is_left_to_the_planner(
    usual: Json, without: Json, limit: int
) -> None:
    assert await found(Planned(usual, without), limit) == ["usual"]


async def test_of_a_small_catalog_the_planner_is_not_asked() -> None:
    database = Planned(COMBINED, IN_ORDER)
    assert await found(database, bases=Small) == ["usual"]
    assert set(database.asked) == {"SELECT"}
