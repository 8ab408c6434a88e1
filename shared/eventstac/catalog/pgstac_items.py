"""Writes Items past pgstac's slow ways, straight into the leaf tables of the one version that it knows.

pgstac's staging trigger dehydrates in plpgsql (5.5 ms an Item), its client works in several transactions. Here an
Item is dehydrated on our side and joins the caller's transaction. Facts: pgstac's schema at PGSTAC_VERSION.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from psycopg import errors, sql

from eventstac.catalog.database import Connection
from eventstac.catalog.pgstac_partitions import CollectionNotReady, Needed
from eventstac.facts import canonical_json

ItemKey = tuple[str, str]

# Kept in columns of their own, or put there when the Item is read.
_IN_COLUMNS = ("id", "collection", "geometry", "pgstac:base_item")

_TABLE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_items (
        id text, geometry geometry, collection text, datetime timestamptz, end_datetime timestamptz, content jsonb
    ) ON COMMIT DROP
"""

# The leaf of each Item that comes, and what it has to take. partition_stats knows the bounds that a leaf really has:
# those of a catalog that was partitioned in another time zone are not the months of UTC.
_LEAVES = """
    SELECT c.key, c.partition_trunc, (SELECT base_item_id FROM pgstac.current_base_item(%(collection)s)),
        leaf.partition, min(i.datetime), min(i.end_datetime), max(i.end_datetime)
    FROM incoming_items i
    JOIN pgstac.collections c ON c.id = i.collection
    LEFT JOIN pgstac.partition_stats leaf
        ON leaf.collection = i.collection AND leaf.partition_dtrange @> i.datetime
    WHERE i.collection = %(collection)s
    GROUP BY c.key, c.partition_trunc, leaf.partition,
        CASE WHEN leaf.partition IS NULL THEN date_trunc(c.partition_trunc, i.datetime, 'UTC') END
    ORDER BY leaf.partition, 5
"""


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
        return sum(
            self._put(connection, collection, list(some), moved)
            for collection, some in groupby(items, key=lambda item: str(item["collection"]))
        )

    def _find_bases(self, connection: Connection, items: Sequence[Mapping[str, Any]]) -> None:
        rows = connection.execute(
            "SELECT c.id, b.base_item, b.base_item_id FROM pgstac.collections c, pgstac.current_base_item(c.id) b "
            "WHERE c.id = ANY(%s)",
            [sorted({item["collection"] for item in items})],
        )
        self._bases = {collection: _Base(base, number) for collection, base, number in rows}

    def _bring(self, connection: Connection, items: Sequence[Mapping[str, Any]]) -> None:
        missing = next((item["collection"] for item in items if item["collection"] not in self._bases), None)
        if missing is not None:
            raise CollectionNotReady(missing)
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
        collection: str,
        items: Sequence[Mapping[str, Any]],
        moved: Collection[ItemKey] | None,
    ) -> int:
        leaves = connection.execute(_LEAVES, {"collection": collection}).fetchall()
        needed = [Needed(*leaf[4:]) for leaf in leaves]
        names = [leaf[3] for leaf in leaves]
        if not names or None in names:
            raise CollectionNotReady(collection, needed)
        key, unit, base = leaves[0][:3]
        if base != self._bases[collection].number:
            raise CollectionNotReady(collection)  # it was changed since the Items were brought
        ids = [item["id"] for item in items if moved is None or (collection, item["id"]) in moved]
        try:
            written = (
                _leave_other_leaves(connection, collection, _table(f"_items_{key}"), ids)
                if unit and ids
                else 0
            )
            written += sum(_upsert_leaf(connection, collection, leaf) for leaf in names)
        except (errors.UndefinedTable, errors.ForeignKeyViolation, errors.CheckViolation) as error:
            raise CollectionNotReady(collection, needed) from error
        return written


def upsert_items(
    connection: Connection, items: Iterable[Mapping[str, Any]], moved: Collection[ItemKey] | None = None
) -> int:
    """Write Items in the caller's transaction; a row that is the same already is left alone.

    `moved` are the Items whose datetime may be another than before, so that they may lie in another leaf; None: all.
    Returns how many rows were written or removed. Raises CollectionNotReady where a leaf is missing or too narrow,
    with what `pgstac_partitions.prepare_collection` is to make.
    """
    return Incoming().upsert(connection, items, moved)


def delete_items(connection: Connection, keys: Sequence[ItemKey]) -> int:
    """Delete Items in the caller's transaction; one that is not there is none the less gone. Returns how many were."""
    deleted = 0
    by_collection: dict[str, list[str]] = {}
    for collection, item in keys:
        by_collection.setdefault(collection, []).append(item)
    for collection in sorted(by_collection):
        row = connection.execute(
            "SELECT key FROM pgstac.collections "
            "WHERE id = %s AND to_regclass(format('pgstac.%%I', '_items_' || key)) IS NOT NULL",
            [collection],
        ).fetchone()
        if row:
            statement = sql.SQL("DELETE FROM {} WHERE id = ANY(%s)").format(_table(f"_items_{row[0]}"))
            deleted += connection.execute(statement, [by_collection[collection]]).rowcount
    return deleted


def _upsert_leaf(connection: Connection, collection: str, leaf: str) -> int:
    statement = sql.SQL(
        """
        WITH taken AS (
            DELETE FROM incoming_items i USING pgstac.partition_stats s
            WHERE i.collection = %s AND s.partition = %s AND s.partition_dtrange @> i.datetime RETURNING i.*)
        INSERT INTO {leaf} AS stored (id, geometry, collection, datetime, end_datetime, content)
        SELECT id, geometry, collection, datetime, end_datetime, content FROM taken ORDER BY id
        ON CONFLICT (id) DO UPDATE SET
            (geometry, datetime, end_datetime, content) =
            (excluded.geometry, excluded.datetime, excluded.end_datetime, excluded.content)
        WHERE (stored.geometry, stored.datetime, stored.end_datetime, stored.content)
            IS DISTINCT FROM (excluded.geometry, excluded.datetime, excluded.end_datetime, excluded.content)
        """
    ).format(leaf=_table(leaf))
    return connection.execute(statement, [collection, leaf]).rowcount


def _leave_other_leaves(
    connection: Connection, collection: str, table: sql.Identifier, ids: list[str]
) -> int:
    """Delete what Items left behind in another leaf than the one that they belong to now."""
    statement = sql.SQL(
        """
        DELETE FROM {table} stored WHERE stored.id = ANY(%s) AND NOT EXISTS (
            SELECT FROM incoming_items i JOIN pgstac.partition_stats s
                ON s.collection = i.collection AND s.partition_dtrange @> i.datetime
            WHERE i.collection = %s AND i.id = stored.id AND s.partition_dtrange @> stored.datetime)
        """
    ).format(table=table)
    return connection.execute(statement, [ids, collection]).rowcount


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
    return (item["id"], geometry, item["collection"], start, end, canonical_json(content))
