"""Writes Items past pgstac's slow ways, straight into the leaf tables of the one version that it knows.

pgstac's staging trigger dehydrates in plpgsql (5.5 ms an Item), its client works in several transactions. Here an
Item is dehydrated on our side and joins the caller's transaction. Facts: pgstac's schema at PGSTAC_VERSION.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import shapely
from psycopg import errors, sql
from pypgstac.hydration import dehydrate
from shapely.geometry import shape

from eventstac.catalog import PGSTAC_VERSION
from eventstac.catalog.collection_documents import ensure_collection
from eventstac.catalog.database import Connection
from eventstac.errors import EventstacError, Rejected, Transient
from eventstac.rules import CollectionRules

# Kept in columns of their own, or put there when the Item is read.
_IN_COLUMNS = ("id", "collection", "geometry", "pgstac:base_item")

_PARTITION_LOCK = (
    7_742_038_113_902  # any number: one maker of partitions at a time (two race: UndefinedTable)
)


class UnknownPgstac(Transient):
    """The database's pgstac is not the version whose tables this module knows: that of the other is to be installed."""


class CollectionNotReady(EventstacError):
    """A Collection has no partition (any more): prepare it, in a transaction of its own, and try again."""


class PartitionedCollection(Rejected):
    """A Collection is partitioned by date, which this module does not write: its blobs alone are rejected."""


def check_version(connection: Connection) -> None:
    """Refuse any pgstac but the pin."""
    row = connection.execute("SELECT pgstac.get_version()").fetchone()
    if row is None or row[0] != PGSTAC_VERSION:
        found = row[0] if row else "none"
        raise UnknownPgstac(f"the database has pgstac {found}; Items are written for {PGSTAC_VERSION} only")


def prepare_collection(connection: Connection, collection: str, rules: CollectionRules | None) -> None:
    """Make a Collection and its partition, with constraints as wide as time; commits of its own, made beforehand.

    Later writes then need no DDL, during which readers would stall.
    """
    check_version(connection)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_PARTITION_LOCK])
        ensure_collection(connection, collection, rules)
        row = connection.execute(
            "SELECT partition_trunc FROM pgstac.collections WHERE id = %s", [collection]
        ).fetchone()
        if row and row[0]:
            raise PartitionedCollection(
                "partitioned-collection",
                f"collection {collection!r} has partition_trunc {row[0]!r}; eventstac writes unpartitioned "
                "Collections: set it to NULL with pgstac.repartition",
            )
        connection.execute(
            """
            SELECT pgstac.check_partition(%s, tstzrange('-infinity', 'infinity', '[]'),
                                          tstzrange('-infinity', 'infinity', '[]'))
            """,
            [collection],
        )


def upsert_items(connection: Connection, items: Sequence[Mapping[str, Any]]) -> int:
    """Write Items in the caller's transaction; a row that is the same already is left alone.

    Returns how many rows were written. Raises CollectionNotReady where `prepare_collection` has not been called.
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
        _upsert_into(connection, collection, by_collection[collection])
        for collection in sorted(by_collection)
    )


def delete_items(connection: Connection, keys: Sequence[tuple[str, str]]) -> int:
    """Delete Items in the caller's transaction; one that is not there is none the less gone. Returns how many were."""
    deleted = 0
    by_collection: dict[str, list[str]] = {}
    for collection, item in keys:
        by_collection.setdefault(collection, []).append(item)
    for collection in sorted(by_collection):
        found = _collection(connection, collection)
        if found:
            statement = sql.SQL("DELETE FROM {} WHERE id = ANY(%s)").format(_leaf(found[0]))
            deleted += connection.execute(statement, [by_collection[collection]]).rowcount
    return deleted


def _upsert_into(connection: Connection, collection: str, items: Sequence[Mapping[str, Any]]) -> int:
    found = _collection(connection, collection)
    if found is None:
        raise CollectionNotReady(collection)
    key, base_item, base_item_id = found
    with connection.cursor().copy(
        "COPY incoming_items (id, geometry, collection, datetime, end_datetime, content) FROM STDIN"
    ) as copy:
        for item in sorted(items, key=lambda item: str(item["id"])):
            copy.write_row(_row(item, base_item, base_item_id))
    statement = sql.SQL(
        """
        INSERT INTO {leaf} AS stored (id, geometry, collection, datetime, end_datetime, content)
        SELECT id, geometry, collection, datetime, end_datetime, content FROM incoming_items ORDER BY id
        ON CONFLICT (id) DO UPDATE SET
            (geometry, datetime, end_datetime, content) =
            (excluded.geometry, excluded.datetime, excluded.end_datetime, excluded.content)
        WHERE (stored.geometry, stored.datetime, stored.end_datetime, stored.content)
            IS DISTINCT FROM (excluded.geometry, excluded.datetime, excluded.end_datetime, excluded.content)
        """
    ).format(leaf=_leaf(key))
    try:
        written = connection.execute(statement).rowcount
    except (errors.UndefinedTable, errors.ForeignKeyViolation, errors.CheckViolation) as error:
        raise CollectionNotReady(collection) from error
    connection.execute("DELETE FROM incoming_items")
    return written


def _collection(connection: Connection, collection: str) -> tuple[int, dict[str, Any], int | None] | None:
    row = connection.execute(
        """
        SELECT c.key, b.base_item, b.base_item_id
        FROM pgstac.collections c, pgstac.current_base_item(c.id) b
        WHERE c.id = %s AND to_regclass(format('pgstac.%%I', '_items_' || c.key)) IS NOT NULL
        """,
        [collection],
    ).fetchone()
    return (row[0], row[1], row[2]) if row else None


def _leaf(key: int) -> sql.Identifier:
    return sql.Identifier("pgstac", f"_items_{key}")


def _row(item: Mapping[str, Any], base_item: dict[str, Any], base_item_id: int | None) -> tuple[Any, ...]:
    properties = item["properties"]
    start = properties.get("start_datetime") or properties["datetime"]
    end = properties.get("end_datetime") or properties["datetime"]
    content = dehydrate(base_item, dict(item))
    for name in _IN_COLUMNS:
        content.pop(name, None)
    if base_item_id is not None:
        content["pgstac:base_item"] = base_item_id
    geometry = shapely.to_wkb(shapely.set_srid(shape(item["geometry"]), 4326), hex=True, include_srid=True)
    return (item["id"], geometry, item["collection"], start, end, json.dumps(content, ensure_ascii=False))
