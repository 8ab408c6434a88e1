"""Collections in pgstac: made from the rules, and changed without touching what a user added."""

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg.types.json import Jsonb

from eventstac.catalog.collection_parts import Parts, read_parts, summaries_now
from eventstac.catalog.database import Connection
from eventstac.errors import Transient
from eventstac.extents import Spans, extent_within, merged_extent
from eventstac.rules import CollectionRules, collection_document, collection_extensions
from eventstac.rules.collection_document import STAC_VERSION, listed_extensions
from eventstac.rules.load import is_built_in

# As texts: neither Python nor jsonb tells 1.0 from 1.
_CHANGE = """
    UPDATE pgstac.collections SET content = %(content)s, private = %(private)s
    WHERE id = %(id)s AND (content::text, private::text) IS DISTINCT FROM (%(content)s::text, %(private)s::text)
"""

# pgstac leaves out of Items what `item_assets` and `stac_version` in the content say, and each reader pays for it. The
# update keeps what readers of our API see: they get the `item_assets` that are kept beside the content, too.
_KEEP_ITEMS_WHOLE = """
    UPDATE pgstac.collections SET
        content = content - 'item_assets' || jsonb_build_object('stac_version', %(version)s::text),
        private = CASE jsonb_typeof(private) WHEN 'object' THEN private ELSE '{}' END
            || CASE WHEN jsonb_typeof(content->'item_assets') = 'object'
                THEN jsonb_build_object('item_assets', content->'item_assets') ELSE '{}' END
    WHERE id = %(id)s AND (content ? 'item_assets' OR content->>'stac_version' IS DISTINCT FROM %(version)s)
"""

_NEWEST_BASE = "SELECT coalesce(max(id), 0) FROM pgstac.base_items WHERE collection = %(id)s"

# pgstac keeps a base item for each edit. Of one that is there no Item needs the copy that bringing it back makes.
_FORGET_BASE = """
    DELETE FROM pgstac.base_items b WHERE collection = %(id)s AND id > %(newest)s AND EXISTS (
        SELECT FROM pgstac.base_items WHERE collection = b.collection AND id < b.id AND base_item = b.base_item)
"""


def ensure_collection(connection: Connection, collection: str, rules: CollectionRules | None) -> None:
    """Make a Collection that is missing, as its rules say; leave one that is there alone.

    Of one that was there before, and that somebody deleted, Items are known: its extent and summaries follow.
    """
    rules = rules or CollectionRules(collection)
    document, private = collection_document(rules)
    connection.execute(
        """
        WITH made AS (
            INSERT INTO pgstac.collections (content, private, partition_trunc) VALUES (%s, %s, nullif(%s, 'none'))
            ON CONFLICT (id) DO NOTHING RETURNING id
        )
        UPDATE eventstac.collections SET recount = true FROM made WHERE collection = made.id
        """,
        [Jsonb(document), Jsonb(private), rules.partition_trunc],
    )


def keep_items_whole(connection: Connection, collection: str) -> None:
    """Take out of a Collection of ours what others wrote into it by which pgstac would shorten its Items."""
    values: dict[str, Any] = {"id": collection, "version": STAC_VERSION}
    with connection.transaction():
        # Nobody else adds a base item then; what was added while this waited, the next statement sees.
        connection.execute("SELECT FROM pgstac.collections WHERE id = %(id)s FOR NO KEY UPDATE", values)
        row = connection.execute(_NEWEST_BASE, values).fetchone()
        changed = connection.execute(_KEEP_ITEMS_WHOLE, values)
        if row and changed.rowcount:
            connection.execute(_FORGET_BASE, {**values, "newest": row[0]})


def apply_collection(
    connection: Connection, rules: CollectionRules, before: CollectionRules | None, *, is_ours: bool
) -> None:
    """Bring a Collection's fields from what the rules `before` stated to what they state now, and one of ours to what
    is kept of its Items.

    What a user added or changed stays: what the rules stated leaves only as long as it is as they stated it.
    """
    document, _ = collection_document(rules)
    ensure_collection(connection, rules.id, rules)
    if is_ours or rules.item_assets is not None:
        keep_items_whole(connection, rules.id)
    row = connection.execute(
        "SELECT content, private FROM pgstac.collections WHERE id = %s FOR NO KEY UPDATE", [rules.id]
    ).fetchone()
    if row is None:
        raise Transient(f"collection {rules.id!r} vanished while it was applied")
    private = row[1] if isinstance(row[1], Mapping) else {}
    kept: dict[str, Any] = {**private, "item_assets": _item_assets(private, rules, before)}
    stated, left = _stated(rules), _left(row[0], rules, before)
    content: dict[str, Any] = {name: value for name, value in row[0].items() if name not in left}
    content |= {name: document[name] for name in left & {"description", "license"}}  # which STAC requires
    content |= stated
    # Read while the row is locked: who changes them writes the row after.
    parts = read_parts(connection, rules.id)
    freed = extent_within(_object(content, "extent"), _freed(parts, rules, before))
    content["extent"] = extent_within(freed, rules.extent)
    summaries = _summaries(row[0], rules, before)
    content.pop("summaries", None)
    if summaries:
        content["summaries"] = summaries
    if is_ours and parts:
        is_counted = not parts.recount and set(parts.summed) == set(rules.summaries)
        found = summaries_now(connection, rules.id, parts.summed) if is_counted else None
        content = with_parts(content, kept, parts, found, parts.summed, rules)
    content["stac_extensions"] = _extensions({**content, **kept}, row[0], rules, before)
    connection.execute(_CHANGE, {"content": Jsonb(content), "private": Jsonb(kept), "id": rules.id})


def with_parts(
    content: Mapping[str, Any],
    private: object,
    parts: Parts,
    found: Mapping[str, Any] | None,
    shown_before: Iterable[str],
    rules: CollectionRules,
) -> dict[str, Any]:
    """A Collection with what is kept current; everything else in it is its user's. `found`: None leaves summaries."""
    said = rules.extra.get("summaries", {})
    before = _object(content, "summaries")
    summaries = dict(before)
    if found is not None:
        ours = {*shown_before, *found} - set(said)
        summaries = {name: value for name, value in summaries.items() if name not in ours}
        summaries |= {name: found[name] for name in found if name in ours and found[name] is not None}
    extent = extent_within(_object(content, "extent"), merged_extent(rules.extent, parts.spans))
    changed = {**content, "extent": extent, "summaries": summaries}
    if not summaries:
        del changed["summaries"]
    beside = private if isinstance(private, Mapping) else {}
    extensions = collection_extensions({**changed, **beside}, set(before) - set(summaries))
    return {**changed, "stac_extensions": extensions}


def _object(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A member that is an object in STAC; others may have written anything."""
    value = content.get(name)
    return value if isinstance(value, Mapping) else {}


def _item_assets(
    private: Mapping[str, Any], rules: CollectionRules, before: CollectionRules | None
) -> dict[str, Any]:
    """Those of the rules; where they state none, somebody else's."""
    _, stated = collection_document(rules)
    now: dict[str, Any] = stated["item_assets"]
    if now or rules.item_assets is not None:
        return now
    there = _object(private, "item_assets")
    was = collection_document(before)[1]["item_assets"] if before else None
    return {} if there == was else dict(there)


def _stated(rules: CollectionRules | None) -> dict[str, Any]:
    """What the rules say themselves of a Collection, without the defaults that a new one needs."""
    if rules is None:
        return {}
    document, _ = collection_document(rules)
    unstated = {"stac_version", "extent", "summaries", "stac_extensions"} | ({"links"} - rules.extra.keys())
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


def _freed(parts: Parts | None, rules: CollectionRules, before: CollectionRules | None) -> dict[str, Any]:
    """The parts of the extent that the rules leave to the Items again."""
    freed = set(before.extent if before else ()) - set(rules.extent)
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
        for name, value in _object(content, "summaries").items()
        if name in now or name not in stated or stated[name] != value
    }
    return {**others, **now}


def _extensions(
    content: Mapping[str, Any], row: Mapping[str, Any], rules: CollectionRules, before: CollectionRules | None
) -> list[str]:
    """The extensions of what is there and those that somebody listed, without those of fields that left."""
    now = set(rules.extra.get("stac_extensions", ()))
    unlisted = set(before.extra.get("stac_extensions", ()) if before else ()) - now
    gone = {*row, *_object(row, "summaries")} - {*content, *_object(content, "summaries")}
    listed = (listed_extensions(row) | now) - unlisted
    return collection_extensions({**content, "stac_extensions": sorted(listed)}, gone)


def collection_ids(connection: Connection) -> set[str]:
    """The collections of the catalog, those included that no rule names any more."""
    return {name for (name,) in connection.execute("SELECT id FROM pgstac.collections")}
