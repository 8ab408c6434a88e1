"""A request's headers by name: several layers look for several of them in each request."""

from collections.abc import Mapping

from starlette.types import Scope

# The headers that are lists, of those that are read here.
_LISTS = frozenset({b"accept", b"accept-encoding", b"content-encoding", b"if-none-match"})
_BY_NAME = "stac_api.headers"


def headers_of(scope: Scope) -> Mapping[bytes, bytes]:
    """Each header's value by its name in lower case, taken apart once for a request.

    Of several lines it is the first; of a list all, as if in one (RFC 9110, 5.3).
    """
    found: dict[bytes, bytes] | None = scope.get(_BY_NAME)
    if found is None:
        headers = scope["headers"]
        found = scope[_BY_NAME] = dict(reversed(headers))
        if len(found) != len(headers):
            for name in _LISTS & found.keys():
                found[name] = b", ".join(value for each, value in headers if each == name)
    return found


def names_one_host(scope: Scope) -> bool:
    """Whether a request has one `Host`, as HTTP/1.1 asks: two may be read by two servers in two ways (RFC 9112 3.2)."""
    found, headers = headers_of(scope), scope["headers"]
    if len(found) != len(headers) and [name for name, _ in headers].count(b"host") > 1:
        return False
    return b"host" in found or scope.get("http_version") != "1.1"


def without(scope: Scope, names: frozenset[bytes]) -> Scope:
    """The same request, as if it had not these headers."""
    headers = [(name, value) for name, value in scope["headers"] if name not in names]
    return {**scope, "headers": headers, _BY_NAME: None}
