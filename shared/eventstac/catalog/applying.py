"""Puts rules in force: a revision of the rules, Collections and queryables in pgstac."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from psycopg import errors

from eventstac.catalog import pgstac_partitions
from eventstac.catalog.collection_documents import apply_collection, collection_ids
from eventstac.catalog.database import Connection
from eventstac.catalog.ours import our_collections
from eventstac.catalog.queryables import apply_queryables
from eventstac.catalog.rules_store import apply_rules, lock_rules, newest
from eventstac.errors import Rejected
from eventstac.raster.revision import EXTRACTOR_REVISION
from eventstac.rules import RULES_INVALID, CollectionRules, Rules
from eventstac.rules.applied import AppliedRules

# What PostgreSQL or pgstac say of a document that they cannot keep, and what its shape makes of our own code.
UNFIT = (
    errors.DataError,
    errors.CheckViolation,
    errors.NotNullViolation,
    errors.ProgramLimitExceeded,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
)


def prepare(connection: Connection, rules: Rules) -> None:
    """Make what later writes need, in commits of its own: Collections and their partitions.

    Rejected `rules-invalid` where pgstac does not take a Collection.
    """
    for collection in rules.collections:
        with _refusals(rules, collection):
            pgstac_partitions.prepare_collection(connection, collection.id, collection)
            if collection.partition_trunc:
                pgstac_partitions.repartition(connection, collection.id, collection.partition_trunc)


def apply(connection: Connection, text: str, rules: Rules, origin: str) -> int:
    """Apply rules that are prepared, all of it or nothing; returns the revision. `origin` says where they are from.

    Rejected `rules-invalid` where pgstac does not take them. What changed queryables leave to do is done by
    `queryables.finish_changes`, after the commit.
    """
    with connection.transaction():
        lock_rules(connection)
        stored = newest(connection)
        before = stored.read(rules.default_collection) if stored else None
        ours = set(our_collections(connection, rules))
        for collection in rules.collections:
            with _refusals(rules, collection):
                known = before.collection(collection.id) if before else None
                apply_collection(connection, collection, known, is_ours=collection.id in ours)
                apply_queryables(connection, collection, known)
        for known in before.collections if before else ():
            if rules.collection(known.id) is None:  # the Collection stays, as it was
                apply_queryables(connection, CollectionRules(known.id), known)
        return apply_rules(connection, text, rules, EXTRACTOR_REVISION, origin)


def apply_again(connection: Connection, applied: AppliedRules, name: str) -> None:
    """Make a Collection of the rules in force that is missing, and its queryables as they state them.

    Rejected `rules-invalid` where Items do not fit them any more; TablesHeld, soon, where somebody holds the tables.
    Nothing is done where other rules came meanwhile.
    """
    collection = applied.rules.collection(name)
    if collection is None:
        return
    with _refusals(applied.rules, collection):
        if name not in collection_ids(connection):
            pgstac_partitions.prepare_collection(connection, name, collection, briefly=True)
        pgstac_partitions.with_ddl(
            connection,
            name,
            partial(_apply_queryables_again, connection, applied, collection),
            pgstac_partitions.BRIEFLY,
            lock=partial(lock_rules, connection),
        )


def _apply_queryables_again(
    connection: Connection, applied: AppliedRules, collection: CollectionRules
) -> None:
    stored = newest(connection)
    if stored and stored.revision == applied.revision:
        apply_queryables(connection, collection, collection)


def try_out(connection: Connection, text: str, rules: Rules) -> None:
    """Apply rules and take it back: Rejected `rules-invalid` where pgstac does not take them."""
    with connection.transaction(force_rollback=True):
        apply(connection, text, rules, "")


@contextmanager
def _refusals(rules: Rules, collection: CollectionRules) -> Iterator[None]:
    """Turn what is wrong with one Collection of the rules into a mistake that names it."""
    try:
        yield
    except UNFIT as error:
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        raise Rejected(
            RULES_INVALID,
            f"{rules.file}: collection {collection.id!r} cannot be stored: {said}. Mend its queryables, `extent:` or "
            "`extra:`, or the Items that an index does not take; then apply the rules again",
        ) from error
    except Rejected as rejection:
        raise Rejected(RULES_INVALID, f"{rules.file}: {rejection.detail}") from rejection
