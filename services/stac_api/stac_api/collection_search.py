"""Collections: one, all, or those that a search finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from eventstac.json_text import with_plain_floats
from stac_api import free_text
from stac_api.database import Database, Row
from stac_api.errors import BadRequest
from stac_api.failures import Refused
from stac_api.geometries import Box, box_from_json
from stac_api.latest import Latest
from stac_api.searches import Search, number_of
from stac_api.sorting import SortKey

# `item_assets` is kept beside the content, where Items' reads do not pay for it, and belongs to the Collection.
_COLUMNS = """id, textsend((
    CASE WHEN jsonb_typeof(private->'item_assets') = 'object'
      THEN jsonb_build_object('item_assets', private->'item_assets') ELSE '{}' END
    || (content - '{links,type}'::text[]))::text) AS content,
  CASE WHEN content->'links' <> '[]' THEN content->>'links' END AS links"""
# pgstac's geometry of an extent across the antimeridian is that of its complement.
_WITH_SHAPES = """(
    SELECT c.id, shape.geometry, c.collection, c.datetime, c.end_datetime, c.content, c.collectionjson
    FROM collections_asitems c LEFT JOIN (
      SELECT id, ST_UnaryUnion(ST_GeomFromGeoJSON(geojson)) AS geometry
      FROM unnest($1::text[], $2::text[]) AS s(id, geojson)
    ) shape ON shape.id = c.id
  ) collections_asitems"""
_BY_ID = (SortKey("id"),)


@dataclass(frozen=True)
class CollectionPage:
    """Rows in the order asked for, how many there are in all, and where in them this page begins and ends."""

    rows: Sequence[Row]
    matched: int
    begin: int
    end: int


class CollectionSearch:
    """Finds collections."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._all = Latest(self._read_all)

    async def one(self, collection: str) -> Row | None:
        """One collection's row, None where there is none."""
        return await self._database.row(f"SELECT {_COLUMNS} FROM collections WHERE id = $1", collection)

    async def names(self) -> list[tuple[str, str | None]]:
        """Every collection's id and title, by id: the landing page links to each."""
        rows = await self._database.rows("SELECT id, content->>'title' AS title FROM collections ORDER BY id")
        return [(row["id"], row["title"]) for row in rows]

    async def page(self, search: Search) -> CollectionPage:
        """One page of what the search finds; without any condition, of all collections, by id."""
        place = _place(search.token)
        if not _is_narrowed(search):
            rows = await self._all.get()
            begin, end = place.within(len(rows), search.limit)
            return CollectionPage(rows[begin:end], len(rows), begin, end)
        try:
            found = await self._found(search)
        except Refused as error:
            raise error.as_fault_of(search.suspect or "search") from error
        begin, end = place.within(len(found), search.limit)
        rows = await self._database.rows(
            f"SELECT {_COLUMNS} FROM collections WHERE id = ANY($1::text[]) ORDER BY array_position($1::text[], id)",
            found[begin:end],
        )
        return CollectionPage(rows, len(found), begin, end)

    async def _read_all(self) -> Sequence[Row]:
        return await self._database.rows(f"SELECT {_COLUMNS} FROM collections ORDER BY id")

    async def _shapes(self) -> list[list[str]]:
        """The ids of all collections that have an extent, and the shape of each as GeoJSON."""
        rows = await self._database.rows(
            "SELECT id, content->'extent'->'spatial'->>'bbox' AS boxes FROM collections"
        )
        shapes = {row["id"]: parts for row in rows if (parts := _parts(row["boxes"]))}
        return [list(shapes), [orjson.dumps(_shape(parts)).decode() for parts in shapes.values()]]

    async def _found(self, search: Search) -> list[str]:
        """The ids in order. pgstac filters and sorts; boxes are compared here, since those that cross the
        antimeridian have no envelope in its table.
        """
        # floats as they are stored: in arrays they are compared as texts
        asked = with_plain_floats(orjson.dumps(_asked(search)).decode())
        row = await self._database.row_of_pgstac(
            f"SELECT stac_search_to_where($1::text::jsonb) AS condition, {free_text.written('$2')} AS words, "
            "sort_sqlorderby($1::text::jsonb, FALSE, '{id}') AS ordered",
            asked,
            free_text.question(search.words),
        )
        if row is None:
            raise BadRequest("search", "it cannot be run")
        source, shapes = "collections_asitems", list[list[str]]()
        if _is_spatial(search.condition):
            source, shapes = _WITH_SHAPES, await self._shapes()
        rows = await self._database.rows(
            f"SELECT id, collectionjson->'extent'->'spatial'->>'bbox' AS boxes FROM {source} "
            f"WHERE {row['condition']} AND {row['words'] if search.words else 'TRUE'} ORDER BY {row['ordered']}",
            *shapes,
        )
        return [row["id"] for row in rows if search.box is None or _overlaps(row["boxes"], search.box)]


def _is_narrowed(search: Search) -> bool:
    return any((search.box, search.interval, search.condition, search.words, search.sort))


def _asked(search: Search) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "sortby": [
            {"field": key.field, "direction": "desc" if key.descending else "asc"}
            for key in search.sort or _BY_ID
        ]
    }
    if search.interval:
        asked["datetime"] = str(search.interval)
    if search.condition:
        asked |= {"filter": search.condition, "filter-lang": "cql2-json"}
    return asked


def _overlaps(boxes: str | None, wanted: Box) -> bool:
    """Whether any part of the extent does. The first box is the whole; the others, where there are some, its parts."""
    return any(part.overlaps(wanted) for part in _parts(boxes))


def _parts(boxes: str | None) -> list[Box]:
    """The boxes of an extent as it was stored, but for those that are none: others' Collections may hold anything."""
    try:
        listed = orjson.loads(boxes) if boxes else []
        return [box_from_json(part) for part in listed[1:] or listed]
    except (BadRequest, TypeError):
        return []


def _shape(parts: Sequence[Box]) -> dict[str, Any]:
    """Boxes as one geometry; they may overlap."""
    return {"type": "GeometryCollection", "geometries": [part.geojson() for part in parts]}


def _is_spatial(condition: object) -> bool:
    if isinstance(condition, list):
        return any(_is_spatial(member) for member in condition)
    if not isinstance(condition, dict):
        return False
    return str(condition.get("op")).startswith("s_") or _is_spatial(condition.get("args"))


def token_from_offset(text: str) -> str:
    """The token of the page that begins after so many collections: how other APIs on pgstac page."""
    if not text.isascii() or not text.isdigit():
        raise BadRequest("offset", f"{text!r} is no whole number from zero on")
    return f"next:{number_of(text)}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


@dataclass(frozen=True)
class _Place:
    """Where a page is: it begins after so many collections or, with `back`, ends there. They are few."""

    number: int
    back: bool = False

    def within(self, count: int, limit: int) -> tuple[int, int]:
        """Begin and end among so many; neither a page before nor one after shows what this one does."""
        number = min(self.number, count)
        return (max(number - limit, 0), number) if self.back else (number, min(number + limit, count))


def _place(token: str | None) -> _Place:
    if token is None:
        return _Place(0)
    direction, _, number = token.partition(":")
    if direction not in ("next", "prev") or not _is_number(number):
        raise BadRequest("token", "not a token of this API")
    return _Place(int(number), direction == "prev")
