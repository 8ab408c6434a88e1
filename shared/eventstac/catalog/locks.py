"""Locks blobs and Items in one order for everybody."""

from collections.abc import Iterable
from hashlib import blake2b

from eventstac.catalog.database import Connection, advisory_key
from eventstac.catalog.deleted_directories import LOCK as DIRECTORIES


def lock(connection: Connection, urls: Iterable[str], keys: Iterable[tuple[str, str]]) -> None:
    """Hold blobs and Items until the transaction ends; in a statement of its own, so what is read after it is fresh.

    Last, so that nobody has it who waits for another: until the transaction ends no deleted directory is noted.
    """
    names = [*(f"blob {url}" for url in urls), *(f"item {collection}/{item}" for collection, item in keys)]
    numbers = sorted({advisory_key(blake2b, name) for name in names})
    connection.execute(
        """
        SELECT pg_advisory_xact_lock(number) FROM unnest(%s::bigint[]) AS number
        UNION ALL SELECT pg_advisory_xact_lock_shared(%s)
        """,
        [numbers, DIRECTORIES],
    )
