"""A database whose owner has set it up in a way of their own: pages lose nothing by it."""

import asyncio
import json

import psycopg
import pytest

from eventstac.catalog import applying
from eventstac.rules import load_rules
from infra.local.postgres.testing import RunningPostgres
from stac_api.bases import Bases
from stac_api.database import Database
from stac_api.item_search import ItemSearch
from stac_api.searches import from_body
from stac_api.settings import Settings
from tests.integration.conftest import new_database
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import load, settings_for

RULES = {"collections": {"close": {"queryables": {"eo:cloud_cover": {"type": "number", "sortable": True}}}}}
# As long as a float can be, and times to the microsecond, at which a page may end.
CLOSE = [40 + n * 2.0**-47 for n in range(6)]
TIMES = [f"2021-03-04T05:06:07.00000{n}Z" for n in range(6)]
SETTINGS = (
    ("extra_float_digits", "0"),
    ("extra_float_digits", "-15"),
    ("datestyle", "'SQL, DMY'"),
    ("datestyle", "'German'"),
    ("standard_conforming_strings", "off"),
    ("lock_timeout", "1"),
    ("intervalstyle", "'sql_standard'"),
)


@pytest.fixture(scope="module")
def asked(postgres: RunningPostgres) -> Settings:
    database = new_database(postgres)
    rules = load_rules(json.dumps(RULES), file="collections.yaml")
    with database.connect() as connection:
        applying.prepare(connection, rules)
        applying.apply(connection, json.dumps(RULES), rules, "a test")
    items = [
        catalog.item(f"f{n}", "close", [0, 0, 1, 1], time, **{"eo:cloud_cover": cover, "title": rf"\'{n}"})
        for n, (cover, time) in enumerate(zip(CLOSE, TIMES, strict=True))
    ]
    load(database.settings.conninfo, [], items)
    with psycopg.connect(database.settings.conninfo, autocommit=True) as connection:
        for name, value in SETTINGS:
            connection.execute(f"ALTER DATABASE {database.settings.database} SET {name} = {value}")
    return settings_for(database)


async def walked(search: ItemSearch, settings: Settings, **body: object) -> list[str]:
    """The ids of all pages of two, in their order; a page that comes again and again ends it."""
    ids, token = list[str](), None
    while len(ids) <= len(CLOSE):
        page = await search.page(
            from_body({"limit": 2, **body} | ({"token": token} if token else {}), settings)
        )
        ids += [row[0] for row in page.rows]
        if page.next is None:
            break
        token = str(page.next)
    return ids


@pytest.mark.parametrize("field", ["eo:cloud_cover", "datetime", "title"])
@pytest.mark.parametrize("pooled", [False, True])
def test_each_item_comes_once(asked: Settings, field: str, pooled: bool) -> None:
    settings = Settings(**{**vars(asked), "pooled": pooled})

    async def run() -> None:
        reader = Database(settings)
        try:
            search = ItemSearch(reader, Bases(reader), settings)
            ids = [f"f{n}" for n in range(len(CLOSE))]
            assert await walked(search, settings, sortby=[{"field": field, "direction": "asc"}]) == ids
            assert await walked(search, settings, sortby=[{"field": field, "direction": "desc"}]) == ids[::-1]
            found = await walked(
                search, settings, filter={"op": "=", "args": [{"property": "title"}, r"\'3"]}
            )
            assert found == ["f3"]
        finally:
            await reader.close()

    asyncio.run(run())
