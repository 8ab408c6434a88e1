"""Links, and the address that they begin with."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urljoin

from starlette.types import Scope

from stac_api.request_headers import headers_of

JSON = "application/json"
GEOJSON = "application/geo+json"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
HTML = "text/html"

# Links that the API writes itself; stored ones of these kinds would name another catalog.
OWN_ITEM_LINKS = frozenset({"self", "parent", "collection", "root", "item", "items"})
OWN_COLLECTION_LINKS = frozenset(
    {"self", "parent", "root", "items", "item", "child", "http://www.opengis.net/def/rel/ogc/1.0/queryables"}
)
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"

_FORWARDING = frozenset(
    {b"forwarded", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix"}
)
_MOST_NAMING = 2_000  # bytes of these, or of `Host`: what is made with them is remembered
_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?\Z|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?\Z")
_PAIR = re.compile(  # before it empty ones, of pairs (RFC 7239 4) and of elements (RFC 9110 5.6.1)
    r"""[\s;,]*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*("(?P<quoted>([^"\\]|\\.)*)"|(?P<text>[^\s;,"]*))\s*"""
)
_ESCAPED = re.compile(r"\\(.)")
_SCHEMES = ("http", "https")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PORT = re.compile(r":[0-9]+\Z")
# As stac-auth-proxy 1.3.1 tells a host in `Forwarded`, with its port behind it: a.example:None, a.example:81:81.
_PORT_ADDED = re.compile(r"(?::None|(?P<port>:[0-9]{1,5})(?P=port))\Z")
_NUMBER = re.compile(r"[0-9]{1,5}\Z")
_LAST_PORT = 65_535
_READABLE = ",:/"
_AS_IT_IS = re.compile(r"[A-Za-z0-9_.~,:/-]*\Z")  # what `quote` leaves, which takes ten times as long to
_NOTHING: Mapping[str, str] = {}
_AS_PAGE = "f=html"
_PREFIX = re.compile(r"(/(?!(?:\.|%2[Ee]){1,2}(/|\Z))[A-Za-z0-9._~%-]+)*/?\Z")


def link(rel: str, href: str, media_type: str = JSON, **more: Any) -> dict[str, Any]:
    """One link object."""
    return {"rel": rel, "type": media_type, "href": href, **more}


def stored_links(stored: object, own: frozenset[str], base: str) -> list[dict[str, Any]]:
    """Links that a document was stored with, but for those that the API writes; relative ones begin at the root."""
    listed = stored if isinstance(stored, list) else []
    kept = (
        each
        for each in listed
        if isinstance(each, dict) and str(each.get("rel")) not in own and not _is_for_people(each, base)
    )
    return [each | {"href": _absolute(f"{base}/", each["href"])} if "href" in each else each for each in kept]


def for_people(url: str, pairs: Mapping[str, str] = _NOTHING) -> dict[str, Any]:
    """The link to the same as a page, which a browser gets without it."""
    return link("alternate", with_query(url, {**pairs, "f": _AS_PAGE}), HTML)


def _is_for_people(stored: Mapping[str, Any], base: str) -> bool:
    """Whether it is such a link, of an answer of this API that was stored again."""
    href = str(stored.get("href"))
    return stored.get("rel") == "alternate" and href.startswith(f"{base}/") and href.endswith(f"?{_AS_PAGE}")


def _absolute(root: str, href: object) -> object:
    if not isinstance(href, str) or _SCHEME.match(href):
        return href
    try:
        return urljoin(root, href)
    except ValueError:  # no address at all: as it was stored
        return href


def segment(text: str) -> str:
    """A name as one segment of a path."""
    return quote(text, safe="")


def collection_url(base: str, collection: str) -> str:
    """Where a collection is."""
    return f"{base}/collections/{segment(collection)}"


def pair(name: str, value: str) -> str:
    """A parameter as it stands in a query string, commas and colons left readable."""
    return f"{_quoted(name)}={_quoted(value)}"


def _quoted(text: str) -> str:
    return text if _AS_IT_IS.match(text) else quote(text, safe=_READABLE)


def with_query(url: str, pairs: Mapping[str, str]) -> str:
    """A URL with a query string of such pairs, by their names."""
    return f"{url}?{'&'.join(pairs.values())}" if pairs else url


def base_url(scope: Scope, root_url: str | None) -> str:
    """The address of the landing page, without a slash at its end.

    A setting wins; else the headers of a proxy (RFC 7239 Forwarded, or X-Forwarded-Proto, -Host, -Port, -Prefix),
    else what the client called. A header that holds no scheme, host name or path is passed over for the
    next one, and so are those of a proxy where they are longer than any chain of proxies makes them.
    """
    if root_url:
        return root_url
    headers = headers_of(scope)
    host = headers.get(b"host", b"")
    naming: tuple[tuple[bytes, bytes], ...] = ((b"host", host),) if len(host) <= _MOST_NAMING else ()
    if not _FORWARDING.isdisjoint(headers):
        told = tuple((name, value) for name, value in scope["headers"] if name in _FORWARDING)
        if sum(len(name) + len(value) for name, value in told) <= _MOST_NAMING:
            naming += told
    server = tuple(scope.get("server") or ("localhost", None))
    return _base_url(naming, scope.get("scheme", "http"), server, scope.get("root_path", ""))


@lru_cache(maxsize=256)  # one for each address that the API is called by
def _base_url(
    naming: tuple[tuple[bytes, bytes], ...], scheme: str, server: tuple[str, int | None], root_path: str
) -> str:
    headers: dict[bytes, str] = {}
    for name, value in naming:  # of one name, in several lines, as if in one
        before = f"{headers[name]}, " if name in headers else ""
        headers[name] = before + value.decode("latin-1")
    forwarded = _forwarded(headers.get(b"forwarded", ""))
    schemes = (forwarded.get("proto", ""), _first(headers, b"x-forwarded-proto"), scheme)
    scheme = next((each.lower() for each in schemes if each.lower() in _SCHEMES), "http")
    told = _PORT_ADDED.sub(r"\g<port>", forwarded.get("host", ""))
    named = next(filter(_is_host, (told, _first(headers, b"x-forwarded-host"))), "")
    host = named or _first(headers, b"host")
    if not _is_host(host):
        host = f"{server[0]}:{server[1]}" if server[1] else server[0]
    port = _first(headers, b"x-forwarded-port")
    if _is_port(port):
        if not named:  # the port in `Host` is the one behind the proxy
            host = _PORT.sub("", host)
        if not _PORT.search(host) and port != {"http": "80", "https": "443"}.get(scheme):
            host = f"{host}:{port}"
    prefix = _first(headers, b"x-forwarded-prefix") or root_path
    if not _PREFIX.match(prefix):
        prefix = ""
    return f"{scheme}://{host}{prefix.rstrip('/')}"


def _is_host(text: str) -> bool:
    if not _HOST.match(text):
        return False
    port = _PORT.search(text)
    return port is None or _is_port(port[0][1:])


def _is_port(text: str) -> bool:
    return _NUMBER.match(text) is not None and int(text) <= _LAST_PORT


def _forwarded(header: str) -> dict[str, str]:
    """Each parameter as the first hop has it that tells it: the one next to the client."""
    found: dict[str, str] = {}
    end = 0
    while pair := _PAIR.match(header, end):
        found.setdefault(pair["name"].lower(), pair["text"] or _ESCAPED.sub(r"\1", pair["quoted"] or ""))
        end = pair.end()
        if not header.startswith((";", ","), end):
            break
        end += 1
    return found


def _first(headers: Mapping[bytes, str], name: bytes) -> str:
    return headers.get(name, "").partition(",")[0].strip()
