"""Catalogs of any size: Items of about 5 kB with ten assets, in two collections."""

import json
import random
import time
from typing import Any

import psycopg
from psycopg import sql

from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api.conftest import load

COLLECTIONS = ("alpha", "beta")
_CLOUD = {"type": "number", "title": "Cloud cover"}


def item(number: int, chance: random.Random) -> dict[str, Any]:
    """An Item of about 5 kB with ten assets."""
    west, south = chance.uniform(-180, 179), chance.uniform(-85, 84)
    box = [west, south, west + 1, south + 1]
    ring = [[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]], [box[0], box[1]]]
    seconds = chance.randrange(3 * 365 * 86_400)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_600_000_000 + seconds))
    bands = [
        {"name": f"b{n}", "data_type": "uint16", "nodata": 0, "unit": "1", "raster:scale": 0.0001}
        for n in range(2)
    ]
    assets = {
        f"band{n:02}": {
            "href": f"https://account.blob.core.windows.net/source/scenes/{number:08}/band{n:02}.tif",
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "title": f"Band {n} of the scene, surface reflectance",
            "roles": ["data", "reflectance"],
            "bands": bands,
            "file:size": 100_000 + number,
            "proj:shape": [10980, 10980],
        }
        for n in range(10)
    }
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"],
        "id": f"scene-{number:08}",
        "collection": COLLECTIONS[number % 2],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": box,
        "properties": {
            "datetime": moment,
            "created": moment,
            "updated": moment,
            "eo:cloud_cover": round(chance.uniform(0, 100), 2),
            "platform": chance.choice(["one", "two"]),
            "proj:code": "EPSG:32633",
            "gsd": 10,
        },
        "assets": assets,
        "links": [],
    }


def fill(database: CatalogDatabase, count: int) -> None:
    """Two collections and that many Items, with statistics as after a while of work."""
    chance = random.Random(1)
    whole = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    made = [
        {"type": "Collection", "stac_version": "1.1.0", "id": name, "description": name, "license": "other",
         "extent": whole, "links": []}
        for name in COLLECTIONS
    ]  # fmt: skip
    dsn = database.settings.conninfo
    for start in range(0, count, 20_000):
        load(dsn, made, [item(n, chance) for n in range(start, min(start + 20_000, count))])
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=pgstac,public") as connection:
        connection.execute(
            "INSERT INTO queryables (name, definition, property_index_type) VALUES ('eo:cloud_cover', %s, 'BTREE')",
            [json.dumps(_CLOUD)],
        )
        connection.execute("VACUUM ANALYZE items")


def grow(database: CatalogDatabase, have: int, want: int) -> None:
    """More Items, made by the database from those that it has, elsewhere and at other times."""
    with psycopg.connect(
        database.settings.conninfo, autocommit=True, options="-c search_path=pgstac,public"
    ) as connection:
        for number, name in enumerate(COLLECTIONS):
            (leaf,) = connection.execute(
                "SELECT partition FROM partitions WHERE collection = %s", [name]
            ).fetchall()[0]
            for first in range(have, want, have):
                most = min(have, want - first)
                connection.execute(
                    sql.SQL(_MORE).format(leaf=sql.Identifier(leaf)),
                    {"first": first, "most": most, "number": number},
                )
        connection.execute("VACUUM ANALYZE items")


# Ids go on where the last ones ended; a moment is another Item's, so that it lies within the partition's bounds.
_MORE = """
    WITH old AS (
      SELECT *, right(id, 8)::int AS n, lead(datetime, 7, datetime) OVER (ORDER BY id) AS moment,
        random() * 359 - 180 AS west, random() * 169 - 85 AS south, round((random() * 100)::numeric, 2) AS cloud
      FROM {leaf} WHERE right(id, 8)::int < %(most)s AND right(id, 8)::int %% 2 = %(number)s
    ), new AS (
      SELECT *, 'scene-' || lpad((%(first)s + n)::text, 8, '0') AS name,
        to_jsonb(to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) AS written
      FROM old
    )
    INSERT INTO {leaf} (id, geometry, collection, datetime, end_datetime, content, private)
    SELECT name, ST_MakeEnvelope(west, south, west + 1, south + 1, 4326), collection, moment, moment,
      content || jsonb_build_object(
        'bbox', jsonb_build_array(west, south, west + 1, south + 1),
        'properties', content->'properties' || jsonb_build_object(
          'datetime', written, 'created', written, 'updated', written, 'eo:cloud_cover', cloud)),
      private
    FROM new
"""
