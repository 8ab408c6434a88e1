"""Directories that were deleted at once: a look from before that is merged after is made again.

The storage sends one event for a directory and none for the blobs below it. What is known of them is looked at again
when it comes; but a first look that is still on its way then would bring its blob into the catalog after all.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b

from eventstac.blob_urls import parse
from eventstac.catalog.database import Connection, advisory_key

# Whoever merges holds it shared (`locks.lock`), so that a deletion is noted before a merge reads of it, or after that
# has committed.
LOCK = advisory_key(blake2b, "deleted directories")


def note(connection: Connection, prefix: str, deleted_at: datetime) -> None:
    """Keep when the blobs below a URL that ends in a slash were deleted; what is merged from now on sees it."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        connection.execute("INSERT INTO eventstac.deleted_directories VALUES (%s, %s)", [prefix, deleted_at])


def deleted(connection: Connection, urls: list[str]) -> Mapping[str, datetime]:
    """When a directory above each of these blobs was last deleted, for those of which one was."""
    above = {url: directories_of(url) for url in urls}
    rows = connection.execute(
        """
        SELECT above.prefix, max(d.deleted_at) FROM unnest(%b::text[]) AS above (prefix)
        JOIN eventstac.deleted_directories d ON d.prefix = above.prefix COLLATE "C" GROUP BY 1
        """,
        [sorted({prefix for prefixes in above.values() for prefix in prefixes})],
    )
    deleted_at: dict[str, datetime] = dict(rows.fetchall())
    found = {
        url: [deleted_at[one] for one in prefixes if one in deleted_at] for url, prefixes in above.items()
    }
    return {url: max(times) for url, times in found.items() if times}


def directories_of(url: str) -> tuple[str, ...]:
    """The URLs of the directories that a blob is in, from the innermost; its container is none."""
    return _from_innermost(url.rstrip("/").rpartition("/")[0])


@lru_cache(maxsize=1000)  # the blobs of a batch are in few directories
def _from_innermost(directory: str) -> tuple[str, ...]:
    container, found = parse(f"{directory}/blob").container_url, []
    while len(directory) > len(container):
        found.append(f"{directory}/")
        directory = directory.rstrip("/").rpartition("/")[0]
    return tuple(found)
