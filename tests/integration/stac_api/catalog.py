"""A small catalog: two collections, and Items at the awkward places."""

import random
from typing import Any

Json = dict[str, Any]

EO = "https://stac-extensions.github.io/eo/v2.0.0/schema.json"
ITEM_ASSETS = {
    "data": {"type": "image/tiff; application=geotiff; profile=cloud-optimized", "roles": ["data"]}
}
QUERYABLES: dict[str, Json] = {
    "eo:cloud_cover": {"type": "number", "title": "Cloud cover", "minimum": 0, "maximum": 100},
    "platform": {"type": "string", "title": "Platform"},
    "count": {"type": "integer"},
}
# Of the first scenes: the same set in several orders, with a member twice, none, a single text; the next one's is null,
# and the others have none.
LABELS: list[Any] = [
    ["x"], ["x", "x"], ["x", "y z"], ["y z", "x"], ["y z", "x", "y z"], ["x", "y z", 'e"f'], ['e"f', "y z", "x"], [],
    ["1", "true"], [True, 1], "x",
]  # fmt: skip


def collection(name: str, bbox: list[float], **more: Any) -> Json:
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": name,
        "title": f"The {name}",
        "description": f"All {name} of the test",
        "license": "other",
        "keywords": [name],
        "extent": {
            "spatial": {"bbox": [bbox]},
            "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]},
        },
        "links": [{"rel": "license", "href": "https://example.com/license", "type": "text/html"}],
        **more,
    }


def item(
    name: str, collection_id: str, bbox: list[float], time: str | tuple[str, str], **properties: Any
) -> Json:
    west, south, east, north = bbox
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    if isinstance(time, tuple):
        properties |= {"datetime": None, "start_datetime": time[0], "end_datetime": time[1]}
    else:
        properties["datetime"] = time
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [EO] if "eo:cloud_cover" in properties else [],
        "id": name,
        "collection": collection_id,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": bbox,
        "properties": properties,
        "assets": {
            "data": {
                "href": f"https://example.com/{name}.tif",
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                "roles": ["data"],
                "title": 'Dãta "quoted" \\ back',
            }
        },
        "links": [
            {
                "rel": "derived_from",
                "href": "https://example.com/source.json",
                "type": "application/geo+json",
            },
            {"rel": "self", "href": "https://elsewhere.example/stale.json"},
        ],
    }


def _many(count: int) -> list[Json]:
    chance = random.Random(7)
    made = []
    for n in range(count):
        west, south = chance.uniform(-170, 165), chance.uniform(-80, 75)
        month, day = chance.randint(1, 12), chance.randint(1, 28)
        properties: Json = {
            "platform": chance.choice(["alpha", "beta", "Gamma"]),
            "count": n % 7,
            "grade": chance.choice("ABC"),
        }
        if n <= len(LABELS):
            properties["labels"] = [*LABELS, None][n]
        if n % 5:
            properties["eo:cloud_cover"] = round(chance.uniform(0, 100), 2)
        time: str | tuple[str, str] = f"2021-{month:02}-{day:02}T12:00:00Z"
        if n % 11 == 0:
            time = (f"2021-{month:02}-01T00:00:00Z", f"2021-{month:02}-{day:02}T00:00:00Z")
        where = [west, south, west + chance.uniform(0.1, 5), south + chance.uniform(0.1, 5)]
        made.append(item(f"scene-{n:03}", "scenes", where, time, **properties))
        if n % 2:  # as eventstac writes them
            made[-1]["links"] = []
    return made


EAST = item("fiji-east", "edges", [177, -19, 179, -17], "2022-01-01T00:00:00Z", title="East of the line")
WEST = item(
    "fiji-west",
    "edges",
    [-179, -19, -177, -17],
    "2022-01-02T00:00:00Z",
    updated="2023-05-06T07:08:09.5Z",
    description="west words here",
)
ZERO = item(
    "greenwich",
    "edges",
    [-1, -19, 1, -17],
    "2022-01-03T00:00:00Z",
    note="ünïcode ☃",
    tags=["a", "b"],
    keywords=["meridian", "prime"],
)
PERIOD = item("period", "edges", [10, 10, 11, 11], ("2022-02-01T00:00:00Z", "2022-02-10T00:00:00Z"))

COLLECTIONS = [
    collection("scenes", [-180, -90, 180, 90]),
    collection("edges", [176, -20, -176, 12], title="Edges of the Earth"),
]
ITEMS = [*_many(120), EAST, WEST, ZERO, PERIOD]
