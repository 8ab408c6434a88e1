"""Item search straight over pgstac's tables, with pgstac's own translation of filters and sort keys.

`pgstac.search` spends milliseconds on plpgsql and on hydrating Items that need none; these queries give the same
Items in the same order (the tests compare the two on random searches).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from eventstac.json_text import with_plain_floats
from stac_api import free_text, limits, orders
from stac_api.bases import Bases
from stac_api.cache import ExpiringCache
from stac_api.counts import Counts
from stac_api.database import Database, Row
from stac_api.errors import BadRequest
from stac_api.failures import Refused
from stac_api.instants import Instant
from stac_api.lookups import Lookups
from stac_api.orders import Key
from stac_api.rows import OWN, TOGETHER, AsOne, Rows, Wanted
from stac_api.searches import Search
from stac_api.settings import Settings
from stac_api.sorting import SortKey
from stac_api.statements import Statement
from stac_api.tokens import PageToken
from stac_api.tokens import parse as parse_token
from stac_api.turns import is_large
from stac_api.walks import Walks

_ENDS_OF_TIME = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_TRANSLATION_TTL_S = 30.0  # how soon a newly registered queryable counts


class Page(NamedTuple):
    """Rows in the order asked for, the tokens of the pages beside it, and how many there are in all."""

    rows: Sequence[Row]
    next: PageToken | None
    prev: PageToken | None
    matched: int | None


class ItemSearch:
    """Finds Items; those asked for by id through `planned_once`, where there is one."""

    def __init__(
        self, database: Database, bases: Bases, settings: Settings, planned_once: Database | None = None
    ) -> None:
        self._database = database
        self._rows = Rows(database, bases)
        self._lookups = Lookups(Rows(database, bases, planned_once))
        self._settings = settings
        self._translations: ExpiringCache[bytes, tuple[str, tuple[Key, ...]]] = ExpiringCache(
            _TRANSLATION_TTL_S
        )
        self._walks = Walks(database, bases, settings.walk_from_pages)
        self._counts = Counts(database, bases, settings)

    async def page(self, search: Search) -> Page:
        """One page of what the search finds. Raises BadRequest for what cannot be searched by."""
        try:
            return await self._page(search)
        except Refused as error:
            # of a later page either may be at fault: what the filter meets there, or the token
            suspects = filter(None, (search.suspect, "token" if search.token else None))
            if parameter := " or ".join(suspects):
                raise error.as_fault_of(parameter) from error
            raise

    async def _page(self, search: Search) -> Page:
        condition, keys = await self._translated(search)
        token = parse_token(search.token, search.question, len(keys)) if search.token else None
        asked = _asked(search, condition)
        rows = await self._found(search, asked, keys, token)
        more = len(rows) > search.limit
        rows = rows[: search.limit]
        back = token is not None and token.back
        if back:
            rows.reverse()
        matched = len(rows) + more  # what is there to see; an estimate may be less
        if token is not None or more:
            matched = max(await self._matched(search, asked), matched)
        if token is not None and not rows:  # what was there is deleted since: what is left lies the other way
            turned = token.turned()
            return Page(rows, turned if back else None, None if back else turned, matched)
        has_next, has_prev = (True, more) if back else (more, token is not None)
        return Page(
            rows,
            PageToken(False, tuple(rows[-1][OWN:]), search.question) if rows and has_next else None,
            PageToken(True, tuple(rows[0][OWN:]), search.question) if rows and has_prev else None,
            matched,
        )

    async def one(self, collection: str, item: str) -> Row | None:
        """One Item's row, with the time of its last update as text; None where there is none."""
        return await self._lookups.one(collection, item)

    async def _found(
        self, search: Search, asked: Statement, keys: tuple[Key, ...], token: PageToken | None
    ) -> list[Row]:
        """The page's rows and one more, where there is one; backwards when the token asks for the page before."""
        back = token is not None and token.back
        order = orders.order(keys, back=back)

        def page(wanted: Wanted) -> str:
            statement = wanted.statement
            if token is not None:
                order.after(token.values, statement, inclusive=token.inclusive)
            return f"""SELECT {wanted.shown}{order.shown} FROM (
                SELECT {wanted.columns}{order.columns} FROM items i WHERE {statement.where_clause}
                ORDER BY {order.by} LIMIT {statement.value(search.limit + 1)}::bigint
            ) i ORDER BY {order.by}"""

        # without a filter the planner walks by itself
        run = self._walks.rows(search.limit) if search.condition is not None or search.words else None
        most = TOGETHER if is_large(search) else search.limit + 1  # nobody should wait for it
        together = AsOne(order.names, most) if search.limit <= TOGETHER else None
        return [*await self._rows.read(page, run, together, asked)]

    async def _translated(self, search: Search) -> tuple[str, tuple[Key, ...]]:
        """The SQL of the filter and of the sort keys. pgstac makes it, once for the same question."""
        plain = search.condition is None and not search.words
        if plain and not search.sort:
            return "", orders.DEFAULT_KEYS
        sort = orders.complete(search.sort)
        if plain and all(key.field in orders.COLUMN_TYPES for key in sort):
            return "", orders.keys_of(sort, {})
        asked = {
            "filter": search.condition,
            "collections": search.collections,
            "q": search.words,
            "sort": [str(key) for key in sort],
        }
        question = orjson.dumps(asked)
        return await self._translations.get(question, lambda: self._translate(search, sort))

    async def _translate(self, search: Search, sort: Sequence[SortKey]) -> tuple[str, tuple[Key, ...]]:
        with limits.usual():  # the question has no geometry but the filter's: searches by any others share it
            return await self._translate_in_time(search, sort)

    async def _translate_in_time(
        self, search: Search, sort: Sequence[SortKey]
    ) -> tuple[str, tuple[Key, ...]]:
        asked: dict[str, object] = {}
        if search.condition is not None:
            asked |= {"filter": search.condition, "filter-lang": "cql2-json"}
        if search.collections is not None:
            asked["collections"] = search.collections  # whose queryables decide how a property is read
        fields = [key.field for key in sort if key.field not in orders.COLUMN_TYPES]
        row = await self._database.row_of_pgstac(
            f"""SELECT stac_search_to_where($1::text::jsonb) AS condition, {free_text.written("$4")} AS words,
              ARRAY(SELECT ARRAY[q.expression, q.wrapper]
                    FROM unnest($2::text[]) WITH ORDINALITY AS f(name, n),
                         LATERAL queryable(f.name, $3::text[]) q ORDER BY f.n) AS sort""",
            with_plain_floats(orjson.dumps(asked).decode()),  # as stored: arrays are compared as texts
            fields,
            search.collections,
            free_text.question(search.words),
        )
        if row is None or len(row["sort"]) != len(fields):
            raise BadRequest("sortby", "one of the fields cannot be sorted by")
        expressions = dict(zip(fields, row["sort"], strict=True))
        keys = orders.keys_of(sort, expressions)
        conditions = [row["condition"]] if search.condition is not None else []
        conditions += [row["words"]] if search.words else []
        return " AND ".join(conditions), keys

    async def _matched(self, search: Search, asked: Statement) -> int:
        # Of boxes and times the planner has statistics, of a client's filter it may have none.
        in_area = search.area is not None and search.condition is None and not search.words
        return await self._counts.matched(asked.where_clause, tuple(asked.args), in_area=in_area)


def _asked(search: Search, condition: str) -> Statement:
    """What the search asks for; `condition` is its filter as SQL."""
    statement = Statement()
    if search.ids is not None:
        statement.where(f"id = ANY({statement.value(search.ids)}::text[])")
    if search.collections is not None:
        statement.where(f"collection = ANY({statement.value(search.collections)}::text[])")
    if search.interval is not None:
        if search.interval.end is not None:
            statement.where(f"datetime <= {_moment(search.interval.end, statement)}")
        if search.interval.start is not None:
            statement.where(f"end_datetime >= {_moment(search.interval.start, statement)}")
    if search.area is not None:
        statement.where(f"ST_Intersects(geometry, ST_GeomFromGeoJSON({statement.value(search.area)}::text))")
    if condition:
        statement.where(f"({condition})")
    return statement


def _moment(moment: Instant, statement: Statement) -> str:
    """A time as a value. What Python has no year for goes as a text, and the first and last that it knows, too:
    asyncpg takes them for infinite.
    """
    if moment.cycles or moment.clock in _ENDS_OF_TIME:
        return f"{statement.value(str(moment))}::text::timestamptz"
    return f"{statement.value(moment.clock)}::timestamptz"
