"""Items as JSON: what the database printed, with links and names put around it and nothing taken apart."""

from collections.abc import Sequence
from typing import Any

import orjson

from stac_api.bases import Bases
from stac_api.database import Row
from stac_api.links import GEOJSON, OWN_ITEM_LINKS, collection_url, link, segment


class FeatureWriter:
    """Writes Items for one request: links begin with `base`."""

    def __init__(self, base: str, bases: Bases) -> None:
        self._base = base
        self._bases = bases
        self._by_collection: dict[str, tuple[bytes, bytes, str]] = {}

    def feature(self, row: Row) -> bytes:
        """One Item, from a row with `item_search.COLUMNS`."""
        middle, links, items_url = self._of_collection(row["collection"])
        name = row["id"]
        self_link = orjson.dumps(link("self", items_url + segment(name), GEOJSON))
        version = b"" if row["versioned"] else self._version(row["collection"])
        content = row["content"]
        return b"".join(
            (
                b'{"type":"Feature",',
                version,
                b'"id":',
                orjson.dumps(name),
                middle,
                self_link,
                links,
                _stored_links(row["links"]) if row["links"] else b"",
                b'],"geometry":',
                row["geometry"] or b"null",
                b"," if len(content) > 2 else b"",
                content[1:],
            )
        )

    def _version(self, collection: str) -> bytes:
        return b'"stac_version":' + orjson.dumps(self._bases.stac_version(collection)) + b","

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
    return b"".join(
        (
            b'{"type":"FeatureCollection","features":[',
            b",".join(features),
            b'],"links":',
            orjson.dumps(links),
            b",",
            orjson.dumps(counts)[1:],
        )
    )


def _stored_links(text: str) -> bytes:
    """The Item's own links, without those that name its place in a catalog."""
    stored = orjson.loads(text)
    kept = [each for each in stored if isinstance(each, dict) and each.get("rel") not in OWN_ITEM_LINKS]
    return b"".join(b"," + orjson.dumps(each) for each in kept)
