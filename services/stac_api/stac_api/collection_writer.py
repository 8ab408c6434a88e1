"""Collections as JSON, with the links that the API adds."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from stac_api.database import Row
from stac_api.deep_json import as_json, from_json
from stac_api.links import (
    GEOJSON,
    OWN_COLLECTION_LINKS,
    QUERYABLES,
    SCHEMA,
    collection_url,
    for_people,
    link,
    stored_links,
)


def collection(row: Row, base: str) -> bytes:
    """One Collection, from a row of `collection_search`."""
    return _written(base, row["id"], row["content"], row["links"])


@lru_cache(maxsize=200)  # writing one again costs ten times as much as comparing what it is made from
def _written(base: str, name: str, content: bytes, stored: str | None) -> bytes:
    url = collection_url(base, name)
    links = [
        link("self", url),
        link("parent", f"{base}/"),
        link("root", f"{base}/"),
        link("items", f"{url}/items", GEOJSON),
        link(QUERYABLES, f"{url}/queryables", SCHEMA, title="Queryables"),
        for_people(url),
        *stored_links(from_json(stored.encode()) if stored else [], OWN_COLLECTION_LINKS, base),
    ]
    return b'{"type":"Collection","links":' + as_json(links) + b"," + content[1:]


def collections(rows: Sequence[bytes], links: Sequence[dict[str, Any]], matched: int) -> bytes:
    """The answer of /collections."""
    tail = {"links": links, "numberMatched": matched, "numberReturned": len(rows)}
    return b'{"collections":[' + b",".join(rows) + b"]," + orjson.dumps(tail)[1:]
