"""Which Collections are ours: their Items are made from files, and what else is in them is surplus.

A Collection is ours where a rule puts blobs into it (the default collection has one always), or as long as we know of
an Item in it, or of a blob that is there for it, or counted Items of ours in it: what was lost of ours is told. Every
other one is its writer's, whatever `collections.yaml` says of its fields: no Item of it is composed, counted as surplus
or removed.
"""

from eventstac.catalog.database import Connection
from eventstac.rules import Rules

# The ids, given `claiming` ones. Each look takes one row of an index; EXISTS would read all facts for each Collection.
OURS = """
    SELECT id FROM pgstac.collections c
    WHERE id = ANY(%(claiming)s::text[])
        OR (
            SELECT i.collection FROM eventstac.items i WHERE i.collection = c.id
            ORDER BY i.collection, i.item LIMIT 1
        ) IS NOT NULL
        OR (
            SELECT f.collection FROM eventstac.facts f WHERE f.collection = c.id AND f.state = 'present'
            ORDER BY f.collection, f.item LIMIT 1
        ) IS NOT NULL
        OR (SELECT kept.items FROM eventstac.collections kept WHERE kept.collection = c.id) > 0
"""


def claiming(rules: Rules) -> list[str]:
    """The Collections into which a rule puts blobs."""
    return [collection.id for collection in rules.collections if collection.rules]


def our_collections(connection: Connection, rules: Rules) -> list[str]:
    """The ids of those that are ours, in order."""
    rows = connection.execute(OURS, {"claiming": claiming(rules)})
    return sorted({*claiming(rules), *(found for (found,) in rows)})


def items_of_others(connection: Connection, rules: Rules) -> dict[str, int]:
    """How many Items somebody else wrote into Collections that these rules make ours, while none there is ours yet."""
    rows = connection.execute(
        """
        SELECT claimed.id, (SELECT count(*) FROM pgstac.items p WHERE p.collection = claimed.id)
        FROM unnest(%s::text[]) AS claimed (id)
        WHERE NOT EXISTS (SELECT FROM eventstac.items i WHERE i.collection = claimed.id) ORDER BY 1
        """,
        [claiming(rules)],
    )
    return {found: items for found, items in rows if items}
