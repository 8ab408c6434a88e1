"""Writes Items past pgstac's slow ways, straight into the leaf tables of the one version that it knows.

pgstac's staging trigger dehydrates in plpgsql (5.5 ms an Item), its client works in several transactions. Here an
Item is dehydrated on our side and joins the caller's transaction. Facts: pgstac's schema at PGSTAC_VERSION.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import errors, sql

from eventstac.catalog.database import Connection
from eventstac.catalog.pgstac_partitions import CollectionNotReady, Needed, refuse_other_than_pinned
from eventstac.facts import ItemKey
from eventstac.json_text import canonical_json, with_plain_floats
from eventstac.rules.collection_document import STAC_VERSION

# Kept in columns of their own, or put there when the Item is read.
_IN_COLUMNS = ("id", "collection", "geometry", "pgstac:base_item")

# An Item that names no base item belongs to its Collection's first, so one that is the same is not named: what somebody
# changed of a Collection, and is changed back, leaves no trace on its Items.
_NUMBER = """
    nullif((SELECT min(b.id) FROM pgstac.base_items b WHERE b.collection = c.id AND b.base_item = c.base_item),
           (SELECT min(b.id) FROM pgstac.base_items b WHERE b.collection = c.id))
"""

# Those that leave nothing out of Items but what they all have.
_BASES = f"""
    SELECT c.id, c.base_item, {_NUMBER} FROM pgstac.collections c
    WHERE c.id = ANY(%s) AND c.base_item->'assets' = 'null' AND c.base_item->>'stac_version' = %s
"""

_TABLE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_items (
        id text, geometry geometry, collection text, datetime timestamptz, end_datetime timestamptz, content jsonb
    ) ON COMMIT DROP
"""

# The leaves of the Items that come, and what each has to take. partition_stats knows the bounds that a leaf really has:
# those of a catalog that was partitioned in another time zone are not the months of UTC.
_LEAVES = f"""
    SELECT (SELECT pgstac.get_version()), i.collection, c.key, c.partition_trunc IS NOT NULL,
        {_NUMBER},
        leaf.partition, min(i.datetime), min(i.end_datetime), max(i.end_datetime)
    FROM incoming_items i
    JOIN pgstac.collections c ON c.id = i.collection
    LEFT JOIN pgstac.partition_stats leaf
        ON leaf.collection = i.collection AND leaf.partition_dtrange @> i.datetime
    GROUP BY i.collection, c.id, c.base_item, c.key, c.partition_trunc, leaf.partition,
        CASE WHEN leaf.partition IS NULL THEN date_trunc(c.partition_trunc, i.datetime, 'UTC') END
    ORDER BY i.collection, leaf.partition, 7
"""

_PLACED = """
    DELETE FROM incoming_items i USING pgstac.partition_stats s
    WHERE s.collection = i.collection AND s.partition_dtrange @> i.datetime
    RETURNING i.*, s.partition, s.partition_dtrange
"""

# The text, too: to jsonb 1 and 1.0 are equal.
_FILL_LEAF = sql.SQL("""
    INSERT INTO {leaf} AS stored (id, geometry, collection, datetime, end_datetime, content)
    SELECT id, geometry, collection, datetime, end_datetime, content FROM placed WHERE partition = {name} ORDER BY id
    ON CONFLICT (id) DO UPDATE SET
        (geometry, datetime, end_datetime, content) =
        (excluded.geometry, excluded.datetime, excluded.end_datetime, excluded.content)
    WHERE (stored.geometry, stored.datetime, stored.end_datetime, stored.content)
        IS DISTINCT FROM (excluded.geometry, excluded.datetime, excluded.end_datetime, excluded.content)
        OR stored.content::text <> excluded.content::text
    RETURNING 1
""")

# What Items left behind in another leaf than the one that they belong to now.
_LEAVE_OTHER_LEAVES = sql.SQL("""
    DELETE FROM {table} stored WHERE stored.id = ANY({ids}) AND NOT EXISTS (
        SELECT FROM placed
        WHERE collection = {collection} AND id = stored.id AND partition_dtrange @> stored.datetime)
    RETURNING 1
""")


@dataclass(frozen=True)
class _Leaf:
    """A leaf that some Items go to, by the database; `name` None: there is none yet."""

    collection: str
    key: int
    is_one_of_many: bool
    base_number: int | None
    name: str | None
    needed: Needed


@dataclass(frozen=True)
class _Base:
    """What pgstac leaves out of a Collection's Items, as it is now."""

    item: dict[str, Any]
    number: int | None


class Incoming:
    """Items on their way into the leaf tables: brought to the server before the locks are taken, put in place after.

    What is to be written is known before, unless somebody else wrote meanwhile; then it is brought again.
    """

    def __init__(self) -> None:
        self._foreseen: list[Mapping[str, Any]] = []
        self._brought: list[Mapping[str, Any]] = []
        self._bases: dict[str, _Base] = {}

    def foresee(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Say before a transaction what it will bring."""
        self._foreseen = sorted(items, key=_place)

    def bring(self, connection: Connection) -> None:
        """Bring what was foreseen, in the caller's transaction; Collections as they are at each attempt."""
        self._brought = []
        if self._foreseen:
            self._find_bases(connection, self._foreseen)
        items = [item for item in self._foreseen if item["collection"] in self._bases]
        if items:
            self._bring(connection, items)

    def upsert(
        self,
        connection: Connection,
        items: Iterable[Mapping[str, Any]],
        moved: Collection[ItemKey] | None = None,
    ) -> int:
        """As `upsert_items`."""
        items = sorted(items, key=_place)
        if not items:
            return 0
        if not _are(items, self._brought):
            self._find_bases(connection, items)
            self._bring(connection, items)
        return self._put(connection, items, moved)

    def _find_bases(self, connection: Connection, items: Sequence[Mapping[str, Any]]) -> None:
        collections = sorted({item["collection"] for item in items})
        rows = connection.execute(_BASES, [collections, STAC_VERSION])
        self._bases = {collection: _Base(base, number) for collection, base, number in rows}

    def _bring(self, connection: Connection, items: Sequence[Mapping[str, Any]]) -> None:
        missing = {item["collection"] for item in items} - self._bases.keys()
        if missing:
            raise CollectionNotReady(dict.fromkeys(missing, ()))
        connection.execute(_TABLE if not self._brought else "DELETE FROM incoming_items")
        with connection.cursor().copy(
            "COPY incoming_items (id, geometry, collection, datetime, end_datetime, content) FROM STDIN"
        ) as copy:
            for row in _rows(items, self._bases):
                copy.write_row(row)
        self._brought = list(items)

    def _put(
        self,
        connection: Connection,
        items: Sequence[Mapping[str, Any]],
        moved: Collection[ItemKey] | None,
    ) -> int:
        leaves = _leaves(connection)
        changed = {leaf.collection for leaf in leaves if leaf.base_number != self._number(leaf.collection)}
        lacking = {item["collection"] for item in items} - {leaf.collection for leaf in leaves if leaf.name}
        lacking |= {leaf.collection for leaf in leaves if leaf.name is None} | changed
        if lacking:
            missing = [leaf for leaf in leaves if leaf.name is None]
            raise CollectionNotReady({**dict.fromkeys(lacking, ()), **_needed(missing)})
        try:
            return len(_write(connection, [*_moves(leaves, items, moved), *_fills(leaves)], _PLACED))
        except (errors.UndefinedTable, errors.ForeignKeyViolation, errors.CheckViolation) as error:
            raise CollectionNotReady(_needed(leaves)) from error

    def _number(self, collection: str) -> int | None:
        return self._bases[collection].number


def upsert_items(
    connection: Connection, items: Iterable[Mapping[str, Any]], moved: Collection[ItemKey] | None = None
) -> int:
    """Write Items in the caller's transaction; a row that is the same already is left alone.

    `moved` are the Items whose datetime may be another than before, so that they may lie in another leaf; None: all.
    Returns how many rows were written or removed. Raises CollectionNotReady where a leaf is missing or too narrow,
    with what `pgstac_partitions.prepare_collection` is to make.
    """
    return Incoming().upsert(connection, items, moved)


# What PostgreSQL says of a value that an index (of a queryable, say) cannot take.
REFUSED = (errors.DataError, errors.ProgramLimitExceeded)


def refused_items(connection: Connection, items: Sequence[Mapping[str, Any]]) -> dict[ItemKey, str]:
    """Which Items PostgreSQL does not take, and what it says of each. Writes nothing, in the caller's transaction."""
    if not items:
        return {}
    try:
        with connection.transaction(force_rollback=True):
            upsert_items(connection, items)
    except REFUSED as error:
        if len(items) == 1:
            return {_place(items[0]): str(error).strip().partition("\n")[0]}
        half = len(items) // 2
        return refused_items(connection, items[:half]) | refused_items(connection, items[half:])
    return {}


def delete_items(
    connection: Connection, keys: Sequence[ItemKey], starts: Mapping[ItemKey, datetime] | None = None
) -> int:
    """Delete Items in the caller's transaction; one that is not there is none the less gone. Returns how many were.

    `starts`: the datetimes that they should have. Only the leaves of these times are opened and locked, unless an Item
    is found in none of them; a copy that somebody else made in another leaf is then not looked for.
    """
    if not keys:
        return 0
    ids: dict[str, list[str]] = {}
    times: dict[str, list[datetime]] = {}
    for collection, item in keys:
        ids.setdefault(collection, []).append(item)
        if starts and (collection, item) in starts:
            times.setdefault(collection, []).append(starts[collection, item])
    tables = connection.execute(
        "SELECT (SELECT pgstac.get_version()), id, key FROM pgstac.collections "
        "WHERE id = ANY(%s) AND to_regclass(format('pgstac.%%I', '_items_' || key)) IS NOT NULL ORDER BY id",
        [list(ids)],
    ).fetchall()
    for version, *_ in tables[:1]:
        refuse_other_than_pinned(version)
    found = _delete(connection, tables, ids, times) if times else set()
    if len(found) < len(set(keys)):
        found |= _delete(connection, tables, ids, None)
    return len(found)


def _delete(
    connection: Connection,
    tables: Iterable[tuple[Any, ...]],
    ids: Mapping[str, list[str]],
    times: Mapping[str, list[datetime]] | None,
) -> set[ItemKey]:
    """Delete Items by their ids; with `times` those that begin then, None looks into all leaves. Returns those found,
    of which there may be copies.
    """
    by_id = sql.SQL("DELETE FROM {table} WHERE id = ANY({ids})")
    in_time = sql.SQL(" AND datetime = ANY({times})")
    returning = sql.SQL(" RETURNING collection, id")
    parts = []
    for _, collection, key in tables:
        part = by_id.format(table=_table(f"_items_{key}"), ids=ids[collection])
        if times is not None:
            if collection not in times:
                continue
            part += in_time.format(times=times[collection])
        parts.append(part + returning)
    return {(collection, item) for collection, item in _write(connection, parts)}


def _leaves(connection: Connection) -> list[_Leaf]:
    rows = connection.execute(_LEAVES).fetchall()
    for version, *_ in rows[:1]:
        refuse_other_than_pinned(version)
    return [
        _Leaf(collection, key, one_of_many, number, name, Needed(*times))
        for _, collection, key, one_of_many, number, name, *times in rows
    ]


def _needed(leaves: Iterable[_Leaf]) -> dict[str, tuple[Needed, ...]]:
    """What leaves have to take, by Collection."""
    needed: dict[str, tuple[Needed, ...]] = {}
    for leaf in leaves:
        needed[leaf.collection] = (*needed.get(leaf.collection, ()), leaf.needed)
    return needed


def _moves(
    leaves: Iterable[_Leaf], items: Iterable[Mapping[str, Any]], moved: Collection[ItemKey] | None
) -> list[sql.Composed]:
    """What takes Items out of other leaves of their Collections, where those have more than one."""
    ids: dict[str, list[str]] = {}
    for collection, item in map(_place, items):
        if moved is None or (collection, item) in moved:
            ids.setdefault(collection, []).append(item)
    keys = {leaf.collection: leaf.key for leaf in leaves if leaf.is_one_of_many}
    return [
        _LEAVE_OTHER_LEAVES.format(table=_table(f"_items_{key}"), ids=ids[collection], collection=collection)
        for collection, key in keys.items()
        if collection in ids
    ]


def _fills(leaves: Iterable[_Leaf]) -> list[sql.Composed]:
    return [_FILL_LEAF.format(leaf=_table(leaf.name), name=leaf.name) for leaf in leaves if leaf.name]


def _write(
    connection: Connection, parts: Sequence[sql.Composed], placed: str | None = None
) -> list[tuple[Any, ...]]:
    """Write to several tables in one way to the server and back; returns what each row that was written returns."""
    if not parts:
        return []
    names = [sql.Identifier(f"part_{number}") for number in range(len(parts))]
    listed = [sql.SQL("{} AS ({})").format(name, part) for name, part in zip(names, parts, strict=True)]
    if placed:
        listed.insert(0, sql.SQL("placed AS ({})").format(sql.SQL(placed)))
    rows = sql.SQL(" UNION ALL ").join(sql.SQL("SELECT * FROM {}").format(name) for name in names)
    return connection.execute(sql.SQL("WITH {} {}").format(sql.SQL(", ").join(listed), rows)).fetchall()


def _place(item: Mapping[str, Any]) -> tuple[str, str]:
    return str(item["collection"]), str(item["id"])


def _are(items: Sequence[object], others: Sequence[object]) -> bool:
    """Whether two lists hold the very same objects."""
    return len(items) == len(others) and all(one is other for one, other in zip(items, others, strict=True))


def _table(name: str) -> sql.Identifier:
    return sql.Identifier("pgstac", name)


def _rows(items: Sequence[Mapping[str, Any]], bases: Mapping[str, _Base]) -> Iterator[tuple[Any, ...]]:
    # shapely brings numpy: at the first Item, and never in an app that writes none
    import shapely

    geometries = shapely.from_geojson([canonical_json(item["geometry"]) for item in items])
    wkb = shapely.to_wkb(shapely.set_srid(geometries, 4326), hex=True, include_srid=True)
    for item, geometry in zip(items, wkb, strict=True):
        yield _row(item, geometry, bases[item["collection"]])


def _row(item: Mapping[str, Any], geometry: str, base: _Base) -> tuple[Any, ...]:
    from pypgstac.hydration import dehydrate

    properties = item["properties"]
    start = properties.get("start_datetime") or properties["datetime"]
    end = properties.get("end_datetime") or properties["datetime"]
    content = dehydrate(base.item, dict(item))
    for name in _IN_COLUMNS:
        content.pop(name, None)
    if base.number is not None:
        content["pgstac:base_item"] = base.number
    return (item["id"], geometry, item["collection"], start, end, with_plain_floats(canonical_json(content)))
