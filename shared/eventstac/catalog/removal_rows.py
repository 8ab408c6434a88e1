"""Which published Items a run would remove, page by page, and which of its looks would remove them."""

from collections.abc import Sequence

from eventstac.catalog import fact_rows
from eventstac.catalog.database import Connection
from eventstac.catalog.fact_texts import FactTexts
from eventstac.facts import Fact, ItemKey
from eventstac.removing import Removals, assets_by_item, becoming, removed
from eventstac.rules.applied import AppliedRules
from eventstac.runs import Run

# Blobs that leave: the orphaned, the withdrawn, and the stale ones that the listing says are archived.
_LEAVES = "(g.status IN ('orphaned', 'withdrawn') OR g.status = 'stale' AND l.archived)"
# Blobs that mean something else by the rules now; so do those that left, and that a rule knows, at whatever revision.
_ANEW = (
    "(f.revision < %(revision)s OR f.state = 'rejected' AND f.document #>> '{finding,reason}' = 'no-rule')"
)
# Blobs that the rules put into another Item than before.
_COMES = "g.status = 'stale' AND (g.collection, g.item) IS DISTINCT FROM (g.next_collection, g.next_item)"
_LISTED = """
    LEFT JOIN eventstac.listed l ON l.run = g.run AND left(l.url, 1000) = left(g.url, 1000) AND l.url = g.url
"""


def removals(connection: Connection, run: Run, applied: AppliedRules, after: ItemKey, limit: int) -> Removals:
    """Which of the published Items with blobs that differ would be gone; what would remove them is marked.

    Of those too that blobs come into: they may make an Item invalid, though its own stay as they are.
    """
    page = _differing(connection, run, applied, after, limit)
    items = [key for key, concerned in page if concerned]
    gone = _gone(connection, run, applied, items) if items else []
    _mark(connection, run, gone)
    return Removals(tuple(gone), page[-1][0] if len(page) == limit else None)


def _differing(
    connection: Connection, run: Run, applied: AppliedRules, after: ItemKey, limit: int
) -> list[tuple[ItemKey, bool]]:
    """A page of Items that blobs which differ are in, or come into; whether one is published, and these may remove it.

    New content does not.
    """
    rows = connection.execute(
        f"""
        WITH page AS (
            (SELECT DISTINCT collection, item FROM eventstac.gaps
            WHERE run = %(run)s AND (collection, item) > (%(collection)s, %(item)s)
            ORDER BY collection, item LIMIT %(limit)s)
            UNION
            (SELECT DISTINCT next_collection, next_item FROM eventstac.gaps
            WHERE run = %(run)s AND (next_collection, next_item) > (%(collection)s, %(item)s) AND status = 'stale'
            ORDER BY next_collection, next_item LIMIT %(limit)s)
            ORDER BY collection, item LIMIT %(limit)s
        )
        SELECT page.collection, page.item, EXISTS (
            SELECT 1 FROM eventstac.items i
            WHERE (i.collection, i.item) = (page.collection, page.item) AND i.state = 'published'
        ) AND (EXISTS (
            SELECT 1 FROM eventstac.gaps g {_LISTED} JOIN eventstac.facts f ON f.url = g.url
            WHERE g.run = %(run)s AND (g.collection, g.item) = (page.collection, page.item)
                AND ({_LEAVES} OR {_ANEW})
        ) OR EXISTS (
            SELECT 1 FROM eventstac.gaps g
            WHERE g.run = %(run)s AND (g.next_collection, g.next_item) = (page.collection, page.item)
                AND {_COMES}
        ))
        FROM page ORDER BY 1, 2
        """,
        {
            "run": run.id,
            "revision": applied.revision,
            "collection": after[0],
            "item": after[1],
            "limit": limit,
        },
    )
    return [((collection, item), concerned) for collection, item, concerned in rows]


def _gone(connection: Connection, run: Run, applied: AppliedRules, items: Sequence[ItemKey]) -> list[ItemKey]:
    before = fact_rows.with_items(connection, (), items, FactTexts())
    staying = _staying(connection, run, applied, before)
    becomes = {fact.item_key for fact in staying.values()}
    others = fact_rows.with_items(connection, _moving(connection, run, becomes), becomes, FactTexts())
    staying |= _staying(
        connection, run, applied, {url: fact for url, fact in others.items() if url not in before}
    )
    composed_of = fact_rows.grouped(connection, sorted(becomes), staying.values())
    coming = assets_by_item(_coming(connection, run, becomes | set(items)), applied)
    return removed(items, before.values(), composed_of, coming, applied)


def _staying(
    connection: Connection, run: Run, applied: AppliedRules, facts: dict[str, Fact]
) -> dict[str, Fact]:
    """What becomes of the facts of blobs that do not leave: what does not differ, or is not watched, stays as it is."""
    rows = connection.execute(
        f"""
        SELECT g.url, {_LEAVES} FROM unnest(%s::text[]) AS fact (url)
        JOIN eventstac.gaps g ON left(g.url, 1000) = left(fact.url, 1000) AND g.url = fact.url {_LISTED}
        WHERE g.run = %s
        """,
        [list(facts), run.id],
    )
    leaves: dict[str, bool | None] = dict(rows.fetchall())
    became = (
        becoming(fact, applied) if url in leaves else fact
        for url, fact in facts.items()
        if not leaves.get(url)
    )
    return {fact.url: fact for fact in became if fact}


def _moving(connection: Connection, run: Run, items: set[ItemKey]) -> list[str]:
    """The blobs that the rules put into some Items, as far as they differ, and their COGs."""
    rows = connection.execute(
        f"""
        WITH moving AS ({_NEXT_IN_ITEMS} AND g.status = 'stale')
        SELECT url FROM moving
        UNION SELECT f.url FROM moving JOIN eventstac.facts f ON f.source_url = moving.url
        """,
        _keys(run, items),
    )
    return [url for (url,) in rows]


def _coming(connection: Connection, run: Run, items: set[ItemKey]) -> list[str]:
    """The blobs of some Items that are not known yet."""
    rows = connection.execute(f"{_NEXT_IN_ITEMS} AND g.status = 'missing'", _keys(run, items))
    return [url for (url,) in rows]


_NEXT_IN_ITEMS = """
    SELECT g.url FROM unnest(%(collections)s::text[], %(items)s::text[]) AS next (collection, item)
    JOIN eventstac.gaps g ON (g.next_collection, g.next_item) = (next.collection, next.item) WHERE g.run = %(run)s
"""


def _keys(run: Run, items: set[ItemKey]) -> dict[str, object]:
    return {
        "run": run.id,
        "collections": [collection for collection, _ in items],
        "items": [item for _, item in items],
    }


def _mark(connection: Connection, run: Run, items: Sequence[ItemKey]) -> None:
    """Keep which looks would remove Items: those at their blobs, and at those that come into them."""
    for of_item in (
        "(g.collection, g.item) = (gone.collection, gone.item)",
        f"(g.next_collection, g.next_item) = (gone.collection, gone.item) AND {_COMES}",
    ):
        connection.execute(
            f"""
            UPDATE eventstac.gaps g SET removes = true
            FROM unnest(%(collections)s::text[], %(items)s::text[]) AS gone (collection, item)
            WHERE g.run = %(run)s AND {of_item}
            """,
            _keys(run, set(items)),
        )
