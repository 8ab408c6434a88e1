"""Writes Items past pgstac's slow ways, straight into the leaf tables of the one version that it knows.

pgstac's staging trigger dehydrates in plpgsql (5.5 ms an Item), its client works in several transactions. Here an
Item is dehydrated on our side and joins the caller's transaction. Facts: pgstac's schema at PGSTAC_VERSION.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import errors, sql

from eventstac.catalog.database import Connection
from eventstac.catalog.pgstac_partitions import CollectionNotReady, Needed
from eventstac.facts import canonical_json

ItemKey = tuple[str, str]

# Kept in columns of their own, or put there when the Item is read.
_IN_COLUMNS = ("id", "collection", "geometry", "pgstac:base_item")

# The leaf of each Item that comes, and what it has to take. partition_stats knows the bounds that a leaf really has:
# those of a catalog that was partitioned in another time zone are not the months of UTC.
_LEAVES = """
    SELECT leaf.partition, min(i.datetime), min(i.end_datetime), max(i.end_datetime)
    FROM incoming_items i
    LEFT JOIN pgstac.partition_stats leaf
        ON leaf.collection = %(collection)s AND leaf.partition_dtrange @> i.datetime
    GROUP BY leaf.partition,
        CASE WHEN leaf.partition IS NULL THEN date_trunc(%(unit)s, i.datetime, 'UTC') END
    ORDER BY leaf.partition, 2
"""


@dataclass(frozen=True)
class _Table:
    """A Collection as pgstac keeps it; `unit` is its partition_trunc."""

    key: int
    unit: str | None
    exists: bool
    base_item: dict[str, Any]
    base_item_id: int | None

    @property
    def name(self) -> sql.Identifier:
        return _table(f"_items_{self.key}")


def upsert_items(
    connection: Connection, items: Sequence[Mapping[str, Any]], moved: Collection[ItemKey] | None = None
) -> int:
    """Write Items in the caller's transaction; a row that is the same already is left alone.

    `moved` are the Items whose datetime may be another than before, so that they may lie in another leaf; None: all.
    Returns how many rows were written or removed. Raises CollectionNotReady where a leaf is missing or too narrow,
    with what `pgstac_partitions.prepare_collection` is to make.
    """
    if not items:
        return 0
    by_collection: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        by_collection.setdefault(item["collection"], []).append(item)
    connection.execute(
        """
        CREATE TEMPORARY TABLE IF NOT EXISTS incoming_items (
            id text, geometry geometry, collection text, datetime timestamptz, end_datetime timestamptz, content jsonb
        ) ON COMMIT DROP
        """
    )
    return sum(
        _upsert_into(connection, collection, by_collection[collection], moved)
        for collection in sorted(by_collection)
    )


def delete_items(connection: Connection, keys: Sequence[ItemKey]) -> int:
    """Delete Items in the caller's transaction; one that is not there is none the less gone. Returns how many were."""
    deleted = 0
    by_collection: dict[str, list[str]] = {}
    for collection, item in keys:
        by_collection.setdefault(collection, []).append(item)
    for collection in sorted(by_collection):
        found = _find(connection, collection)
        if found and found.exists:
            statement = sql.SQL("DELETE FROM {} WHERE id = ANY(%s)").format(found.name)
            deleted += connection.execute(statement, [by_collection[collection]]).rowcount
    return deleted


def _upsert_into(
    connection: Connection,
    collection: str,
    items: Sequence[Mapping[str, Any]],
    moved: Collection[ItemKey] | None,
) -> int:
    found = _find(connection, collection)
    if found is None:
        raise CollectionNotReady(collection)
    with connection.cursor().copy(
        "COPY incoming_items (id, geometry, collection, datetime, end_datetime, content) FROM STDIN"
    ) as copy:
        for row in _rows(
            sorted(items, key=lambda item: str(item["id"])), found.base_item, found.base_item_id
        ):
            copy.write_row(row)
    leaves = connection.execute(_LEAVES, {"collection": collection, "unit": found.unit}).fetchall()
    needed = [Needed(*times) for _, *times in leaves]
    if any(leaf is None for leaf, *_ in leaves):
        raise CollectionNotReady(collection, needed)
    ids = [item["id"] for item in items if moved is None or (collection, item["id"]) in moved]
    try:
        written = _leave_other_leaves(connection, collection, found, ids) if found.unit and ids else 0
        written += sum(_upsert_leaf(connection, leaf) for leaf, *_ in leaves)
    except (errors.UndefinedTable, errors.ForeignKeyViolation, errors.CheckViolation) as error:
        raise CollectionNotReady(collection, needed) from error
    connection.execute("DELETE FROM incoming_items")
    return written


def _upsert_leaf(connection: Connection, leaf: str) -> int:
    statement = sql.SQL(
        """
        INSERT INTO {leaf} AS stored (id, geometry, collection, datetime, end_datetime, content)
        SELECT i.id, i.geometry, i.collection, i.datetime, i.end_datetime, i.content
        FROM incoming_items i JOIN pgstac.partition_stats s ON s.partition_dtrange @> i.datetime
        WHERE s.partition = %s ORDER BY i.id
        ON CONFLICT (id) DO UPDATE SET
            (geometry, datetime, end_datetime, content) =
            (excluded.geometry, excluded.datetime, excluded.end_datetime, excluded.content)
        WHERE (stored.geometry, stored.datetime, stored.end_datetime, stored.content)
            IS DISTINCT FROM (excluded.geometry, excluded.datetime, excluded.end_datetime, excluded.content)
        """
    ).format(leaf=_table(leaf))
    return connection.execute(statement, [leaf]).rowcount


def _leave_other_leaves(connection: Connection, collection: str, table: _Table, ids: list[str]) -> int:
    """Delete what Items left behind in another leaf than the one that they belong to now."""
    statement = sql.SQL(
        """
        DELETE FROM {table} stored WHERE stored.id = ANY(%s) AND NOT EXISTS (
            SELECT FROM incoming_items i JOIN pgstac.partition_stats s
                ON s.collection = %s AND s.partition_dtrange @> i.datetime
            WHERE i.id = stored.id AND s.partition_dtrange @> stored.datetime)
        """
    ).format(table=table.name)
    return connection.execute(statement, [ids, collection]).rowcount


def _find(connection: Connection, collection: str) -> _Table | None:
    row = connection.execute(
        """
        SELECT c.key, c.partition_trunc, to_regclass(format('pgstac.%%I', '_items_' || c.key)) IS NOT NULL,
            b.base_item, b.base_item_id
        FROM pgstac.collections c, pgstac.current_base_item(c.id) b WHERE c.id = %s
        """,
        [collection],
    ).fetchone()
    return _Table(*row) if row else None


def _table(name: str) -> sql.Identifier:
    return sql.Identifier("pgstac", name)


def _rows(
    items: Sequence[Mapping[str, Any]], base_item: dict[str, Any], base_item_id: int | None
) -> Iterator[tuple[Any, ...]]:
    # shapely brings numpy: at the first Item, and never in an app that writes none
    import shapely

    geometries = shapely.from_geojson([canonical_json(item["geometry"]) for item in items])
    wkb = shapely.to_wkb(shapely.set_srid(geometries, 4326), hex=True, include_srid=True)
    for item, geometry in zip(items, wkb, strict=True):
        yield _row(item, geometry, base_item, base_item_id)


def _row(
    item: Mapping[str, Any], geometry: str, base_item: dict[str, Any], base_item_id: int | None
) -> tuple[Any, ...]:
    from pypgstac.hydration import dehydrate

    properties = item["properties"]
    start = properties.get("start_datetime") or properties["datetime"]
    end = properties.get("end_datetime") or properties["datetime"]
    content = dehydrate(base_item, dict(item))
    for name in _IN_COLUMNS:
        content.pop(name, None)
    if base_item_id is not None:
        content["pgstac:base_item"] = base_item_id
    return (item["id"], geometry, item["collection"], start, end, canonical_json(content))
