"""Items' rows, read so that what pgstac keeps once for a whole collection is put back.

A row begins with id, collection, geometry and content, the last two as JSON in bytes; a statement's own columns follow.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from stac_api.bases import Bases
from stac_api.database import Database, Row
from stac_api.statements import Statement

# Each costs a microsecond or two, planning for one's own collection 0.2 ms whatever their number.
_MOST_TABLES = 100

COLUMNS = ("id", "collection", "geometry", "content")
OWN = len(COLUMNS)  # the place of a statement's first column of its own

_COLUMNS = "i.id, i.collection, i.geometry, i.content"


def _shown(content: str) -> str:
    # Named once, and what does not belong is cut out of the text afterwards; `textsend` hands the text over as bytes,
    # undecoded.
    return (
        "i.id, i.collection, textsend(ST_AsGeoJSON(i.geometry, 20)) AS geometry, "
        f"textsend(({content})::text) AS content"
    )


_SHOWN = _shown("i.content")
# A row that lacks its version only stays as it was stored: `content_hydrate` takes 4 ms and drops what is null.
_COMPLETED = """CASE WHEN {edited} ? i.collection THEN
    CASE WHEN ({edited} -> i.collection) ? coalesce(i.content->>'pgstac:base_item', '')
      THEN i.content - 'pgstac:base_item' ELSE content_hydrate(i.whole) END
    ELSE i.content END"""


@lru_cache(maxsize=16)  # as many as there are numbers of keys to sort by
def _lists(own: tuple[str, ...]) -> str:
    return ", ".join(f"array_agg({name})" for name in (*COLUMNS, *own))


Run = Callable[..., Awaitable[list[Row]]]  # of a statement and its values

TOGETHER = 100  # rows that the database may hold as one, which takes their size several times


class AsOne(NamedTuple):
    """Rows that are few enough to come as one: the statement's own columns, and how many rows there may be."""

    own: tuple[str, ...]
    rows: int


class Wanted(NamedTuple):
    """What a statement selects: first `columns` of the rows of `items i` that it finds, then `shown` of these, as `i`.

    In two steps, since printing an Item is most of what it costs: a row that is only sorted, to fall behind the limit
    after all, must not be printed. `statement` takes the values.
    """

    columns: str
    shown: str
    statement: Statement


class Rows:
    """Reads Items' rows.

    `planned_once` is asked, where there is one and it is ready, as long as tables are few: a plan for any collection
    locks them all.
    """

    def __init__(self, database: Database, bases: Bases, planned_once: Database | None = None) -> None:
        self._database = database
        self._bases = bases
        self._planned_once = planned_once

    async def read(
        self,
        write: Callable[[Wanted], str],
        run: Run | None = None,
        together: AsOne | None = None,
        begun: Statement | None = None,
    ) -> Sequence[Row]:
        """Run a statement; again, when it turns out that other collections' Items had to be completed.

        `run` sends it, where that is not to be left to the database as it is. `together` is for
        few rows: to have them as one wakes the process once, not for every 8 kB. `begun` is what
        the statement asks for already.
        """
        edited = await self._bases.edited()
        rows = await self._run(write, edited, run, together, begun)
        if await self._bases.changed(rows, edited):
            rows = await self._run(write, await self._bases.edited(), run, together, begun)
        return rows

    async def _run(
        self,
        write: Callable[[Wanted], str],
        edited: str,
        run: Run | None,
        together: AsOne | None,
        begun: Statement | None,
    ) -> Sequence[Row]:
        statement = Statement(begun)
        wanted = Wanted(_COLUMNS, _SHOWN, statement)
        if edited:  # only then: making a value of a whole row has its price too
            content = _COMPLETED.format(edited=f"{statement.value(edited)}::jsonb")
            wanted = Wanted(f"{_COLUMNS}, i AS whole", _shown(content), statement)
        sql = write(wanted)
        database, planned_once = self._database, self._planned_once
        if planned_once and planned_once.is_ready and self._bases.tables <= _MOST_TABLES:
            database = planned_once
        if together is None:
            return await (run or database.rows)(sql, *statement.args)
        sql = f"SELECT {_lists(together.own)} FROM ({sql}) page"
        row: Row
        if run is None:
            row = await database.row_of_many(TOGETHER // together.rows, sql, *statement.args)
        else:
            (row,) = await run(sql, *statement.args)
        return [] if row[0] is None else [*zip(*row, strict=True)]
