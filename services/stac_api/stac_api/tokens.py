"""Page tokens: where a page ended, so that the next begins there, whatever is written or deleted meanwhile."""

import base64
import binascii
from typing import NamedTuple

import orjson

from stac_api.errors import BadRequest

# A word for each: whether it leads back, and whether the row itself is in it.
_WORDS = {(False, False): "next", (True, False): "prev", (False, True): "from", (True, True): "upto"}
_OF_ANOTHER = (
    "it belongs to another search: send all that was asked for again with it "
    "(with `merge` a link's `body` goes into the body that was sent)"
)
_MEANINGS = {word: meaning for meaning, word in _WORDS.items()}


class PageToken(NamedTuple):
    """The sort keys' values of the row next to the page, as the database prints them (None for null).

    `back` is True for the page before that row, False for the one after it; `inclusive` for one that has the row, too.
    `question` is that of the search whose page it was.
    """

    back: bool
    values: tuple[str | None, ...]
    question: str
    inclusive: bool = False

    def __str__(self) -> str:
        """As a client hands it back: a word such as `next:`, then URL-safe characters."""
        packed = base64.urlsafe_b64encode(orjson.dumps(self.values)).rstrip(b"=").decode()
        return f"{_WORDS[self.back, self.inclusive]}:{packed}:{self.question}"

    def turned(self) -> "PageToken":
        """The other way from the same place, at which nothing was found in this one."""
        return PageToken(not self.back, self.values, self.question, inclusive=True)


def parse(token: object, question: str, keys: int) -> PageToken:
    """Read a token of a search: its question, and how many keys it is sorted by.

    Raises BadRequest for what this API did not write, and for one of another search. One that does not say of which
    search it is was written before tokens did.
    """
    if not isinstance(token, str):
        raise BadRequest("token", "not a token of this API")
    word, _, rest = token.partition(":")
    packed, _, asked = rest.partition(":")
    try:
        unpacked = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
        values = orjson.loads(unpacked)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("token", "not a token of this API") from error
    if word not in _MEANINGS or not isinstance(values, list):
        raise BadRequest("token", "not a token of this API")
    if asked not in ("", question):
        raise BadRequest("token", _OF_ANOTHER)
    if len(values) != keys or not all(value is None or isinstance(value, str) for value in values):
        raise BadRequest("token", "it belongs to a search that is sorted otherwise")
    if any(value and "\0" in value for value in values):
        raise BadRequest("token", "not a token of this API")
    back, inclusive = _MEANINGS[word]
    return PageToken(back, tuple(values), question, inclusive)
