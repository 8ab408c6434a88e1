from typing import Any, cast

import pytest

from stac_api.bases import Bases
from stac_api.database import Database
from stac_api.rows import AsOne, Rows, Wanted


class Asked:
    """A database that answers with its name."""

    def __init__(self, name: str, *, is_ready: bool = True) -> None:
        self.name, self.is_ready = name, is_ready

    async def rows(self, _: str, *__: object) -> list[Any]:
        return [self.name]


class Known:
    """Rows lack nothing, and lie in so many tables."""

    def __init__(self, tables: int) -> None:
        self.tables = tables

    async def edited(self) -> str:
        return ""

    async def changed(self, *_: object) -> bool:
        return False


@pytest.mark.parametrize(
    ("planned", "tables", "expected"),
    [
        (Asked("planned once"), 100, "planned once"),
        (Asked("planned once"), 101, "planned anew"),  # all of them would be locked
        (Asked("planned once", is_ready=False), 2, "planned anew"),  # nobody waits while another is free
        (None, 2, "planned anew"),
    ],
)
async def test_a_plan_that_is_kept_is_used_where_it_is_quick(
    planned: Asked | None, tables: int, expected: str
) -> None:
    rows = Rows(
        cast(Database, Asked("planned anew")), cast(Bases, Known(tables)), cast("Database | None", planned)
    )

    def write(wanted: Wanted) -> str:
        return f"SELECT {wanted.columns}"

    found: Any = await rows.read(write)
    assert found == [expected]


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        ((["a", "b"], ["c", "c"], [b"1", b"2"], [b"3", b"4"], ["x", None]), 2),
        ((["a"], ["c"], [b"1"], [b"3"], ["x"]), 1),
        ((None,) * 5, 0),
    ],
)
async def test_rows_that_come_as_one_are_taken_apart(answered: tuple[Any, ...], expected: int) -> None:
    class Together(Asked):
        async def row_of_many(self, most: int, sql: str, *_: object) -> Any:
            assert most == 5
            assert sql.startswith("SELECT array_agg(id), ")
            assert "array_agg(key0) FROM (SELECT " in sql
            return answered

    rows = Rows(cast(Database, Together("one row")), cast(Bases, Known(2)))
    found = await rows.read(lambda wanted: f"SELECT {wanted.shown}", together=AsOne(("key0",), 20))
    assert len(found) == expected
    for n, row in enumerate(found):
        assert tuple(row) == tuple(column[n] for column in answered)


async def test_a_collection_that_went_after_its_items_were_read_has_a_version() -> None:
    class Empty:
        async def rows(self, _: str, *__: object) -> list[Any]:
            return []

    bases = Bases(cast(Database, Empty()))
    row: Any = ("a", "gone", b"{}", b"{}")
    assert await bases.changed([row], "") is False
    assert bases.stac_version("gone") == "1.1.0"
