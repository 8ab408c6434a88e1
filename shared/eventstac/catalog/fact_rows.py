"""The rows of `eventstac.facts`, read and written in sets."""

from collections.abc import Iterable, Mapping, Sequence

from psycopg.types.json import Json as JsonParameter

from eventstac.catalog.database import Connection, Statement
from eventstac.catalog.fact_json import fact_from_json
from eventstac.catalog.fact_texts import FactTexts
from eventstac.disputes import marked, settle
from eventstac.facts import Fact, ItemKey

# %b: JSON in an array of text would be escaped, character by character, and taken apart again.
_UPSERT = """
    INSERT INTO eventstac.facts
        (url, collection, item, asset, kind, state, seen, etag, revision, extractor, source_url, document)
    SELECT * FROM unnest(
        %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::text[],
        %b::int[], %b::int[], %b::text[], %b::json[])
    ON CONFLICT (left(url, 1000), sha256(decode(url, 'escape'))) DO UPDATE SET
        (collection, item, asset, kind, state, seen, etag, revision, extractor, source_url,
         document, changed_at) =
        (excluded.collection, excluded.item, excluded.asset, excluded.kind, excluded.state, excluded.seen,
         excluded.etag, excluded.revision, excluded.extractor, excluded.source_url, excluded.document, now())
"""


def by_urls(connection: Connection, urls: Sequence[str]) -> dict[str, Fact]:
    """The facts of some blobs, by URL."""
    return with_items(connection, urls, (), FactTexts())


def by_items(connection: Connection, keys: Iterable[ItemKey]) -> dict[ItemKey, list[Fact]]:
    """All facts of some Items as they are composed of them, by Item, in the order of URLs: see `disputes.settle`."""
    keys = list(keys)
    return grouped(connection, keys, with_items(connection, (), keys, FactTexts()).values())


def with_items(
    connection: Connection, urls: Sequence[str], keys: Iterable[ItemKey], texts: FactTexts
) -> dict[str, Fact]:
    """The facts of some blobs, and all those of some Items, by URL."""
    keys = list(keys)
    rows = connection.execute(
        """
        SELECT document::text FROM eventstac.facts WHERE url = ANY (%(urls)b::text[])
        UNION ALL
        SELECT f.document::text FROM unnest(%(collections)b::text[], %(items)b::text[]) AS touched (collection, item)
        JOIN eventstac.facts f USING (collection, item) WHERE f.url <> ALL (%(urls)b::text[])
        """,
        {
            "urls": list(urls),
            "collections": [collection for collection, _ in keys],
            "items": [item for _, item in keys],
        },
    )
    facts = (texts.fact_of(document) for (document,) in rows)
    return {fact.url: fact for fact in facts}


def grouped(
    connection: Connection, keys: Iterable[ItemKey], facts: Iterable[Fact]
) -> dict[ItemKey, list[Fact]]:
    """Facts as Items are composed of them, by Item, in the order of URLs; those of other Items are left out.

    Facts that are not written yet are among them, and stand before what is stored of the same blobs.
    """
    facts = list(facts)
    found: dict[ItemKey, list[Fact]] = {key: [] for key in keys}
    for fact in sorted(facts, key=lambda fact: fact.url):
        if fact.item_key in found:
            found[fact.item_key].append(fact)
    claimed = [fact for facts in found.values() for fact in facts if fact.claim]
    others = {fact.url: fact for fact in disputants(connection, claimed)} if claimed else {}
    others |= {fact.url: fact for fact in facts if fact.claim}
    return {key: settle(facts, others.values()) for key, facts in found.items()} if others else found


def with_refusals(connection: Connection, facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """The same facts by URL, those marked whose claims are refused."""
    claimed = [fact for fact in facts.values() if fact.claim]
    if not claimed:
        return dict(facts)
    return {fact.url: fact for fact in marked(facts.values(), disputants(connection, claimed))}


def disputants(connection: Connection, claimed: Sequence[Fact]) -> list[Fact]:
    """The COGs that some COGs name as their sources, and those that name any of all these."""
    urls = [fact.url for fact in claimed]
    sources = [fact.claim.source_url for fact in claimed if fact.claim]
    rows = connection.execute(
        """
        SELECT document FROM eventstac.facts WHERE url = ANY(%(sources)s) AND source_url IS NOT NULL
        UNION ALL SELECT document FROM eventstac.facts WHERE source_url = ANY(%(named)s)
        """,
        {"sources": sources, "named": [*urls, *sources]},
    )
    return [fact_from_json(document) for (document,) in rows]


def below(connection: Connection, prefix: str, after: str, limit: int) -> list[Fact]:
    """The facts of blobs whose URL starts with a prefix, in URL order, after a URL; gone ones left out."""
    rows = connection.execute(
        """
        SELECT document FROM eventstac.facts
        WHERE left(url, 1000) >= left(%(from)s, 1000) AND url > %(after)s AND starts_with(url, %(prefix)s)
            -- the last one that begins so, or the index would be read to its end
            AND left(url, 1000) <= rpad(left(%(prefix)s, 1000), 1000, chr(x'10FFFF'::int)) AND state <> 'gone'
        ORDER BY left(url, 1000), url LIMIT %(limit)s
        """,
        {"from": max(after, prefix), "after": after, "prefix": prefix, "limit": limit},
    )
    return [fact_from_json(document) for (document,) in rows]


def upsert(facts: Sequence[Fact], texts: FactTexts) -> Statement | None:
    """What writes facts."""
    if not facts:
        return None
    return (
        _UPSERT,
        [
            [fact.url for fact in facts],
            [fact.match.collection for fact in facts],
            [fact.match.item for fact in facts],
            [fact.match.asset for fact in facts],
            [fact.kind for fact in facts],
            [fact.finding.state for fact in facts],
            [fact.finding.seen for fact in facts],
            [fact.finding.etag for fact in facts],
            [fact.revision for fact in facts],
            [fact.finding.extractor for fact in facts],
            [fact.claim.source_url if fact.claim else None for fact in facts],
            [JsonParameter(texts.text_of(fact), dumps=str) for fact in facts],
        ],
    )
