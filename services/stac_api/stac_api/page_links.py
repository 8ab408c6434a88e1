"""The links of an answer to itself and to the pages beside it."""

from typing import Any

from starlette.requests import Request

from stac_api.answers import base
from stac_api.errors import BadRequest
from stac_api.links import link, segment, with_query
from stac_api.searches import joined

_LONGEST_ADDRESS = (
    8_000  # characters: the Functions host and many proxies take 8 kB of a request's first line
)
_LONGEST_IN_ADDRESS = 6_000  # of a token, whatever the server takes
_ROUND_A_TOKEN = len('"token":"",')
_TOO_LONG = "the values that the next page would begin after are too long for a link"


def page_link(request: Request, rel: str, token: str, media_type: str, room: int = 0) -> dict[str, Any]:
    """A link to another page: the same address with another token, or for POST the body's change."""
    url = f"{base(request)}{path_of(request)}"
    if request.method == "POST":
        if len(token) + _ROUND_A_TOKEN > room:
            raise BadRequest("sortby", f"{_TOO_LONG}: sort by something shorter, or ask for less")
        return link(rel, url, media_type, method="POST", body={"token": token}, merge=True)
    given = joined(request.query_params.multi_items())
    params = {key: value for key, value in given.items() if key not in ("token", "offset")}
    href = with_query(url, {**params, "token": token})
    if len(href) > _LONGEST_ADDRESS:
        _check_length(request, token, params)
    return link(rel, href, media_type, method="GET")


def _check_length(request: Request, token: str, params: dict[str, str]) -> None:
    """Refuse what leads to a long address, unless the question came in a long one, too: then the server takes it."""
    if len(token) <= _LONGEST_IN_ADDRESS and len(request.scope["query_string"]) > _LONGEST_ADDRESS:
        return
    longest = max(params, key=lambda name: len(params[name]), default="sortby")
    if len(token) > len(params.get(longest, "")):
        raise BadRequest("sortby", f"{_TOO_LONG}: ask by POST, or sort by something shorter")
    raise BadRequest(longest, "too long for a link to the next page: ask by POST")


def self_url(request: Request, here: str) -> str:
    """The address that was asked, as links spell it."""
    url = f"{here}{path_of(request)}"
    if request.method == "POST":
        return url
    return with_query(url, joined(request.query_params.multi_items()))


def path_of(request: Request) -> str:
    """Its path below the address of the API."""
    name = request.path_params.get("collection_id")
    if name is not None:
        return f"/collections/{segment(name)}/items"
    path: str = request.scope["path"]
    return "/collections" if path.endswith("/collections") else "/search"
