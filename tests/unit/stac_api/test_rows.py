from typing import Any, cast

import pytest

from stac_api.bases import Bases
from stac_api.database import Database
from stac_api.rows import Rows, Wanted


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

    async def hydrated(self) -> tuple[str, ...]:
        return ()

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

    found: list[Any] = await rows.read(write)
    assert found == [expected]


async def test_a_collection_that_went_after_its_items_were_read_has_a_version() -> None:
    class Empty:
        async def rows(self, _: str, *__: object) -> list[Any]:
            return []

    bases = Bases(cast(Database, Empty()))
    row: Any = {"collection": "gone", "content": b"{}"}
    assert await bases.changed([row], ()) is False
    assert bases.stac_version("gone") == "1.1.0"
