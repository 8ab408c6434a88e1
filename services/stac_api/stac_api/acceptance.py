"""What a client says it accepts: HTML rather than JSON, and answers in gzip.

What is longer than any browser's or library's is passed over: to read it takes time, to remember it room.
"""

from functools import lru_cache

_DIFFERENT = 256  # headers that are remembered: a browser or library says the same all day
_LONGEST = 1_000  # bytes; a browser's are 150


def prefers_html(accept: bytes) -> bool:
    """Whether HTML is the first media type that we have, of those that an `Accept` names with the most weight."""
    return len(accept) <= _LONGEST and _prefers_html(accept)


def takes_gzip(accept_encoding: bytes) -> bool:
    """Whether an `Accept-Encoding` names gzip, and does not refuse it."""
    return len(accept_encoding) <= _LONGEST and _takes_gzip(accept_encoding)


@lru_cache(maxsize=_DIFFERENT)
def _prefers_html(accept: bytes) -> bool:
    best, best_weight = "json", 0.0
    for name, weight in _weighed(accept):
        kind = "html" if name in ("text/html", "application/xhtml+xml") else "json"
        if weight > best_weight:
            best, best_weight = kind, weight
    return best == "html"


@lru_cache(maxsize=_DIFFERENT)
def _takes_gzip(accept_encoding: bytes) -> bool:
    return next((weight > 0 for name, weight in _weighed(accept_encoding) if name == "gzip"), False)


def _weighed(header: bytes) -> list[tuple[str, float]]:
    """What a header names, each with its weight (RFC 9110 12.4.2)."""
    parts = (part.strip().partition(";") for part in header.decode("latin-1").lower().split(","))
    return [(name.strip(), _weight(parameters)) for name, _, parameters in parts]


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
