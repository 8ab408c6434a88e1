"""Collections in pgstac: made from the rules, and changed without touching what a user added."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from eventstac.catalog.collection_parts import read_parts
from eventstac.catalog.database import Connection
from eventstac.errors import Transient
from eventstac.extents import Spans, extent_within, merged_extent
from eventstac.rules import CollectionRules, collection_document, collection_extensions
from eventstac.rules.load import is_built_in

# As texts: neither Python nor jsonb tells 1.0 from 1.
_CHANGE = """
    UPDATE pgstac.collections SET content = %(content)s, private = %(private)s
    WHERE id = %(id)s AND (content::text, private::text) IS DISTINCT FROM (%(content)s::text, %(private)s::text)
"""


def ensure_collection(connection: Connection, collection: str, rules: CollectionRules | None) -> None:
    """Make a Collection that is missing, as its rules say; leave one that is there alone."""
    rules = rules or CollectionRules(collection)
    document, private = collection_document(rules)
    connection.execute(
        "INSERT INTO pgstac.collections (content, private, partition_trunc) VALUES (%s, %s, nullif(%s, 'none')) "
        "ON CONFLICT (id) DO NOTHING",
        [Jsonb(document), Jsonb(private), rules.partition_trunc],
    )


def apply_collection(connection: Connection, rules: CollectionRules, before: CollectionRules | None) -> None:
    """Bring a Collection's fields from what the rules `before` stated to what they state now.

    What a user added or changed stays: what the rules stated leaves only as long as it is as they stated it.
    """
    document, private = collection_document(rules)
    ensure_collection(connection, rules.id, rules)
    row = connection.execute(
        "SELECT content, private FROM pgstac.collections WHERE id = %s FOR NO KEY UPDATE", [rules.id]
    ).fetchone()
    if row is None:
        raise Transient(f"collection {rules.id!r} vanished while it was applied")
    stated, left = _stated(rules), _left(row[0], rules, before)
    content: dict[str, Any] = {name: value for name, value in row[0].items() if name not in left}
    content |= {name: document[name] for name in left & {"description", "license"}}  # which STAC requires
    content |= stated
    freed = extent_within(content["extent"], _freed(connection, rules, before))
    content["extent"] = extent_within(freed, rules.extent)
    summaries = _summaries(row[0], rules, before)
    content.pop("summaries", None)
    if summaries:
        content["summaries"] = summaries
    kept: Mapping[str, Any] = {**(row[1] or {}), **private}
    content["stac_extensions"] = _extensions({**content, **kept}, row[0], rules, before)
    connection.execute(_CHANGE, {"content": Jsonb(content), "private": Jsonb(kept), "id": rules.id})


def _stated(rules: CollectionRules | None) -> dict[str, Any]:
    """What the rules say themselves of a Collection, without the defaults that a new one needs."""
    if rules is None:
        return {}
    document, _ = collection_document(rules)
    unstated = {"extent", "summaries", "stac_extensions"} | ({"links"} - rules.extra.keys())
    if not rules.description:
        unstated.add("description")
    if rules.license == CollectionRules(rules.id).license:
        unstated.add("license")
    if is_built_in(rules):
        unstated |= {"title", "description"}
    return {name: value for name, value in document.items() if name not in unstated}


def _left(content: Mapping[str, Any], rules: CollectionRules, before: CollectionRules | None) -> set[str]:
    """The fields that the rules do not state any more, and nobody else changed."""
    now = _stated(rules)
    return {name for name, value in _stated(before).items() if name not in now and content.get(name) == value}


def _freed(connection: Connection, rules: CollectionRules, before: CollectionRules | None) -> dict[str, Any]:
    """The parts of the extent that the rules leave to the Items again."""
    freed = set(before.extent if before else ()) - set(rules.extent)
    if not freed:
        return {}
    parts = read_parts(connection, rules.id)
    extent = merged_extent({}, parts.spans if parts else Spans())
    return {name: extent[name] for name in freed}


def _summaries(
    content: Mapping[str, Any], rules: CollectionRules, before: CollectionRules | None
) -> dict[str, Any]:
    """The summaries: those that are kept current and a user's own, beside those that the rules state."""
    now = rules.extra.get("summaries", {})
    stated = before.extra.get("summaries", {}) if before else {}
    others = {
        name: value
        for name, value in content.get("summaries", {}).items()
        if name in now or name not in stated or stated[name] != value
    }
    return {**others, **now}


def _extensions(
    content: Mapping[str, Any], row: Mapping[str, Any], rules: CollectionRules, before: CollectionRules | None
) -> list[str]:
    """The extensions of what is there and those that somebody listed, without those of fields that left."""
    now = set(rules.extra.get("stac_extensions", ()))
    unlisted = set(before.extra.get("stac_extensions", ()) if before else ()) - now
    gone = {*row, *row.get("summaries", {})} - {*content, *content.get("summaries", {})}
    listed = {*row.get("stac_extensions", ()), *now} - unlisted
    return collection_extensions({**content, "stac_extensions": sorted(listed)}, gone)


def collection_ids(connection: Connection) -> set[str]:
    """The collections of the catalog, those included that no rule names any more."""
    return {name for (name,) in connection.execute("SELECT id FROM pgstac.collections")}
