"""Page tokens: where a page ended, so that the next begins there, whatever is written or deleted meanwhile."""

import base64
import binascii
from dataclasses import dataclass

import orjson

from stac_api.errors import BadRequest

MAX_LENGTH = 40_000  # of a token: Items sorted by texts of kilobytes have long ones


@dataclass(frozen=True)
class PageToken:
    """The sort keys' values of the row next to the page, as the database prints them (None for null).

    `back` is True for the page before that row, False for the one after it.
    """

    back: bool
    values: tuple[str | None, ...]

    def __str__(self) -> str:
        """As a client hands it back: `next:` or `prev:` and URL-safe characters."""
        packed = base64.urlsafe_b64encode(orjson.dumps(self.values)).rstrip(b"=").decode()
        return f"{'prev' if self.back else 'next'}:{packed}"


def parse(token: object, keys: int) -> PageToken:
    """Read a token of a search with that many sort keys. Raises BadRequest for what this API did not write."""
    if not isinstance(token, str) or len(token) > MAX_LENGTH:
        raise BadRequest("token", "not a token of this API")
    direction, _, packed = token.partition(":")
    try:
        unpacked = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        values = orjson.loads(unpacked)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("token", "not a token of this API") from error
    if direction not in ("next", "prev") or not isinstance(values, list):
        raise BadRequest("token", "not a token of this API")
    if len(values) != keys or not all(value is None or isinstance(value, str) for value in values):
        raise BadRequest("token", "it belongs to a search that is sorted otherwise")
    if any(value and "\0" in value for value in values):
        raise BadRequest("token", "not a token of this API")
    return PageToken(direction == "prev", tuple(values))
