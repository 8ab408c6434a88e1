"""Figures about one collection's Items."""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from stac_api import pages
from stac_api.answers import base, document, services
from stac_api.errors import NotFound
from stac_api.links import JSON, collection_url, link

# Only columns of the row: reading each Item's content would take minutes of a large collection.
_SQL = """
SELECT count(*) AS items, min(datetime) AS first, max(end_datetime) AS last,
  array_to_json(ARRAY[ST_XMin(ST_Extent(geometry)), ST_YMin(ST_Extent(geometry)),
    ST_XMax(ST_Extent(geometry)), ST_YMax(ST_Extent(geometry))])::text AS bbox
FROM items WHERE collection = $1"""
_MONTHS = """
SELECT to_char(datetime AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*) AS items
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
            "bbox": orjson.loads(row["bbox"]),
            "items_by_month": {each["month"]: each["items"] for each in months},
        }
    figures["links"] = [link("self", f"{url}/statistics"), link("collection", url), link("parent", url)]
    return document(request, figures, JSON, pages.plain(f"Statistics of {name}"))
