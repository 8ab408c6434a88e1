"""Figures about one collection's Items."""

from starlette.requests import Request
from starlette.responses import Response

from stac_api import pages
from stac_api.answers import base, document, services
from stac_api.database import Row
from stac_api.errors import NotFound
from stac_api.links import JSON, collection_url, link

# Only columns of the row: reading each Item's content would take minutes of a large collection. A time that RFC 3339
# cannot say, of years that PostgreSQL knows, is left out.
_SQL = """
SELECT items,
  CASE WHEN first >= '0001-01-01Z' AND first < '10000-01-01Z' THEN first END AS first,
  CASE WHEN last >= '0001-01-01Z' AND last < '10000-01-01Z' THEN last END AS last
FROM (
  SELECT count(*) AS items, min(datetime) AS first, max(end_datetime) AS last FROM items WHERE collection = $1) found"""
# With the widest gap between longitudes that no part of a geometry (one across 180 degrees has two) covers: where it is
# wider than what lies outside of west and east, the box goes around the other way.
_BOX = """
WITH parts AS MATERIALIZED (
  SELECT ST_XMin(part.geom) AS west, ST_YMin(part.geom) AS south, ST_XMax(part.geom) AS east,
    ST_YMax(part.geom) AS north
  FROM items i, LATERAL ST_Dump(i.geometry) part WHERE i.collection = $1),
gaps AS (
  SELECT max(east) OVER (ORDER BY west ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS gap_west, west AS gap_east
  FROM parts)
SELECT box.*, gap.* FROM (
  SELECT min(west) AS west, min(south) AS south, max(east) AS east, max(north) AS north FROM parts) box
LEFT JOIN (SELECT * FROM gaps WHERE gap_east > gap_west ORDER BY gap_east - gap_west DESC LIMIT 1) gap ON true"""
_MONTHS = """
SELECT coalesce(to_char(
    datetime AT TIME ZONE 'UTC', CASE WHEN datetime < '0001-01-01Z' THEN 'YYYY-MM BC' ELSE 'YYYY-MM' END
  ), datetime::text) AS month, count(*) AS items
FROM items WHERE collection = $1 GROUP BY 1 ORDER BY 1"""


async def statistics(request: Request) -> Response:
    """How many Items a collection has, where and when they are."""
    app, name = services(request), request.path_params["collection_id"]
    if "\0" in name or await app.collections.one(name) is None:
        raise NotFound(f"There is no collection {name!r}.")
    row = await app.database.row(_SQL, name)
    months = await app.database.rows(_MONTHS, name)
    url = collection_url(base(request), name)
    figures = {"collection": name, "items": row["items"] if row else 0}
    if row and row["items"]:
        figures |= {
            "start": row["first"],
            "end": row["last"],
            "bbox": _bbox(await app.database.row(_BOX, name)),
            "items_by_month": {each["month"]: each["items"] for each in months},
        }
    figures["links"] = [link("self", f"{url}/statistics"), link("collection", url), link("parent", url)]
    return document(request, figures, JSON, pages.plain(f"Statistics of {name}"))


def _bbox(row: Row | None) -> list[float] | None:
    """Around all Items; west > east where that is narrower across 180 degrees (RFC 7946, 5.2)."""
    if row is None or row["west"] is None:  # empty geometries
        return None
    west, east = row["west"], row["east"]
    if row["gap_west"] is not None and row["gap_east"] - row["gap_west"] > 360 - (east - west):
        west, east = row["gap_east"], row["gap_west"]
    return [west, row["south"], east, row["north"]]
