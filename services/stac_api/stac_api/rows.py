"""Items' rows, read so that what pgstac keeps once for a whole collection is put back."""

from collections.abc import Callable
from dataclasses import dataclass

from stac_api.bases import Bases
from stac_api.database import Database, Row
from stac_api.statements import Statement


@dataclass(frozen=True)
class Wanted:
    """What a statement selects: first `columns` of the rows of `items i` that it finds, then `shown` of these, as `i`.

    In two steps, since printing an Item is most of what it costs: a row that is only sorted, to fall behind the limit
    after all, must not be printed. `statement` takes the values.
    """

    columns: str
    shown: str
    statement: Statement


class Rows:
    """Reads rows with `id`, `collection`, `geometry` and `content`, the last two as JSON in bytes."""

    def __init__(self, database: Database, bases: Bases) -> None:
        self._database = database
        self._bases = bases

    async def read(self, write: Callable[[Wanted], str]) -> list[Row]:
        """Run a statement; again, when it turns out that other collections' Items had to be completed."""
        bases = await self._bases.hydrated()
        rows = await self._run(write, bases)
        if await self._bases.changed(rows, bases):
            rows = await self._run(write, await self._bases.hydrated())
        return rows

    async def _run(self, write: Callable[[Wanted], str], bases: tuple[str, ...]) -> list[Row]:
        statement = Statement()
        columns, content = "i.id, i.collection, i.geometry, i.content", "i.content"
        if bases:  # only then: making a value of a whole row has its price too
            columns += ", i AS whole"
            lacking = statement.value(bases)
            content = (
                f"CASE WHEN i.collection = ANY({lacking}) THEN content_hydrate(i.whole) ELSE i.content END"
            )
        # Named once, and what does not belong is cut out of the text afterwards; `textsend` hands the text over as
        # bytes, undecoded.
        shown = (
            "i.id, i.collection, textsend(ST_AsGeoJSON(i.geometry, 20)) AS geometry, "
            f"textsend(({content})::text) AS content"
        )
        sql = write(Wanted(columns, shown, statement))
        return await self._database.rows(sql, *statement.args)
