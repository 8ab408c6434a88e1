"""Reads a blob's content as its rule says: as a raster, as a sidecar, or not at all."""

import atexit
from datetime import datetime
from functools import partial
from typing import Any

from eventstac.blobs import BlobReader
from eventstac.errors import Rejected
from eventstac.facts import Match
from eventstac.looking import ReadContent, Reading
from eventstac.once import ahead
from eventstac.raster.extract import read_raster
from eventstac.raster.options import timeout_of
from eventstac.raster.sandbox import SANDBOX, SIDECARS, Sandbox
from eventstac.times import from_text, to_text

SIDECAR_TIMEOUT_S = 30.0  # the largest product metadata we know takes a second
SIDECAR_LIMIT_BYTES = 16 * 1024 * 1024  # the largest product metadata we know is about a tenth of it

_DATES = ("datetime", "start_datetime", "end_datetime")


def reading_within(decoder_memory_bytes: int | None) -> ReadContent:
    """`read_content` with decoders of so much memory each; None: a share of what the machine has.

    The first decoder of rasters is begun beside, which takes about a second: the first raster need not wait for it.
    """
    rasters, sidecars = Sandbox(decoder_memory_bytes), Sandbox(decoder_memory_bytes, "sidecar")
    for sandbox in (rasters, sidecars):
        atexit.register(sandbox.close)
    ahead(rasters.begin)
    return partial(read_content, rasters=rasters, sidecars=sidecars)


def read_content(
    reader: BlobReader,
    match: Match,
    thumbnail: bool,
    *,
    rasters: Sandbox = SANDBOX,
    sidecars: Sandbox = SIDECARS,
) -> Reading:
    """Metadata, and a thumbnail where one is wanted and can be made; Rejected for what is not what the rule says."""
    if match.read == "raster":
        raster = read_raster(reader, match.options, thumbnail=thumbnail, sandbox=rasters)
        return Reading(raster.metadata, raster.thumbnail, raster.thumbnail_type)
    file = _file(reader)
    if match.read == "file":
        return Reading({"file": file})
    if reader.look.size > SIDECAR_LIMIT_BYTES:
        raise Rejected(
            "too-large", f"a sidecar of {reader.look.size} bytes: at most {SIDECAR_LIMIT_BYTES} are read"
        )
    # A path may take very long on a file that is made for it: in a process that can be killed, as rasters.
    seconds = timeout_of(match.options, SIDECAR_TIMEOUT_S)
    stated, _, _ = sidecars.read(reader, match.options, thumbnail=False, seconds=seconds)
    properties = {name: value for name, value in stated.items() if name not in _DATES}
    return Reading({"file": file, "properties": properties, "datetimes": _datetimes(stated)})


def _file(reader: BlobReader) -> dict[str, Any]:
    file: dict[str, Any] = {"file:size": reader.look.size}
    if reader.look.content_md5:
        file["file:checksum"] = f"d50110{reader.look.content_md5.hex()}"  # multihash: md5, 16 bytes
    return file


def _datetimes(stated: dict[str, Any]) -> list[dict[str, str]]:
    start = stated.get("start_datetime") or stated.get("datetime")
    if start is None:
        return []
    end = stated.get("end_datetime") or start
    return [{"source": "sidecar", "start": to_text(_moment(start)), "end": to_text(_moment(end))}]


def _moment(value: object) -> datetime:
    try:
        return from_text(str(value))
    except ValueError as error:
        raise Rejected("bad-sidecar", f"{value!r} is no RFC 3339 date-time with a time zone") from error
