"""Collections in pgstac: made from the rules, and changed without touching what a user added."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from eventstac.catalog.database import Connection
from eventstac.rules import CollectionRules, collection_document, collection_extensions


def ensure_collection(connection: Connection, collection: str, rules: CollectionRules | None) -> None:
    """Make a Collection that is missing, as its rules say; leave one that is there alone."""
    rules = rules or CollectionRules(collection)
    document, private = collection_document(rules)
    connection.execute(
        "INSERT INTO pgstac.collections (content, private, partition_trunc) VALUES (%s, %s, nullif(%s, 'none')) "
        "ON CONFLICT (id) DO NOTHING",
        [Jsonb(document), Jsonb(private), rules.partition_trunc],
    )


def apply_collection(connection: Connection, rules: CollectionRules) -> None:
    """Bring a Collection's own fields to what the rules say; its extent and its user's fields stay."""
    document, private = collection_document(rules)
    ensure_collection(connection, rules.id, rules)
    row = connection.execute(
        "SELECT content, private FROM pgstac.collections WHERE id = %s FOR NO KEY UPDATE", [rules.id]
    ).fetchone()
    if row is None:
        raise LookupError(f"collection {rules.id!r} vanished while it was applied")
    content: dict[str, Any] = {**row[0], **_said(document, rules)}
    if rules.extent:
        content["extent"] = {**content["extent"], **rules.extent}
    if "summaries" in rules.extra:  # beside those that are kept current
        content["summaries"] = {**row[0].get("summaries", {}), **rules.extra["summaries"]}
    kept: Mapping[str, Any] = {**(row[1] or {}), **private}
    content["stac_extensions"] = collection_extensions({**content, **kept})
    if content != row[0] or kept != row[1]:
        connection.execute(
            "UPDATE pgstac.collections SET content = %s, private = %s WHERE id = %s",
            [Jsonb(content), Jsonb(kept), rules.id],
        )


def _said(document: Mapping[str, Any], rules: CollectionRules) -> dict[str, Any]:
    """What the rules say themselves, without the defaults that a new Collection needs."""
    defaults = {"extent", "links", "stac_extensions"}
    if not rules.description:
        defaults.add("description")
    if rules.license == CollectionRules(rules.id).license:
        defaults.add("license")
    return {name: value for name, value in document.items() if name not in defaults}


_WRAPPERS = {"number": "to_float", "integer": "to_int", "datetime": "to_tstz", "string": "to_text"}


def apply_queryables(connection: Connection, rules: CollectionRules) -> None:
    """Register a Collection's queryables in pgstac, with a BTREE index for those that are sorted by."""
    for queryable in rules.queryables:
        connection.execute(
            "SELECT pgstac.upsert_queryable(%s, %s, %s, %s, %s)",
            [
                queryable.name,
                Jsonb(queryable.definition),
                _WRAPPERS.get(queryable.type),
                "BTREE" if queryable.sortable else None,
                [rules.id],
            ],
        )


def collection_ids(connection: Connection) -> set[str]:
    """The collections of the catalog, those included that no rule names any more."""
    return {name for (name,) in connection.execute("SELECT id FROM pgstac.collections")}
