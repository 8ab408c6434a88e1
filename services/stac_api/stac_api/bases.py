"""What pgstac keeps once for a whole collection and leaves out of its Items' rows."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from stac_api.database import Database

_FRESH_S = 60.0  # after which a collection that was made anew with other parts is noticed


@dataclass(frozen=True)
class _Base:
    stac_version: str
    complete: bool  # rows lack nothing but the version


class Bases:
    """Knows, for each collection, how its Items' rows become whole Items.

    An Item's row that names no base item of its own belongs to the collection's first one, which never changes: what
    was learnt stays true until the collection is deleted and made anew, and a new one is asked for when it is met.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, _Base] = {}
        self._fresh_until = 0.0
        self._hydrated: tuple[str, ...] = ()

    async def hydrated(self) -> tuple[str, ...]:
        """The collections whose Items' rows lack parts that only pgstac can put back."""
        if time.monotonic() > self._fresh_until:
            await self._load()
        return self._hydrated

    async def learnt(self, collections: Iterable[str]) -> bool:
        """Whether one of these was not known until now; all of them are afterwards."""
        if all(collection in self._known for collection in collections):
            return False
        await self._load()
        return True

    def stac_version(self, collection: str) -> str:
        """The `stac_version` that was left out of an Item's row."""
        return self._known[collection].stac_version

    async def _load(self) -> None:
        rows = await self._database.rows(
            """SELECT id, collection_base_item(id)->>'stac_version' AS stac_version,
              coalesce(jsonb_typeof(collection_base_item(id)->'assets'), 'null') = 'null' AS complete
            FROM collections"""
        )
        self._known = {row["id"]: _Base(row["stac_version"] or "1.1.0", row["complete"]) for row in rows}
        self._fresh_until = time.monotonic() + _FRESH_S
        self._hydrated = tuple(sorted(name for name, base in self._known.items() if not base.complete))
