"""How an answer leaves: media type by what the client accepts, ETag and 304, caching, errors as the API asks."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import xxhash
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stac_api import pages
from stac_api.acceptance import prefers_html
from stac_api.collection_search import CollectionSearch
from stac_api.compression import in_gzip
from stac_api.database import Database
from stac_api.deep_json import from_json
from stac_api.errors import ApiError, BadRequest, Unavailable
from stac_api.features import Writers
from stac_api.html import HEADERS, Context, Json
from stac_api.item_search import ItemSearch
from stac_api.links import JSON, base_url
from stac_api.query_strings import pairs_of
from stac_api.request_headers import headers_of
from stac_api.routing import path_below_root
from stac_api.settings import Settings
from stac_api.turns import Turns

_log = logging.getLogger("stac_api")

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FORMATS = ("json", "geojson", "html")  # some clients ask for GeoJSON by this name: it is the JSON of Items
_SHOWN = 100  # characters of what is no format
RETRY_AFTER_S = 5  # a failover or a restart of the database takes about that long

# What an answer depends on, beside its address.
_VARIES = (
    b"vary",
    b"Accept, Accept-Encoding, Forwarded, X-Forwarded-Host, X-Forwarded-Port, X-Forwarded-Prefix, X-Forwarded-Proto, "
    b"Origin",
)
_FOR_PAGES = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

Page = Callable[[Json, Context], str]


@dataclass(frozen=True)
class Services:
    """What the endpoints need."""

    settings: Settings
    database: Database
    writers: Writers
    items: ItemSearch
    collections: CollectionSearch
    turns: Turns
    compresses: bool  # larger answers, where the client takes that


def services(request: Request) -> Services:
    """The app's services."""
    found: Services = request.scope["services"]
    return found


def base(request: Request) -> str:
    """The address that this request's links begin with."""
    scope = request.scope
    found: str | None = scope.get("stac_api.base")
    if found is None:
        found = scope["stac_api.base"] = base_url(scope, services(request).settings.root_url)
    return found


def answer(
    request: Request,
    body: bytes,
    media_type: str = JSON,
    page: Page | None = None,
    modified: str | None = None,
) -> Response:
    """The document, or a page for people made from it; 304 where the client has it already.

    `modified` is the RFC 3339 time of the document's last change, where it is known.
    """
    settings = services(request).settings
    headers = [_VARIES]
    if page is not None and wants_html(request):
        here = base(request)
        address = f"{here}{path_below_root(request.scope)}"
        context = Context(here, settings.catalog_title, address, posted=request.method == "POST")
        body, media_type = page(from_json(body), context).encode(), "text/html; charset=utf-8"
    if media_type.startswith("text/html"):
        headers += _FOR_PAGES
    headers.append((b"content-type", media_type.encode()))
    if request.method == "POST":
        return Answer(body, 200, headers)
    # weak: the same for what goes out compressed and what does not
    etag = f'W/"{xxhash.xxh3_128_hexdigest(body)}"'  # SHA-256 takes a third of a large page's time
    changed = _http_date(modified) if modified else None
    headers += ((b"etag", etag.encode()), (b"cache-control", settings.cache_control.encode("latin-1")))
    if changed:
        headers.append((b"last-modified", changed.encode()))
    if is_known(request, etag):
        return Answer(b"", 304, headers)
    return Answer(body, 200, headers)


class Answer(Response):
    """A response whose headers are all known: Starlette's looks up what might be missing, for each answer.

    Only when it is sent it is compressed, so that a cache has it for every client.
    """

    def __init__(self, body: bytes, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.status_code, self.body, self.background, self.raw_headers = status, body, None, headers

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it, in two messages."""
        body, headers = bytes(self.body), self.raw_headers
        if scope["services"].compresses and (packed := in_gzip(scope, body)) is not None:
            body, headers = packed, [*headers, (b"content-encoding", b"gzip")]
        if self.status_code != 304:
            headers = [*headers, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def header(request: Request, name: bytes) -> str | None:
    """A header's first value; `name` in lower case."""
    value = headers_of(request.scope).get(name)
    return None if value is None else value.decode("latin-1")


def document(request: Request, value: object, media_type: str = JSON, page: Page | None = None) -> Response:
    """As `answer`, for a document that is not JSON text yet."""
    return answer(request, orjson.dumps(value, option=orjson.OPT_UTC_Z), media_type, page)


def wants_html(request: Request) -> bool:
    """Whether a page is asked for: by `f`, or, where there is none, by a browser. Raises BadRequest for another `f`."""
    if b"f=" in request.scope["query_string"] and (wanted := dict(pairs_of(request.scope)).get("f")):
        if wanted not in FORMATS:
            raise BadRequest("f", f"{wanted[:_SHOWN]!r} is none of {', '.join(FORMATS)}")
        return wanted == "html"
    return _is_of_browser(request)


def _is_of_browser(request: Request) -> bool:
    """Whether the first media type that we have, of those it accepts most, is HTML."""
    accepted = headers_of(request.scope).get(b"accept")
    return accepted is not None and prefers_html(accepted)


async def error_answer(request: Request, error: Exception) -> Response:
    """An error as STAC API Core asks: `code` and `description`; the unforeseen says nothing of its inside."""
    headers = [_VARIES, (b"cache-control", b"no-store")]
    if isinstance(error, HTTPException):
        status, code, description = (
            error.status_code,
            _CODES.get(error.status_code, "Error"),
            _DESCRIPTIONS.get(error.status_code, error.detail),
        )
        given = error.headers or {}
        headers += ((name.lower().encode(), value.encode("latin-1")) for name, value in given.items())
    elif isinstance(error, ApiError):
        status, code, description = error.status, error.code, error.description
        headers += error.headers
    else:
        _log.exception("unforeseen", exc_info=error)
        status, code, description = 500, "ServerError", "Something went wrong here; it has been logged."
    if isinstance(error, Unavailable):
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_S))
    problem = {"code": code, "description": description}
    try:
        as_page = wants_html(request)
    except BadRequest:  # told already, if nothing else is wrong
        as_page = _is_of_browser(request)
    if as_page:
        context = Context(base(request), services(request).settings.catalog_title)
        page = pages.error(problem, context, _searched_at(request)).encode()
        return Answer(page, status, [*headers, *_FOR_PAGES, (b"content-type", b"text/html; charset=utf-8")])
    return Answer(orjson.dumps(problem), status, [*headers, (b"content-type", JSON.encode())])


def _searched_at(request: Request) -> str | None:
    """The address at which Items were searched for, with what was asked of them, if that was the request."""
    scope = request.scope
    if request.method not in ("GET", "HEAD") or scope.get("stac_api.route") not in _SEARCHES:
        return None
    return f"{base(request)}{path_below_root(scope)}?{scope['query_string'].decode('latin-1')}"


_SEARCHES = ("/search", "/collections/{collection_id}/items")
_CODES = {404: "NotFound", 405: "MethodNotAllowed"}
_DESCRIPTIONS = {
    404: "There is no such page.",
    405: "This API is read-only: the catalog changes when blobs are uploaded or deleted.",
}


def is_known(request: Request, etag: str) -> bool:
    """Whether the client's copy is this one, by its ETag.

    `If-Modified-Since` is passed over: an Item's date is that of its blobs, and does not move when a rule, a deletion
    or the address of the API changes the document.
    """
    known = header(request, b"if-none-match")
    return known is not None and _matches(known, etag)


def _http_date(text: str) -> str | None:
    """An RFC 3339 time as HTTP writes it, None for what is no such time."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]  # strftime's would be the locale's
    clock = f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
    return f"{day}, {moment.day:02} {month} {moment.year:04} {clock} GMT"


def _matches(known: str, etag: str) -> bool:
    bare = etag.removeprefix("W/")
    return known.strip() == "*" or bare in {each.strip().removeprefix("W/") for each in known.split(",")}
