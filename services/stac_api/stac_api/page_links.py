"""The links of an answer to itself and to the pages beside it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request

from stac_api.answers import base
from stac_api.deep_json import as_json
from stac_api.errors import BadRequest
from stac_api.links import for_people, link, pair, segment, with_query
from stac_api.query_strings import pairs_of
from stac_api.searches import joined

# Characters: the Functions host and many proxies take 8 kB of a request's first line.
_LONGEST_ADDRESS = 8_000
_LONGEST_IN_ADDRESS = 6_000  # of a token, whatever the server takes
_OF_ONE_PAGE = ("token", "offset")
_ROUND_A_TOKEN = len('"token":"",')
_LONGEST_BODY = 10_000  # bytes of a body that a link repeats: an answer may have two such links
_TOO_LONG = "the values that the next page would begin after are too long for a link"


class Posted(NamedTuple):
    """The body of a search by POST: what was read of it, its JSON, and how many bytes it may have at most."""

    members: Mapping[str, Any]
    text: bytes
    most: int

    def with_token(self, token: str) -> orjson.Fragment:
        """The body of another page's request: the whole with another token, or where that is long the token alone.

        Clients that pass over `merge`, which asks to put it into the body that was sent, so get the same question's
        pages, or an error. Raises BadRequest where the token leaves the question no room.
        """
        members, text, most = self
        taken = len(token) + _ROUND_A_TOKEN
        if taken > most // 2 or len(text) + taken > most + len(members.get("token") or ""):
            raise BadRequest("sortby", f"{_TOO_LONG}: sort by something shorter, or ask for less")
        if "token" in members:
            members = {name: value for name, value in members.items() if name != "token"}
            text = as_json(members)
        if not members or len(text) + taken > _LONGEST_BODY:
            return orjson.Fragment(b'{"token":"%b"}' % token.encode())
        return orjson.Fragment(b'{"token":"%b",%b' % (token.encode(), text.strip()[1:]))


class Address:
    """The address that was asked for, from which the links of its answer to itself and to other pages are made.

    `posted` is the body that came with it, by POST.
    """

    def __init__(self, request: Request, posted: Posted | None = None) -> None:
        self._place = f"{base(request)}{_path_of(request)}"
        self._posted = posted
        self._is_long = len(request.scope["query_string"]) > _LONGEST_ADDRESS
        self._given = joined(pairs_of(request.scope)) if posted is None else {}
        self._pairs = {name: pair(name, value) for name, value in self._given.items()}

    @property
    def url(self) -> str:
        """Itself, as links spell it."""
        return with_query(self._place, self._pairs)

    def for_people(self) -> dict[str, Any]:
        """The link to the same as a page."""
        return for_people(self._place, self._pairs)

    def page(self, rel: str, token: str, media_type: str) -> dict[str, Any]:
        """A link to another page: the same address with another token, or what was posted with it."""
        if self._posted is not None:
            body = self._posted.with_token(token)
            return link(rel, self._place, media_type, method="POST", body=body, merge=True)
        kept = {name: each for name, each in self._pairs.items() if name not in _OF_ONE_PAGE}
        href = with_query(self._place, {**kept, "token": pair("token", token)})
        if len(href) > _LONGEST_ADDRESS:
            self._check_length(token)
        return link(rel, href, media_type, method="GET")

    def _check_length(self, token: str) -> None:
        """Refuse what leads to a long address, unless the question came in one: then the server takes it."""
        if self._is_long and len(token) <= _LONGEST_IN_ADDRESS:
            return
        lengths = {name: len(value) for name, value in self._given.items() if name not in _OF_ONE_PAGE}
        longest = max(lengths, key=lengths.__getitem__, default="sortby")
        if len(token) > lengths.get(longest, 0):
            raise BadRequest("sortby", f"{_TOO_LONG}: ask by POST, or sort by something shorter")
        raise BadRequest(longest, "too long for a link to the next page: ask by POST")


def _path_of(request: Request) -> str:
    """Its path below the address of the API."""
    name = request.path_params.get("collection_id")
    if name is not None:
        return f"/collections/{segment(name)}/items"
    path: str = request.scope["path"]
    return "/collections" if path.endswith("/collections") else "/search"
