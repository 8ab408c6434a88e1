"""A request's headers by name: several layers look for several of them in each request."""

from collections.abc import Mapping

from starlette.types import Scope

_BY_NAME = "stac_api.headers"


def headers_of(scope: Scope) -> Mapping[bytes, bytes]:
    """The first value of each header by its name in lower case, taken apart once for a request."""
    found: Mapping[bytes, bytes] | None = scope.get(_BY_NAME)
    if found is None:
        found = scope[_BY_NAME] = dict(reversed(scope["headers"]))
    return found


def without(scope: Scope, names: frozenset[bytes]) -> Scope:
    """The same request, as if it had not these headers."""
    headers = [(name, value) for name, value in scope["headers"] if name not in names]
    return {**scope, "headers": headers, _BY_NAME: None}
