"""The API's own queries against `pgstac.search`, on random searches: the same Items in the same order.

`RANDOM_SEARCHES=3000` asks for more of them than the suite does; each is paged through, there and back.
"""

import asyncio
import json
import os
import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from infra.local.postgres.testing import RunningPostgres
from stac_api.bases import Bases
from stac_api.database import Database
from stac_api.item_search import ItemSearch
from stac_api.searches import from_body
from tests.integration.conftest import CatalogDatabase, new_database
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import load, settings_for

SEARCHES = int(os.environ.get("RANDOM_SEARCHES", "250"))
MONTHLY = catalog.collection("monthly", [-180, -90, 180, 90])  # a partition for each month
QUERYABLES: dict[str, catalog.Json] = catalog.QUERYABLES | {
    "created": {"type": "string", "format": "date-time"},
    "tags": {"type": "array", "items": {"type": "string"}},
}


def _items() -> list[catalog.Json]:
    """The catalog's, and as many in the partitioned collection; with a property for each kind of queryable."""
    chance = random.Random(11)
    monthly = [
        each | {"id": each["id"].replace("scene", "monthly"), "collection": "monthly"}
        for each in catalog.ITEMS
        if each["collection"] == "scenes"
    ]
    made = []
    for each in [*catalog.ITEMS, *monthly]:
        properties: catalog.Json = dict(each["properties"])
        if chance.random() < 0.8:
            properties["created"] = f"2023-0{chance.randint(1, 9)}-01T0{chance.randint(0, 9)}:00:00Z"
        if chance.random() < 0.8:
            properties["tags"] = chance.sample(["a", "b", "c d", 'e"f'], chance.randint(1, 3))
        made.append(each | {"properties": properties})
    return made


ITEMS = _items()
NAMES = [item["id"] for item in ITEMS]
longitudes = st.integers(-179, 178).map(float)
latitudes = st.integers(-89, 88).map(float)
times = st.tuples(st.integers(1, 12), st.integers(1, 28)).map(
    lambda md: f"2021-{md[0]:02}-{md[1]:02}T12:00:00Z"
)
boxes = st.tuples(longitudes, latitudes, st.integers(1, 180), st.integers(1, 90)).map(
    lambda b: [b[0], b[1], min(b[0] + b[2], 180.0), min(b[1] + b[3], 90.0)]
)
intervals = st.one_of(
    times,
    st.tuples(times, times).map(lambda pair: "/".join(sorted(pair))),
    times.map(lambda t: f"{t}/.."),
    times.map(lambda t: f"../{t}"),
)
literals = st.one_of(
    st.tuples(st.just("eo:cloud_cover"), st.integers(0, 100)),
    st.tuples(st.just("count"), st.integers(0, 7)),
    st.tuples(st.just("platform"), st.sampled_from(["alpha", "beta", "Gamma", "none"])),
    st.tuples(st.just("id"), st.sampled_from(NAMES)),
    st.tuples(st.just("unregistered"), st.integers(0, 3)),
    st.tuples(st.just("created"), times.map(lambda t: t.replace("2021", "2023"))),
)
comparisons = st.tuples(st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), literals).map(
    lambda c: {"op": c[0], "args": [{"property": c[1][0]}, c[1][1]]}
)
others = st.one_of(
    literals.map(lambda c: {"op": "isNull", "args": [{"property": c[0]}]}),
    st.tuples(st.integers(0, 50), st.integers(0, 50)).map(
        lambda b: {"op": "between", "args": [{"property": "eo:cloud_cover"}, b[0], b[0] + b[1]]}
    ),
    st.lists(st.sampled_from(["alpha", "beta"]), min_size=1).map(
        lambda names: {"op": "in", "args": [{"property": "platform"}, names]}
    ),
    times.map(lambda t: {"op": "t_after", "args": [{"property": "datetime"}, {"timestamp": t}]}),
)
filters = st.recursive(
    comparisons | others,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)).map(
            lambda j: {"op": j[0], "args": j[1]}
        ),
        inner.map(lambda each: {"op": "not", "args": [each]}),
    ),
    max_leaves=4,
)
sorts = st.lists(
    st.builds(
        lambda field, direction: {"field": field, "direction": direction},
        st.sampled_from(
            [
                "datetime",
                "eo:cloud_cover",
                "platform",
                "count",
                "created",
                "tags",
                "unregistered",
                "id",
                "collection",
                "end_datetime",
            ]
        ),
        st.sampled_from(["asc", "desc"]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda key: str(key["field"]),
)
bodies = st.fixed_dictionaries(
    {"limit": st.integers(1, 60)},
    optional={
        "bbox": boxes,
        "datetime": intervals,
        "collections": st.lists(
            st.sampled_from(["scenes", "edges", "monthly", "none"]), min_size=1, unique=True
        ),
        "ids": st.lists(st.sampled_from(NAMES), min_size=1, max_size=30, unique=True),
        "filter": filters,
        "sortby": sorts,
    },
)


class Both:
    """Runs one search both ways."""

    def __init__(self, database: CatalogDatabase, pgstac: psycopg.Connection[Any]) -> None:
        self.settings = settings_for(database)
        self.loop = asyncio.new_event_loop()
        self.database = Database(self.settings)
        self.search = ItemSearch(self.database, Bases(self.database), self.settings)
        self.pgstac = pgstac

    def ours(
        self, body: dict[str, Any], token: str | None
    ) -> tuple[list[str], str | None, str | None, int | None]:
        asked = from_body(body | ({"token": token} if token else {}), self.settings)
        page = self.loop.run_until_complete(self.search.page(asked))
        names = [row[0] for row in page.rows]
        return (
            names,
            str(page.next) if page.next else None,
            str(page.prev) if page.prev else None,
            page.matched,
        )

    def theirs(
        self, body: dict[str, Any], token: str | None
    ) -> tuple[list[str], str | None, str | None, int]:
        asked = body | {"filter-lang": "cql2-json", "conf": {"nohydrate": True, "context": "on"}}
        row = self.pgstac.execute(
            "SELECT search(%s::jsonb)", [json.dumps(asked | ({"token": token} if token else {}))]
        )
        page = row.fetchall()[0][0]
        links = {link["rel"]: link["href"].partition("token=")[2] for link in page["links"]}
        return (
            [f["id"] for f in page["features"]],
            links.get("next"),
            links.get("prev"),
            page["numberMatched"],
        )


@pytest.fixture(scope="module")
def searched(postgres: RunningPostgres) -> CatalogDatabase:
    """A database of its own, whose third collection has a partition for each month."""
    database = new_database(postgres)
    dsn = database.settings.conninfo
    load(dsn, [*catalog.COLLECTIONS, MONTHLY], [])
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=pgstac,public") as connection:
        connection.execute("UPDATE collections SET partition_trunc = 'month' WHERE id = 'monthly'")
        for name, definition in QUERYABLES.items():
            connection.execute(
                "INSERT INTO queryables (name, definition, property_index_type) VALUES (%s, %s, 'BTREE')",
                [name, Jsonb(definition)],
            )
    load(dsn, [*catalog.COLLECTIONS], ITEMS)
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=pgstac,public") as connection:
        (partitions,) = connection.execute(
            "SELECT count(*) FROM partitions WHERE collection = 'monthly'"
        ).fetchall()[0]
        assert partitions == 12
        connection.execute("ANALYZE items")
    return database


@pytest.fixture(scope="module")
def both(searched: CatalogDatabase) -> Iterator[Both]:
    conninfo = searched.as_role("eventstac_stac_api").conninfo
    options = "-c search_path=pgstac,public -c default_transaction_read_only=on -c pgstac.readonly=true"
    with psycopg.connect(conninfo, autocommit=True, options=options) as connection:
        made = Both(searched, connection)
        yield made
        made.loop.run_until_complete(made.database.close())
        made.loop.close()


@settings(max_examples=SEARCHES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies)
def test_random_searches_give_what_pgstac_search_gives_on_each_page_there_and_back(
    both: Both, body: dict[str, Any]
) -> None:
    ours, theirs = both.ours(body, None), both.theirs(body, None)
    assert ours[3] == theirs[3]
    for _ in range(4):
        assert ours[0] == theirs[0]
        assert (ours[1] is None) == (theirs[1] is None)
        if ours[1] is None:
            break
        ours, theirs = both.ours(body, ours[1]), both.theirs(body, theirs[1])
    while ours[2] is not None:
        assert theirs[2] is not None
        ours, theirs = both.ours(body, ours[2]), both.theirs(body, theirs[2])
        assert ours[0] == theirs[0]
