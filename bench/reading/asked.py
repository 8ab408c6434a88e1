"""What is asked in each scenario: the same searches as HTTP requests and as the statements that the API runs."""

import json
import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import Request, urlopen

from bench.reading.catalog import COLLECTIONS
from stac_api.app import _FOR_LOOKUPS
from stac_api.bases import Bases
from stac_api.collection_search import CollectionSearch
from stac_api.database import Database
from stac_api.item_search import ItemSearch
from stac_api.searches import from_body
from stac_api.settings import Settings
from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api.conftest import settings_for

BOXES = 64  # different searches; each is sent many times
_AT_ONCE = 4  # first pages, asked for to have the tokens of the second


def get(path: str, encoding: str = "identity") -> bytes:
    """The bytes of a GET."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nAccept-Encoding: {encoding}\r\n\r\n"
    return head.encode()


def post(path: str, body: object, encoding: str = "identity") -> bytes:
    """The bytes of a POST of JSON."""
    text = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: {encoding}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    return head.encode() + text


def searches() -> list[dict[str, Any]]:
    """Boxes of 40 by 40 degrees and half a year or more each."""
    chance = random.Random(2)
    made = []
    for _ in range(BOXES):
        west, south = chance.uniform(-180, 140), chance.uniform(-85, 45)
        made.append(
            {
                "bbox": [west, south, west + 40, south + 40],
                "datetime": f"2021-0{chance.randint(1, 6)}-01T00:00:00Z/2021-12-01T00:00:00Z",
                "collections": ["alpha"],
            }
        )
    return made


CLOUDY = {"filter-lang": "cql2-json", "filter": {"op": "<", "args": [{"property": "eo:cloud_cover"}, 20]}}


def ids(count: int) -> list[tuple[str, str]]:
    """Collection and id of a few thousand Items."""
    chance = random.Random(3)
    return [(COLLECTIONS[n % 2], f"scene-{n:08}") for n in (chance.randrange(count) for _ in range(2_000))]


def http_requests(port: int, count: int, encoding: str = "identity") -> dict[str, list[bytes]]:
    """The requests of every scenario, ready to be sent, of a client that takes answers in this encoding."""

    def asked(more: dict[str, Any]) -> list[bytes]:
        return [post("/search", each | more, encoding) for each in searches()]

    with ThreadPoolExecutor(_AT_ONCE) as asking:
        later = asking.map(lambda each: _following(port, each | {"limit": 10}), searches())
        bodies = [body for body in later if body]
    items = [f"/collections/{collection}/items/{name}" for collection, name in ids(count)]
    return {
        "Item by id": [get(path, encoding) for path in items],
        "collections": [get("/collections", encoding)],
        "search, limit 10": asked({"limit": 10}),
        "search, limit 100": asked({"limit": 100}),
        "CQL2 filter, limit 10": asked({"limit": 10} | CLOUDY),
        "page 2 by token": [post("/search", body, encoding) for body in bodies],
    }


def floor_requests(scenario: int, statements: int) -> list[bytes]:
    """The same for the floor, which knows its statements by number."""
    return [get(f"/{scenario}/{number}") for number in range(statements)]


def _following(port: int, body: dict[str, Any]) -> dict[str, Any] | None:
    """The search for the page after the one that this search finds."""
    asked = Request(
        f"http://127.0.0.1:{port}/search", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(asked, timeout=120) as answer:
        page = json.load(answer)
    following = next((link for link in page["links"] if link["rel"] == "next"), None)
    return body | following["body"] if following else None


Statements = list[
    tuple[str, tuple[object, ...], dict[str, str]]
]  # with the session's settings that are its own


def sent_over(scenario: str) -> int:
    """Over how many connections the API sends such statements as long as they are quick: it gathers them."""
    return {"Item by id": _FOR_LOOKUPS, "collections": 1}.get(scenario, Settings.at_once)


async def sql_statements(
    database: CatalogDatabase, count: int
) -> tuple[dict[str, str], dict[str, Statements]]:
    """The session's settings and the statements that the API runs for these requests: not those that count."""
    settings = settings_for(database, count_ttl_s=3600.0)
    db = Database(settings)
    search, listed = ItemSearch(db, Bases(db), settings), CollectionSearch(db)
    recorded: Statements = []
    rows, rows_within, row_of_many = db.rows, db.rows_within, db.row_of_many

    async def recording(sql: str, *args: object) -> Any:
        recorded.append((sql, args, {}))
        return await rows(sql, *args)

    async def recording_within(limit_s: float, local: Mapping[str, str], sql: str, *args: object) -> Any:
        recorded.append((sql, args, dict(local)))
        return await rows_within(limit_s, local, sql, *args)

    async def recording_one(most: int, sql: str, *args: object) -> Any:
        recorded.append((sql, args, {}))
        return await row_of_many(most, sql, *args)

    db.rows, db.rows_within = recording, recording_within  # type: ignore[method-assign]  # to see what is run
    db.row_of_many = recording_one  # type: ignore[method-assign]  # the same

    async def run(body: dict[str, Any]) -> Any:
        recorded.clear()
        return await search.page(from_body(body, settings))

    def page() -> tuple[str, tuple[object, ...], dict[str, str]]:
        return next(
            each for each in recorded
            if "LIMIT" in each[0] and "count(*)" not in each[0] and "EXPLAIN" not in each[0]
        )  # fmt: skip

    found: dict[str, Statements] = {
        "search, limit 10": [],
        "search, limit 100": [],
        "CQL2 filter, limit 10": [],
    }
    later: Statements = []
    for each in searches():
        for name, more in zip(found, ({"limit": 10}, {"limit": 100}, {"limit": 10} | CLOUDY), strict=True):
            await run(each | more)
            found[name].append(page())
        first = await run(each | {"limit": 10})
        if first.next:
            await run(each | {"limit": 10, "token": str(first.next)})
            later.append(page())
    await search.one(*ids(count)[0])
    by_id = recorded[-1][0]
    await listed.page(from_body({"limit": 1000}, settings))
    collections = recorded[-1]
    session = dict(db.session)
    await db.close()
    planned = {"plan_cache_mode": "force_generic_plan"}  # as the API's connections for Items by id have it
    one: Statements = [(by_id, (collection, [name]), planned) for collection, name in ids(count)]
    return session, {"Item by id": one, "collections": [collections], **found, "page 2 by token": later}
