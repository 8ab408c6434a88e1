"""Which addresses the settings may hold: what is wrong with one is told at start, not by each answer."""

import re
from urllib.parse import urlsplit

_ADDRESS = re.compile(r"https?://[^\s/?#\"<>\\]+(?:/[^\s?#\"<>\\]*)?\Z", re.IGNORECASE)


def is_root(url: str) -> bool:
    """Whether links may begin with it: it has a host, and a port (if any) that there can be."""
    try:
        parts = urlsplit(url)
        return bool(_ADDRESS.match(url) and parts.hostname and parts.port != 0)
    except ValueError:
        return False


def is_redis(url: str) -> bool:
    """Whether a Redis client takes it; a number of a database that it would pass over counts as wrong."""
    if not url.startswith(("redis://", "rediss://", "unix://")):
        return False
    from redis.asyncio import Redis  # only who has a Redis pays for its client at start

    try:
        # which connects only when it is used
        Redis.from_url(url).connection_pool.make_connection()  # type: ignore[no-untyped-call]  # as it is shipped
        number = urlsplit(url).path.removeprefix("/")
    except (ValueError, TypeError):
        return False
    return url.startswith("unix://") or not number or (number.isascii() and number.isdigit())
