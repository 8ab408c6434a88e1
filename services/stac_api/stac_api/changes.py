"""When the catalog's Items last changed, as the database's own statistics have it."""

import time
from typing import Protocol

from stac_api import limits
from stac_api.cache import ExpiringCache
from stac_api.database import TABLES_OF_ITEMS, Row

# What every statement that writes moves, once the session that ran it has told its statistics: within a second or, if
# it has just told some, ten (PostgreSQL 17, 27.2). TRUNCATE moves nothing but the file.
_MARKS = f"""SELECT count(*), sum(relfilenode::bigint), sum(pg_stat_get_tuples_inserted(oid)
    + pg_stat_get_tuples_updated(oid) + pg_stat_get_tuples_deleted(oid)) FROM {TABLES_OF_ITEMS}"""


class Rows(Protocol):
    """The database, as far as it is needed."""

    async def rows(self, sql: str, *args: object) -> list[Row]:
        """Run a query."""
        ...


class Changes:
    """Tells since when Items are seen to be as they are; it looks every `look_s` seconds at most.

    A change shows up to eleven seconds late, and never on a replica, which keeps no such statistics: what is kept for
    as long as nothing changes needs an end of its own.
    """

    def __init__(self, database: Rows, look_s: float) -> None:
        self._database = database
        self._looks: ExpiringCache[tuple[()], tuple[object, ...]] = ExpiringCache(look_s)
        self._seen: tuple[object, ...] | None = None
        self._since = 0.0

    async def last(self) -> float:
        """The time of `time.monotonic` at which a change was last seen, or the first look was taken."""
        marks = await self._looks.get((), self._look)
        if marks != self._seen:
            self._seen, self._since = marks, time.monotonic()
        return self._since

    async def _look(self) -> tuple[object, ...]:
        with limits.usual():
            (row,) = await self._database.rows(_MARKS)
        return row[0], row[1], row[2]
