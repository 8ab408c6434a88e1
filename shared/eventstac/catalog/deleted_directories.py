"""Directories that were deleted at once: a look from before that is merged after is made again.

The storage sends one event for a directory and none for the blobs below it. What is known of them is looked at again
when it comes; but a first look that is still on its way then would bring its blob into the catalog after all.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import blake2b

from eventstac.blob_urls import parse
from eventstac.catalog.database import Connection, advisory_key

# Whoever merges holds it shared, so that a deletion is noted before a merge reads of it, or after that has committed.
_LOCK = advisory_key(blake2b, "deleted directories")


def hold_still(connection: Connection) -> None:
    """Until the transaction ends no deletion is noted; a statement of its own, before what reads."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])


def note(connection: Connection, prefix: str, deleted_at: datetime) -> None:
    """Keep when the blobs below a URL that ends in a slash were deleted; what is merged from now on sees it."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute("INSERT INTO eventstac.deleted_directories VALUES (%s, %s)", [prefix, deleted_at])


def deleted(connection: Connection, urls: list[str]) -> Mapping[str, datetime]:
    """When a directory above each of these blobs was last deleted, for those of which one was."""
    above = [(url, prefix) for url in urls for prefix in directories_of(url)]
    rows = connection.execute(
        """
        SELECT above.url, max(d.deleted_at) FROM unnest(%s::text[], %s::text[]) AS above (url, prefix)
        JOIN eventstac.deleted_directories d ON d.prefix = above.prefix COLLATE "C" GROUP BY 1
        """,
        [[url for url, _ in above], [prefix for _, prefix in above]],
    )
    return {url: deleted_at for url, deleted_at in rows}


def directories_of(url: str) -> Iterator[str]:
    """The URLs of the directories that a blob is in, from the innermost; its container is none."""
    container = parse(url).container_url
    while (url := url.rstrip("/").rpartition("/")[0]) and len(url) > len(container):
        yield f"{url}/"
