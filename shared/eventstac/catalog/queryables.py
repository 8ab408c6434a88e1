"""Queryables in pgstac, with their indexes: those that the rules state, without touching what a user registered.

Ours are those that the rules before stated, as long as they are as those stated them. An index is dropped after the
commit, in a transaction that gives up soon: it waits for whoever reads the Items.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from psycopg.types.json import Jsonb

from eventstac.catalog.database import Connection
from eventstac.catalog.pgstac_partitions import with_ddl
from eventstac.catalog.rebuilding import rebuild
from eventstac.catalog.rules_store import RulesStore
from eventstac.errors import Rejected
from eventstac.rules import RULES_INVALID, CollectionRules, Queryable
from eventstac.rules.queryables import how_to_mend, keys_of, misfit, plain_name

# pgstac's own for integers, `to_int`, rounds down what is compared, and one search over several Collections reads a
# property as text where their wrappers differ.
_WRAPPERS = {"number": "to_float", "integer": "to_float", "datetime": "to_tstz", "string": "to_text"}

# A queryable as pgstac keeps it: definition, wrapper, kind of index.
_Row = tuple[dict[str, Any], str | None, str | None]

_REGISTER = (
    # One that a user registered for this Collection and others stays that of the others.
    """
    UPDATE pgstac.queryables SET collection_ids = array_remove(collection_ids, %(collection)s)
    WHERE name = ANY(%(names)s) AND %(collection)s = ANY(collection_ids) AND cardinality(collection_ids) > 1
    """,
    """
    DELETE FROM pgstac.queryables AS stored
    USING unnest(%(names)s::text[]) AS wanted (name),
        pgstac.conflicting_queryables(wanted.name, ARRAY[%(collection)s]) AS other
    WHERE stored.id = other.id
    """,
    """
    INSERT INTO pgstac.queryables (name, definition, property_wrapper, property_index_type, collection_ids)
    SELECT *, ARRAY[%(collection)s] FROM unnest(
        %(names)s::text[], %(definitions)s::jsonb[], %(wrappers)s::text[], %(indexes)s::text[])
    """,
)

# who else writes these, waits, or is waited for
_LOCK = "SELECT pg_advisory_xact_lock(hashtext(name)) FROM unnest(%s::text[]) AS name"

_FETCHED = 2000  # values of Items that are held at a time


def apply_queryables(connection: Connection, rules: CollectionRules, before: CollectionRules | None) -> None:
    """Bring a Collection's queryables from what the rules `before` stated to what they state now.

    Rejected `rules-invalid` where Items that are in the catalog do not fit, or where somebody registered one for all
    Collections, of which pgstac has no other beside it.
    """
    # What pgstac's own functions want.
    connection.execute("SELECT set_config('search_path', 'pgstac, public', true)")
    known = {name: row for name, *row in _registered(connection, rules.id)}
    wanted = {plain_name(each.name): each for each in rules.queryables}
    changed = {
        name: each for name, each in wanted.items() if name not in known or _row(each) != _stored(known[name])
    }
    stated = {plain_name(each.name): _row(each) for each in before.queryables} if before else {}
    dropped = [
        name
        for name, row in stated.items()
        if name not in wanted and name in known and _stored(known[name]) == row
    ]
    if changed:
        connection.execute(_LOCK, [sorted(changed)])
    for name in for_all(connection) & changed.keys():
        if stated.get(name) != _row(changed[name]):
            raise Rejected("rules-invalid", _for_all_already(rules.id, name))
        del changed[name]  # it was ours before: a mistake in the file would be none
    if not changed and not dropped:
        return
    left = [known[name] for name in (*changed, *dropped) if name in known]
    indexes = _indexes(connection, rules.id, [number for number, *_, index in left if index])
    for name, each in changed.items():
        if name not in known or _row(each)[1:] != _stored(known[name])[1:]:
            _check_items(connection, rules.id, each)
    if changed:
        _register(connection, rules.id, changed)
    for name in dropped:
        connection.execute("SELECT pgstac.delete_queryable(%s, %s)", [name, [rules.id]])
    connection.execute(
        "INSERT INTO eventstac.changed_queryables AS noted (collection, indexes) VALUES (%s, %s) "
        "ON CONFLICT (collection) DO UPDATE SET indexes = noted.indexes || excluded.indexes",
        [rules.id, Jsonb(indexes)],
    )


def unlike(connection: Connection, rules: CollectionRules) -> list[str]:
    """The queryables that rules state of a Collection, and pgstac does not have as they state them."""
    known = {name: row for name, *row in _registered(connection, rules.id)}
    wanted = {plain_name(each.name): each for each in rules.queryables}
    return sorted(
        name for name, each in wanted.items() if name not in known or _row(each) != _stored(known[name])
    )


def for_all(connection: Connection) -> set[str]:
    """The names of queryables that are registered for all Collections, those of later ones included."""
    rows = connection.execute("SELECT name FROM pgstac.queryables WHERE collection_ids IS NULL")
    return {name for (name,) in rows}


def _for_all_already(collection: str, name: str) -> str:
    return (
        f"collection {collection!r}: somebody registered the queryable {name!r} in pgstac for all Collections, which "
        "would lose it. Leave it out of the file, have it registered for the Collections that it is meant for instead "
        "(`pypgstac load_queryables --collection_ids`), or have it taken away (`SELECT "
        f"pgstac.delete_queryable('{name}')`)"
    )


def finish_changes(connection: Connection, rules: RulesStore, app: str, now: datetime) -> None:
    """Do what changed queryables left to do: drop unused indexes, compose anew the Items that did not fit.

    Each Collection in commits of its own; safe twice, and at any time. Transient where somebody reads a Collection
    all the time.
    """
    pending = connection.execute(
        "SELECT collection, indexes FROM eventstac.changed_queryables ORDER BY collection"
    ).fetchall()
    for collection, indexes in pending:
        if indexes:
            with_ddl(connection, collection, partial(_drop_unused, connection, collection, indexes))
        refused = connection.execute(
            "SELECT collection, item FROM eventstac.items "
            "WHERE collection = %s AND state = 'rejected' AND reason = 'invalid-item' ORDER BY item",
            [collection],
        ).fetchall()
        rebuild(connection, rules, refused, app, now)
        connection.execute(
            "DELETE FROM eventstac.changed_queryables WHERE collection = %s AND indexes = %s",
            [collection, Jsonb(indexes)],
        )


def _registered(connection: Connection, collection: str) -> list[tuple[Any, ...]]:
    """The queryables of a Collection alone: name, number, definition, wrapper, kind of index."""
    return connection.execute(
        "SELECT name, id, definition, property_wrapper, property_index_type FROM pgstac.queryables "
        "WHERE collection_ids = %s AND property_path IS NULL",
        [[collection]],
    ).fetchall()


def _stored(row: Sequence[Any]) -> _Row:
    _, definition, wrapper, index = row
    return definition, wrapper, index


def _row(queryable: Queryable) -> _Row:
    index = "BTREE" if queryable.sortable else None
    return queryable.definition, _WRAPPERS.get(queryable.type), index


def _register(connection: Connection, collection: str, queryables: Mapping[str, Queryable]) -> None:
    """Write queryables, by their plain names, as pgstac's `upsert_queryable` does, but all of them at once.

    At each statement that inserts some, pgstac goes through all queryables of all Collections.
    """
    names = sorted(queryables)
    rows = [_row(queryables[name]) for name in names]
    values = {
        "collection": collection,
        "names": names,
        "definitions": [Jsonb(definition) for definition, _, _ in rows],
        "wrappers": [wrapper for _, wrapper, _ in rows],
        "indexes": [index for _, _, index in rows],
    }
    for statement in _REGISTER:
        connection.execute(statement, values)


def _check_items(connection: Connection, collection: str, queryable: Queryable) -> None:
    """Refuse a queryable that Items in the catalog do not fit."""
    if not (queryable.sortable or queryable.type in ("number", "integer", "datetime")):
        return
    with connection.cursor(name="stored_values") as cursor:
        cursor.itersize = _FETCHED
        cursor.execute(
            "SELECT id, content #> %(keys)s FROM pgstac.items "
            "WHERE collection = %(collection)s AND content #> %(keys)s IS NOT NULL",
            {"keys": keys_of(queryable.name), "collection": collection},
        )
        for item, value in cursor:
            wrong = misfit(value, queryable)
            if wrong:
                raise Rejected(
                    RULES_INVALID,
                    f"collection {collection!r}: the queryable {queryable.name!r} does not fit the Item {item!r}: "
                    f"{wrong}. {how_to_mend(queryable)}; then apply the rules again",
                )


def _indexes(connection: Connection, collection: str, queryables: Sequence[int]) -> list[dict[str, str]]:
    """The indexes that tables of a Collection have for these queryables."""
    if not queryables:
        return []
    rows = connection.execute(
        "SELECT found.partition, found.indexname, found.existing_idx "
        "FROM pgstac.collections c, pgstac.queryable_indexes('_items_' || c.key) AS found "
        "WHERE c.id = %s AND to_regclass('pgstac._items_' || c.key) IS NOT NULL "
        "AND found.queryable_id = ANY(%s) AND found.indexname IS NOT NULL",
        [collection, list(queryables)],
    )
    return [{"partition": leaf, "name": name, "definition": text} for leaf, name, text in rows]


def _drop_unused(connection: Connection, collection: str, indexes: Sequence[dict[str, str]]) -> None:
    """Drop those of these indexes that no queryable has a use for."""
    connection.execute("SELECT set_config('search_path', 'pgstac, public', true)")
    noted = {(each["partition"], each["name"], each["definition"]) for each in indexes}
    unused = connection.execute(
        "SELECT found.partition, found.indexname, found.existing_idx "
        "FROM pgstac.collections c, pgstac.queryable_indexes('_items_' || c.key, true) AS found "
        "WHERE c.id = %s AND to_regclass('pgstac._items_' || c.key) IS NOT NULL AND found.queryable_id IS NULL",
        [collection],
    ).fetchall()
    for leaf, name, text in unused:
        if (leaf, name, text) in noted:
            connection.execute("SELECT pgstac.maintain_index(%s, %s, NULL, true)", [leaf, name])
