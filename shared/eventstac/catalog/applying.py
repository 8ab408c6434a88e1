"""Puts rules in force: a revision of the rules, Collections and queryables in pgstac."""

from eventstac.catalog import pgstac_partitions
from eventstac.catalog.collection_documents import apply_collection, apply_queryables
from eventstac.catalog.database import Connection
from eventstac.catalog.rules_store import apply_rules, lock_rules
from eventstac.raster.revision import EXTRACTOR_REVISION
from eventstac.rules import Rules


def prepare(connection: Connection, rules: Rules) -> None:
    """Make what later writes need, in commits of its own: Collections and their partitions."""
    for collection in rules.collections:
        pgstac_partitions.prepare_collection(connection, collection.id, collection)
        if collection.partition_trunc:
            pgstac_partitions.repartition(connection, collection.id, collection.partition_trunc)


def apply(connection: Connection, text: str, rules: Rules, origin: str) -> int:
    """Apply rules that are prepared, all of it or nothing; returns the revision. `origin` says where they are from."""
    with connection.transaction():
        lock_rules(connection)
        for collection in rules.collections:
            apply_collection(connection, collection)
            apply_queryables(connection, collection)
        return apply_rules(connection, text, rules, EXTRACTOR_REVISION, origin)
