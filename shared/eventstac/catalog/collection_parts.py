"""A Collection's parts in the database: what is kept of it, looked up of its Items, and counted anew from them."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from psycopg.types.json import Json as JsonParameter

from eventstac.catalog.database import Connection
from eventstac.catalog.locks import lock
from eventstac.extents import Spans, spans_of
from eventstac.summaries import MOST_VALUES, each_value, summary_of, summed_of

_PAGE = 500  # Items whose locks are held at once: writers of these wait

# To jsonb 1 and 1.0 are one value: the longer text has the point, without which a large float would be an integer.
# The rows that commits wrote since the changes were taken are dropped in the same snapshot that counts their Items:
# folded in later, they would count twice.
_RECOUNT = """
    WITH counted AS (DELETE FROM eventstac.collection_changes WHERE collection = %(collection)s),
    published AS NOT MATERIALIZED (
        SELECT * FROM eventstac.items WHERE collection = %(collection)s AND state = 'published'
    ),
    elements AS (
        SELECT name, element FROM published, unnest(%(names)s::text[]) AS name,
            jsonb_array_elements(CASE jsonb_typeof(summed->name)
                WHEN 'array' THEN summed->name ELSE jsonb_build_array(summed->name) END) AS element
    ),
    filled AS (
        INSERT INTO eventstac.summed_values (collection, name, kind, value, items)
        SELECT %(collection)s, name, jsonb_typeof(element), max(element::text)::jsonb, count(*) FROM elements
        WHERE jsonb_typeof(element) IN ('number', 'string', 'boolean') GROUP BY name, element
    )
    SELECT count(*) FILTER (WHERE NOT summed ?& %(names)s::text[]), count(*) FROM published
"""

# Of equal values the longer text, as above.
_COUNT_VALUES = """
    INSERT INTO eventstac.summed_values AS kept (collection, name, kind, value, items)
    SELECT %s, name, jsonb_typeof(value), max(value::text)::jsonb, sum(items)
    FROM json_to_recordset(%s) AS change (name text, value jsonb, items bigint)
    GROUP BY name, jsonb_typeof(value), value ORDER BY 2, 3, 4
    ON CONFLICT (collection, name, kind, value) DO UPDATE SET
        (value, items) = (greatest(kept.value::text, excluded.value::text)::jsonb, kept.items + excluded.items)
    RETURNING name, kind, value, items
"""

_DROP_VALUES = """
    DELETE FROM eventstac.summed_values v
    USING json_to_recordset(%s) AS gone (name text, kind text, value jsonb)
    WHERE v.collection = %s AND (v.name, v.kind, v.value) = (gone.name, gone.kind, gone.value)
"""

# The first and last of an index, however many there are; of texts as many as tell whether they are too many.
_SUMMARIES = """
    SELECT name,
        (SELECT value FROM eventstac.summed_values
         WHERE collection = %(collection)s AND name = names.name AND kind = 'number' ORDER BY value LIMIT 1),
        (SELECT value FROM eventstac.summed_values
         WHERE collection = %(collection)s AND name = names.name AND kind = 'number' ORDER BY value DESC LIMIT 1),
        ARRAY(SELECT value FROM eventstac.summed_values
              WHERE collection = %(collection)s AND name = names.name AND kind = 'boolean')
        || ARRAY(SELECT value FROM eventstac.summed_values
                 WHERE collection = %(collection)s AND name = names.name AND kind = 'string'
                 ORDER BY value LIMIT %(most)s)
    FROM unnest(%(names)s::text[]) AS names (name)
"""


def _end_of(name: str) -> str:
    """SQL for an end of the spans: the first or last of the index that is in this order."""
    side, _, end = name.rpartition("_")
    columns = {"min": "west", "max": "east", "start": "starts", "end": "ends"}
    column, order = columns.get(end, end), "ASC" if end in ("min", "south", "start") else "DESC"
    where = f"state = 'published' AND {column} IS NOT NULL" + (f" AND side = '{side}'" if side else "")
    return (
        f"(SELECT {column} FROM eventstac.items WHERE collection = %(collection)s AND {where} "
        f"ORDER BY {column} {order} LIMIT 1)"
    )


_ENDS = {field.name: _end_of(field.name) for field in fields(Spans)}


@dataclass
class Parts:
    """How many Items a Collection has, what they cover, which of their properties are summed up.

    `recount`: the rules sum up what they did not before, so that it is to be counted anew.
    """

    items: int = 0
    spans: Spans = field(default_factory=Spans)
    summed: tuple[str, ...] = ()
    recount: bool = False


@dataclass
class Fold:
    """What commits appended, taken into the parts: at which ends an Item left, and how many have each value more.

    Values are JSON text: in Python 1 and true are one.
    """

    parts: Parts
    lost: set[str] = field(default_factory=set)
    values: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take_in(self, changes: Sequence[Sequence[Any]]) -> None:
        """First what came, so that what left is rarely outermost."""
        for change in sorted(changes, key=lambda change: -int(change[0])):
            self._take_in(*change)

    def _take_in(self, items: int, shrinks: bool, *rest: Any) -> None:
        *place, summed = rest
        parts = self.parts
        spans = spans_of(*place) if place[0] is not None else Spans()
        parts.items += items
        if items < 0:
            self.lost |= parts.spans.ends_of(spans)
        else:
            parts.recount |= shrinks  # a version before the summaries told of a move only where it went to
            parts.spans = parts.spans.join(spans)
        for name in parts.summed:
            parts.recount |= name not in summed  # composed by rules that did not sum it up yet
            for value in each_value(summed.get(name)):
                self.values[name, json.dumps(value)] += items


def read_parts(connection: Connection, collection: str) -> Parts | None:
    """What is kept of a Collection; None where nothing is."""
    row = connection.execute(
        "SELECT items, spans, summed, recount FROM eventstac.collections WHERE collection = %s",
        [collection],
    ).fetchone()
    return Parts(row[0], Spans.from_json(row[1]), tuple(row[2]), row[3]) if row else None


def write_parts(connection: Connection, collection: str, parts: Parts) -> None:
    """Keep them."""
    connection.execute(
        """
        INSERT INTO eventstac.collections (collection, items, spans, summed, recount) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (collection) DO UPDATE SET
            (items, spans, summed, recount) = (excluded.items, excluded.spans, excluded.summed, excluded.recount)
        """,
        [
            collection,
            parts.items,
            JsonParameter(parts.spans.to_json()),
            list(parts.summed),
            parts.recount,
        ],
    )


def spans_now(connection: Connection, collection: str, known: Spans, ends: Collection[str]) -> Spans:
    """The spans with some ends looked up, however many Items there are.

    It may see commits whose changes are not taken in yet: what came is joined twice then, which changes nothing, and
    what left lies at or beyond the ends, so that they are looked up again.
    """
    names = sorted(ends)
    statement = "SELECT " + ", ".join(_ENDS[name] for name in names)
    row = connection.execute(statement, {"collection": collection}).fetchone()
    return replace(known, **dict(zip(names, row or (), strict=True)))


def count_values(connection: Connection, collection: str, values: Mapping[tuple[str, str], int]) -> bool:
    """Count values up and down; whether the counts can be right: none fell below zero."""
    changes = [
        {"name": name, "value": json.loads(text), "items": n} for (name, text), n in values.items() if n
    ]
    if not changes:
        return True
    rows = connection.execute(_COUNT_VALUES, [collection, JsonParameter(changes)]).fetchall()
    gone = [{"name": name, "kind": kind, "value": value} for name, kind, value, items in rows if items <= 0]
    if gone:
        connection.execute(_DROP_VALUES, [JsonParameter(gone), collection])
    return all(items >= 0 for *_, items in rows)


def summaries_now(connection: Connection, collection: str, names: Sequence[str]) -> dict[str, Any]:
    """What is shown of each property, None where nothing is."""
    if not names:
        return {}
    values = {"collection": collection, "names": list(names), "most": MOST_VALUES + 1}
    return {name: summary_of(*rest) for name, *rest in connection.execute(_SUMMARIES, values)}


def recount(connection: Connection, collection: str, names: Sequence[str]) -> Parts:
    """Count a Collection's Items anew, of one snapshot, and drop the changes that it has seen."""
    connection.execute("DELETE FROM eventstac.summed_values WHERE collection = %s", [collection])
    row = connection.execute(_RECOUNT, {"collection": collection, "names": list(names)}).fetchone()
    if row is None:
        raise LookupError("an aggregate gives a row")
    unfilled, count = row
    # An Item was composed meanwhile by rules that do not sum up all of it: fill again.
    return Parts(count, spans_now(connection, collection, Spans(), _ENDS), tuple(names), recount=unfilled > 0)


def fill_summed(connection: Connection, collection: str, names: Sequence[str]) -> None:
    """Note of Items that were composed by rules which summed up less what pgstac has; in commits of pages."""
    after, names = "", list(names)
    while names:
        rows = connection.execute(
            """
            SELECT item FROM eventstac.items
            WHERE collection = %s AND item > %s AND state = 'published' AND NOT summed ?& %s::text[]
            ORDER BY item LIMIT %s
            """,
            [collection, after, names, _PAGE],
        ).fetchall()
        if not rows:
            return
        items = [row[0] for row in rows]
        _fill_page(connection, collection, items, names)
        after = items[-1]


def _fill_page(connection: Connection, collection: str, items: list[str], names: list[str]) -> None:
    with connection.transaction():
        lock(connection, [], [(collection, item) for item in items])
        found = connection.execute(
            "SELECT id, content->'properties' FROM pgstac.items WHERE collection = %s AND id = ANY(%s)",
            [collection, items],
        ).fetchall()
        filled = [{"item": item, "found": summed_of(properties, names)} for item, properties in found]
        connection.execute(
            """
            UPDATE eventstac.items i SET summed = i.summed || filled.found
            FROM json_to_recordset(%s) AS filled (item text, found jsonb)
            WHERE i.collection = %s AND i.item = filled.item
            """,
            [JsonParameter(filled), collection],
        )
