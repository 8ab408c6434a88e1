"""A request's query string: it is taken apart once, and several look at it."""

from urllib.parse import parse_qsl

from starlette.types import Scope

_PAIRS = "stac_api.query"


def pairs_of(scope: Scope) -> list[tuple[str, str]]:
    """Its parameters in their order, with empty ones; of one name there may be several."""
    found: list[tuple[str, str]] | None = scope.get(_PAIRS)
    if found is None:
        text = scope["query_string"].decode("latin-1")
        found = scope[_PAIRS] = parse_qsl(text, keep_blank_values=True)
    return found
