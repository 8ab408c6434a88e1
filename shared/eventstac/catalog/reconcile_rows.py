"""The comparison of a run's listing with facts and Items, as SQL over sets."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from eventstac.catalog.database import Connection
from eventstac.catalog.ours import OURS, claiming
from eventstac.comparing import SAMPLES, Report, Tally
from eventstac.rules.applied import AppliedRules
from eventstac.runs import CLOCKS_APART, Gap, ListedBlob, Run

Mismatch = tuple[str, str, str]  # Collection, Item, and whether it is "lost" or "surplus"

# Whether a look knows better than the listing is told by the storage's Dates. Which page would have shown a blob that
# is not listed nobody knows: a look after the first page may be newer, and one after the last surely is.
_COMPARED = """
    WITH listed AS (
        SELECT url, etag, outcome, collection, item, archived, match, since, seen FROM eventstac.listed
        WHERE run = %(run)s
    ), watched AS (
        SELECT container, first, last FROM unnest(%(containers)s::text[]) AS watched (container)
        LEFT JOIN (SELECT * FROM eventstac.listings WHERE run = %(run)s) AS listings USING (container)
    ), known AS (
        SELECT url, etag, state, kind, collection, item, revision, extractor, document, seen, container, first, last,
            state = 'rejected' AND document #>> '{finding,reason}' = 'archived' AS archived,
            state = 'rejected' AND document #>> '{finding,reason}' = 'no-rule' AS without_rule,
            state = 'present' OR state = 'rejected' AND document #>> '{last_good,state}' = 'present'
                AND document #>> '{finding,reason}' <> 'no-rule' AS may_be_shown
        FROM eventstac.facts LEFT JOIN watched ON starts_with(url, container || '/')
    ), compared AS (
        SELECT url, known.collection AS known_collection, known.item,
            listed.collection AS next_collection, listed.item AS next_item,
            CASE WHEN listed.outcome = 'matched' AND known.kind IS DISTINCT FROM 'cog' THEN listed.collection
                ELSE known.collection END AS collection,
            CASE
            WHEN listed.url IS NULL THEN
                CASE
                WHEN known.container IS NULL THEN CASE WHEN known.may_be_shown THEN 'unwatched' ELSE 'gone' END
                WHEN known.state = 'gone' THEN 'gone'
                WHEN known.seen > last + %(apart)s THEN 'current'
                WHEN known.seen > first THEN 'unsure'
                ELSE 'orphaned'
                END
            WHEN known.kind = 'cog' OR listed.outcome = 'matched' THEN
                CASE
                WHEN known.url IS NULL THEN 'missing'
                WHEN known.state = 'gone' THEN
                    CASE WHEN known.seen > listed.seen + %(apart)s THEN 'gone' ELSE 'missing' END
                WHEN known.extractor < %(extractor)s THEN 'stale'
                WHEN known.kind = 'cog' AND known.revision < %(any_since)s THEN 'stale'
                WHEN known.kind <> 'cog' AND (known.without_rule OR known.revision < %(revision)s AND (
                    known.revision < listed.since OR md5(known.document #>> '{finding,match}') <> listed.match))
                    THEN 'stale'
                WHEN (known.etag <> listed.etag OR known.archived <> listed.archived)
                    AND (known.seen > listed.seen + %(apart)s) IS NOT TRUE THEN 'stale'
                WHEN known.state = 'rejected' THEN 'rejected'
                ELSE 'current'
                END
            WHEN known.may_be_shown THEN CASE listed.outcome WHEN 'unclaimed' THEN 'unwatched' ELSE 'withdrawn' END
            ELSE listed.outcome
            END AS status
        FROM listed FULL JOIN known USING (url)
        WHERE %(collection)s::text IS NULL OR %(collection)s::text IN (listed.collection, known.collection)
            OR listed.url IS NOT NULL AND listed.collection IS NULL
                AND known.kind IS DISTINCT FROM 'cog' AND known.may_be_shown IS NOT TRUE
    )
"""

_MISMATCHES = f"""
    SELECT i.collection, i.item, 'lost' AS what FROM eventstac.items i
    LEFT JOIN pgstac.items p ON p.collection = i.collection AND p.id = i.item
    WHERE i.state = 'published' AND (%(collection)s::text IS NULL OR i.collection = %(collection)s)
        AND (p.id IS NULL OR (p.datetime, p.end_datetime) IS DISTINCT FROM (i.starts, i.ends))
    UNION ALL
    SELECT p.collection, p.id, 'surplus' FROM pgstac.items p
    LEFT JOIN eventstac.items i ON i.collection = p.collection AND i.item = p.id AND i.state = 'published'
    WHERE i.item IS NULL AND (%(collection)s::text IS NULL OR p.collection = %(collection)s)
        AND p.collection IN ({OURS})
"""

_BLOB_COUNTS = f"""
    {_COMPARED}, mismatches AS MATERIALIZED ({_MISMATCHES})
    SELECT c.collection,
        CASE WHEN c.status IN ('current', 'unsure') AND m.item IS NOT NULL THEN 'lost_blobs' ELSE c.status END, count(*)
    FROM compared c
    LEFT JOIN mismatches m ON m.what = 'lost' AND (m.collection, m.item) = (c.collection, c.item)
    GROUP BY 1, 2
"""

_ITEM_COUNTS = """
    SELECT collection, count(*) FILTER (WHERE state = 'published'), count(*) FILTER (WHERE state = 'incomplete'),
        count(*) FILTER (WHERE state = 'rejected'), coalesce(sum(cardinality(conflicts)), 0)
    FROM eventstac.items WHERE %(collection)s::text IS NULL OR collection = %(collection)s GROUP BY 1
"""

_OF_LISTING = ("unmatched", "ignored", "unclaimed")
_MENDED_BY_A_LOOK = ("missing", "stale", "unsure")
_REMOVED_BY_A_LOOK = ("orphaned", "withdrawn")
_STAYS_UNLESS_ALL_MAY_GO = "(g.removes OR status = 'stale' AND coalesce(archived, false))"
_MARKED = """
    eventstac.gaps g LEFT JOIN eventstac.listed l
        ON l.run = g.run AND left(l.url, 1000) = left(g.url, 1000) AND l.url = g.url
"""


def compare(connection: Connection, run: Run, applied: AppliedRules) -> Report:
    """Count what is the same and what differs; one statement each for blobs, Items and samples."""
    tally, values = Tally(applied.revision), _values(run, applied)
    for collection, status, count in connection.execute(_BLOB_COUNTS, values):
        if status in _OF_LISTING:
            tally.add(None, status, count)
        elif status != "gone":
            tally.add(collection, "current" if status == "unsure" else status, count)
    for collection, published, incomplete, unpublishable, conflicting in connection.execute(
        _ITEM_COUNTS, values
    ):
        tally.add(collection, "items", published)
        tally.add(collection, "incomplete", incomplete)
        tally.add(collection, "unpublishable", unpublishable)
        tally.add(collection, "conflicting", int(conflicting))
    for collection, what, count in mismatch_counts(connection, applied, run.collection):
        tally.add(collection, what, count)
    listed = connection.execute("SELECT count(*) FROM eventstac.listed WHERE run = %s", [run.id]).fetchone()
    tally.add(None, "listed", listed[0] if listed else 0)
    samples = connection.execute(
        "SELECT url FROM eventstac.listed WHERE run = %s AND outcome = 'unmatched' ORDER BY url LIMIT %s",
        [run.id, SAMPLES],
    )
    return tally.report([url for (url,) in samples])


def mismatch_counts(
    connection: Connection, applied: AppliedRules, collection: str | None
) -> list[tuple[str, str, int]]:
    """How many Items pgstac lacks or has elsewhere in time ("lost"), or has without reason ("surplus")."""
    rows = connection.execute(
        f"WITH m AS ({_MISMATCHES}) SELECT collection, what, count(*) FROM m GROUP BY 1, 2 ORDER BY 1, 2",
        {"collection": collection, "claiming": claiming(applied.rules)},
    )
    return [(found, what, count) for found, what, count in rows]


def mismatches(
    connection: Connection,
    applied: AppliedRules,
    collection: str | None,
    removable: Iterable[str],
    after: tuple[str, str],
    limit: int,
) -> list[Mismatch]:
    """A page of such Items, in key order after a key; surplus ones only of the `removable` Collections."""
    rows = connection.execute(
        f"""
        WITH m AS ({_MISMATCHES}) SELECT DISTINCT collection, item, what FROM m
        WHERE (what = 'lost' OR collection = ANY(%(removable)s::text[])) AND (collection, item) > (%(a)s, %(b)s)
        ORDER BY 1, 2 LIMIT %(limit)s
        """,
        {
            "collection": collection,
            "claiming": claiming(applied.rules),
            "removable": list(removable),
            "a": after[0],
            "b": after[1],
            "limit": limit,
        },
    )
    return [(found, item, what) for found, item, what in rows]


def mark(connection: Connection, run: Run, applied: AppliedRules) -> None:
    """Keep which blobs differ, in one statement: what is counted is then what is looked at."""
    with connection.transaction():
        connection.execute("DELETE FROM eventstac.gaps WHERE run = %s", [run.id])
        connection.execute(
            f"""
            {_COMPARED}
            INSERT INTO eventstac.gaps (run, url, status, collection, item, next_collection, next_item)
            SELECT %(run)s, url, status, known_collection, item, next_collection, next_item
            FROM compared WHERE status = ANY(%(statuses)s)
            """,
            {**_values(run, applied), "statuses": [*_MENDED_BY_A_LOOK, *_REMOVED_BY_A_LOOK]},
        )


def gaps(connection: Connection, run: Run, after: str, limit: int) -> list[Gap]:
    """A page of blobs that differed when they were compared."""
    statuses = _MENDED_BY_A_LOOK + (_REMOVED_BY_A_LOOK if run.removes else ())
    rows = connection.execute(
        f"""
        SELECT g.url, status, etag, coalesce(archived, false) FROM {_MARKED}
        WHERE g.run = %(run)s AND left(g.url, 1000) >= left(%(after)s, 1000) AND g.url > %(after)s
            AND status = ANY(%(statuses)s)
            AND (%(removes)s OR NOT {_STAYS_UNLESS_ALL_MAY_GO})
        ORDER BY left(g.url, 1000), g.url LIMIT %(limit)s
        """,
        {"run": run.id, "after": after, "statuses": list(statuses), "removes": run.removes, "limit": limit},
    )
    return [Gap(*row) for row in rows]


def blobs_kept(connection: Connection, run: Run) -> int:
    """How many missing and stale blobs `gaps` leaves out."""
    row = connection.execute(
        f"""
        SELECT count(*) FROM {_MARKED}
        WHERE g.run = %s AND status IN ('missing', 'stale') AND NOT %s AND {_STAYS_UNLESS_ALL_MAY_GO}
        """,
        [run.id, run.removes],
    ).fetchone()
    return row[0] if row else 0


def add_listed(
    connection: Connection, run_id: str, container_url: str, seen: datetime, listed: Sequence[ListedBlob]
) -> None:
    """Note the blobs of a page that the storage listed, and its Date."""
    connection.execute(
        """
        WITH page AS (
            INSERT INTO eventstac.listings AS noted (run, container, first, last)
            VALUES (%(run)s, %(container)s, %(seen)s, %(seen)s)
            ON CONFLICT (run, container) DO UPDATE
            SET (first, last) = (least(noted.first, excluded.first), greatest(noted.last, excluded.last))
        )
        INSERT INTO eventstac.listed (run, seen, url, etag, outcome, collection, archived, item, match, since)
        SELECT %(run)s, %(seen)s, *
        FROM unnest(
            %(urls)s::text[], %(etags)s::text[], %(outcomes)s::text[], %(collections)s::text[],
            %(archived)s::bool[], %(items)s::text[], %(matches)s::text[], %(sinces)s::int[])
        ON CONFLICT (run, left(url, 1000), sha256(decode(url, 'escape')))
        DO UPDATE SET (seen, etag, archived) = (excluded.seen, excluded.etag, excluded.archived)
        """,
        {
            "run": run_id,
            "container": container_url,
            "seen": seen,
            "urls": [blob.url for blob in listed],
            "etags": [blob.etag for blob in listed],
            "outcomes": [blob.outcome for blob in listed],
            "collections": [blob.collection for blob in listed],
            "archived": [blob.archived for blob in listed],
            "items": [blob.item for blob in listed],
            "matches": [blob.match for blob in listed],
            "sinces": [blob.since for blob in listed],
        },
    )


def _values(run: Run, applied: AppliedRules) -> dict[str, Any]:
    return {
        "run": run.id,
        "apart": CLOCKS_APART,
        "containers": list(run.containers),
        "collection": run.collection,
        "revision": applied.revision,
        "extractor": applied.extractor,
        "any_since": applied.same_since(None),
        "claiming": claiming(applied.rules),
    }
