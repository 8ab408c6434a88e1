"""Items as JSON: what the database printed, with links and names around it, taken apart only where it must be."""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from stac_api.bases import Bases
from stac_api.database import Row
from stac_api.links import GEOJSON, OWN_ITEM_LINKS, collection_url, link, segment

# How nearly every row begins: jsonb sorts its keys by length, and what would come before or between is not stored.
_PLAIN = re.compile(rb'\{("bbox": \[[-+0-9.eE, ]+\], )"links": \[\], ')
_VERSION = b'"stac_version": '
_WRITTEN = frozenset({"type", "id", "collection", "geometry", "pgstac:base_item"})


class FeatureWriter:
    """Writes Items for one request: links begin with `base`."""

    def __init__(self, base: str, bases: Bases) -> None:
        self._base = base
        self._bases = bases
        self._by_collection: dict[str, tuple[bytes, bytes, str]] = {}

    def feature(self, row: Row) -> bytes:
        """One Item, from a row with `item_search.COLUMNS`."""
        content: bytes = row["content"]
        own_links = b""
        head = _PLAIN.match(content)
        if head is None or _VERSION in content:
            content, own_links = self._taken_apart(content, row["collection"])
        else:
            content = self._version(row["collection"]) + head[1] + content[head.end() :]
        middle, links, items_url = self._of_collection(row["collection"])
        name = row["id"]
        return b"".join(
            (
                b'{"type":"Feature","id":',
                orjson.dumps(name),
                middle,
                orjson.dumps(link("self", items_url + segment(name), GEOJSON)),
                links,
                own_links,
                b'],"geometry":',
                row["geometry"],
                b",",
                content,
            )
        )

    def _taken_apart(self, content: bytes, collection: str) -> tuple[bytes, bytes]:
        """The members that the API does not write itself, without the first brace, and the Item's own links."""
        members = {name: value for name, value in orjson.loads(content).items() if name not in _WRITTEN}
        links = members.pop("links", None) or []
        kept = [each for each in links if isinstance(each, dict) and each.get("rel") not in OWN_ITEM_LINKS]
        members.setdefault("stac_version", self._bases.stac_version(collection))
        return orjson.dumps(members)[1:], b"".join(b"," + orjson.dumps(each) for each in kept)

    def _version(self, collection: str) -> bytes:
        return b'"stac_version":"%b",' % self._bases.stac_version(collection).encode()

    def _of_collection(self, collection: str) -> tuple[bytes, bytes, str]:
        """What the Items of a collection share: made once."""
        kept = self._by_collection.get(collection)
        if kept is None:
            url = collection_url(self._base, collection)
            shared = (link("parent", url), link("collection", url), link("root", f"{self._base}/"))
            kept = (
                b',"collection":' + orjson.dumps(collection) + b',"links":[',
                b"".join(b"," + orjson.dumps(each) for each in shared),
                f"{url}/items/",
            )
            self._by_collection[collection] = kept
        return kept


def wrap(features: Sequence[bytes], links: Sequence[dict[str, Any]], matched: int | None) -> bytes:
    """Put Items that are JSON already into a FeatureCollection; an unknown number of matches is left out."""
    counts: dict[str, Any] = {"numberReturned": len(features)}
    if matched is not None:
        counts["numberMatched"] = matched
    parts = [b'{"type":"FeatureCollection","features":[']
    for feature in features:
        parts += (feature, b",")
    if features:
        parts.pop()
    # Joined once: a page is half a megabyte, and copying it costs as much as making it.
    parts += (b'],"links":', orjson.dumps(links), b",", orjson.dumps(counts)[1:])
    return b"".join(parts)
