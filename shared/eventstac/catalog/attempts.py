"""Makes what a transaction lacked, and counts how often it may be tried again."""

from eventstac.catalog.collection_documents import keep_items_whole
from eventstac.catalog.database import Connection
from eventstac.catalog.pgstac_partitions import CollectionNotReady, Needed, prepare_collection
from eventstac.catalog.rules_store import RulesStore

ATTEMPTS = 5  # that end with nothing gained: blobs that keep moving, a table that keeps vanishing


class Attempts:
    """How often one transaction may be tried yet: an attempt that finds a new thing to make is not counted.

    `briefly`: who holds a Collection's tables is not waited for long.
    """

    def __init__(self, *, briefly: bool = False) -> None:
        self.left = ATTEMPTS
        self._briefly = briefly
        self._made: set[tuple[str, tuple[Needed, ...]]] = set()

    def note(self) -> None:
        """Count an attempt."""
        self.left -= 1

    def prepare(self, connection: Connection, rules: RulesStore, not_ready: CollectionNotReady) -> None:
        """Make what a transaction, rolled back, did not find as it must be; counted where that was made before."""
        lacking = set(not_ready.needed.items())
        if lacking <= self._made:
            self.note()
        self._made |= lacking
        applied = rules.current(connection).rules
        for collection, needed in not_ready.needed.items():
            found = applied.collection(collection)
            prepare_collection(connection, collection, found, needed, briefly=self._briefly)
            keep_items_whole(connection, collection)
