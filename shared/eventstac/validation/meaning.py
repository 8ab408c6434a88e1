"""Checks what an Item's fields mean together: dates, assets, links, figures of bands."""

import re
from collections.abc import Container, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from eventstac.times import from_text
from eventstac.validation.problems import Problem

_DATES, _ASSETS, _LINKS, _BANDS, _FIELDS = (
    f"checks/{name}" for name in ("dates", "assets", "links", "bands", "fields")
)
_ABSOLUTE = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://[^/\s]|file:///[^/\s])\S*$")
# Where the catalog is served from is known to its API alone, so these may be relative in what is stored.
_STRUCTURAL = frozenset({"collection", "parent", "root", "items"})


def moment(text: str, any_second: bool = False) -> datetime:
    """An RFC 3339 time. A leap second, which no datetime has, is with `any_second` the next one; ValueError without."""
    if not any_second or text[17:19] != "60":
        return from_text(text)
    try:
        return from_text(f"{text[:17]}59{text[19:]}") + timedelta(seconds=1)
    except OverflowError as error:
        raise ValueError(f"{text!r} is in no year from 1 to 9999") from error


def date_problems(item: Mapping[str, Any], *, any_second: bool = False) -> Iterator[Problem]:
    """A null datetime needs a start and an end, and they are in order; `any_second` takes leap seconds, too."""
    properties = item["properties"]
    start, end = properties.get("start_datetime"), properties.get("end_datetime")
    if properties.get("datetime") is None and (start is None or end is None):
        message = "a datetime of null needs start_datetime and end_datetime"
        yield Problem("properties/datetime", message, _DATES)
    names = [
        name for name in ("start_datetime", "datetime", "end_datetime") if properties.get(name) is not None
    ]
    try:
        moments = {name: moment(properties[name], any_second) for name in names}
    except ValueError as error:
        yield Problem("properties", f"a date cannot be read: {error}", _DATES)
        return
    for earlier, later in pairwise(names):
        if moments[earlier] > moments[later]:
            message = f"{properties[later]} is before {earlier} {properties[earlier]}"
            yield Problem(f"properties/{later}", message, _DATES)


def asset_problems(document: Mapping[str, Any], *, needed: bool) -> Iterator[Problem]:
    """An Item shows at least one asset, and every asset can be fetched from where it says."""
    assets = document.get("assets") or {}
    if needed and not assets:
        yield Problem("assets", "an Item has at least one asset", _ASSETS)
    for key, asset in assets.items():
        if not _ABSOLUTE.match(asset["href"]):
            yield Problem(f"assets/{key}/href", f"{asset['href']!r} is no absolute URL", _ASSETS)


def link_problems(item: Mapping[str, Any]) -> Iterator[Problem]:
    """An Item of a collection has one link to it; other links are absolute, but those that the API makes."""
    links = item["links"]
    to_collection = sum(link["rel"] == "collection" for link in links)
    if "collection" in item and to_collection != 1:
        message = f"an Item of a collection has one link with rel collection, not {to_collection}"
        yield Problem("links", message, _LINKS)
    if "collection" not in item:
        yield Problem("collection", "every Item belongs to a collection", _LINKS)
    for number, link in enumerate(links):
        if link["rel"] not in _STRUCTURAL and not _ABSOLUTE.match(link["href"]):
            yield Problem(f"links/{number}/href", f"{link['href']!r} is no absolute URL", _LINKS)


def field_problems(document: Mapping[str, Any], passed_over: Container[str] = ()) -> Iterator[Problem]:
    """What schemas cannot say of the figures on an Item, its assets and their bands.

    Not of fields whose prefix is `passed_over`: nobody has looked at their form.
    """
    groups = [(f"assets/{key}", asset) for key, asset in (document.get("assets") or {}).items()]
    groups += [(f"item_assets/{key}", asset) for key, asset in (document.get("item_assets") or {}).items()]
    if isinstance(document.get("properties"), Mapping):
        groups.append(("properties", document["properties"]))
    for path, whole in groups:
        holder = _without(whole, passed_over)
        yield from _projection(path, holder)
        yield from _checksum(path, holder)
        yield from _figures(path, holder)
        bands = holder.get("bands") or ()
        names = [band["name"] for band in bands if "name" in band]
        if len(set(names)) != len(names):
            yield Problem(f"{path}/bands", f"band names must differ: {', '.join(names)}", _BANDS)
        for number, band in enumerate(bands):
            yield from _figures(f"{path}/bands/{number}", _without(band, passed_over))


def _without(holder: Mapping[str, Any], prefixes: Container[str]) -> Mapping[str, Any]:
    return {name: value for name, value in holder.items() if name.partition(":")[0] not in prefixes}


def _figures(path: str, holder: Mapping[str, Any]) -> Iterator[Problem]:
    statistics, histogram = holder.get("statistics"), holder.get("raster:histogram")
    if statistics:
        low, mean, high = (statistics.get(name) for name in ("minimum", "mean", "maximum"))
        if low is not None and high is not None and low > high:
            yield Problem(f"{path}/statistics", f"minimum {low} is greater than maximum {high}", _BANDS)
        elif mean is not None and not _between(low, mean, high):
            yield Problem(f"{path}/statistics", f"mean {mean} is not between {low} and {high}", _BANDS)
    if histogram:
        count, buckets = histogram["count"], histogram["buckets"]
        if count != len(buckets):
            message = f"count {count} is not the number of buckets, which is {len(buckets)}"
            yield Problem(f"{path}/raster:histogram", message, _BANDS)
        if histogram["min"] > histogram["max"]:
            message = f"min {histogram['min']} is greater than max {histogram['max']}"
            yield Problem(f"{path}/raster:histogram", message, _BANDS)


def _between(low: float | None, mean: float, high: float | None) -> bool:
    """Whether a mean lies between extremes, with room for the last digits of a sum of many numbers."""
    room = 1e-6 * max(1.0, abs(mean))
    return (low is None or mean >= low - room) and (high is None or mean <= high + room)


def _projection(path: str, holder: Mapping[str, Any]) -> Iterator[Problem]:
    bbox, transform = holder.get("proj:bbox"), holder.get("proj:transform")
    if bbox:
        half = len(bbox) // 2
        if any(low > high for low, high in zip(bbox[:half], bbox[half:], strict=True)):
            yield Problem(f"{path}/proj:bbox", f"{bbox} has a minimum above its maximum", _FIELDS)
    if transform and transform[0] * transform[4] == transform[1] * transform[3]:
        yield Problem(f"{path}/proj:transform", f"{transform} gives pixels no area", _FIELDS)


def _checksum(path: str, holder: Mapping[str, Any]) -> Iterator[Problem]:
    """A multihash is a code and a length, each an unsigned varint, and a digest of that length."""
    checksum = holder.get("file:checksum")
    if not isinstance(checksum, str):
        return
    data = bytes.fromhex(checksum)
    _, rest = _varint(data)
    length, digest = _varint(rest)
    if length == 0 or length != len(digest):
        message = f"{checksum!r} is no multihash: it says {length} bytes of digest and has {len(digest)}"
        yield Problem(f"{path}/file:checksum", message, _FIELDS)


def _varint(data: bytes) -> tuple[int, bytes]:
    value = 0
    for position, byte in enumerate(data):
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value, data[position + 1 :]
    return 0, b""
