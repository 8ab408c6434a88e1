"""The links of an answer to itself and to the pages beside it."""

from typing import Any

from starlette.requests import Request

from stac_api.answers import base
from stac_api.errors import BadRequest
from stac_api.links import for_people, link, pair, segment, with_query
from stac_api.query_strings import pairs_of
from stac_api.searches import joined

_LONGEST_ADDRESS = (
    8_000  # characters: the Functions host and many proxies take 8 kB of a request's first line
)
_LONGEST_IN_ADDRESS = 6_000  # of a token, whatever the server takes
_OF_ONE_PAGE = ("token", "offset")
_ROUND_A_TOKEN = len('"token":"",')
_TOO_LONG = "the values that the next page would begin after are too long for a link"


class Address:
    """The address that was asked for, from which the links of its answer to itself and to other pages are made."""

    def __init__(self, request: Request) -> None:
        self._place = f"{base(request)}{_path_of(request)}"
        self._by_post = request.method == "POST"
        self._is_long = len(request.scope["query_string"]) > _LONGEST_ADDRESS
        self._given = {} if self._by_post else joined(pairs_of(request.scope))
        self._pairs = {name: pair(name, value) for name, value in self._given.items()}

    @property
    def url(self) -> str:
        """Itself, as links spell it."""
        return with_query(self._place, self._pairs)

    def for_people(self) -> dict[str, Any]:
        """The link to the same as a page."""
        return for_people(self._place, self._pairs)

    def page(self, rel: str, token: str, media_type: str, room: int = 0) -> dict[str, Any]:
        """A link to another page: the same address with another token, or for POST the body's change."""
        if self._by_post:
            if len(token) + _ROUND_A_TOKEN > room:
                raise BadRequest("sortby", f"{_TOO_LONG}: sort by something shorter, or ask for less")
            return link(rel, self._place, media_type, method="POST", body={"token": token}, merge=True)
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
