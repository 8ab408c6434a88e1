"""A Collection's parts in the database: what is kept of it, and what is counted anew from its Items."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Json as JsonParameter

from eventstac.catalog.database import Connection
from eventstac.catalog.locks import lock
from eventstac.extents import Spans, spans_of
from eventstac.summaries import MOST_VALUES, Tally, summed_of

_PAGE = 500  # Items whose locks are held at once: writers of these wait

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
    counts AS (
        SELECT name, CASE WHEN jsonb_typeof(element) IN ('string', 'boolean') THEN element END AS value,
            count(*) AS items,
            min(CASE WHEN jsonb_typeof(element) = 'number' THEN element::numeric END) AS low,
            max(CASE WHEN jsonb_typeof(element) = 'number' THEN element::numeric END) AS high
        FROM elements GROUP BY 1, 2
    ),
    ranked AS (SELECT *, row_number() OVER (PARTITION BY name ORDER BY value) AS place FROM counts),
    tallies AS (
        SELECT name, jsonb_build_object('low', min(low), 'high', max(high), 'counts', coalesce(
            jsonb_agg(jsonb_build_array(value, items)) FILTER (WHERE value IS NOT NULL AND place <= %(most)s), '[]'
        )) AS tally FROM ranked GROUP BY name
    )
    SELECT (SELECT jsonb_object_agg(name, tally) FROM tallies), count(*) FILTER (WHERE NOT summed ?& %(names)s::text[]),
        count(*), min(south), max(north),
        min(west) FILTER (WHERE west <= east AND west < 0 AND east <= 0),
        max(east) FILTER (WHERE west <= east AND west < 0 AND east <= 0),
        min(west) FILTER (WHERE west <= east AND west >= 0), max(east) FILTER (WHERE west <= east AND west >= 0),
        min(west) FILTER (WHERE west <= east AND west < 0 AND east > 0),
        max(east) FILTER (WHERE west <= east AND west < 0 AND east > 0),
        min(west) FILTER (WHERE west > east), max(east) FILTER (WHERE west > east),
        min(starts), max(ends)
    FROM published
"""


@dataclass
class Parts:
    """How many Items a Collection has, what they cover, what they sum up to.

    `shrunk`: an outermost Item left, or the rules sum up what they did not before, so that it is to be counted anew.
    """

    items: int = 0
    spans: Spans = field(default_factory=Spans)
    tallies: dict[str, Tally] = field(default_factory=dict)
    shrunk: bool = False

    def fold(self, changes: Sequence[Sequence[Any]]) -> None:
        """Take in what commits appended; first what came, so that what left is rarely outermost."""
        for change in sorted(changes, key=lambda change: -int(change[0])):
            self._fold(*change)

    def _fold(self, items: int, shrinks: bool, *rest: Any) -> None:
        *place, summed = rest
        spans = spans_of(*place) if place[0] is not None else None
        self.items += items
        left = items < 0
        if left:
            self.shrunk |= spans is None or self.spans.ends_with(spans)
        else:
            # A version before the summaries told of an Item that moved only where it came to.
            self.shrunk |= shrinks
            self.spans = self.spans.join(spans) if spans else self.spans
        for name, tally in self.tallies.items():
            if name not in summed:  # composed by rules that did not sum it up yet
                self.shrunk = True
            elif left:
                self.shrunk |= not tally.remove(summed[name])
            else:
                tally.add(summed[name])


def read_parts(connection: Connection, collection: str) -> Parts | None:
    """What is kept of a Collection; None where nothing is."""
    row = connection.execute(
        "SELECT items, spans, summaries, shrunk FROM eventstac.collections WHERE collection = %s",
        [collection],
    ).fetchone()
    if row is None:
        return None
    tallies = {name: Tally.from_json(tally) for name, tally in row[2].items()}
    return Parts(row[0], Spans.from_json(row[1]), tallies, row[3])


def write_parts(connection: Connection, collection: str, parts: Parts) -> None:
    """Keep them."""
    tallies = {name: tally.to_json() for name, tally in parts.tallies.items()}
    connection.execute(
        """
        INSERT INTO eventstac.collections (collection, items, spans, summaries, shrunk) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (collection) DO UPDATE SET
            (items, spans, summaries, shrunk) = (excluded.items, excluded.spans, excluded.summaries, excluded.shrunk)
        """,
        [
            collection,
            parts.items,
            JsonParameter(parts.spans.to_json(), dumps=json.dumps),
            JsonParameter(tallies, dumps=json.dumps),
            parts.shrunk,
        ],
    )


def recount(connection: Connection, collection: str, names: Sequence[str]) -> Parts:
    """Count a Collection's Items anew, of one snapshot, and drop the changes that it has seen."""
    values = {"collection": collection, "names": list(names), "most": MOST_VALUES + 1}
    row = connection.execute(_RECOUNT, values).fetchone()
    if row is None:
        raise LookupError("an aggregate gives a row")
    found, unfilled, count, *spans = row
    tallies = {name: Tally.from_json(found[name]) if found and name in found else Tally() for name in names}
    # An Item was composed meanwhile by rules that do not sum up all of it: fill again.
    return Parts(count, Spans(*spans), tallies, shrunk=unfilled > 0)


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
            [JsonParameter(filled, dumps=json.dumps), collection],
        )
