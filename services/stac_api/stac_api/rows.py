"""Items' rows, read so that what pgstac keeps once for a whole collection is put back."""

from collections.abc import Callable

from stac_api.bases import Bases
from stac_api.database import Database, Row
from stac_api.statements import Statement

_CONTENT = "i.content::text"
# Items of these collections lack what pgstac keeps once for their collection, and are completed by pgstac itself.
_WHOLE_CONTENT = "(CASE WHEN i.collection = ANY({bases}) THEN content_hydrate(i) ELSE i.content END)::text"

# Makes a statement from what to select of `items i`, and the statement that holds that selection's values.
Shape = Callable[[str, Statement], str]


class Rows:
    """Reads rows with `id`, `collection`, `geometry` and `content`, the last two as JSON in bytes."""

    def __init__(self, database: Database, bases: Bases) -> None:
        self._database = database
        self._bases = bases

    async def read(self, shape: Shape) -> list[Row]:
        """Run a statement; again, when it turns out that other collections' Items had to be completed."""
        bases = await self._bases.hydrated()
        rows = await self._run(shape, bases)
        if await self._bases.changed(rows, bases):
            rows = await self._run(shape, await self._bases.hydrated())
        return rows

    async def _run(self, shape: Shape, bases: tuple[str, ...]) -> list[Row]:
        statement = Statement()
        # Where no collection needs it the statement does not speak of it: `content_hydrate(i)` makes the database put
        # together a composite value for each row that it looks at.
        content = _WHOLE_CONTENT.format(bases=statement.value(bases)) if bases else _CONTENT
        # Printing `content` is most of what an Item costs, so it is named once, and what does not belong is cut out
        # of the text afterwards; `textsend` hands the text over as bytes, undecoded.
        columns = (
            "i.id, i.collection, textsend(ST_AsGeoJSON(i.geometry, 20)) AS geometry, "
            f"textsend({content}) AS content"
        )
        sql = shape(columns, statement)
        return await self._database.rows(sql, *statement.args)
