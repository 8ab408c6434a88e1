"""Answers in gzip, for clients that take it."""

from isal import isal_zlib
from starlette.types import Scope

from stac_api.acceptance import takes_gzip
from stac_api.request_headers import headers_of

_FROM_BYTES = 1_500  # less fits one packet anyhow
_LEVEL = 2  # of ISA-L: nearly as small as zlib's fourth, in a twentieth of its time
_LEVEL_OF_LITTLE = 0  # a third of that time for one Item, which fits one packet either way
_LITTLE = 10_000  # bytes
_IN_GZIP = 31  # zlib's "window bits" for a gzip header and the largest window


def in_gzip(scope: Scope, body: bytes) -> bytes | None:
    """The body compressed, where that is worth it and the client takes it."""
    if len(body) < _FROM_BYTES:
        return None
    accepted = headers_of(scope).get(b"accept-encoding")
    if accepted is None or not takes_gzip(accepted):
        return None
    level = _LEVEL_OF_LITTLE if len(body) < _LITTLE else _LEVEL
    packed: bytes = isal_zlib.compress(body, level, wbits=_IN_GZIP)
    return packed
