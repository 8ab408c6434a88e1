"""Answers in gzip, for clients that take it."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

_FROM_BYTES = 1_500  # less fits one packet anyhow
_LEVEL = 4  # JSON shrinks tenfold already; higher levels cost more time than they save


def compressed(app: ASGIApp) -> ASGIApp:
    """The app, whose larger answers are compressed where the client's `Accept-Encoding` has gzip."""
    return GZipMiddleware(app, minimum_size=_FROM_BYTES, compresslevel=_LEVEL)
