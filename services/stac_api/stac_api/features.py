"""Items as JSON: what the database printed, with links and names around it, taken apart only where it must be."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from stac_api.bases import Bases, Tails
from stac_api.database import Row
from stac_api.deep_json import as_json, from_json
from stac_api.links import GEOJSON, HTML, OWN_ITEM_LINKS, collection_url, link, segment, stored_links

# How nearly every row begins, and goes on after its box, the first list, and after its links, the second: jsonb sorts
# its keys by length, and what would come before or between is not stored. (Within a text of JSON a quote would be
# escaped.)
_BEGIN = b'{"bbox": ['
_LINKS = b'], "links": ['
_REST = b"], "
_BOX, _TO_LINKS = len(_BEGIN), len(_LINKS)
_LONG = 2_000  # bytes of links that are not kept
_HEAD = b'{"type":"Feature","id":"'
_VERSION = b'"stac_version": '
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._~-]+\Z")  # the same in JSON and in a URL
_MOST_BASES = 100  # a client may say any host name; an API has few
_UNLIKE_BASE = "𒍟※"  # what pgstac stores of an Item that lacks what its collection says
_WRITTEN = frozenset({"type", "id", "collection", "geometry", "pgstac:base_item"})

Parts = Sequence[bytes | memoryview]


class FeatureWriter:
    """Writes Items whose links begin with `base`."""

    def __init__(self, base: str, bases: Bases) -> None:
        self._base = base
        self._bases = bases
        self._tails = Tails()
        self._by_collection: dict[str, tuple[bytes, bytes, bytes]] = {}

    def feature(self, row: Row, *, alone: bool = False) -> bytes:
        """One Item, from a row that `rows.Rows` read; one that is an answer by itself leads to its page, too."""
        return b"".join(self.parts(row, alone=alone))

    def parts(self, row: Row, *, alone: bool = False) -> Parts:
        """One Item's JSON in pieces: most of it as the database sent it, not copied until the answer is joined."""
        name, collection, geometry, content, *_ = row
        middle, links, page_url = self._by_collection.get(collection) or self._of_collection(collection)
        if _PLAIN_NAME.match(name):
            quoted = segments = name.encode()
        else:
            quoted, segments = orjson.dumps(name)[1:-1], segment(name).encode()
        if alone:
            links += b'%b%b?f=html"}' % (page_url, segments)
        end = content.find(b"]", _BOX)
        if (
            content.startswith(_BEGIN)
            and content.startswith(_LINKS, end)
            and (self._tails.are_plain(content) or _VERSION not in content)
        ):
            listed = end + _TO_LINKS
            close = content.find(b"]", listed)
            read = _own_links if close - listed < _LONG else _own_links.__wrapped__
            own_links = read(content[listed:close], self._base) if close > listed else b""
            if own_links is not None and content.startswith(_REST, close):
                text = memoryview(content)
                version = self._bases.version_member(collection)
                box, rest = text[1 : end + 3], text[close + len(_REST) :]
                links += own_links
                return _HEAD, quoted, middle, segments, links, b'],"geometry":', geometry, version, box, rest
        rest, own_links = self._taken_apart(content, geometry, collection)
        links += own_links
        return _HEAD, quoted, middle, segments, links, b'],"geometry":', geometry, b",", rest

    def _taken_apart(self, content: bytes, geometry: bytes, collection: str) -> tuple[memoryview, bytes]:
        """The members that the API does not write itself, without the first brace, and the Item's own links."""
        members = {name: value for name, value in from_json(content).items() if name not in _WRITTEN}
        kept = stored_links(members.pop("links", None), OWN_ITEM_LINKS, self._base)
        if members.get("stac_version") in (None, _UNLIKE_BASE):
            members["stac_version"] = self._bases.stac_version(collection)
        properties = members.get("properties")
        if isinstance(properties, dict) and "start_datetime" in properties:
            properties.setdefault("datetime", None)  # STAC asks for it; `content_hydrate` drops what is null
        if members.get("bbox") is None:
            members.pop("bbox", None)
            members |= _box(orjson.loads(bytes(geometry)))
        return memoryview(as_json(members))[1:], _written(kept)

    def _of_collection(self, collection: str) -> tuple[bytes, bytes, bytes]:
        """What the Items of a collection share, made once: what comes between an Item's id and its name in its address,
        what follows that, and how the link to its page begins.
        """
        url = collection_url(self._base, collection)
        shared = (link("parent", url), link("collection", url), link("root", f"{self._base}/"))
        self_link, page_link = (
            orjson.dumps(link(rel, f"{url}/items/", kind)).removesuffix(b'"}')
            for rel, kind in (("self", GEOJSON), ("alternate", HTML))
        )
        kept = (
            b'","collection":%b,"links":[%b' % (orjson.dumps(collection), self_link),
            b'"}' + b"".join(b"," + orjson.dumps(each) for each in shared),
            b"," + page_link,
        )
        self._by_collection[collection] = kept
        return kept


@lru_cache(maxsize=100)  # the same in all Items of a collection, as like as not
def _own_links(listed: bytes, base: str) -> bytes | None:
    """What to write of stored links, from the text up to the first bracket that closes; None where that is not all."""
    try:
        stored = orjson.loads(b"[" + listed + b"]")
    except orjson.JSONDecodeError:
        return None
    return _written(stored_links(stored, OWN_ITEM_LINKS, base))


def _written(links: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(b"," + as_json(each) for each in links)


def _box(geometry: Any) -> dict[str, list[float]]:
    """The member with the bounding box of a GeoJSON geometry, if it has one: others' Items may lack theirs."""
    positions: list[Any] = []
    waiting = (
        [each.get("coordinates", []) for each in geometry.get("geometries", [geometry])] if geometry else []
    )
    while waiting:
        member = waiting.pop()
        if member and isinstance(member[0], list):
            waiting += member
        elif member:
            positions.append(member)
    if not positions:
        return {}
    xs, ys = zip(*(position[:2] for position in positions), strict=True)
    return {"bbox": [min(xs), min(ys), max(xs), max(ys)]}


class Writers:
    """A writer for each address that links begin with."""

    def __init__(self, bases: Bases) -> None:
        self._bases = bases
        self._by_base: dict[str, FeatureWriter] = {}

    def writer(self, base: str) -> FeatureWriter:
        """The writer whose links begin with `base`."""
        writer = self._by_base.get(base)
        if writer is None:
            if len(self._by_base) >= _MOST_BASES:
                self._by_base.clear()
            writer = self._by_base[base] = FeatureWriter(base, self._bases)
        return writer


def wrap(features: Sequence[Parts], links: Sequence[dict[str, Any]], matched: int | None) -> bytes:
    """Put Items that are JSON already into a FeatureCollection; an unknown number of matches is left out."""
    counts: dict[str, Any] = {"numberReturned": len(features)}
    if matched is not None:
        counts["numberMatched"] = matched
    parts: list[bytes | memoryview] = [b'{"type":"FeatureCollection","features":[']
    for feature in features:
        parts += feature
        parts.append(b",")
    if features:
        parts.pop()
    # Joined once: a page is half a megabyte, and copying it costs as much as making it.
    parts += (b'],"links":', orjson.dumps(links), b",", orjson.dumps(counts)[1:])
    return b"".join(parts)
